"""End of custody: records pass to the archives that replied, under the same two visas.

A record leaves our keeping when a package of it is taken over, by a reply that its statement and
the published journal prove, and when nothing stands in the way of its line. Its bytes stay: they
are read as before, and go by a bordereau of their own, proposed by the archives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.disposal_tables import DisposalLineRow
from archive.database.seda_tables import SedaDeliveryRow
from archive.database.tables import RecordRow
from archive.disposition.disposals import projection
from archive.disposition.due_states import Validated
from archive.disposition.transfers.deliveries import refused_by_all, taken_over
from archive.holdings.mandate import Mandate, proven
from archive.holdings.stores import Stores
from archive.journal.types import EntryType
from archive.model.disposals import FINAL_LINES, LineState
from archive.model.statement_kinds import StatementKind
from archive.model.states import RecordState
from archive.retention.civil import today_of

REPLY_AWAITED, NOT_TAKEN_OVER, CHANGED = "reply_awaited", "not_taken_over", "changed"

Judge = Callable[[Session, Mandate, DisposalLineRow, RecordRow | None, date, Validated], str | None]
"""Writes what stands in the way of a line, and returns it."""


def replies_about(stores: Stores, disposal_id: str) -> list[Mapping[str, Any]]:
    """Return what the deliveries of a bordereau say, each proven by the published journal.

    Raises:
        Corrupt: ``disposal_contradicted``.
        Unavailable: ``disposal_unproven``.
    """
    with stores.database.read() as session:
        row = SedaDeliveryRow
        made = list(session.scalars(select(row.id).where(row.disposal_id == disposal_id).order_by(row.id)))
    return [one.body for one in proven(stores, StatementKind.DELIVERY, made)] if made else []


def hand_over(
    stores: Stores,
    told: Mandate,
    records: Sequence[str],
    replies: Sequence[Mapping[str, Any]],
    supplement: int,
    judge: Judge,
    agent: str,
) -> int:
    """End the custody of the records that were taken over; return their number."""
    over, refused = taken_over(replies), refused_by_all(replies)
    done = 0
    with stores.database.write() as session:
        row = RecordRow
        ordered = select(row).where(row.id.in_(records)).order_by(row.id).with_for_update()
        there = {one.id: one for one in session.scalars(ordered.execution_options(populate_existing=True))}
        stores.ledger.take_turn(session)
        today = today_of(session, told.tenant, stores.clock())
        validated = Validated.load(session, told.tenant)
        for record in records:
            line = session.get_one(DisposalLineRow, (told.disposal, record), populate_existing=True)
            verdict = judge(session, told, line, there.get(record), today.day, validated)
            if verdict is not None or line.state in FINAL_LINES:
                continue
            if record not in over or over[record][1] != told.lines[record].record_json:
                why = CHANGED if record in over else NOT_TAKEN_OVER if record in refused else REPLY_AWAITED
                projection.stand(line, why, None)
            elif today.trusted and today.day >= told.first_day:
                _end(session, stores, told, line, there[record], over[record][0], supplement, agent)
                done += 1
    return done


def _end(
    session: Session,
    stores: Stores,
    told: Mandate,
    line: DisposalLineRow,
    row: RecordRow,
    package: str,
    supplement: int,
    agent: str,
) -> None:
    frozen = told.lines[row.id]
    facts = {
        "disposal": told.disposal,
        "population": told.body["population"],
        "supplement": supplement,
        "record": frozen.record_json,
        "original": frozen.original,
    }
    entry = stores.ledger.append(
        session,
        type=EntryType.RECORD_TRANSFERRED,
        tenant=told.tenant,
        subject=f"record:{row.id}",
        agent=agent,
        facts=facts,
    )
    row.state = RecordState.TRANSFERRED.value
    line.state, line.reason, line.waiting_until = LineState.DESTROYED.value, None, None
    line.committed_at = line.done_at = entry.at
    line.supplement = supplement
    line.result = {"package": package, "entry": entry.n}
