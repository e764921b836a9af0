"""Reinstate a hold that a wrong clock ended: the same words and records, in force again."""

from __future__ import annotations

import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue import rows as catalogue
from archive.database.engine import Database
from archive.database.tables import HeldRecordRow, HoldRow, JournalEntryRow, RecordRow
from archive.disposition.holds.decisions import get, records_of
from archive.disposition.holds.statements import digest_of, placed
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from archive.model.identifiers import new_id
from archive.model.states import RecordState
from archive.retention.civil import today_of
from signing.ground.canonical import parse_canonical
from signing.ground.clock import Clock, iso
from signing.ground.errors import Refused


def reinstate(database: Database, ledger: Ledger, clock: Clock, tenant: str, hold_id: str, *, agent: str) -> str:
    """Place an ended hold again, as such; in force on return, and ``settle`` applies it.

    Its own statement of end can't be taken back: so it is a hold of its own, whose entries name the
    one that it reinstates. Records that are lawfully gone meanwhile are left out.

    Raises:
        Refused: ``hold_not_found``; ``hold_not_reinstatable``: it is in force, was released by
            somebody, is over in any case, or was reinstated before.
    """
    with database.write() as session:
        ended = get(session, tenant, hold_id)
        session.refresh(ended, with_for_update=True)
        today = today_of(session, tenant, clock())
        if ended.released_at is None or ended.released_by is not None:
            raise _refused("Ce gel n’a pas pris fin de lui-même.")
        if today.trusted and ended.until is not None and ended.until < today.day:
            raise _refused("Le dernier jour de ce gel est bien passé.")
        wanted = _still_kept(session, records_of(session, hold_id))
        if not wanted or _reinstated(session, hold_id, wanted):
            raise _refused("Ce gel a déjà été rétabli, ou ses documents ne sont plus gardés ici.")
        hold = HoldRow(
            id=new_id(),
            tenant_id=tenant,
            reason=ended.reason,
            until=ended.until,
            placed_at=clock(),
            placed_by=agent,
            placed_salt=secrets.token_hex(16),
        )
        session.add(hold)
        session.flush()
        session.add_all(HeldRecordRow(hold_id=hold.id, record_id=record_id) for record_id in wanted)
        facts = {
            "hold": hold.id,
            "statement": digest_of(placed(hold, wanted)),
            "until": iso(hold.until),
            "reinstates": hold_id,
        }
        for record_id in wanted:
            ledger.append(
                session,
                type=EntryType.HOLD_REINSTATED,
                tenant=tenant,
                subject=f"record:{record_id}",
                agent=agent,
                facts=dict(facts),
            )
        return hold.id


def _still_kept(session: Session, records: list[str]) -> list[str]:
    kept = []
    for record_id in records:  # in order, so that two holds never wait for each other
        row = session.get_one(RecordRow, record_id, with_for_update=True)
        if not RecordState(row.state).gone:
            kept.append(record_id)
    return kept


def _reinstated(session: Session, hold_id: str, records: list[str]) -> bool:
    """Whether the journal tells that this hold was reinstated, by one that is still in force."""
    told = select(JournalEntryRow.body).where(
        JournalEntryRow.type == EntryType.HOLD_REINSTATED,
        JournalEntryRow.subject.in_([f"record:{record_id}" for record_id in records]),
    )
    facts = [parse_canonical(body)["facts"] for body in session.scalars(told)]
    in_force = {hold.id for record_id in records for hold in catalogue.holds_on(session, record_id)}
    return any(one["reinstates"] == hold_id and one["hold"] in in_force for one in facts)


def _refused(detail: str) -> Refused:
    return Refused(
        "hold_not_reinstatable",
        detail,
        kept="Rien n’a été changé.",
        action="Placez un nouveau gel si ces documents doivent être tenus.",
    )
