"""Recompute the dates of kept records: after an event, a change of the plan or of a rule.

Each is judged by the one function that also decides when a record is kept, by the version of the
rule that is in force. A difference becomes a revision with its journal entry, never a change of
rows alone. A record that a change has marked as stale keeps its mark until it was judged again; a
run that dies leaves the marks of what it did not reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue import record_json as metadata
from archive.catalogue.stale import IS_STALE, Judgement, judge, settle
from archive.database.engine import Database
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
from archive.retention.circumstances import Circumstances
from signing.ground.errors import Corrupt, Refused, Unavailable

AGENT: Final = "service:conservation"
BATCH: Final = 200
_BUSY: Final = frozenset({"turn_taken", "keep_contended"})
"""Codes of another program at work on a record: it keeps its mark, for the next run."""
_TOLD: Final = (
    ("rule", "retention", "rule"),
    ("rule_version", "retention", "rule_version"),
    ("starts_on", "retention", "starts_on"),
    ("ends_on", "retention", "ends_on"),
    ("final_action", "retention", "final_action"),
    ("basis", "retention", "basis"),
    ("parts", "retention", "parts"),
    ("access_rule", "access", "rule"),
    ("communicable_on", "access", "communicable_on"),
)
_OPTIONAL: Final = (("opening", "access", "opening"),)
"""The same, of what is written only where there is one."""
"""What a revision may change: its name, its section of ``record.json``, its key there."""


@dataclass
class Recomputed:
    """The result of one run.

    Attributes:
        revised: Records whose dates are others now.
        right: Marked records whose dates were right.
        failed: Error code by record.
    """

    revised: int = 0
    right: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def is_any_stale(database: Database) -> bool:
    """Whether a record waits to be judged again."""
    with database.read() as session:
        return session.scalar(select(RecordRow.id).where(IS_STALE).limit(1)) is not None


def recompute_stale(stores: Stores) -> Recomputed:
    """Judge every marked record again; a record that can't be read does not stop the rest.

    Raises:
        Unavailable: The store or the database did not answer; call again.
    """
    done, after = Recomputed(), ""
    while True:
        with stores.database.write() as session:
            query = select(RecordRow).where(IS_STALE, RecordRow.id > after).order_by(RecordRow.id).limit(BATCH)
            rows = session.scalars(query.with_for_update(skip_locked=True)).all()
            there: dict[str, Circumstances] = {}
            wrong = []
            for row in rows:
                if row.tenant_id not in there:
                    there[row.tenant_id] = _circumstances(session, row.tenant_id, rows, stores)
                judgement = judge(there[row.tenant_id], row)
                if judgement is Judgement.RIGHT:
                    row.stale_since = None
                    done.right += 1
                elif judgement is Judgement.RULE_GONE:
                    done.failed[row.id] = "rule_missing"
                else:
                    wrong.append(row.id)
        for record_id in wrong:
            _revise(stores, record_id, done)
        if len(rows) < BATCH:
            return done
        after = rows[-1].id


def _circumstances(session: Session, tenant: str, rows: Sequence[RecordRow], stores: Stores) -> Circumstances:
    there = Circumstances(session, tenant, stores.clock())
    there.read_refusals(row.id for row in rows)
    return there


def recompute(stores: Stores) -> tuple[int, dict[str, str]]:
    """Revise every kept record whose dates the computation gives differently now, marked or not.

    What a day alone brings is found so: a version of a rule that is in force from today on.

    Returns:
        How many were revised; error codes by record.

    Raises:
        Unavailable: The store or the database did not answer; call again.
    """
    done = recompute_stale(stores)
    for record_id in _differing(stores):
        _revise(stores, record_id, done)
    return done.revised, done.failed


def _revise(stores: Stores, record_id: str, done: Recomputed) -> None:
    try:
        if revise_dates(stores, record_id):
            done.revised += 1
        else:
            done.right += 1
    except (Corrupt, Refused, Unreadable) as error:
        done.failed[record_id] = error.code
    except Unavailable as error:
        if error.code not in _BUSY:
            raise
        done.failed[record_id] = error.code


def revise_dates(stores: Stores, record_id: str) -> bool:
    """Write the revision of one record, and clear its mark; False if its dates are right."""
    with turn_of(stores, record_id):
        with stores.database.read() as session:
            seen = session.get_one(RecordRow, record_id)
            if seen.state in GONE:
                return False
        current, before = revision_in_force(stores, seen)
        description = metadata.description_from(current["description"])
        with stores.database.read() as session:
            decision = schedule.decide(session, seen.tenant_id, description, stores.clock(), record_id)
            until = lock_for(stores, session, record_id, decision)
        record = metadata.next_record(current, description, decision)
        changes = date_changes(current, record)
        if not changes:
            with stores.database.write() as session:
                settle(session, still_in_force(session, seen), current, stores.clock())
            return False
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
    """Return ``{name: [before, after]}`` for each value decided otherwise in two ``record.json``.

    What an earlier version did not tell is not missed.
    """
    pairs = {
        name: [before[section][key], after[section][key]]
        for name, section, key in _TOLD
        if key in before[section] and key in after[section]
    }
    pairs |= {name: [before[section].get(key), after[section].get(key)] for name, section, key in _OPTIONAL}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _differing(stores: Stores) -> Iterator[str]:
    """Return the records that no change has marked, and whose dates are others all the same."""
    after = ""
    while True:
        with stores.database.read() as session:
            query = select(RecordRow).where(RecordRow.id > after, RecordRow.state.not_in(GONE))
            query = query.where(RecordRow.stale_since.is_(None)).order_by(RecordRow.id).limit(BATCH)
            rows = session.scalars(query).all()
            there: dict[str, Circumstances] = {}
            for row in rows:
                if row.tenant_id not in there:
                    there[row.tenant_id] = _circumstances(session, row.tenant_id, rows, stores)
            differing = [row.id for row in rows if judge(there[row.tenant_id], row) is Judgement.WRONG]
        yield from differing
        if len(rows) < BATCH:
            return
        after = rows[-1].id
