"""Place and release holds: each suspends every disposal, and the store follows.

The decision is committed first, with its entries, for all records or none; then, outside every
transaction, the store is
brought in step: the statement that a rebuild needs, then the legal hold of every object in each
record's folder (``settling``). Any interruption
between the two leaves the hold *not settled*, and the next run resumes it. When a hold is lifted,
the catalogue stops claiming it before the store lifts it, so that a check in between reports no
fault.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.database.tables import HeldRecordRow, HoldRow, JournalEntryRow, RecordRow
from archive.disposition.holds import listing
from archive.disposition.holds import statements as hold_statements
from archive.disposition.holds.candidates import chosen
from archive.disposition.holds.settling import bring_in_step, unclaim_all
from archive.disposition.holds.statements import PLACED, RELEASED, digest_of
from archive.disposition.holds.terms import Scope, Terms, check_reason, check_terms, listed
from archive.journal.effects import RebuildEffect, Subject
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType, rebuilding
from archive.model.identifiers import new_id
from archive.objects.layout import HoldKey
from archive.objects.port import ObjectStore, Unreadable, read_all
from archive.retention.civil import civil_day, today_of, zone_of
from archive.retention.dates import farthest_lock
from signing.ground.canonical import parse_canonical
from signing.ground.clock import Clock, iso
from signing.ground.errors import Corrupt, Refused

BATCH: Final = 200
"""Records of a hold that are read at once while the store follows."""


@dataclass
class Settled:
    """The result of one run.

    Attributes:
        ended: Holds whose last day has passed.
        settled: Holds that the store now follows.
        failed: Error code by record; by hold where its statement could not be written.
    """

    ended: int = 0
    settled: int = 0
    failed: dict[str, str] = field(default_factory=dict)


class Holds:
    """Place and release holds, and keep the store in step with them.

    Args:
        horizon_days: Lock of a statement; 0 = for as long as a store can.
        certain: Gives the moment by which a hold's end is judged; ``clock`` where it is None.
    """

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        store: ObjectStore,
        clock: Clock,
        horizon_days: int,
        certain: Clock | None = None,
    ) -> None:
        self._certain = certain or clock
        self._database = database
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._horizon = horizon_days

    # -- decisions

    def place(
        self,
        tenant: str,
        scope: Scope | Sequence[str],
        *,
        reason: str,
        until: date | None = None,
        agent: str,
        terms: Terms | None = None,
    ) -> str:
        """Decide a hold: in force in the catalogue on return; ``settle`` applies it to the store.

        Args:
            tenant: The tenant that owns the records.
            scope: What is held; ids alone are a list: all of them are held or none.
            reason: In words; never in the journal.
            until: Last day; None = until it is released. One that is past by a clock that is
                not believed is taken as given: the clock may be wrong, ``is_doubtful`` says so.
            agent: The agent that decides.
            terms: What else is said of it; its ``until`` counts where there are terms.

        Raises:
            Refused: ``bad_hold``, ``record_not_found``, ``record_not_kept``, ``node_not_found``.
            Unavailable: ``hold_contended``: records in its reach are being changed.
        """
        within = scope if isinstance(scope, Scope) else listed(scope)
        reason = check_reason(reason)
        certain = self._certain()
        with self._database.write() as session:
            days = [today_of(session, tenant, moment) for moment in (self._clock(), certain)]
            agreed = check_terms(terms or Terms(until=until), days)
            wanted = chosen(session, self._ledger, tenant, within)
            hold = HoldRow(
                id=new_id(),
                tenant_id=tenant,
                reason=reason,
                until=agreed.until,
                placed_at=self._clock(),
                placed_by=agent,
                placed_salt=secrets.token_hex(16),
                scope=within.kind.value,
                node_id=within.node,
                query=within.query.as_json() if within.query is not None else None,
                authority=agreed.authority,
                reference=agreed.reference,
                owner=agreed.owner,
                review_on=agreed.review_on,
                forbids_move=agreed.forbids_move,
                restricts_reading=agreed.restricts_reading,
            )
            enter(session, self._ledger, hold, wanted, EntryType.HOLD_PLACED)
            return hold.id

    def release(self, tenant: str, hold_id: str, *, reason: str, agent: str) -> None:
        """Decide that a hold ends: void on return; ``settle`` applies it to the store.

        Raises:
            Refused: ``hold_not_found``, ``hold_released``, ``bad_hold``.
        """
        reason = check_reason(reason)
        with self._database.write() as session:
            hold = listing.get(session, tenant, hold_id)
            session.refresh(hold, with_for_update=True)
            if hold.released_at is not None:
                raise Refused(
                    "hold_released",
                    "Ce gel est déjà levé.",
                    kept="Rien n’a été changé.",
                    action="Relisez le document : il dit quels gels le tiennent encore.",
                )
            self._release(session, hold, reason, agent)

    def _release(self, session: Session, hold: HoldRow, reason: str | None, agent: str | None) -> None:
        ours = select(HeldRecordRow.record_id).where(HeldRecordRow.hold_id == hold.id)
        rows = select(RecordRow.id).where(RecordRow.id.in_(ours)).order_by(RecordRow.id)
        session.scalars(rows.with_for_update()).all()  # before the first entry: the journal's turn is taken last
        self._ledger.take_turn(session)
        records = listing.records_of(session, hold.id)  # a standing hold may have grown until then
        hold.released_at, hold.released_by, hold.release_reason = self._clock(), agent, reason
        hold.release_salt = secrets.token_hex(16)
        hold.settled_at = hold.problem = None
        session.flush()
        session.execute(update(HeldRecordRow).where(HeldRecordRow.hold_id == hold.id).values(settled_at=None))
        unclaim_all(session, hold.id)
        facts = {
            "hold": hold.id,
            "statement": digest_of(hold_statements.released(hold)),
            "ended": "expired" if agent is None else "released",
        }
        told = {"tenant": hold.tenant_id, "agent": agent}
        if hold.scope is not None:
            whole = facts | {"records": len(records)}
            self._ledger.append(session, type=EntryType.HOLD_ENDED, subject=decision_of(hold.id), facts=whole, **told)
        subjects = [f"record:{record_id}" for record_id in records]
        self._ledger.append_each(session, type=EntryType.HOLD_RELEASED, subjects=subjects, facts=facts, **told)

    # -- the store

    def run(self) -> Settled:
        """End holds whose last day has passed and settle all; a failure doesn't stop the rest.

        Raises:
            Unavailable: The store or the database did not answer; call again.
        """
        done = Settled()
        for hold_id in self._over(self._certain()):
            with self._database.write() as session:
                hold = session.get_one(HoldRow, hold_id, with_for_update=True)
                if hold.released_at is None:
                    self._release(session, hold, None, None)
                    done.ended += 1
        with self._database.read() as session:
            due = list(session.scalars(select(HoldRow.id).where(HoldRow.settled_at.is_(None)).order_by(HoldRow.id)))
        for hold_id in due:
            failed = self.settle(hold_id)
            done.failed |= failed
            done.settled += not failed
        return done

    def is_any_new(self) -> bool:
        """Whether a decision was made that the store was not asked to follow so far."""
        with self._database.read() as session:
            new = (HoldRow.settled_at.is_(None)) & (HoldRow.problem.is_(None))
            return session.scalar(select(HoldRow.id).where(new).limit(1)) is not None

    def _over(self, now: datetime) -> list[str]:
        """Return the holds whose last day has passed where their tenant lives."""
        with self._database.read() as session:
            dated = select(HoldRow).where(HoldRow.released_at.is_(None), HoldRow.until <= now.date())
            rows = session.scalars(dated.order_by(HoldRow.id)).all()
            return [
                row.id
                for row in rows
                if row.until is not None and row.until < civil_day(now, zone_of(session, row.tenant_id))
            ]

    def settle(self, hold_id: str) -> dict[str, str]:
        """Apply one hold's decision to the store; return error codes by record or hold.

        A record that the store was seen to follow is not asked about again: a run that was
        interrupted goes on where it was.

        Raises:
            Unavailable: The store or the database did not answer: the decision stands, and the next
                run resumes it.
        """
        with self._database.read() as session:
            hold = session.get_one(HoldRow, hold_id)
            first = listing.records_of(session, hold_id, initial=True)
        failed: dict[str, str] = {}
        try:
            self._state(hold, first)
        except (Corrupt, Refused, Unreadable) as error:  # the last concerns this one statement: no other hold waits
            failed[hold_id] = error.code
        after = ""
        while batch := self._unsettled(hold_id, after):
            for record_id in batch:
                try:
                    bring_in_step(self._database, self._store, self._clock, record_id)
                except (Corrupt, Refused) as error:
                    failed[record_id] = error.code
            after = batch[-1]
        with self._database.write() as session:
            row = session.get_one(HoldRow, hold_id, with_for_update=True)
            if row.released_at == hold.released_at:  # else it was released meanwhile: there is more to do
                settled = not failed and not listing.is_unsettled(session, hold_id)
                row.settled_at = self._clock() if settled else None
                row.problem = next(iter(failed.values()), None)
        return failed

    def _unsettled(self, hold_id: str, after: str) -> list[str]:
        query = select(HeldRecordRow.record_id).where(
            HeldRecordRow.hold_id == hold_id, HeldRecordRow.settled_at.is_(None), HeldRecordRow.record_id > after
        )
        with self._database.read() as session:
            return list(session.scalars(query.order_by(HeldRecordRow.record_id).limit(BATCH)))

    def _state(self, hold: HoldRow, records: Sequence[str]) -> None:
        """Write the statements of a hold; a statement is never replaced."""
        until = farthest_lock(self._certain().date(), self._horizon)
        told = {PLACED: hold_statements.placed(hold, records)}
        if hold.released_at is not None:
            told[RELEASED] = hold_statements.released(hold)
        for what, content in told.items():
            key = HoldKey(hold.tenant_id, hold.id, what).key
            try:
                self._store.put(key, content, sha256=digest_of(content), retain_until=until)
            except Refused as error:
                if error.code != "object_exists" or not self._was_told(hold, read_all(self._store, key)):
                    raise

    def _was_told(self, hold: HoldRow, content: bytes) -> bool:
        """Whether the journal has this statement, although the catalogue gives another one.

        It does when a record was lost.
        """
        digest = digest_of(content)
        if digest == hold.statement_sha256:
            return True
        told = rebuilding(RebuildEffect.HOLD, RebuildEffect.RELEASE)
        entry = JournalEntryRow
        query = select(entry.body).where(entry.tenant_id == hold.tenant_id, entry.type.in_(told))
        with self._database.read() as session:
            for body in session.scalars(query.execution_options(yield_per=1000)):
                facts = parse_canonical(body)["facts"]
                if facts.get("hold") == hold.id and facts["statement"] == digest:
                    return True
        return False


def enter(
    session: Session,
    ledger: Ledger,
    hold: HoldRow,
    records: Sequence[str],
    entry_type: EntryType,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write a new hold, what it covers from the beginning, and the entry about each record.

    Args:
        more: Facts of the entries besides the hold, its statement and its last day.
    """
    statement = digest_of(hold_statements.placed(hold, records))
    hold.statement_sha256 = statement
    session.add(hold)
    session.flush()
    if records:
        session.connection().execute(insert(HeldRecordRow), [{"hold_id": hold.id, "record_id": one} for one in records])
    facts = {"hold": hold.id, "statement": statement, "until": iso(hold.until), **(more or {})}
    if hold.scope is not None:
        whole = facts | {"scope": hold.scope, "records": len(records)}
        ledger.append(
            session,
            type=EntryType.HOLD_DECIDED,
            tenant=hold.tenant_id,
            subject=decision_of(hold.id),
            agent=hold.placed_by,
            facts=whole,
        )
    ledger.append_each(
        session,
        type=entry_type,
        tenant=hold.tenant_id,
        subjects=[f"record:{one}" for one in records],
        agent=hold.placed_by,
        facts=facts,
    )


def decision_of(hold_id: str) -> str:
    """Return the subject of the entries about a hold as a whole."""
    return f"{Subject.STATEMENT}:hold:{hold_id}"
