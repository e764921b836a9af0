"""Lists of disposals, of their lines and of the groups that a reader sees, page by page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

from sqlalchemy import BigInteger, Select, case, cast, func, select
from sqlalchemy.orm import Session

from archive.database.disposal_tables import DisposalLineRow, DisposalRow, DisposalVisaRow
from archive.database.tables import RecordRow
from archive.disposition.disposals.frozen import FrozenLine, read_line
from archive.disposition.disposals.holds_now import reason_now, state_now
from archive.disposition.disposals.population import taken_by
from archive.disposition.due_counts import NONE, Count, analyse
from archive.disposition.due_lines import in_state
from archive.disposition.due_query import DueQuery
from archive.model.disposals import OPEN_DISPOSALS, DisposalAction, DisposalState, LineState
from archive.retention.states import DueState, due_list_of

_UNCONFIRMED: Final = DisposalRow.content["confirmed_by"].as_string().is_(None)
_ENTERED: Final = "entered"
Tally = Mapping[tuple[LineState, str | None], Count]
"""Number and size of lines by state and, of what is blocked, refused or failed, by reason."""


def page(
    session: Session,
    tenant: str,
    states: Collection[DisposalState],
    *,
    unconfirmed: bool = False,
    blocked: str | None = None,
    before: str | None = None,
    limit: int,
) -> Sequence[DisposalRow]:
    """Return disposals in these states, the one drafted last first; without states, all.

    Args:
        unconfirmed: Only those whose execution nobody has confirmed.
        blocked: Only those with lines that this stands in the way of; empty: anything.
        before: Id of the last one of the page before.
    """
    row, line = DisposalRow, DisposalLineRow
    asked = select(row).where(row.tenant_id == tenant)
    if states:
        asked = asked.where(row.state.in_([state.value for state in states]))
    if unconfirmed:
        asked = asked.where(_UNCONFIRMED)
    if blocked is not None:
        lines = select(line.disposal_id).where(line.disposal_id == row.id, state_now() == LineState.BLOCKED)
        asked = asked.where((lines.where(reason_now() == blocked) if blocked else lines).exists())
    if before is not None:
        asked = asked.where(row.id < before)
    return session.scalars(asked.order_by(row.id.desc()).limit(limit)).all()


def in_states(session: Session, tenant: str, *states: DisposalState) -> Sequence[DisposalRow]:
    """Return all disposals in these states, the one drafted first at the beginning."""
    row = DisposalRow
    asked = select(row).where(row.tenant_id == tenant, row.state.in_([state.value for state in states]))
    return session.scalars(asked.order_by(row.id)).all()


# -- lines


def lines(
    session: Session,
    disposal_id: str,
    *,
    group: int | None = None,
    state: LineState | None = None,
    reason: str | None = None,
    after: int = 0,
    limit: int,
) -> Sequence[DisposalLineRow]:
    """Return lines in the order of the bordereau.

    Args:
        reason: Of what is blocked, refused or failed.
        after: Position of the last one of the page before.
    """
    line = DisposalLineRow
    asked = select(line).where(line.disposal_id == disposal_id, line.position > after)
    if group is not None:
        asked = asked.where(line.group_no == group)
    if state is not None:
        asked = asked.where(state_now() == state)
    if reason is not None:
        asked = asked.where(reason_now() == reason)
    return session.scalars(asked.order_by(line.position).limit(limit)).all()


def line(session: Session, disposal_id: str, record_id: str) -> DisposalLineRow:
    """Return one line, which is there."""
    return session.get_one(DisposalLineRow, (disposal_id, record_id))


def state_of_line(session: Session, disposal_id: str, record_id: str) -> LineState | None:
    """Return the state of a line; None where there is none."""
    found = session.get(DisposalLineRow, (disposal_id, record_id))
    return LineState(found.state) if found is not None else None


def tally(session: Session, disposal_id: str) -> Tally:
    """Return number and size of the lines of a disposal."""
    found = session.execute(_counted(disposal_id, state_now(), reason_now()).group_by("stands", "word"))
    return {(LineState(row.stands), row.word): Count(row.n, int(row.bytes)) for row in found}


def numbers(session: Session, disposals: Collection[str]) -> dict[str, dict[LineState, int]]:
    """Return the number of lines by state of several disposals, by an index alone."""
    line = DisposalLineRow
    asked = select(line.disposal_id, line.state, func.count()).where(line.disposal_id.in_(disposals))
    found: dict[str, dict[LineState, int]] = {one: {} for one in disposals}
    for disposal, state, n in session.execute(asked.group_by(line.disposal_id, line.state)):
        found[disposal][LineState(state)] = n
    return found


def blocked_lines(session: Session, tenant: str, state: LineState = LineState.BLOCKED) -> dict[str, dict[str, int]]:
    """Return how many lines of open disposals are blocked: by reason, then by disposal."""
    line, row = DisposalLineRow, DisposalRow
    told = reason_now().label("told")
    asked = select(told, line.disposal_id, func.count()).join(row, row.id == line.disposal_id)
    asked = asked.where(row.tenant_id == tenant, row.state.in_(OPEN_DISPOSALS), state_now() == state)
    found: dict[str, dict[str, int]] = {}
    for reason, disposal, n in session.execute(asked.group_by("told", line.disposal_id)):
        found.setdefault(reason or "", {})[disposal] = n
    return dict(sorted(found.items()))


def to_confirm(session: Session, tenant: str) -> Sequence[DisposalRow]:
    """Return the disposals whose execution somebody may confirm, the one drafted first at first."""
    row, states = DisposalRow, (DisposalState.COOLING_OFF.value, DisposalState.APPROVED.value)
    asked = select(row).where(row.tenant_id == tenant, row.state.in_(states), _UNCONFIRMED)
    return session.scalars(asked.order_by(row.id)).all()


def entered_visas(session: Session, tenant: str) -> Sequence[DisposalVisaRow]:
    """Return the visas that somebody entered from paper and that a second person must confirm."""
    visa, row = DisposalVisaRow, DisposalRow
    asked = select(visa).join(row, row.id == visa.disposal_id).where(row.tenant_id == tenant)
    asked = asked.where(row.state == DisposalState.SUBMITTED, visa.state == _ENTERED)
    return session.scalars(asked.order_by(visa.id)).all()


def waiting_until(session: Session, disposal_id: str) -> date | None:
    """Return the last day of the locks for which lines wait; None if none waits."""
    line = DisposalLineRow
    asked = select(func.max(line.waiting_until)).where(line.disposal_id == disposal_id)
    return session.scalar(asked.where(line.state == LineState.WAITING))


# -- groups


@dataclass
class Group:
    """A line as a reader sees it: the records of one rule, one type and one file.

    Attributes:
        first: Its first record, frozen: rule, type and file are those of all.
        earliest: Date of its oldest document; None where none has one.
        due_on: The latest day on which one of its records falls due.
    """

    number: int
    first: FrozenLine
    earliest: date | None = None
    latest: date | None = None
    due_on: date | None = None
    tally: dict[tuple[LineState, str | None], Count] = field(default_factory=dict)

    @property
    def total(self) -> Count:
        """All its records, those that were taken out too."""
        return sum(self.tally.values(), NONE)

    def of(self, *states: LineState) -> Count:
        """Return its records in these states."""
        return sum((count for (state, _), count in self.tally.items() if state in states), NONE)


def groups(session: Session, disposal_id: str, *, after: int = 0, limit: int) -> list[Group]:
    """Return groups in the order of the bordereau.

    Args:
        after: Number of the last one of the page before.
    """
    line, frozen = DisposalLineRow, DisposalLineRow.frozen
    asked = _counted(disposal_id).add_columns(
        line.group_no.label("number"),
        func.min(line.position).label("first"),
        func.min(frozen["document_date"].as_string()).label("earliest"),
        func.max(frozen["document_date"].as_string()).label("latest"),
        func.max(frozen["due_on"].as_string()).label("due_on"),
    )
    asked = asked.where(line.group_no > after, line.group_no <= after + limit)  # numbers leave no gap
    rows = session.execute(asked.group_by(line.group_no, "stands", "word").order_by(line.group_no)).all()
    firsts = {number: min(row.first for row in rows if row.number == number) for number in {r.number for r in rows}}
    there = session.scalars(
        select(line).where(line.disposal_id == disposal_id, line.position.in_(list(firsts.values())))
    )
    found = {row.group_no: Group(row.group_no, read_line(row.frozen)) for row in there}
    for row in rows:
        group = found[row.number]
        group.tally[(LineState(row.stands), row.word)] = Count(row.n, int(row.bytes))
        group.earliest = min(filter(None, (group.earliest, _day(row.earliest))), default=None)
        group.latest = max(filter(None, (group.latest, _day(row.latest))), default=None)
        group.due_on = max(filter(None, (group.due_on, _day(row.due_on))), default=None)
    return [found[number] for number in sorted(found)]


def _counted(disposal_id: str, state: Any = DisposalLineRow.state, reason: Any = DisposalLineRow.reason) -> Select[Any]:
    line = DisposalLineRow
    words = case((state.in_((LineState.BLOCKED, LineState.REFUSED, LineState.FAILED)), reason))
    size = cast(line.frozen["size"].as_string(), BigInteger)
    return select(
        state.label("stands"),
        words.label("word"),
        func.count().label("n"),
        func.coalesce(func.sum(size), 0).label("bytes"),
    ).where(line.disposal_id == disposal_id)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


# -- before it is drafted


@dataclass(frozen=True)
class Foreseen:
    """What a disposal of all that a question finds would take today, and what stays out.

    Attributes:
        locked: Records that it takes too, and that wait for nothing but the lock of a store.
        locked_from: The earliest last day of these locks.
        locked_until: The latest.
        blocked: Due records that it does not take, by what stands in their way.
    """

    ready: Count
    locked: Count
    locked_from: date | None
    locked_until: date | None
    blocked: Mapping[DueState, Count]

    @property
    def taken(self) -> Count:
        """All records of the disposal."""
        return self.ready + self.locked


def foresee(session: Session, tenant: str, day: date, action: DisposalAction, query: DueQuery) -> Foreseen:
    """Return what a disposal of all that is due and found would be."""
    row, asked = RecordRow, replace(query, action=None)
    found = {}
    for state in (DueState.READY, DueState.LOCKED_UNTIL):
        scope = in_state(session, tenant, day, asked, state)
        counted = select(
            func.count(), func.coalesce(func.sum(row.bytes), 0), func.min(row.locked_until), func.max(row.locked_until)
        )
        found[state] = session.execute(counted.where(*scope, *taken_by(action))).one()
    ready, locked = found[DueState.READY], found[DueState.LOCKED_UNTIL]
    blocked: Mapping[DueState, Count] = {}
    if action.final_action is not None:
        due = analyse(session, tenant, day, asked).due[due_list_of(action.final_action)]
        blocked = {state: due[state] for state in DueState if state in due and state not in found}
    return Foreseen(Count(ready[0], int(ready[1])), Count(locked[0], int(locked[1])), locked[2], locked[3], blocked)
