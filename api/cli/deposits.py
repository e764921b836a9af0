"""``deposit``: hand over files from this machine."""

from __future__ import annotations

import hashlib
import inspect
import mimetypes
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer

from api.cli.access import AsJson, Tenant
from api.cli.context import AGENT, AWAY, REFUSED, choose_tenant, console, print_json, say, system
from archive.model.description_fields import DESCRIPTION_FIELDS
from ingestion.reception.submission import AGREEMENT
from signing.ground.errors import ChartrierError, Unavailable

BLOCK = 1024 * 1024
BATCH = 5
P = ParamSpec("P")


def _with_description(command: Callable[P, None]) -> Callable[P, None]:
    """Give a command an option for each field of a deposit, instead of its ``**given``."""
    own = inspect.signature(command, eval_str=True)
    options = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default="",
            annotation=Annotated[str, typer.Option(help=field.meaning)],
        )
        for field in (*DESCRIPTION_FIELDS, AGREEMENT)
    ]
    named = [parameter for parameter in own.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    command.__signature__ = own.replace(parameters=[*named, *options])  # type: ignore[attr-defined]
    return command


@_with_description
def deposit(
    paths: Annotated[list[Path], typer.Argument(help="Fichiers, ou dossiers (tous leurs fichiers).", exists=True)],
    wait: Annotated[bool, typer.Option("--wait", help="Attendre que chacun soit conservé et trouvable.")] = False,
    tenant: Tenant = None,
    timeout: Annotated[float, typer.Option(help="Secondes d’attente au plus, par fichier.")] = 600,
    as_json: AsJson = False,
    **given: str,
) -> None:
    """Verse des fichiers ; les mêmes octets sous le même nom ne sont versés qu’une fois."""
    chosen = choose_tenant(tenant)
    fields = {name: value for name, value in given.items() if value}
    worst = 0
    received: list[tuple[Path, str]] = []
    for path in _files(paths):
        try:
            deposit_id = _hand_over(path, chosen, fields)
        except ChartrierError as error:
            worst = max(worst, AWAY if isinstance(error, Unavailable) else REFUSED)
            _tell_refusal(path, error, as_json=as_json)
            continue
        received.append((path, deposit_id))
        if not wait:
            _tell(path, _view(chosen, deposit_id), as_json=as_json)
    if wait:
        for path, deposit_id in received:
            view = _wait(chosen, deposit_id, timeout)
            worst = max(worst, 0 if view["state"] == "kept" else AWAY)
            _tell(path, view, as_json=as_json)
    raise typer.Exit(worst)


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*") if one.is_file() and not one.name.startswith("."))
        else:
            yield path


def _hand_over(path: Path, tenant: str, fields: dict[str, str]) -> str:
    with path.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
        key = hashlib.sha256(f"{path.name}\0{digest}\0{sorted(fields.items())}".encode()).hexdigest()
        source.seek(0)
        received = system().intake.receive(
            iter(lambda: source.read(BLOCK), b""),
            tenant=tenant,
            agent=AGENT,
            idempotency_key=f"cli-{key}",
            filename=path.name,
            media_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            fields=fields,
            expected_sha256=digest,
            priority=BATCH,
        )
    if received.deposit is None:
        raise RuntimeError("a deposit that is no dry run has a row")
    return received.deposit.id


def _view(tenant: str, deposit_id: str) -> dict[str, Any]:
    from api.views import deposit as deposit_views
    from ingestion.deposits.queries import find

    with system().database.read() as session:
        row = find(session, tenant, deposit_id)
        return deposit_views.view(session, row, position=system().index.position)


def _wait(tenant: str, deposit_id: str, timeout: float) -> dict[str, Any]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from api.routes.deposits import has_ended

    limit = time.monotonic() + timeout
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[stage]}"),
        TimeElapsedColumn(),
    )
    quiet = not console(stderr=True).is_terminal
    with Progress(*columns, console=console(stderr=True), transient=True, disable=quiet) as progress:
        task = progress.add_task("Traitement", total=9, stage="")
        while True:
            view = _view(tenant, deposit_id)
            done = [stage for stage in view["stages"] if stage["state"] in {"done", "skipped", "failed"}]
            running = next((stage for stage in view["stages"] if stage["state"] == "running"), None)
            pages = f" {running['done'] or 0}/{running['total']}" if running and running["total"] else ""
            progress.update(task, completed=len(done), stage=f"{running['name']}{pages}" if running else "")
            if has_ended(view):
                return view
            if time.monotonic() > limit:
                raise Unavailable(
                    "still_working",
                    "Le versement {deposit} est reçu mais n’est pas encore conservé.",
                    kept="Rien ne peut se perdre : il attend.",
                    action="Vérifiez que le service tourne : « chartrier serve ».",
                    deposit=deposit_id,
                )
            time.sleep(0.2)


def _tell(path: Path, view: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    record = f", document {view['record_id']}" if view["record_id"] else ""
    say(f"{path.name} : {view['state']}, versement {view['id']}{record}")


def _tell_refusal(path: Path, error: ChartrierError, *, as_json: bool) -> None:
    if as_json:
        print_json({"filename": path.name, "state": "refused", "problem": {"code": error.code, "detail": str(error)}})
    else:
        console(stderr=True).print(f"{path.name} : {error}", markup=False, style="red")
