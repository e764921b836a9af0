"""Recompute the dates of kept records after a rule of computation was corrected.

Each record is judged by the rule and the version that it was kept under, and by the access rule
that it has: so only what the computation gives can differ. A difference becomes a revision with its
journal entry, never a change of rows alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue import record_json as metadata
from archive.database.tables import RecordRow
from archive.holdings.revisions import (
    claim_revision,
    lock_for,
    revision_in_force,
    still_in_force,
    turn_of,
    write_version,
)
from archive.holdings.stores import Stores
from archive.journal.types import EntryType
from archive.model.states import GONE
from archive.objects.port import Unreadable
from archive.retention import schedule
from archive.retention.access import Access, access_of
from archive.retention.dates import last_day_kept, start_date
from archive.retention.decisions import RetentionDecision
from archive.retention.rules import Rule
from signing.ground.errors import Corrupt, Refused

AGENT: Final = "service:conservation"
BATCH: Final = 500

Rules = dict[tuple[str, str, int], Rule | None]
"""Rules read so far, by tenant, code and version."""


def recompute(stores: Stores) -> tuple[int, dict[str, str]]:
    """Revise every kept record whose dates the computation gives differently now.

    A record that can't be read is left to the reconciliation, and does not stop the rest.

    Returns:
        How many were revised; error codes by record.

    Raises:
        Unavailable: The store or the database did not answer; call again.
    """
    done, failed = 0, dict[str, str]()
    for record_id in _differing(stores):
        try:
            done += revise_dates(stores, record_id)
        except (Corrupt, Refused, Unreadable) as error:
            failed[record_id] = error.code
    return done, failed


def revise_dates(stores: Stores, record_id: str) -> bool:
    """Write the revision of one record; False if its dates are right."""
    with turn_of(stores, record_id):
        with stores.database.read() as session:
            seen = session.get_one(RecordRow, record_id)
            if seen.state in GONE or _dates_now(session, seen, {}) == _dates(seen):
                return False
        current, before = revision_in_force(stores, seen)
        with stores.database.read() as session:
            decision = _decision(session, seen, current, stores.clock())
            until = lock_for(stores, session, record_id, decision)
        record = metadata.next_record(current, metadata.description_from(current["description"]), decision)
        changes = date_changes(current, record)
        written = write_version(stores, seen, record, before, until, message="Recompute")
        with stores.database.write() as session:
            row = still_in_force(session, seen)
            claim_revision(
                stores,
                session,
                row,
                written,
                record,
                until,
                entry_type=EntryType.RECORD_RECOMPUTED,
                agent=AGENT,
                facts={"fields": sorted(changes)},
                changes=changes,
            )
        return True


def date_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return ``{date: [before, after]}`` of two ``record.json``, for each date that differs."""
    pairs = {
        "starts_on": [one["retention"]["starts_on"] for one in (before, after)],
        "ends_on": [one["retention"]["ends_on"] for one in (before, after)],
        "communicable_on": [one["access"]["communicable_on"] for one in (before, after)],
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _differing(stores: Stores) -> Iterator[str]:
    after = ""
    known: Rules = {}
    while True:
        with stores.database.read() as session:
            query = select(RecordRow).where(RecordRow.id > after, RecordRow.state.not_in(GONE))
            rows = session.scalars(query.order_by(RecordRow.id).limit(BATCH)).all()
            differing = [row.id for row in rows if _dates_now(session, row, known) != _dates(row)]
        yield from differing
        if len(rows) < BATCH:
            return
        after = rows[-1].id


def _dates(row: RecordRow) -> tuple[date | None, date | None, date | None]:
    return row.starts_on, row.ends_on, row.communicable_on


def _dates_now(session: Session, row: RecordRow, known: Rules) -> tuple[date | None, date | None, date | None]:
    """Return the three dates as the computation gives them now.

    A record whose rule is not there any more keeps its dates: without the rule nothing is known.
    """
    start, end = row.starts_on, row.ends_on
    rule = _rule(session, row, known)
    if rule is None and row.rule_code is not None:
        return _dates(row)
    if rule is not None:
        start = start_date(rule.start_event, document_date=row.document_date, closed_on=row.closed_on)
        end = None
        if start is not None and rule.duration is not None and rule.gives_end:
            end = last_day_kept(start, rule.duration, rule.unit)
    return start, end, _access(row).communicable_on


def _access(row: RecordRow) -> Access:
    return access_of(row.access_rule, document_date=row.document_date, closed_on=row.closed_on)


def _rule(session: Session, row: RecordRow, known: Rules) -> Rule | None:
    """Return the rule under which a record was kept; None without one, or where it is not there."""
    if row.rule_code is None or row.rule_version is None:
        return None
    key = (row.tenant_id, row.rule_code, row.rule_version)
    if key not in known:
        known[key] = schedule.rule(session, *key)
    return known[key]


def _decision(session: Session, row: RecordRow, current: Mapping[str, Any], now: datetime) -> RetentionDecision:
    """Return the decision of today's computation under the record's own rule version."""
    return schedule.decide_again(
        session,
        row.tenant_id,
        metadata.description_from(current["description"]),
        under=_rule(session, row, {}),
        access_rule=row.access_rule,
        now=now,
    )
