"""Place and release holds: each suspends every disposal, and the store follows.

The decision is committed first, with its entries; then, outside every transaction, the store is
brought in step: the statement that a rebuild needs, then the legal hold of every object in each
record's folder (``settling``). Any interruption
between the two leaves the hold *not settled*, and the next run resumes it. When a hold is lifted,
the catalogue stops claiming it before the store lifts it, so that a check in between reports no
fault.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from archive.catalogue import rows as catalogue
from archive.catalogue.description import not_kept
from archive.database.engine import Database
from archive.database.tables import (
    HeldRecordRow,
    HoldRow,
    JournalEntryRow,
    RecordRow,
    RepresentationRow,
    StoredFileRow,
)
from archive.disposition.holds import statements as hold_statements
from archive.disposition.holds.settling import bring_in_step, unclaim
from archive.disposition.holds.statements import PLACED, RELEASED, digest_of
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from archive.model.days import LAST_DAY
from archive.model.identifiers import is_id, new_id
from archive.model.states import RecordState
from archive.objects.layout import HoldKey
from archive.objects.port import ObjectStore, Unreadable, read_all
from archive.retention.civil import civil_day, today_of, zone_of
from archive.retention.dates import farthest_lock
from signing.ground.clock import Clock
from signing.ground.errors import Corrupt, Refused

MOST_RECORDS: Final = 500
"""Most records of one hold: each has its entry, and all are committed at once."""
LONGEST_REASON: Final = 2000
PATIENCE: Final = timedelta(minutes=15)
"""A hold unsettled for so long means that the store does not follow decisions."""


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

    def place(self, tenant: str, records: Sequence[str], *, reason: str, until: date | None, agent: str) -> str:
        """Decide a hold: in force in the catalogue on return; ``settle`` applies it to the store.

        Args:
            tenant: The tenant that owns the records.
            records: Ids of the records; all are held or none.
            reason: In words; never in the journal.
            until: Last day; None = until it is released. One that is past by a clock that is
                not believed is taken as given: the clock may be wrong, ``is_doubtful`` says so.
            agent: The agent that decides.

        Raises:
            Refused: ``bad_hold``, ``record_not_found``, ``record_not_kept``.
        """
        wanted = sorted(set(records))
        if not 0 < len(wanted) <= MOST_RECORDS:
            raise _refused("/records", "Un gel porte sur 1 à {most} documents.", most=MOST_RECORDS)
        reason = _reason(reason)
        certain = self._certain()
        with self._database.write() as session:
            _check_until(session, tenant, until, (self._clock(), certain))
            for record_id in wanted:  # in order, so that two holds never wait for each other
                row = catalogue.get(session, tenant, record_id)
                session.refresh(row, with_for_update=True)
                if RecordState(row.state).gone:
                    raise not_kept(row.state)
            hold = HoldRow(
                id=new_id(),
                tenant_id=tenant,
                reason=reason,
                until=until,
                placed_at=self._clock(),
                placed_by=agent,
                placed_salt=secrets.token_hex(16),
            )
            session.add(hold)
            session.flush()
            session.add_all(HeldRecordRow(hold_id=hold.id, record_id=record_id) for record_id in wanted)
            facts = {"hold": hold.id, "statement": digest_of(hold_statements.placed(hold, wanted))}
            for record_id in wanted:
                self._enter(session, EntryType.HOLD_PLACED, hold, record_id, agent, facts | {"until": _iso(until)})
            return hold.id

    def release(self, tenant: str, hold_id: str, *, reason: str, agent: str) -> None:
        """Decide that a hold ends: void on return; ``settle`` applies it to the store.

        Raises:
            Refused: ``hold_not_found``, ``hold_released``, ``bad_hold``.
        """
        reason = _reason(reason)
        with self._database.write() as session:
            hold = get(session, tenant, hold_id)
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
        hold.released_at, hold.released_by, hold.release_reason = self._clock(), agent, reason
        hold.release_salt = secrets.token_hex(16)
        hold.settled_at = hold.problem = None
        session.flush()
        statement = digest_of(hold_statements.released(hold))
        records = records_of(session, hold.id)
        for record_id in records:  # all of them before the first entry: the journal's lock is always taken last
            session.get_one(RecordRow, record_id, with_for_update=True)
        for record_id in records:
            unclaim(session, record_id)
            facts = {"hold": hold.id, "statement": statement, "ended": "expired" if agent is None else "released"}
            self._enter(session, EntryType.HOLD_RELEASED, hold, record_id, agent, facts)

    def _enter(
        self,
        session: Session,
        kind: EntryType,
        hold: HoldRow,
        record_id: str,
        agent: str | None,
        facts: Mapping[str, Any],
    ) -> None:
        subject = f"record:{record_id}"
        self._ledger.append(session, type=kind, tenant=hold.tenant_id, subject=subject, agent=agent, facts=dict(facts))

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

        Raises:
            Unavailable: The store or the database did not answer: the decision stands, and the next
                run resumes it.
        """
        with self._database.read() as session:
            hold = session.get_one(HoldRow, hold_id)
            records = records_of(session, hold_id)
        failed: dict[str, str] = {}
        try:
            self._state(hold, records)
        except (Corrupt, Refused, Unreadable) as error:  # the last concerns this one statement: no other hold waits
            failed[hold_id] = error.code
        for record_id in records:
            try:
                bring_in_step(self._database, self._store, record_id)
            except (Corrupt, Refused) as error:
                failed[record_id] = error.code
        with self._database.write() as session:
            row = session.get_one(HoldRow, hold_id, with_for_update=True)
            if row.released_at == hold.released_at:  # else it was released meanwhile: there is more to do
                row.settled_at = None if failed else self._clock()
                row.problem = next(iter(failed.values()), None)
        return failed

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
                if error.code != "object_exists" or not self._was_told(hold.id, records, read_all(self._store, key)):
                    raise

    def _was_told(self, hold_id: str, records: Sequence[str], content: bytes) -> bool:
        """Whether the journal has this statement, although the catalogue gives another one.

        It does when a record was lost.
        """
        with self._database.read() as session:
            query = select(JournalEntryRow.body).where(
                JournalEntryRow.subject.in_([f"record:{record_id}" for record_id in records])
            )
            facts = [json.loads(body)["facts"] for body in session.scalars(query)]
        return any(one.get("hold") == hold_id and one["statement"] == digest_of(content) for one in facts)


