"""A whole archive without the reading of documents: small records made quickly, by the product's
own doors.
"""

from __future__ import annotations

import atexit
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

import api.access.tables  # noqa: F401 - so that every table exists
from archive.database.engine import Base, Database
from archive.database.upgrade import migrate
from archive.holdings import keep as holdings
from archive.holdings.describe import describe
from archive.model.description_fields import Description
from archive.model.identifiers import new_id
from archive.model.records import ArchivalPackage, Digests, Format, Kind, PackageFile
from ingestion.assembly import System, assemble
from ingestion.settings import load_settings
from ingestion.tools.alto import AltoWriter, PageText, Word
from search.port import Query
from signing.ground.clock import Clock, utc_now

WORDS = ("délibération", "voirie", "assainissement", "cimetière", "budget", "marché", "crèche", "pont", "école", "eau")
SAME = ("tenants", "document_types", "retention_rules", "records", "representations", "stored_files", "journal_entries")
"""Tables that a rebuild brings back row for row."""
_OF_THE_JOB = frozenset({"records.stale_since", "records.awaiting_until", "held_records.settled_at"})
"""Columns that a rebuild sets on purpose, or leaves to a daily run.

It judges records anew, asks the store of holds, and can't know for what a lock was given.
"""
START = datetime(2026, 3, 12, 8, 15, 30, 123000, tzinfo=UTC)
"""When the keys of these tests were made, and where a test's own clock begins."""


class PowerCut(BaseException):
    """The power goes: nothing that is written ``except Exception`` sees it."""


def system_at(home: Path, keys: Path | None = None, *, clock: Clock = utc_now, **environment: str) -> System:
    """The product over a home folder.

    Keys may come from an earlier one, which saves half a second.
    """
    if keys is not None and not (home / "keys").exists():
        shutil.copytree(keys, home / "keys")
    return assemble(load_settings({"CHARTRIER_HOME": str(home)} | environment), clock=clock)


def receive(system: System, content: bytes, key: str, tenant: str = "demo", **fields: str) -> Any:
    """A deposit, acknowledged and waiting."""
    return system.intake.receive(
        [content],
        tenant=tenant,
        agent="key:1",
        idempotency_key=key,
        filename=f"{key}.pdf",
        media_type="application/pdf",
        fields=fields,
    ).deposit


def alto(text: str) -> bytes:
    """One page that says this."""
    out = io.BytesIO()
    writer = AltoWriter(out, ("tesserocr", "2.13"))
    line = tuple(Word(word, 10 + 60 * n, 20, 50, 20, confidence=95) for n, word in enumerate(text.split()))
    writer.add(PageText(1, 1000, 1400, "ocr", ((line,),)))
    writer.end()
    return out.getvalue()


def package(
    system: System,
    folder: Path,
    number: int,
    tenant: str = "demo",
    *,
    forms: tuple[Kind, ...] = (Kind.ORIGINAL, Kind.TEXT),
    received: bytes | None = None,
) -> ArchivalPackage:
    """What ingestion would hand over for a record of a few words, its deposit journalled.

    Args:
        received: Bytes of the original, where a reader is to make something of them.
    """
    text = f"Numéro {number} : {WORDS[number % 10]} et {WORDS[number // 10 % 10]} de la commune"
    contents = {
        Kind.ORIGINAL: (received or f"%PDF original {number}".encode(), "application/pdf", f"acte-{number}.pdf"),
        Kind.ARCHIVAL: (f"%PDF archival {number}".encode(), "application/pdf", f"acte-{number}.pdf"),
        Kind.TEXT: (alto(text), "application/xml", "alto.xml"),
    }
    files, deposit_id = [], new_id()
    for kind in forms:
        content, media_type, name = contents[kind]
        path = folder / f"{deposit_id}-{kind.value}"
        path.write_bytes(content)
        digests = Digests(hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest())
        files.append(PackageFile(kind, path, name, media_type, Format(None, None), len(content), digests))
    original = files[0]
    now = system.clock()
    with system.database.write() as session:
        entry = system.ledger.append(
            session,
            type="DepositReceived",
            tenant=tenant,
            subject=f"deposit:{deposit_id}",
            agent="key:1",
            facts={**original.digests.as_json(), "size": original.size},
        )
    return ArchivalPackage(
        record_id=new_id(),
        tenant=tenant,
        deposit_id=deposit_id,
        agent="key:1",
        received_at=now,
        deposit_entry=entry.n,
        description=Description(f"Acte {number}", document_type="deliberation", document_date=date(2026, 3, 12)),
        files=tuple(files),
        pages=1,
        words=len(text.split()),
        mean_confidence=0.95,
        verdicts={"seal": {"verdict": "none", "probative": False}},
        warnings=(),
        tools=(),
        reports={"pdfa.json": b"{}"},
    )


