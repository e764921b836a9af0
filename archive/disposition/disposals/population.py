"""Population of a disposal: the records that it may take, as they are on a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from archive.catalogue.description import not_kept
from archive.catalogue.disposals import handed_over
from archive.database.batches import batches
from archive.database.tables import RecordRow, RepresentationRow
from archive.disposition.act import Act
from archive.disposition.disposals.frozen import FrozenLine
from archive.disposition.due_lines import in_state
from archive.disposition.due_query import DueQuery
from archive.disposition.due_states import Validated, standing_of
from archive.model.disposals import Direction, DisposalAction
from archive.model.final_actions import FinalAction
from archive.model.identifiers import is_id
from archive.model.records import Kind
from archive.model.states import RecordState
from archive.retention.states import DueState, state_of
from signing.ground.errors import Refused

MOST_LINES: Final = 100_000
"""Most records of one disposal."""
OTHER_ACTION: Final = "other_action"
NOTHING_CHANGED: Final = "Rien n’a été changé."
NOTHING_MADE: Final = "Aucun bordereau n’a été dressé."


@dataclass(frozen=True)
class Candidate:
    """A record that a disposal takes, and what stands in its way on that day.

    Attributes:
        blocked: A word of ours; None: it may go.
        locked_until: Last day of the lock of a store; None: none stands in its way.
    """

    line: FrozenLine
    blocked: str | None
    locked_until: date | None


def chosen(
    act: Act,
    action: DisposalAction,
    *,
    records: Sequence[str] | None,
    query: DueQuery | None,
    direction: Direction = Direction.SERVICE_ASKS,
) -> list[str]:
    """Return the records that a disposal takes, in order, each locked until the end of the act.

    Args:
        records: These, all of them or none.
        query: All that are ready on the present day.
        direction: What was handed over is destroyed only where the archives propose it.

    Raises:
        Refused: ``bad_disposal``, ``record_not_found``, ``record_not_kept``,
            ``record_in_disposal``.
    """
    if (records is None) == (query is None):
        raise bad_disposal("/records", "Donnez des documents, ou une recherche : l’un des deux.")
    wanted = sorted(set(records)) if records is not None else _ready(act, action, query or DueQuery())
    if not 0 < len(wanted) <= MOST_LINES:
        raise bad_disposal("/records", "Un bordereau compte de 1 à {most} documents.", most=MOST_LINES)
    over = action is DisposalAction.DESTROY and direction is Direction.ARCHIVES_PROPOSE
    for some in batches(wanted):
        _require(act, some, over=over)
    act.ledger.take_turn(act.session)
    for some in batches(wanted):
        _require(act, some, over=over)  # nobody took one before our turn
    return wanted


def _ready(act: Act, action: DisposalAction, query: DueQuery) -> list[str]:
    """Return the records that are ready, and those that wait for nothing but a lock."""
    row, day, wanted = RecordRow, act.today.day, taken_by(action)
    asked = replace(query, action=None)
    found: set[str] = set()
    for state in (DueState.READY, DueState.LOCKED_UNTIL):
        scope = in_state(act.session, act.tenant, day, asked, state)
        found |= set(act.session.scalars(select(row.id).where(*scope, *wanted).limit(MOST_LINES + 1)))
    return sorted(found)


def taken_by(action: DisposalAction) -> list[ColumnElement[bool]]:
    """Return the conditions of the records that an action takes."""
    final = action.final_action
    return [or_(RecordRow.final_action == final, RecordRow.sorted == final)] if final is not None else []


def _require(act: Act, wanted: Sequence[str], *, over: bool = False) -> None:
    """Lock records in order; refuse one that is not here, not kept, or in another disposal.

    Args:
        over: Whether records that were handed over may be taken too.
    """
    if not all(is_id(one) for one in wanted):
        raise _not_found()
    row = RecordRow
    asked = select(row.id, row.state).where(row.id.in_(wanted), row.tenant_id == act.tenant).order_by(row.id)
    there = {one: RecordState(state) for one, state in act.session.execute(asked.with_for_update())}
    if len(there) < len(wanted):
        raise _not_found()
    for state in there.values():
        if state.gone and not (over and state is RecordState.TRANSFERRED):
            raise not_kept(state.value)
        if state is RecordState.IN_DISPOSAL:
            raise Refused(
                "record_in_disposal",
                "Un document est déjà dans un autre bordereau.",
                kept=NOTHING_MADE,
                action="Retirez-le, ou retirez-le d’abord de l’autre bordereau.",
                pointer="/records",
            )


def candidates(act: Act, action: DisposalAction, wanted: Sequence[str]) -> list[Candidate]:
    """Return the records as lines, in the order of the bordereau, with what stands in the way."""
    session, day = act.session, act.today.day
    validated = Validated.load(session, act.tenant)
    found: list[tuple[RecordRow, str]] = []
    over: set[str] = set()
    for some in batches(wanted, 1000):
        originals = dict(_originals(session, some))
        over |= set(session.scalars(select(RecordRow.id).where(RecordRow.id.in_(some), handed_over())))
        rows = session.scalars(select(RecordRow).where(RecordRow.id.in_(some)))
        found += [(row, originals[row.id]) for row in rows]
    found.sort(key=lambda pair: _place(pair[0]))
    groups: dict[tuple[str, str, str], int] = {}
    made = []
    for position, (row, original) in enumerate(found, 1):
        group = groups.setdefault(_group(row), len(groups) + 1)
        made.append(candidate(row, action, original, position, group, day, validated, over=row.id in over))
    return made


def candidate(
    row: RecordRow,
    action: DisposalAction,
    original: str,
    position: int,
    group: int,
    day: date,
    validated: Validated,
    *,
    over: bool = False,
) -> Candidate:
    """Return one record as a line, with what stands in its way on a day.

    Args:
        over: Whether it was handed over: what its rules ask for is the receiver's to do.
    """
    standing = replace(standing_of(row, day, validated), in_disposal=False)
    state = state_of(standing, day)
    others = row.other_rules.split(";") if row.other_rules else []
    rules = [f"{row.rule_code}/{row.rule_version}", *others] if row.rule_code else others
    line = FrozenLine(
        record=row.id,
        position=position,
        group=group,
        record_json=row.record_json_sha256,
        original=original,
        rules=tuple(dict.fromkeys(rules)),
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        due_on=row.due_on,
        final_action=row.final_action,
        sorted=row.sorted,
        document_type=row.document_type,
        document_date=row.document_date,
        file=row.file,
        size=row.bytes,
    )
    until = row.withheld_until if over and action is DisposalAction.DESTROY else standing.locked_until
    locked = until if until is not None and until >= day else None
    blocked = _BLOCKS.get(state)
    wanted = action.final_action
    if blocked is None and wanted is not None and FinalAction(row.outcome) is not wanted and not over:
        blocked = OTHER_ACTION  # named one by one: its rules ask for something else
    if action is DisposalAction.REMOVE and blocked != DueState.HELD:
        blocked = None  # no retention ends: only a hold stands in its way
    return Candidate(line, blocked, locked)


_BLOCKS: Final[Mapping[DueState, str]] = {
    state: {DueState.TO_SORT: "not_sorted"}.get(state, state.value)
    for state in DueState
    if state not in {DueState.READY, DueState.LOCKED_UNTIL}
}
"""What blocks a line, by the state of its record."""


def _group(row: RecordRow) -> tuple[str, str, str]:
    return row.rule_code or "", row.document_type or "", row.file or ""


def _place(row: RecordRow) -> tuple[Any, ...]:
    return (*_group(row), row.document_date or date.max, row.id)


def _originals(session: Session, wanted: Iterable[str]) -> list[tuple[str, str]]:
    form = RepresentationRow
    asked = select(form.record_id, form.sha256).where(form.record_id.in_(list(wanted)), form.kind == Kind.ORIGINAL)
    return [(record, digest) for record, digest in session.execute(asked)]


def bad_disposal(pointer: str, detail: str, **values: Any) -> Refused:
    """Return the refusal of a value of a disposal."""
    return Refused(
        "bad_disposal", detail, kept=NOTHING_CHANGED, action="Corrigez-la, puis recommencez.", pointer=pointer, **values
    )


def _not_found() -> Refused:
    return Refused(
        "record_not_found",
        "Un document n’existe pas.",
        kept=NOTHING_MADE,
        action="Vérifiez les identifiants.",
        pointer="/records",
    )
