"""Rehearsal: restore a backup in a scratch place, compare it with journal and store.

A backup that was never restored proves nothing. Nothing live is written to: the scratch database is
a file in a temporary folder, or a database of its own whose name ends in ``_rehearsal``.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from archive.database.engine import Base, Database
from archive.database.tables import CheckpointRow, JournalEntryRow, RecordRow, RepresentationRow
from archive.journal.merkle import Nodes, leaf_hash, node_hash, parse_checkpoint, root_hash, verify_consistency
from archive.journal.tiles import StoredTree
from archive.journal.types import EntryType
from archive.model.states import RecordState
from archive.objects.fixity import check
from archive.objects.layout import CHECKPOINT
from archive.objects.port import Unreadable, found
from ingestion.operations.backup import DATABASE, Backup, owner_url, run_tool, sha256_of
from signing.ground.canonical import canonical
from signing.ground.clock import stamp
from signing.ground.errors import Corrupt, Refused
from signing.note import LogKey, verify_note

if TYPE_CHECKING:
    from ingestion.assembly import System

SCRATCH: Final = "_rehearsal"
"""End of the scratch database's name; no other database is ever emptied."""

_BATCH: Final = 2000


@dataclass
class Rehearsal:
    """Result of a rehearsal.

    Attributes:
        checks: Name -> facts compared; with ``fault`` when they differ.
        note: The report, signed by the log key.
    """

    checks: dict[str, dict[str, Any]] = field(default_factory=dict)
    note: str = ""

    @property
    def faults(self) -> list[str]:
        """Return each difference as a sentence."""
        return [f"{name}: {said['fault']}" for name, said in self.checks.items() if said.get("fault")]


def rehearse(system: System, backup: Backup, *, sample: int = 50) -> Rehearsal:
    """Restore a backup, compare it and report.

    Args:
        system: The live system: its store and log key are used, its database is not.
        sample: Number of records whose every representation is read from the store and hashed.

    Raises:
        Refused: ``rehearsal_place``, ``tool_missing``.
        Unavailable: The store, or ``backup_failed``.
    """
    made = Rehearsal()
    key = LogKey.load(backup.folder / "keys" / "log.key", backup.facts["origin"])
    wrong = _wrong_files(backup)
    made.checks["files"] = {"compared": len(backup.facts["files"])}
    if wrong:
        made.checks["files"]["fault"] = f"changed or gone: {', '.join(wrong)}"
    if backup.database.name in wrong:  # nothing is left to restore that the list vouches for
        return _reported(system, backup, made)
    with _restored(system, backup) as database:
        steps: dict[str, Callable[[Session], dict[str, Any]]] = {
            "rows": lambda session: _rows(session, backup),
            "journal": _journal,
            "published": lambda session: _published(session, system, key),
            "records": _records,
            "store": lambda session: _store(session, system, sample),
        }
        with database.read() as session:
            for name, step in steps.items():
                made.checks[name] = step(session)
    return _reported(system, backup, made)


def _reported(system: System, backup: Backup, made: Rehearsal) -> Rehearsal:
    report = {
        "v": 1,
        "rehearsed": stamp(system.clock()),
        "backup": backup.folder.name,
        "made": backup.facts["made"],
        "checks": made.checks,
        "verdict": "differs" if made.faults else "agrees",
    }
    made.note = system.log_key.sign_note(canonical(report).decode() + "\n")
    return made


# -- the scratch place


@contextmanager
def _restored(system: System, backup: Backup) -> Iterator[Database]:
    if backup.database.name == DATABASE["sqlite"]:
        with tempfile.TemporaryDirectory(prefix="chartrier-rehearsal-") as folder:
            place = Path(folder) / "restored.sqlite"
            shutil.copy(backup.database, place)
            database = Database(f"sqlite:///{place}", pooled=False)
            try:
                yield database
            finally:
                database.dispose()
        return
    live = owner_url(system)
    url = live.set(database=f"{live.database}{SCRATCH}")
    database = Database(url.render_as_string(hide_password=False), pooled=False, owner=True)
    try:
        _empty(database)
        run_tool(["pg_restore", "--no-owner", "--no-privileges", f"--dbname={url.database}", str(backup.database)], url)
        yield database
        _empty(database)
    finally:
        database.dispose()


def _empty(database: Database) -> None:
    """Remove every table of the scratch database.

    Raises:
        Refused: ``rehearsal_place``: it does not exist or is not the owner's.
    """
    if not (database.url.database or "").endswith(SCRATCH):
        raise AssertionError("only a scratch database is emptied")
    try:
        with database.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA IF EXISTS public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    except SQLAlchemyError as error:
        raise Refused(
            "rehearsal_place",
            "La répétition a besoin d’une base vide à elle, {name}, du même propriétaire : {why}",
            action="Créez-la : « CREATE DATABASE {name} OWNER … » (docs/operations/backup.md).",
            name=database.url.database,
            why=str(getattr(error, "orig", error)).strip(),
        ) from error