def get(session: Session, tenant: str, hold_id: str) -> HoldRow:
    """Return the hold, if it belongs to this tenant.

    Raises:
        Refused: ``hold_not_found``, in the same words whether the hold never existed or belongs to
            another tenant.
    """
    row = session.get(HoldRow, hold_id) if is_id(hold_id) else None
    if row is None or row.tenant_id != tenant:
        raise Refused("hold_not_found", "Ce gel n’existe pas.", action="Vérifiez l’identifiant du gel.")
    return row


def records_of(session: Session, hold_id: str) -> list[str]:
    """Return the records that a hold covers, in order."""
    query = select(HeldRecordRow.record_id).where(HeldRecordRow.hold_id == hold_id)
    return list(session.scalars(query.order_by(HeldRecordRow.record_id)))


def objects_of(session: Session, hold_id: str) -> int:
    """Count the objects of the records that a hold covers: a measure of what a store has to do."""
    covered = select(HeldRecordRow.record_id).where(HeldRecordRow.hold_id == hold_id)
    tables = (RepresentationRow, StoredFileRow)
    counts = (select(func.count()).select_from(table).where(table.record_id.in_(covered)) for table in tables)
    return sum(session.scalar(count) or 0 for count in counts)


def page(
    session: Session, tenant: str, *, in_force: bool | None = None, before: str | None = None, limit: int = 50
) -> Sequence[HoldRow]:
    """Return a tenant's holds, newest first; all, those in force, or those that ended."""
    query = select(HoldRow).where(HoldRow.tenant_id == tenant)
    if in_force is not None:
        query = query.where(HoldRow.released_at.is_(None) if in_force else HoldRow.released_at.is_not(None))
    if before is not None:
        query = query.where(HoldRow.id < before)
    return session.scalars(query.order_by(HoldRow.id.desc()).limit(limit)).all()


def overdue(session: Session, now: datetime) -> int:
    """Count overdue holds: unsettled for minutes, or not ended the day after their last."""
    decided = func.coalesce(HoldRow.released_at, HoldRow.placed_at)
    behind = (HoldRow.settled_at.is_(None)) & (decided < now - PATIENCE)
    over = (HoldRow.released_at.is_(None)) & (HoldRow.until < now.date() - timedelta(days=1))
    return session.scalar(select(func.count()).select_from(HoldRow).where(or_(behind, over))) or 0


def is_doubtful(session: Session, row: HoldRow, now: datetime) -> bool:
    """Whether a hold in force seems to be over, by a clock that is not believed."""
    today = today_of(session, row.tenant_id, now)
    return row.released_at is None and row.until is not None and row.until < today.day and not today.trusted


def _check_until(session: Session, tenant: str, until: date | None, moments: tuple[datetime, datetime]) -> None:
    """Refuse a last day that is past both by the clock, if it is trusted, and for certain."""
    days = [today_of(session, tenant, moment) for moment in moments]
    if until is not None and all(day.trusted and until < day.day for day in days):
        raise _refused("/until", "Le dernier jour du gel est déjà passé.")
    if until is not None and until > LAST_DAY:
        raise _refused("/until", "Le dernier jour du gel est après l’an 9000.")


def _reason(text: str) -> str:
    clean = text.strip()
    if not clean or len(clean) > LONGEST_REASON or "\0" in clean:
        raise _refused("/reason", "Le motif manque, ou dépasse {longest} signes.", longest=LONGEST_REASON)
    return clean


def _refused(pointer: str, detail: str, **values: object) -> Refused:
    return Refused(
        "bad_hold",
        detail,
        kept="Rien n’a été changé.",
        action="Corrigez ce champ puis recommencez.",
        pointer=pointer,
        **values,
    )


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None
