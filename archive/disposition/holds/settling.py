"""Bring the store's legal holds in step with the decisions, outside every transaction.

A hold with hundreds of objects needs seconds of the store; the database is asked before and
afterwards. What is set or lifted for one record is done in the record's turn, in which its versions
are written too; a decision made meanwhile is seen afterwards, and followed at once.
"""

from __future__ import annotations

from sqlalchemy import exists, update
from sqlalchemy.orm import Session

from archive.catalogue import rows as catalogue
from archive.database.engine import Database
from archive.database.tables import HeldRecordRow, HoldRow, RecordRow, RepresentationRow, StoredFileRow
from archive.model.states import RecordState
from archive.objects import layout
from archive.objects.ocfl_versions import Stored, Version
from archive.objects.port import ObjectStore, StoredObject
from signing.ground.clock import Clock
from signing.ground.errors import Corrupt


def turn_of(record_id: str) -> str:
    """Return the subject of the turn in which a record's versions and legal holds are written."""
    return f"record:{record_id}"


def bring_in_step(database: Database, store: ObjectStore, clock: Clock, record_id: str) -> None:
    """Set or lift the legal hold of every version of a record's objects, by holds in force.

    When a hold was decided while others were lifted, the store is brought in step once more; a
    program that dies in between leaves that hold not settled, for the next run.

    Raises:
        Corrupt: ``hold_missing``; ``object_missing`` where a pinned version is gone.
        Unavailable: ``turn_taken``: a version of the record is being written.
    """
    with database.turn(turn_of(record_id)):
        while not _in_step(database, store, clock, record_id):
            pass


def _in_step(database: Database, store: ObjectStore, clock: Clock, record_id: str) -> bool:
    """Follow the decisions of one moment; False if others were made meanwhile."""
    with database.write() as session:
        record = session.get_one(RecordRow, record_id, with_for_update=True)
        if RecordState(record.state).gone:
            _note_step(session, clock, record_id)
            return True
        held = catalogue.is_held(session, record_id)
        if not held:
            unclaim(session, record_id)
        pinned = [(row.key, row.version) for row in catalogue.rows(session, record_id)]
    there: dict[tuple[str, str], StoredObject] = {}
    for item in store.list(layout.record_folder(record.tenant_id, record_id).prefix):
        if not item.marker:
            there[item.key, item.version] = guard(store, item.key, item.version, on=held)
    for key, version in pinned:
        if (key, version) not in there:  # hidden by a marker, or gone: reading it by its version shows which
            there[key, version] = guard(store, key, version, on=held)
    with database.write() as session:
        session.get_one(RecordRow, record_id, with_for_update=True)
        if catalogue.is_held(session, record_id) != held:
            return False
        for row in catalogue.rows(session, record_id):
            state = there.get((row.key, row.version))
            if state is not None:
                row.legal_hold = state.legal_hold
        _note_step(session, clock, record_id)
    return True


def _note_step(session: Session, clock: Clock, record_id: str) -> None:
    """Note that the store follows what all holds decided about a record."""
    waiting = update(HeldRecordRow).where(HeldRecordRow.record_id == record_id, HeldRecordRow.settled_at.is_(None))
    session.execute(waiting.values(settled_at=clock()))


def hold_version(store: ObjectStore, version: Version) -> None:
    """Hold a version just written of a record that is held, before it is pinned.

    Raises:
        Corrupt: ``hold_missing``.
    """
    for key, stored in version.stored.items():
        version.stored[key] = Stored(guard(store, key, stored.object.version, on=True), stored.sha256)


def follow_version(session: Session, record_id: str) -> None:
    """After a version was pinned: let holds that were decided meanwhile reach it too."""
    session.flush()
    unclaim(session, record_id)
    if any(not row.legal_hold for row in catalogue.rows(session, record_id)):
        for hold in catalogue.holds_on(session, record_id):
            hold.settled_at = None
            session.get_one(HeldRecordRow, (hold.id, record_id)).settled_at = None


def guard(store: ObjectStore, key: str, version: str, *, on: bool) -> StoredObject:
    """Set or lift the legal hold of one version; return what the store states afterwards.

    Raises:
        Corrupt: ``hold_missing``.
        Refused: ``object_missing``.
    """
    state = store.stat(key, version)
    if state.legal_hold != on:
        state = store.hold(key, version, on=on)
    if state.legal_hold != on:
        raise Corrupt(
            "hold_missing",
            "Le magasin n’a pas suivi le gel de « {key} ».",
            kept="La décision est inscrite au journal.",
            action="Prévenez l’administrateur : le gel légal du magasin ne fonctionne pas.",
            key=key,
        )
    return state


def unclaim(session: Session, record_id: str) -> None:
    """Stop claiming a legal hold in the catalogue, unless another hold covers the record."""
    session.flush()
    if not catalogue.is_held(session, record_id):
        for row in catalogue.rows(session, record_id):
            row.legal_hold = False


def unclaim_all(session: Session, hold_id: str) -> None:
    """Stop claiming legal holds for the records of a hold that just ended, unless others do."""
    for table in (RepresentationRow, StoredFileRow):
        covered = exists().where(HeldRecordRow.hold_id == hold_id, HeldRecordRow.record_id == table.record_id)
        other = exists().where(
            HeldRecordRow.record_id == table.record_id,
            HeldRecordRow.hold_id == HoldRow.id,
            HoldRow.released_at.is_(None),
        )
        lifted = update(table).where(table.legal_hold, covered, ~other).values(legal_hold=False)
        session.execute(lifted.execution_options(synchronize_session=False))
    session.expire_all()