# -- what is compared


def _wrong_files(backup: Backup) -> list[str]:
    """Return the files that differ from the signed list."""
    listed: dict[str, str] = backup.facts["files"]
    return sorted(
        name
        for name, digest in listed.items()
        if not (backup.folder / name).is_file() or sha256_of(backup.folder / name) != digest
    )


def _rows(session: Session, backup: Backup) -> dict[str, Any]:
    """Check that tables that only grow hold at least the rows counted before the dump."""
    listed: dict[str, int] = backup.facts["rows"]
    present = {
        t.name: session.scalar(select(func.count()).select_from(t)) or 0
        for t in Base.metadata.sorted_tables
        if t.name in listed
    }
    grown = ("tenants", "users", "api_keys", "records", "deposits", "journal_entries", "journal_checkpoints")
    short = [
        f"{name} {present.get(name, 0)} < {listed[name]}"
        for name in grown
        if present.get(name, 0) < listed.get(name, 0)
    ]
    return {"rows": {name: present.get(name, 0) for name in grown}} | ({"fault": "; ".join(short)} if short else {})


def _journal(session: Session) -> dict[str, Any]:
    """Hash every entry again and compare the tree with each published tree head."""
    leaves: list[bytes] = []
    while True:
        rows = session.execute(
            select(JournalEntryRow.n, JournalEntryRow.body, JournalEntryRow.leaf_hash)
            .where(JournalEntryRow.n >= len(leaves))
            .order_by(JournalEntryRow.n)
            .limit(_BATCH)
        ).all()
        if not rows:
            break
        for row in rows:
            leaf = leaf_hash(row.body)
            if row.n != len(leaves) or leaf.hex() != row.leaf_hash:
                return {"entries": len(leaves), "fault": f"entry {len(leaves)} is missing or altered"}
            leaves.append(leaf)
    nodes = _tree(leaves)
    heads = session.execute(select(CheckpointRow.size, CheckpointRow.root).order_by(CheckpointRow.number)).all()
    wrong = [head.size for head in heads if head.size > len(leaves) or root_hash(head.size, nodes).hex() != head.root]
    said = {"entries": len(leaves), "checkpoints": len(heads)}
    return said | ({"fault": f"tree heads that do not fit: {wrong}"} if wrong else {})


def _tree(leaves: list[bytes]) -> Nodes:
    """Compute every full node once, as a journal has many tree heads."""
    levels = [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])
    return lambda level, index: levels[level][index]


def _published(session: Session, system: System, key: LogKey) -> dict[str, Any]:
    """Check that the store's present tree head continues the backup's journal."""
    note = found(system.store, CHECKPOINT)
    head = session.scalar(select(CheckpointRow).order_by(CheckpointRow.number.desc()).limit(1))
    if note is None:
        return {"fault": "the store has no tree head"} if head is not None else {"entries_since": 0}
    try:
        size, root = parse_checkpoint(verify_note(note.decode(), key.vkey), key.origin)
    except ValueError as error:
        return {"fault": f"the store's tree head is not signed by the backup's key: {error}"}
    old = (head.size, bytes.fromhex(head.root)) if head is not None else (0, b"")
    proof = StoredTree(system.store, size).consistency(old[0]) if 0 < old[0] <= size else []
    if old[0] > size or (old[0] and not verify_consistency(old[0], size, old[1], root, proof)):
        return {"size": size, "fault": "the store's journal does not continue the backup's"}
    return {"size": size, "entries_since": size - old[0]}


def _records(session: Session) -> dict[str, Any]:
    """Check that exactly the records kept according to the journal are there."""
    kept = select(JournalEntryRow.subject).where(JournalEntryRow.type == EntryType.RECORD_KEPT)
    said = {subject.removeprefix("record:") for subject in session.scalars(kept)}
    there = set(session.scalars(select(RecordRow.id)))
    differs = said ^ there
    return {"records": len(there)} | ({"fault": f"{len(differs)} differ: {sorted(differs)[:5]}"} if differs else {})


def _store(session: Session, system: System, sample: int) -> dict[str, Any]:
    """Read from the store the bytes that the restored rows name."""
    records = list(session.scalars(select(RecordRow.id).where(RecordRow.state == RecordState.KEPT)))
    chosen = random.SystemRandom().sample(records, min(sample, len(records)))
    files, wrong = 0, []
    for record in chosen:
        for row in session.scalars(select(RepresentationRow).where(RepresentationRow.record_id == record)):
            files += 1
            try:
                check(system.store, row.key, row.version, sha256=row.sha256, size=row.size)
            except (Corrupt, Refused, Unreadable) as error:
                wrong.append(f"{record}/{row.kind} {error.code}")
    said = {"records": len(chosen), "of": len(records), "files": files}
    return said | ({"fault": "; ".join(wrong[:10])} if wrong else {})
