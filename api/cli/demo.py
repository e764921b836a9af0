"""``demo``: the whole product in one command, on the bundled samples."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.context import config, console, running_service, say, settings, system
from archive.model.shipped import shipped
from signing.ground.errors import Unavailable

if TYPE_CHECKING:
    import httpx2
    from rich.progress import Progress, TaskID

TENANT, TENANT_NAME = "demo", "Commune de démonstration"
PERSON, ROLE = "Agent de démonstration", "tenant_admin"
SCOPES = ("deposit:write", "record:read", "journal:read")
START_WITHIN, KEEP_WITHIN = 60.0, 600.0
_HIDDEN = {".json", ".md", ".pem"}
_WORDS = {
    "compliant": "conforme",
    "non_compliant": "non conforme",
    "unverified": "non vérifié",
    "none": "aucune",
    "valid": "valides",
    "invalid": "non valides",
    "indeterminate": "indéterminées",
    "empty_file": "refusé : fichier vide",
    "quarantined": "mis à l’écart",
    "refused": "refusé",
    "unpacked": "paquet ouvert",
}
_INTACT = "intacte (1)"


@dataclass
class Line:
    """One line of the table: a sample, its deposit, its record and its faults."""

    path: Path
    expected: dict[str, Any]
    deposit: dict[str, Any] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    refused: str = ""
    faults: list[str] = field(default_factory=list)


def demo(
    leave: Annotated[bool, typer.Option("--exit", envvar="DEMO_EXIT", help="S’arrêter après le tableau.")] = False,
    samples: Annotated[Path | None, typer.Option(help="Dossier des exemples.", file_okay=False)] = None,
) -> None:
    """Lance le service, verse les exemples, attend, cherche, vérifie, et dit quoi ouvrir."""
    started = _serve()
    try:
        address = _wait_until_ready(started)
        say(f"Le service répond sur {address}")
        lines = _run(address, samples or shipped("samples"))
        _print_table(lines)
        held = all(not line.faults for line in lines)
        for line in lines:
            for fault in line.faults:
                console(stderr=True).print(f"{line.path.name} : {fault}", markup=False, style="red")
        say(f"\nOuvrez ce lien (valable une fois) :\n{_login_link(address)}")
        if not leave and started is not None:
            say("Le service continue. Ctrl-C pour l’arrêter.")
            _stay(started)
    finally:
        _stop(started)
    raise typer.Exit(0 if held else 1)


def _serve() -> subprocess.Popen[bytes] | None:
    """Start the service; None when one serves this home already."""
    if running_service() is not None:
        say("Un service tourne déjà sur ce dossier : la démonstration s’en sert.")
        return None
    from ingestion.settings import child_environment

    settings().home.mkdir(parents=True, exist_ok=True, mode=0o700)
    logs = settings().home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "api.server.supervisor", "serve", "--logs", str(logs)]
    with (logs / "supervisor.log").open("w") as log:
        return subprocess.Popen(
            command, env=child_environment(config()), stdout=log, stderr=log, start_new_session=True
        )


def _wait_until_ready(started: subprocess.Popen[bytes] | None) -> str:
    import httpx2

    limit = time.monotonic() + START_WITHIN
    while time.monotonic() < limit:
        if started is not None and started.poll() is not None:
            break
        state = running_service()
        if state is not None and (started is None or state["pids"]["supervisor"] == started.pid):
            try:
                if httpx2.get(f"{state['address']}/health/ready", timeout=5).status_code == 200:
                    return str(state["address"])
            except httpx2.HTTPError:
                pass
        time.sleep(0.1)
    log = settings().home / "logs" / "supervisor.log"
    last = log.read_text(encoding="utf-8").strip().splitlines()[-1:] if log.exists() else []
    raise Unavailable(
        "not_started",
        "Le service n’a pas démarré. {last}",
        action="Lisez {logs}, puis lancez « chartrier doctor ».",
        logs=log.parent,
        last=" ".join(last),
    )


def _stay(started: subprocess.Popen[bytes]) -> None:
    try:
        started.wait()
    except KeyboardInterrupt:
        say("\nArrêt…")


def _stop(started: subprocess.Popen[bytes] | None) -> None:
    if started is None or started.poll() is not None:
        return
    started.send_signal(signal.SIGTERM)
    try:
        started.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)


# --- what is shown --------------------------------------------------------------------------------


def _run(address: str, samples: Path) -> list[Line]:
    import httpx2
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    system().create_tenant(TENANT, TENANT_NAME)
    key_id, plain = _key()
    columns = (
        TextColumn("{task.description:<34}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[stage]:<16}"),
        TimeElapsedColumn(),
    )
    headers = {"Authorization": f"Bearer {plain}", "Accept-Language": "fr"}
    try:
        with httpx2.Client(base_url=f"{address}/api/v1", headers=headers, timeout=60) as client:
            lines = [Line(path, expected) for path, expected in _samples(samples)]
            with Progress(*columns, console=console(stderr=True)) as progress:
                _deposit_all(client, lines, progress)
            for line in lines:
                if line.record:
                    _find(client, line)
                    _verify(client, line)
    finally:
        _revoke(key_id)
    return lines


def _samples(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    manifest = folder / "manifest.json"
    told: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}
    listed = told.get("samples", told)
    by_name = {one["file"]: one for one in listed} if isinstance(listed, list) else listed
    paths = sorted(p for p in folder.iterdir() if p.is_file() and p.suffix not in _HIDDEN and p.name[0] != ".")
    return [(path, dict(by_name.get(path.name, {}))) for path in paths]


def _deposit_all(client: httpx2.Client, lines: list[Line], progress: Progress) -> None:
    waiting: dict[str, tuple[Line, TaskID, float]] = {}
    for line in lines:
        task = progress.add_task(line.path.name, total=9, stage="")
        content = line.path.read_bytes()
        key = f"demo-{hashlib.sha256(line.path.name.encode() + content).hexdigest()[:40]}"
        answer = client.post(
            "/deposits",
            headers={"Idempotency-Key": key},
            files={"file": (line.path.name, content)},
            data={name: str(value) for name, value in line.expected.get("fields", {}).items()},
        )
        if answer.status_code != 202:
            line.refused = answer.json()["code"]
            progress.update(task, completed=9, stage=f"refusé : {line.refused}")
            if not _may_be_refused(line):
                line.faults.append(f"refusé : {answer.json()['detail']}")
            continue
        waiting[answer.json()["id"]] = (line, task, time.monotonic())
    limit = time.monotonic() + KEEP_WITHIN
    while waiting and time.monotonic() < limit:
        for deposit_id in list(waiting):
            line, task, begun = waiting[deposit_id]
            if _follow(client, deposit_id, line, progress, task):
                line.seconds = _seconds(line.deposit, time.monotonic() - begun)
                del waiting[deposit_id]
        time.sleep(0.2)
    for line, _, _ in waiting.values():
        line.faults.append("pas encore conservé ni trouvable")


def _may_be_refused(line: Line) -> bool:
    return line.refused == "empty_file"


def _follow(client: httpx2.Client, deposit_id: str, line: Line, progress: Progress, task: TaskID) -> bool:
    from api.routes.deposits import has_ended

    line.deposit = client.get(f"/deposits/{deposit_id}").json()
    stages = line.deposit["stages"]
    done = sum(stage["state"] in {"done", "skipped", "failed"} for stage in stages)
    running = next((stage for stage in stages if stage["state"] == "running"), None)
    pages = f" {running['done'] or 0}/{running['total']}" if running and running["total"] else ""
    progress.update(task, completed=done, stage=f"{running['name']}{pages}" if running else line.deposit["state"])
    if not has_ended(line.deposit):
        return False
    progress.update(task, completed=9, stage="conservé" if line.deposit["record_id"] else line.deposit["state"])
    if line.deposit["record_id"]:
        line.record = client.get(f"/records/{line.deposit['record_id']}").json()
    elif line.expected.get("state") != line.deposit["state"]:
        line.faults.append(f"{line.deposit['state']} : {(line.deposit['problem'] or {}).get('detail', '')}")
    return True


def _seconds(deposit: dict[str, Any], waited: float) -> float:
    """Return the seconds from receipt to kept by the service's own dates, else ``waited``."""
    from ingestion.stages.registry import KEEP
    from signing.ground.clock import parse_stamp

    kept = next((stage["ended_at"] for stage in deposit["stages"] if stage["name"] == KEEP.name), None)
    if kept is None:
        return waited
    return (parse_stamp(kept) - parse_stamp(deposit["received_at"])).total_seconds()


