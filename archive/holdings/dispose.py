"""Execute a disposal: check each line again, commit the decision, destroy, show gone, commit that.

A line that was decided is finished by whichever run comes next; a hold that comes after that is
refused. Nothing is destroyed twice, since a second run lists what is left; nothing is destroyed
unlisted, since the decision is journalled first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.catalogue import rows as catalogue
from archive.catalogue.disposals import handed_over, next_supplement
from archive.database.disposal_tables import DisposalLineRow, DisposalRow
from archive.database.tables import (
    RecordRow,
)
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau, confirmation, projection
from archive.disposition.disposals.frozen import changed
from archive.disposition.disposals.population import candidate
from archive.disposition.due_states import Validated
from archive.holdings.gone import decided_facts, forget, same_bytes
from archive.holdings.hand_over import hand_over, replies_about
from archive.holdings.mandate import Mandate, mandate, stated_body
from archive.holdings.present import require_present
from archive.holdings.standstill import Standstill
from archive.holdings.stores import Stores
from archive.journal.sequencer import Entry
from archive.journal.types import EntryType
from archive.model.days import westernmost_day
from archive.model.disposals import FINAL_LINES, DisposalAction, DisposalState, LineState
from archive.model.records import Kind
from archive.model.states import RecordState
from archive.objects.erase import Erased, erase
from archive.objects.layout import record_folder
from archive.objects.port import ObjectStore
from archive.retention.civil import today_of
from signing.ground.clock import iso
from signing.ground.errors import Corrupt, Refused, Unavailable

BATCH: Final = 50
"""Lines that are decided in one transaction, then destroyed."""
MOST_OF_A_RUN: Final = 10_000
"""Lines after which the rest waits for the next run: a certificate tells of no more."""
_WORKERS: Final = 4
AGENT: Final = "service:disposal"
_VISAED: Final = (DisposalState.COOLING_OFF, DisposalState.APPROVED, DisposalState.EXECUTING)
"""States in which all visas are given."""
_CHANGES: Final = {DisposalState.EXECUTING: "executing", DisposalState.APPROVED: "cooled_off"}

Leave = Callable[[Session, str, str], None]
"""Forgets, in a transaction, what another package keeps of a record (its id, its deposit's)."""
Sweep = Callable[[str, str], Erased]
"""Erases the files that another package keeps of a record (its tenant, its deposit's id)."""


@dataclass
class Executed:
    """The result of one run.

    Attributes:
        destroyed: Records shown gone.
        transferred: Records whose custody ended.
        tenants: Whose they were.
        failed: Error code by record or disposal.
    """

    destroyed: int = 0
    transferred: int = 0
    tenants: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Disposer:
    """Executes disposals over every copy.

    Attributes:
        copies: Further stores that hold copies of records.
        require_trusted: Raises ``clock_distrusted``: nothing irreversible is done then.
    """

    stores: Stores
    copies: Sequence[ObjectStore]
    require_trusted: Callable[[], None]
    leave: Leave = lambda _session, _record, _deposit: None
    sweep: Sweep = lambda _tenant, _deposit: Erased(0, [], [])
    standstill: Standstill = field(default_factory=Standstill)

    def run(self) -> Executed:
        """Execute every disposal whose day has come; one failure doesn't stop the rest.

        Raises:
            Unavailable: The clock is not trusted, or a store or the database did not answer.
        """
        done = Executed()
        with self.stores.database.read() as session:
            row = DisposalRow
            wanted = [state.value for state in _VISAED]
            due = list(session.scalars(select(row.id).where(row.state.in_(wanted)).order_by(row.id)))
        for disposal in due:
            try:
                self.execute(disposal, done)
            except Corrupt as error:
                done.failed[disposal] = error.code
            except Unavailable as error:
                if error.code != "disposal_unproven":  # else it goes on once a checkpoint covers it
                    raise
        return done

    def execute(self, disposal_id: str, done: Executed) -> None:
        """Execute what can be executed of one disposal today.

        Raises:
            Corrupt: ``disposal_contradicted``.
            Unavailable: See ``run``.
        """
        self.require_trusted()
        if not self._begin(disposal_id) or self._stands_still(disposal_id):
            return
        require_present(self.stores.database, self.stores.store, self.copies)
        told = mandate(self.stores, disposal_id)
        supplement = self._supplement(disposal_id)
        if told.action is DisposalAction.TRANSFER:
            self._hand_over(told, supplement, done)
            return
        while batch := self._committed(disposal_id):
            if not self._finish(told, batch, supplement, done):
                break
        after, before = 0, done.destroyed
        while done.destroyed - before < MOST_OF_A_RUN and (lines := self._open(disposal_id, after)):
            after = lines[-1][0]
            if committed := self._commit(told, [record for _, record in lines]):
                self._finish(told, committed, supplement, done)
        self._end(told)
        with self.stores.database.read() as session:
            self.standstill.note(session, disposal_id, self.stores.certain_now)

    def _hand_over(self, told: Mandate, supplement: int, done: Executed) -> None:
        """End the custody of what the receiver took over; the rest waits for its reply."""
        replies = replies_about(self.stores, told.disposal)
        after = 0
        while lines := self._open(told.disposal, after):
            after, records = lines[-1][0], [record for _, record in lines]
            done.transferred += hand_over(self.stores, told, records, replies, supplement, self._judged, AGENT)
        self._end(told)

    # -- begin and end

    def _begin(self, disposal_id: str) -> bool:
        """Whether a disposal is to be executed today; its state then says so."""
        with self.stores.database.write() as session:
            row = session.get_one(DisposalRow, disposal_id)
            if row.state == DisposalState.EXECUTING:
                return True
            today = today_of(session, row.tenant_id, self.stores.clock())
            over = row.stop_until is not None and today.trusted and today.day > row.stop_until
            confirmed = row.content["confirmed_by"] is not None
            if row.state not in _VISAED or not over or (row.state == DisposalState.APPROVED and not confirmed):
                return False
            act = self._act(session, row.tenant_id)
            row = bordereau.changeable(act, disposal_id, row.number)
            state = DisposalState.EXECUTING if confirmed else DisposalState.APPROVED
            told = stated_body(session, row)
            bordereau.state_disposal(act, row, _CHANGES[state], {**told, "state": state.value})
            return confirmed

    def _stands_still(self, disposal_id: str) -> bool:
        with self.stores.database.read() as session:
            return self.standstill.lasts(session, disposal_id, self.stores.certain_now)

    def _end(self, told: Mandate) -> None:
        """State that a disposal is executed, once each of its lines is final."""
        with self.stores.database.write() as session:
            line = DisposalLineRow
            left = select(line.record_id).where(line.disposal_id == told.disposal, line.state.not_in(FINAL_LINES))
            if session.scalar(left.limit(1)) is not None:
                return
            act = self._act(session, told.tenant)
            row = bordereau.changeable(act, told.disposal, None)
            ended = {"state": DisposalState.EXECUTED.value, "ended_on": iso(act.today.day)}
            bordereau.state_disposal(act, row, "executed", {**row.content, **ended})

    def _supplement(self, disposal_id: str) -> int:
        """Return the number of this run: the certificate of an earlier one says all that it did."""
        with self.stores.database.read() as session:
            line = DisposalLineRow
            last = session.scalar(select(func.max(line.supplement)).where(line.disposal_id == disposal_id)) or 0
            return max(last + 1, next_supplement(session, disposal_id))

    def _act(self, session: Session, tenant: str) -> Act:
        return Act(session, self.stores.ledger, tenant, AGENT, self.stores.clock())

    # -- decide

    def _open(self, disposal_id: str, after: int) -> list[tuple[int, str]]:
        """Return the next lines that may still go: position and record."""
        with self.stores.database.read() as session:
            line = DisposalLineRow
            asked = select(line.position, line.record_id).where(
                line.disposal_id == disposal_id,
                line.state.not_in(FINAL_LINES),
                line.committed_at.is_(None),
                line.position > after,
            )
            return [
                (position, record) for position, record in session.execute(asked.order_by(line.position).limit(BATCH))
            ]

    def _committed(self, disposal_id: str) -> list[str]:
        """Return lines that an earlier run decided and did not finish."""
        with self.stores.database.read() as session:
            line = DisposalLineRow
            asked = select(line.record_id).where(
                line.disposal_id == disposal_id, line.committed_at.is_not(None), line.done_at.is_(None)
            )
            return list(session.scalars(asked.order_by(line.record_id).limit(BATCH)))

    def _commit(self, told: Mandate, records: Sequence[str]) -> list[str]:
        """Judge lines at this instant, and decide the destruction of those that may go."""
        with self.stores.database.write() as session:
            row = RecordRow
            ordered = select(row).where(row.id.in_(records)).order_by(row.id).with_for_update()
            there = {one.id: one for one in session.scalars(ordered.execution_options(populate_existing=True))}
            self.stores.ledger.take_turn(session)
            today = today_of(session, told.tenant, self.stores.clock())
            validated = Validated.load(session, told.tenant)
            going = []
            for record in records:
                line = session.get_one(DisposalLineRow, (told.disposal, record), populate_existing=True)
                verdict = self._judged(session, told, line, there.get(record), today.day, validated)
                if verdict is None and line.committed_at is None and line.state not in FINAL_LINES:
                    going.append(line)
            if going and today.trusted and today.day >= told.first_day:
                self._decide(session, told, going, there)
                return [line.record_id for line in going]
            return []

    def _judged(
        self,
        session: Session,
        told: Mandate,
        line: DisposalLineRow,
        row: RecordRow | None,
        day: date,
        validated: Validated,
    ) -> str | None:
        """Write what stands in the way of a line; return it, or None where nothing does."""
        frozen = told.lines.get(line.record_id)
        if row is None or frozen is None or row.state != RecordState.IN_DISPOSAL:
            line.state, line.reason = LineState.BLOCKED.value, "contradicted"
            return line.reason
        if not told.says(frozen).approved:
            line.state, line.reason = LineState.REFUSED.value, "unanswered"
            return line.reason
        original = catalogue.representation(session, told.tenant, row.id, Kind.ORIGINAL.value).sha256
        over = session.scalar(select(RecordRow.id).where(RecordRow.id == row.id, handed_over())) is not None
        now = candidate(row, told.action, original, frozen.position, frozen.group, day, validated, over=over)
        blocked = now.blocked
        if changed(frozen, now.line) and blocked in {None, "not_yet"} and told.action is not DisposalAction.REMOVE:
            blocked = "changed"
        if blocked is None and (catalogue.is_held(session, row.id) or _is_guarded(session, row.id)):
            blocked = "held"
        lock, last = row.locked_until, westernmost_day(self.stores.certain_now)
        stays = told.action is DisposalAction.TRANSFER  # its bytes: no lock stands in the way
        lock = lock if lock is not None and lock >= last and not stays else None
        line.locked_since = None if blocked else (line.locked_since or (day if lock else None))
        if blocked is None and not told.is_fresh(day, line.locked_since):
            blocked = "visa_stale"
        projection.stand(line, blocked, lock)
        return blocked or ("locked" if lock else None)

    def _decide(
        self, session: Session, told: Mandate, going: Sequence[DisposalLineRow], there: dict[str, RecordRow]
    ) -> None:
        for line in going:
            row = there[line.record_id]
            entry = self._enter(session, told.tenant, EntryType.DESTRUCTION_DECIDED, row.id, decided_facts(told, row))
            line.committed_at = entry.at
            self.leave(session, row.id, row.deposit_id)
            forget(session, row)  # whatever happens next, no reader finds a word of it

    def _enter(
        self, session: Session, tenant: str, entry_type: EntryType, record_id: str, facts: dict[str, Any]
    ) -> Entry:
        subject = f"record:{record_id}"
        return self.stores.ledger.append(
            session, type=entry_type, tenant=tenant, subject=subject, agent=AGENT, facts=facts
        )

    # -- destroy

    def _finish(self, told: Mandate, records: Sequence[str], supplement: int, done: Executed) -> bool:
        """Destroy records that were decided; whether any of them is gone."""
        with self.stores.database.read() as session:
            asked = select(RecordRow.id, RecordRow.deposit_id).where(RecordRow.id.in_(records))
            deposits = {record: deposit for record, deposit in session.execute(asked)}  # noqa: C416 - typed
        with ThreadPoolExecutor(_WORKERS) as workers:
            found = workers.map(lambda one: self._erase(told.tenant, one, deposits[one]), records)
            erased: dict[str, list[Erased] | str] = dict(zip(records, found, strict=True))
        require_present(self.stores.database, self.stores.store, self.copies)  # all the time
        gone = [record for record in records if isinstance(erased[record], list)]
        done.failed |= {record: str(erased[record]) for record in records if record not in gone}
        with self.stores.database.write() as session:
            supplement = max(supplement, next_supplement(session, told.disposal))  # none that is certified grows
            for record in records:
                line = session.get_one(DisposalLineRow, (told.disposal, record))
                what = erased[record]
                if isinstance(what, str):
                    line.state, line.reason = LineState.FAILED.value, what
                elif line.done_at is None:
                    self._gone(session, told, line, what, supplement)
                    done.destroyed += 1
                    done.tenants.add(told.tenant)
        return bool(gone)

    def _erase(self, tenant: str, record_id: str, deposit_id: str) -> list[Erased] | str:
        """Erase a record everywhere, copies first; return an error code where something is left."""
        prefix = record_folder(tenant, record_id).prefix
        try:
            found = [erase(store, prefix) for store in (*self.copies, self.stores.store)]
            beside = self.sweep(tenant, deposit_id)
        except (Corrupt, Refused, Unavailable) as error:
            return error.code
        everything = [*found, beside]
        if all(one.is_gone for one in everything):
            return found
        return "object_locked" if any(one.locked for one in everything) else "objects_left"

    def _gone(
        self, session: Session, told: Mandate, line: DisposalLineRow, found: Sequence[Erased], supplement: int
    ) -> None:
        """Commit that a record is gone: the entry, and a row that keeps no word of it."""
        row = session.get_one(RecordRow, line.record_id, with_for_update=True)
        versions = sum(one.versions for one in found)
        facts = {
            "disposal": told.disposal,
            "supplement": supplement,
            "record": told.lines[row.id].record_json,
            "copies": len(found),
            "versions": versions,
            "detached": same_bytes(session, told.tenant, told.lines[row.id].original),
        }
        entry = self._enter(session, told.tenant, EntryType.RECORD_DISPOSED, row.id, facts)
        self.leave(session, row.id, row.deposit_id)
        forget(session, row)
        line.state, line.reason, line.waiting_until = LineState.DESTROYED.value, None, None
        line.done_at, line.supplement = entry.at, supplement
        line.result = {"stores": len(found), "versions": versions, "entry": entry.n, "detached": facts["detached"]}


def _is_guarded(session: Session, record_id: str) -> bool:
    """Whether a legal hold of a store still stands on an object: its end has not reached it yet."""
    return any(one.legal_hold for one in catalogue.rows(session, record_id))


confirm = confirmation.confirm
"""See ``confirmation``: it stands here too for those who execute what they confirm."""