def keep(
    system: System,
    folder: Path,
    number: int,
    tenant: str = "demo",
    *,
    forms: tuple[Kind, ...] = (Kind.ORIGINAL, Kind.TEXT),
) -> str:
    """A record of a few words; its id."""
    given = package(system, folder, number, tenant, forms=forms)
    kept = holdings.keep(system.stores, given, lambda _session, _kept: None)
    for file in given.files:
        file.path.unlink()
    return kept.record_id


def guard_pinned(database: Database, rows: Iterable[Any], act: Callable[[str, str], Any]) -> None:
    """Lock or hold pinned versions in the store, and have the catalogue say so afterwards."""
    states = [(row, act(row.key, row.version)) for row in rows]
    with database.write() as session:
        for row, state in states:
            row.locked_until, row.legal_hold = state.locked_until, state.legal_hold
            session.merge(row)


def lose_database(system: System) -> None:
    """What a lost disk takes: the database and the index of a home."""
    home = system.settings.home
    system.close()
    for path in home.glob("chartrier.db*"):
        path.unlink()
    shutil.rmtree(home / "index", ignore_errors=True)


def forget_record(session: Session, record: str) -> None:
    """Delete a record's row, and before it each row of any table that points at it."""
    records = Base.metadata.tables["records"]
    for table in reversed(Base.metadata.sorted_tables):
        for column in table.columns:
            if any(key.references(records) for key in column.foreign_keys):
                session.execute(delete(table).where(column == record))
    session.execute(delete(records).where(records.c.id == record))


def rows(system: System, *tables: str) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that some tables say, in an order of their own."""
    found = {}
    with system.database.read() as session:
        for name in tables:
            table = Base.metadata.tables[name]
            columns = [column for column in table.columns if f"{name}.{column.name}" not in _OF_THE_JOB]
            found[name] = sorted((tuple(row) for row in session.execute(select(*columns))), key=repr)
    return found


@cache
def _migrated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="chartrier-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = Database(f"sqlite:///{folder / 'chartrier.db'}")
    migrate(database)
    database.dispose()
    return folder / "chartrier.db"


@contextmanager
def opened(home: Path, keys: Path | None = None, *, clock: Clock = utc_now, **environment: str) -> Iterator[System]:
    """An installation with one tenant.

    A local database is copied from one that was migrated once.
    """
    if "CHARTRIER_DATABASE_URL" not in environment and not (home / "chartrier.db").exists():
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copyfile(_migrated(), home / "chartrier.db")
    system = system_at(home, keys, clock=clock, **environment)
    system.initialise()
    system.create_tenant("demo", "Commune de Démonstration")
    try:
        yield system
    finally:
        system.close()


def filled(system: System, folder: Path, count: int = 5) -> list[str]:
    """Two tenants, records, a description changed twice; all published and indexed."""
    system.create_tenant("autre", "Autre Commune")
    ids = [keep(system, folder, n, ("demo", "autre")[n % 2]) for n in range(count)]
    describe(system.stores, "demo", ids[0], {"title": "Premier titre"}, agent="user:1", expected_revision=1)
    system.publisher.publish(force_token=True)
    describe(system.stores, "demo", ids[0], {"title": "Second titre"}, agent="user:1", expected_revision=2)
    system.publisher.publish(force_token=True)
    system.follower.catch_up()
    return ids


def titles(system: System, text: str, tenant: str = "demo") -> list[tuple[str, str]]:
    """What a search finds."""
    answer = system.index.search(Query(tenant=tenant, text=text, limit=50))
    return sorted((hit.record_id, hit.title) for hit in answer.hits)


def stored_file(system: System, record_id: str, name: str) -> Path:
    """A file of a record in a local store."""
    return next(p for p in (system.settings.home / "store" / "tenants").rglob(name) if record_id in str(p))


def alter(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change a locked file as an administrator could: lock date and mode stay."""
    status = path.stat()
    path.chmod(0o600)
    path.write_bytes(change(path.read_bytes()))
    path.chmod(0o444)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def flipped(content: bytes) -> bytes:
    """One bit changed."""
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
