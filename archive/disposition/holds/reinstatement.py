"""Reinstate a hold that a wrong clock ended: the same words and records, in force again."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.batches import batches
from archive.database.engine import Database
from archive.database.tables import HoldRow, JournalEntryRow, RecordRow
from archive.disposition.holds.candidates import chosen
from archive.disposition.holds.decisions import decision_of, enter
from archive.disposition.holds.listing import get, records_of
from archive.disposition.holds.standing import scope_of
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from archive.model.identifiers import new_id
from archive.model.states import RecordState
from archive.retention.civil import today_of
from signing.ground.canonical import parse_canonical
from signing.ground.clock import Clock
from signing.ground.errors import Refused

_REPEATED: Final = (
    "reason",
    "until",
    "scope",
    "node_id",
    "query",
    "authority",
    "reference",
    "owner",
    "review_on",
    "forbids_move",
    "restricts_reading",
)


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
        if ended.released_at is None or ended.released_by is not None:
            raise _refused("Ce gel n’a pas pris fin de lui-même.")
        if not may_reinstate(session, ended, clock()):
            raise _refused("Le dernier jour de ce gel est bien passé.")
        wanted = _still_kept(session, records_of(session, hold_id))
        scope = scope_of(ended)
        if scope.kind.is_standing:
            wanted = sorted({*wanted, *chosen(session, ledger, tenant, scope)})
        if (not wanted and not scope.kind.is_standing) or _reinstated(session, ended, wanted):
            raise _refused("Ce gel a déjà été rétabli, ou ses documents ne sont plus gardés ici.")
        more = {name: getattr(ended, name) for name in _REPEATED}
        hold = HoldRow(
            id=new_id(),
            tenant_id=tenant,
            placed_at=clock(),
            placed_by=agent,
            placed_salt=secrets.token_hex(16),
            **more,
        )
        enter(session, ledger, hold, wanted, EntryType.HOLD_REINSTATED, {"reinstates": hold_id})
        return hold.id


def may_reinstate(session: Session, ended: HoldRow, now: datetime) -> bool:
    """Whether a hold ended by itself although its last day is not over, as far as is known."""
    today = today_of(session, ended.tenant_id, now)
    over = today.trusted and ended.until is not None and ended.until < today.day
    return ended.released_at is not None and ended.released_by is None and not over


def _still_kept(session: Session, records: list[str]) -> list[str]:
    kept: list[str] = []
    for some in batches(records):  # in order, so that two holds never wait for each other
        query = select(RecordRow.id, RecordRow.state).where(RecordRow.id.in_(some)).order_by(RecordRow.id)
        rows = session.execute(query.with_for_update()).all()
        kept += [row.id for row in rows if not RecordState(row.state).gone]
    return kept


def _reinstated(session: Session, ended: HoldRow, records: list[str]) -> bool:
    """Whether the journal tells that this hold was reinstated, by one that is still in force."""
    later = select(HoldRow.id).where(HoldRow.tenant_id == ended.tenant_id, HoldRow.released_at.is_(None))
    in_force = set(session.scalars(later.where(HoldRow.id > ended.id)))
    subjects = [decision_of(hold_id) for hold_id in sorted(in_force)]
    subjects += [f"record:{record_id}" for record_id in records[:1]]  # each of them was reinstated, or none
    for some in batches(subjects):
        told = select(JournalEntryRow.body).where(
            JournalEntryRow.type.in_((EntryType.HOLD_REINSTATED, EntryType.HOLD_DECIDED)),
            JournalEntryRow.subject.in_(some),
        )
        facts = [parse_canonical(body)["facts"] for body in session.scalars(told)]
        if any(one.get("reinstates") == ended.id and one["hold"] in in_force for one in facts):
            return True
    return False


def _refused(detail: str) -> Refused:
    return Refused(
        "hold_not_reinstatable",
        detail,
        kept="Rien n’a été changé.",
        action="Placez un nouveau gel si ces documents doivent être tenus.",
    )
