"""``doctor``: check each part, with its real version, its answer and what to do."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from api.cli.access import AsJson
from api.cli.context import console, print_json, running_service, settings, system
from api.version import VERSION
from archive.objects.layout import LAYOUT_JSON
from signing.ground.errors import ChartrierError

if TYPE_CHECKING:
    from archive.database.postgres import Server

GOOD, WIDER, WRONG = "ok", "optional", "wrong"


@dataclass(frozen=True)
class Finding:
    """Report on one part.

    Attributes:
        state: ``ok``, ``optional`` (absent, and what it would add) or ``wrong`` (exit 1).
        action: What to do; empty when there is nothing to do.
        facts: The figures behind the detail, for programs.
    """

    part: str
    state: str
    version: str
    detail: str
    action: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def doctor(as_json: AsJson = False) -> None:
    """Examine chaque partie ; sort avec 1 si quelque chose ne va pas."""
    findings = [_asked(name, check) for name, check in _CHECKS.items()]
    if as_json:
        for finding in findings:
            print_json({name: value for name, value in vars(finding).items() if name != "facts" or value})
    else:
        _print(findings)
    raise typer.Exit(1 if any(finding.state == WRONG for finding in findings) else 0)


def _asked(part: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except ChartrierError as error:
        return Finding(part, WRONG, "", str(error))
    except (OSError, ImportError, subprocess.SubprocessError) as error:
        return Finding(part, WRONG, "", f"{type(error).__name__} : {error}", "Relancez « make setup ».")


def _print(findings: list[Finding]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    for style in ("", "bold", "dim", ""):
        table.add_column(style=style, overflow="fold")
    words = {GOOD: "[green]bien[/]", WIDER: "[yellow]à savoir[/]", WRONG: "[red]à corriger[/]"}
    for finding in findings:
        text = finding.detail + (f" → {finding.action}" if finding.action else "")
        table.add_row(words[finding.state], finding.part, finding.version, text.replace("[", "\\["))
    console().print(table)


# --- checks ---------------------------------------------------------------------------------------


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    fine = sys.version_info >= (3, 11)
    return Finding("Python", GOOD if fine else WRONG, version, sys.executable)


def _home() -> Finding:
    home = settings().home
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    free = shutil.disk_usage(home).free
    if not os.access(home, os.W_OK):
        return Finding("Dossier des données", WRONG, "", f"{home} n’est pas inscriptible.", "Changez ses droits.")
    said = f"{home}, {free // 2**30} Gio libres"
    if free < 2 * 2**30:
        return Finding("Dossier des données", WRONG, "", said, "Libérez de la place : il en faut au moins 2 Gio.")
    return Finding("Dossier des données", GOOD, "", said)


def _database() -> Finding:
    from sqlalchemy import text

    database = system().database
    server = database.inspect()
    if server is not None:
        given = settings().archive
        return _postgres(server, separate=given.database_owner_url != given.database_url)
    with database.read() as session:
        version = session.scalar(text("SELECT sqlite_version()"))
        mode = session.scalar(text("PRAGMA journal_mode"))
    return Finding("Base de données", GOOD, f"SQLite {version}", f"journal {mode}, synchrone")


def _postgres(server: Server, *, separate: bool) -> Finding:
    """Report on a PostgreSQL server: the gravest fault, else that all is well."""
    part, version = "Base de données", f"PostgreSQL {server.version.partition(' ')[0]}, rôle {server.role}"
    if server.unsafe:
        return Finding(part, WRONG, version, f"{', '.join(server.unsafe)} : off", "Mettez-les à on.")
    if server.unguarded:
        said = f"lignes non cloisonnées : {', '.join(server.unguarded)}"
        return Finding(part, WRONG, version, said, "Relancez « chartrier serve », qui rétablit le cloisonnement.")
    if server.privileged or server.owner:
        held = "n’est pas imposé" if server.privileged else "pourrait être levé par ce rôle, qui possède les tables"
        action = "Séparez le rôle qui sert de celui qui possède (docs/operations.md)."
        return Finding(
            part, WRONG if separate else WIDER, version, f"le cloisonnement des collectivités {held}", action
        )
    if not server.checksums:
        said = "écritures durables, lignes cloisonnées ; une page abîmée par le disque ne serait pas remarquée"
        return Finding(
            part, WIDER, version, said, "Activez data_checksums (« pg_checksums --enable », serveur arrêté)."
        )
    said = "écritures durables, lignes cloisonnées par collectivité"
    if server.undeclared:
        said += f" ; tables étrangères au service : {', '.join(server.undeclared)}"
    return Finding(part, GOOD, version, said)


def _store() -> Finding:
    from archive.disposition import locks
    from archive.disposition.holds import listing as holds
    from archive.objects import assurance

    store = system().store
    head = store.stat(LAYOUT_JSON)
    today, horizon = system().time_sense.certain_now().date(), settings().archive.lock_horizon_days
    with system().database.read() as session:
        lost = assurance.was_lost(session, store.name)
        late = locks.overdue(session, today, horizon)
        unsettled = holds.overdue(session, system().time_sense.certain_now())
    kind = "local" if store.name.startswith("file:") else "S3"
    if late or locks.is_overdue(head, today, horizon):
        said = f"{late} document(s) dont le verrou aurait dû être prolongé"
        return Finding("Magasin", WRONG, kind, said, "Vérifiez que « beat » tourne, et lisez son journal.")
    if unsettled:
        said = f"{unsettled} gel(s) décidé(s) que le magasin ne suit pas"
        return Finding("Magasin", WRONG, kind, said, "Vérifiez que « beat » tourne, et lisez son journal.")
    if lost:
        return Finding("Magasin", WRONG, kind, "ses verrous ne sont plus imposés", "Lisez l’épreuve ci-dessus.")
    if store.assurance == "advisory":
        said = "verrous indicatifs : qui administre le stockage pourrait altérer un fichier ; cela se verrait"
        return Finding("Magasin", GOOD, kind, f"{store.name} : {said}")
    return Finding("Magasin", GOOD, kind, f"{store.name} : verrous imposés par le magasin")


def _reconciled() -> Finding:
    return _run("Rapprochement", "reconcile", "« chartrier reconcile --repair » le lance.")


def _copied() -> Finding:
    if settings().archive.copy_store is None:
        adds = "une copie sur un autre serveur permettrait de rétablir un fichier abîmé"
        return Finding("Seconde copie", WIDER, "", adds, "Donnez CHARTRIER_COPY_S3_* ou CHARTRIER_COPY_PATH.")
    return _run("Seconde copie", "copies", "« chartrier copies » la met à jour.")


def _run(part: str, name: str, action: str) -> Finding:
    """Report on the latest reconciliation or copy run."""
    from archive.custody import reports

    with system().database.read() as session:
        row = reports.latest(session, name)
    if row is None or row.ended_at is None:
        return Finding(part, WIDER, "", "jamais terminé", action)
    found = row.facts.get("open", 0)
    said = f"le {row.ended_at:%Y-%m-%d %H:%M} UTC, {found} écart(s)"
    return Finding(part, GOOD if row.verdict == reports.AGREED else WRONG, "", said, "" if not found else action)


def _probe() -> Finding:
    shown = system().probe()
    if shown is None:
        return Finding("Épreuve", WIDER, "", "le magasin n’a pas été mis à l’épreuve")
    outcomes = {"refused": "refusé", "passed": "PASSÉ", "not_tried": "non tenté"}
    acts = [
        f"{attempt.said} ({attempt.credential}) : {outcomes[attempt.outcome]}, {attempt.answer}"
        for attempt in shown.attempts
    ]
    good = shown.assurance == "enforced" or settings().archive.store.kind == "local"
    detail = "\n".join([shown.reason, *acts])
    action = "" if good else "Donnez un seau créé avec Object Lock, et une clé sans droit de passer outre."
    return Finding("Épreuve", GOOD if good else WIDER, shown.assurance.value, detail, action, shown.as_json())


def _broker() -> Finding:
    if settings().ingestion.broker_url is not None:
        alive = system().queue.ping()
        return Finding("Courtier", GOOD if alive else WRONG, "externe", "répond" if alive else "ne répond pas")
    from ingestion.queue import valkey

    program = valkey.find_server()
    version = _first_line([str(program), "--version"])
    state = "répond" if valkey.answers(settings().home) else "sera lancé par « chartrier serve »"
    return Finding("Courtier", GOOD, version, f"{program.name}, {state}")


def _service() -> Finding:
    running = running_service()
    if running is None:
        return Finding("Service", WIDER, "", "ne tourne pas sur ce dossier", "« chartrier serve » le lance.")
    pids = ", ".join(f"{name} {pid}" for name, pid in running["pids"].items())
    return Finding("Service", GOOD, VERSION, f"{running['address']} ({pids})")


def _security() -> Finding:
    part, known = "Failles", settings().api.security
    if known is None:
        said = "aucune adresse publiée pour signaler une faille"
        return Finding(part, WIDER, "", said, "Donnez CHARTRIER_SECURITY_CONTACT et CHARTRIER_SECURITY_EXPIRES.")
    left = known.expires - system().clock()
    said = f"{known.contact}, jusqu’au {known.expires:%Y-%m-%d}"
    if left <= timedelta(days=30):
        state = WIDER if left > timedelta() else WRONG
        return Finding(part, state, "", said, "Vérifiez l’adresse, puis avancez CHARTRIER_SECURITY_EXPIRES.")
    return Finding(part, GOOD, "", said)


def _sandbox() -> Finding:
    kind = system().sandbox.kind
    if kind == "bwrap":
        return Finding("Bac à sable", GOOD, "bubblewrap", "sans réseau, sans accès aux données")
    return Finding(
        "Bac à sable",
        WIDER,
        "limites seules",
        "les fichiers reçus sont lus dans un processus limité, mais pas isolé du réseau",
        "Autorisez les espaces de noms d’utilisateur, ou installez « bubblewrap ».",
    )


def _reading() -> Finding:
    found = system().sandbox.call("engine_version", {"engine": settings().ingestion.ocr_engine})
    return Finding("Lecture (OCR)", GOOD, str(found.get("version", "")), settings().ingestion.ocr_engine)


def _index() -> Finding:
    found = system().index.condition()
    held = "" if found.indexes is None else f"{found.indexes} index ; "
    action = "" if found.well else "Examinez le serveur, puis reconstruisez les index perdus (chartrier rebuild index)."
    return Finding("Index", GOOD if found.well else WRONG, found.engine, held + found.remark, action)


def _seal() -> Finding:
    signer = system().signer
    if signer.probative:
        return Finding("Cachet", GOOD, signer.algorithm, "certificat fourni")
    return Finding(
        "Cachet",
        WIDER,
        signer.algorithm,
        "fabriqué ici, non probatif",
        "Donnez CHARTRIER_SEAL_PKCS12 pour un vrai cachet.",
    )


def _trust() -> Finding:
    from api.operations.health import trust_faults

    part, folder = "Confiance", system().trust.folder
    unread, missing = trust_faults(system())
    if unread:
        said = f"rien ne se lit dans {', '.join(unread)} : le reste sert"
        return Finding(part, WRONG, "", said, f"Remplacez ou retirez ces fichiers ({folder}).")
    if missing:
        said = f"{', '.join(missing)} n’y est pas, et le dossier ne peut pas être écrit d’ici"
        return Finding(part, WRONG, "", said, f"Rendez {folder} inscriptible, puis relancez le service.")
    return Finding(part, GOOD, "", str(folder))


def _timestamps() -> Finding:
    stamper = system().timestamper
    if stamper.probative:
        return Finding("Horodatage", GOOD, "RFC 3161", stamper.name)
    return Finding("Horodatage", WIDER, "local", "non probatif", "Donnez CHARTRIER_TSA_URLS pour une vraie autorité.")


def _deadlines() -> Finding:
    from api.operations.deadlines import NAMES, deadlines

    now, part = system().clock(), "Échéances"
    found = deadlines(system())
    said = " ; ".join(
        f"{NAMES[one.what].lower()} : {one.validity.ends:%Y-%m-%d} ({one.days_left(now)} jours)" for one in found
    )
    level = max((one.level(now) for one in found), default=0)
    facts = {"days_left": {one.what: one.days_left(now) for one in found}}
    action = "Remplacez à temps ce qui expire : « chartrier seal replace », ou une autre autorité." if level else ""
    return Finding(part, (GOOD, WIDER, WIDER, WRONG)[level], "", said, action, facts)


def _antivirus() -> Finding:
    named = settings().ingestion.clamd_socket
    places = [named] if named else ["/run/clamav/clamd.ctl", "/var/run/clamav/clamd.ctl", "/run/clamd.scan/clamd.sock"]
    for place in places:
        answer = _clamd_version(place)
        if answer:
            return Finding("Antivirus", GOOD, answer, place)
    said = "les fichiers sont dits « non vérifiés »"
    if named:
        return Finding("Antivirus", WRONG, "", f"{named} ne répond pas ; {said}", "Vérifiez clamd.")
    return Finding("Antivirus", WIDER, "", said, "Installez clamav-daemon pour qu’ils soient contrôlés.")


def _clamd_version(place: str) -> str:
    host, colon, port = place.rpartition(":")
    family = socket.AF_INET if colon and port.isdigit() else socket.AF_UNIX
    try:
        with socket.socket(family, socket.SOCK_STREAM) as link:
            link.settimeout(2)
            link.connect((host, int(port)) if family == socket.AF_INET else place)
            link.sendall(b"zVERSION\0")
            return link.recv(1000).decode("ascii", "replace").strip("\0\n ")
    except OSError:
        return ""


def _program(part: str, names: tuple[str, ...], arguments: list[str], adds: str) -> Callable[[], Finding]:
    def check() -> Finding:
        for name in names:
            path = shutil.which(name)
            if path:
                return Finding(part, GOOD, _first_line([path, *arguments]), path)
        return Finding(part, WIDER, "", adds, "Facultatif.")

    return check


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0][:80] if lines else ""


def _verapdf() -> Finding:
    named = settings().ingestion.verapdf
    if named and not (shutil.which(named) or Path(named).exists()):
        return Finding("veraPDF", WRONG, "", f"{named} est introuvable", "Corrigez CHARTRIER_VERAPDF.")
    adds = "le verdict PDF/A vient alors de notre seul contrôle"
    return _program("veraPDF", (named or "verapdf",), ["--version"], adds)()


_CHECKS: dict[str, Callable[[], Finding]] = {
    "Python": _python,
    "Dossier des données": _home,
    "Base de données": _database,
    "Épreuve": _probe,
    "Magasin": _store,
    "Rapprochement": _reconciled,
    "Seconde copie": _copied,
    "Courtier": _broker,
    "Service": _service,
    "Failles": _security,
    "Bac à sable": _sandbox,
    "Lecture (OCR)": _reading,
    "Index": _index,
    "Cachet": _seal,
    "Horodatage": _timestamps,
    "Échéances": _deadlines,
    "Confiance": _trust,
    "Antivirus": _antivirus,
    "veraPDF": _verapdf,
    "Ghostscript": _program(
        "Ghostscript",
        ("gs",),
        ["--version"],
        "convertirait des PDF que notre conversion ne sait pas rendre PDF/A",
    ),
    "pdfsig": _program(
        "pdfsig", ("pdfsig",), ["-v"], "contrôlerait les cachets par un programme qui n’est pas de nous"
    ),
    "openssl": _program("openssl", ("openssl",), ["version"], "contrôlerait les jetons sans nous"),
}