def _find(client: httpx2.Client, line: Line) -> None:
    """Check that a search finds the record by words of its text, else by its title."""
    record_id = line.record["id"]
    words: list[str] = []
    if line.record["text"] and line.record["text"]["words"]:
        text = client.get(f"/records/{record_id}/text", params={"page": 1}, headers={"Accept": "text/plain"})
        words = re.findall(r"\b[a-zéèêàçùîôâ]{6,}\b", text.text if text.status_code == 200 else "")
    query = " ".join(words[:3]) if len(words) >= 3 else f'title:"{line.record["title"]}"'
    hits = client.get("/search", params={"q": query, "limit": 200}).json().get("hits", [])
    if record_id not in {hit["record_id"] for hit in hits}:
        line.faults.append(f"introuvable par « {query} »")


def _verify(client: httpx2.Client, line: Line) -> None:
    answer = client.post(f"/records/{line.record['id']}/verifications").json()
    if answer.get("verdict") != "intact":
        wrong = [f"{one['name']} : {one['detail']}" for one in answer.get("checks", []) if one["verdict"] != "intact"]
        line.faults.append(f"vérification : {answer.get('verdict')} ({' ; '.join(wrong)})")


def _print_table(lines: list[Line]) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Fichier", no_wrap=True)
    for name in ("Pages", "Durée", "Lu à"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("PDF/A", "Signatures"):
        table.add_column(name, no_wrap=True)
    table.add_column("Document", no_wrap=True)
    for line in lines:
        table.add_row(*_cells(line))
    console().print(table)
    if any(_signatures(line.record["verdicts"].get("signature", {})) == _INTACT for line in lines if line.record):
        console().print(
            "(1) Les octets signés sont inchangés ; l’autorité du signataire n’est pas dans trust/roots.", style="dim"
        )


def _cells(line: Line) -> tuple[str, ...]:
    if not line.record:
        ended = _WORDS.get(line.refused or line.deposit.get("state", ""), "?")
        return (line.path.name, "", "", "", "", "", ended)
    text, verdicts = line.record["text"], line.record["verdicts"]
    confidence = text["mean_confidence"] if text else None
    return (
        line.path.name,
        str(line.record["pages"] or ""),
        f"{line.seconds:.1f} s" if line.seconds is not None else "",
        f"{confidence:.0%}" if confidence is not None else "",
        _WORDS.get(str(verdicts.get("pdfa", {}).get("verdict")), ""),
        _signatures(verdicts.get("signature", {})),
        line.record["id"],
    )


def _signatures(found: dict[str, Any]) -> str:
    """Return the French word for a signature verdict.

    Signatures that are intact, but by an unknown authority, have a word of their own: they are
    neither valid nor invalid.
    """
    signatures = found.get("signatures", [])
    if found.get("verdict") == "indeterminate" and signatures and all(one.get("intact") for one in signatures):
        return _INTACT
    return _WORDS.get(str(found.get("verdict")), "")


def _key() -> tuple[str, str]:
    from api.access.keys import create_key

    now = system().clock()
    with system().database.write() as session:
        row, plain = create_key(
            session,
            tenant=TENANT,
            scopes=SCOPES,
            name="Démonstration",
            now=now,
            expires_at=now + timedelta(hours=2),
        )
    return row.id, plain


def _revoke(key_id: str) -> None:
    from api.access.keys import revoke_key

    with system().database.write() as session:
        revoke_key(session, key_id, system().clock())


def _login_link(address: str) -> str:
    from api.access.people import create_user, people_of
    from api.access.sessions import login_link

    now = system().clock()
    with system().database.write() as session:
        person = next((one for one in people_of(session, TENANT) if one.name == PERSON), None)
        if person is None:
            person = create_user(session, tenant=TENANT, name=PERSON, role=ROLE, now=now)
        token = login_link(session, person, now, timedelta(hours=12))
    return f"{address}/connexion/{token}"
