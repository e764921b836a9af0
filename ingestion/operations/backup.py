"""Back up database and keys, with a signed list of both; the store is not included.

Records, journal and waiting deposits are in the store; a backup names the store and its state.
``rebuild all`` makes records and journal again from the store alone; people and API keys are only
in a backup.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, func, make_url, select

from archive.database.engine import Base
from archive.database.tables import CheckpointRow
from archive.database.tenancy import EVERYTHING, acting_for
from signing.ground.canonical import canonical
from signing.ground.clock import stamp
from signing.ground.errors import Refused, Unavailable
from signing.note import LogKey, verify_note

if TYPE_CHECKING:
    from ingestion.assembly import System

DATABASE: Final = {"sqlite": "database.sqlite", "postgresql": "database.dump"}
MANIFEST: Final = "manifest.note"
_BLOCK: Final = 1 << 20
_LIBPQ: Final = {
    **{name: f"PG{name.upper()}" for name in ("host", "hostaddr", "port", "user", "password", "passfile")},
    **{name: f"PG{name.upper()}" for name in ("sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl")},
    "channel_binding": "PGCHANNELBINDING",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
"""Variables of PostgreSQL's tools for the parameters of a URL (PostgreSQL 15, 34.15)."""


def back_up(system: System, folder: Path) -> Path:
    """Make one backup in a new folder, which appears only when complete; return the folder.

    Raises:
        Refused: ``tool_missing``.
        Unavailable: ``backup_failed``, ``database_away``.
    """
    at = system.clock()
    name = f"chartrier-{at:%Y%m%dT%H%M%SZ}"
    making, made = folder / f".{name}.making", folder / name
    try:
        making.mkdir(mode=0o700, parents=True)
        counts = _counts(system)
        _dump(system, making)
        shutil.copytree(system.settings.signing.keys, making / "keys", ignore=shutil.ignore_patterns(".*"))
        if (trust := system.settings.signing.trust_folder).is_dir():
            shutil.copytree(trust, making / "trust", ignore=shutil.ignore_patterns(".*"))
        facts = {
            "v": 1,
            "made": stamp(at),
            "origin": system.log_key.origin,
            "vkey": system.log_key.vkey,
            "store": system.store.name,
            "rows": counts,
            "checkpoint": _checkpoint(system),
            "files": {
                str(path.relative_to(making)): sha256_of(path) for path in sorted(making.rglob("*")) if path.is_file()
            },
        }
        (making / MANIFEST).write_text(system.log_key.sign_note(canonical(facts).decode() + "\n"), encoding="utf-8")
        making.rename(made)
    except OSError as error:  # no space or no right: the fault is the place, not the service
        raise Unavailable("backup_failed", "{name} a échoué : {why}", name=making.parent, why=error) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return made


@dataclass(frozen=True)
class Backup:
    """Backup that was made.

    Attributes:
        facts: Its list, signed by the key that the backup contains.
    """

    folder: Path
    facts: dict[str, Any]

    @property
    def database(self) -> Path:
        """Path of the dump, which may be gone."""
        return next(self.folder / name for name in DATABASE.values() if name in self.facts["files"])


def latest(folder: Path) -> Backup:
    """Return the latest backup in a folder, or the folder itself if it is one.

    Raises:
        Refused: ``backup_missing``: there is none, or its own key did not sign its list.
    """
    found = [folder] if (folder / MANIFEST).exists() else sorted(folder.glob("chartrier-*"))
    if not found:
        raise Refused("backup_missing", "Il n’y a pas de sauvegarde dans {folder}.", folder=folder)
    chosen = found[-1]
    try:
        note = (chosen / MANIFEST).read_text(encoding="utf-8")
        facts: dict[str, Any] = json.loads(note.partition("\n")[0])
        key = LogKey.load(chosen / "keys" / "log.key", facts["origin"])
        verify_note(note, key.vkey)
    except (OSError, ValueError, KeyError) as error:
        raise Refused(
            "backup_missing",
            "La sauvegarde {folder} est illisible, ou sa liste n’est pas signée par la clé qu’elle contient : {why}",
            action="Essayez-en une plus ancienne, et faites-en une nouvelle.",
            folder=chosen,
            why=error,
        ) from error
    return Backup(chosen, facts)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def run_tool(command: list[str], url: URL) -> None:
    """Run a PostgreSQL tool on a database, with the password in its environment.

    Raises:
        Refused: ``tool_missing``.
        Unavailable: ``backup_failed``, with the tool's message.
    """
    program = shutil.which(command[0])
    if program is None:
        raise Refused("tool_missing", "Le programme {name} est introuvable.", action="Installez-le.", name=command[0])
    place: dict[str, object] = {"host": url.host, "port": url.port or 5432}
    place |= {"user": url.username, "password": url.password}
    place |= {name: value if isinstance(value, str) else ",".join(value) for name, value in url.query.items()}
    environment = {
        "PATH": str(Path(program).parent),
        "LANG": "C.UTF-8",
        "PGDATABASE": url.database or "",
        "PGOPTIONS": f"-c app.tenant={EVERYTHING}",  # row security applies to the owner too
        **{_LIBPQ[name]: str(value) for name, value in place.items() if name in _LIBPQ and value is not None},
    }
    done = subprocess.run([program, *command[1:]], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable("backup_failed", "{name} a échoué : {why}", name=command[0], why=done.stderr.strip()[-500:])


def owner_url(system: System) -> URL:
    """Return the database URL of the role that owns the tables."""
    return make_url(system.settings.archive.database_owner_url.get_secret_value())


def _dump(system: System, folder: Path) -> None:
    if system.database.is_sqlite:
        place = folder / DATABASE["sqlite"]
        with (
            closing(sqlite3.connect(str(system.database.url.database))) as source,
            closing(sqlite3.connect(place)) as target,
        ):
            source.backup(target)
    else:
        place = folder / DATABASE["postgresql"]
        options = ["--format=custom", "--no-owner", "--no-privileges", "--enable-row-security"]
        run_tool(["pg_dump", *options, f"--file={place}"], owner_url(system))
    place.chmod(0o600)


def _counts(system: System) -> dict[str, int]:
    """Count the rows of each table just before the dump, which holds at least these."""
    with acting_for(EVERYTHING), system.database.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def _checkpoint(system: System) -> dict[str, Any] | None:
    with system.database.read() as session:
        row = session.scalar(select(CheckpointRow).order_by(CheckpointRow.number.desc()).limit(1))
    return {"size": row.size, "root": row.root} if row is not None else None
