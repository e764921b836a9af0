"""Units to be sorted: records, or files as a whole; which ones are, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from archive.catalogue import stale
from archive.catalogue.plan_reach import tree_below
from archive.catalogue.sortings import is_sorted
from archive.database.batches import batches
from archive.database.retention_tables import PlanNodeRow, RecordNodeRow
from archive.database.sorting_tables import PopulationRow, SortingRow
from archive.database.tables import RecordRow
from archive.disposition.criteria import UNCHANGED, bad_sample
from archive.disposition.due_counts import NONE, Count
from archive.disposition.due_lines import in_state
from archive.disposition.due_query import DueQuery
from archive.disposition.sampling import SampleMethod, by_initials, by_years, read_rate, sample_size
from archive.model.final_actions import FinalAction
from archive.model.states import GONE, RecordState
from archive.retention.states import DueState
from signing.ground.errors import Refused, Unavailable

RECORD: Final = "record"
FILE: Final = "file"


@dataclass(frozen=True)
class FileToSort:
    """A file in which records are to be sorted, with their number and size."""

    node: PlanNodeRow
    count: Count


def scope(session: Session, tenant: str, day: date, query: DueQuery) -> list[ColumnElement[Any]]:
    """Return the conditions of the records that are to be sorted on a day."""
    return in_state(session, tenant, day, replace(query, action=FinalAction.SORT), DueState.TO_SORT)


def files_to_sort(
    session: Session, tenant: str, day: date, query: DueQuery, *, after: str | None = None, limit: int = 50
) -> list[FileToSort]:
    """Return the files in which something is to be sorted, in order of their codes.

    Args:
        query: Its text is looked for in the titles of the files, or is the code of one.
        after: Code of the last file of the page before.
    """
    node = PlanNodeRow
    asked = _files(session, tenant, day, query)
    if after is not None:
        asked = asked.where(node.code > after)
    found = session.scalars(asked.order_by(node.code).limit(limit)).all()
    place = RecordNodeRow
    counted = (
        select(place.node_id, func.count(), func.sum(RecordRow.bytes))
        .join(RecordRow, RecordRow.id == place.record_id)
        .where(place.node_id.in_([one.id for one in found]), *scope(session, tenant, day, replace(query, text=None)))
        .group_by(place.node_id)
    )
    counts = {one: Count(int(n), int(size)) for one, n, size in session.execute(counted)}
    return [FileToSort(one, counts.get(one.id, NONE)) for one in found]


def due_units(session: Session, tenant: str, unit: str, day: date, query: DueQuery, limit: int) -> list[str]:
    """Return the ids of the units that are to be sorted on a day."""
    if unit == FILE:
        asked = _files(session, tenant, day, query).with_only_columns(PlanNodeRow.id)
        return list(session.scalars(asked.order_by(PlanNodeRow.id).limit(limit)))
    records = select(RecordRow.id).where(*scope(session, tenant, day, query))
    return list(session.scalars(records.order_by(RecordRow.id).limit(limit)))


def _files(session: Session, tenant: str, day: date, query: DueQuery) -> Any:
    node, place = PlanNodeRow, RecordNodeRow
    within = (
        select(place.record_id)
        .join(RecordRow, RecordRow.id == place.record_id)
        .where(place.node_id == node.id, *scope(session, tenant, day, replace(query, text=None)))
    )
    asked = select(node).where(node.tenant_id == tenant, node.kind == FILE, node.removed.is_(False), within.exists())
    if query.text:
        asked = asked.where(or_(node.title.icontains(query.text, autoescape=True), node.code == query.text))
    return asked


def below(session: Session, tenant: str, unit: str, node: str) -> list[str]:
    """Return the units that lie below a node and about which nobody decided."""
    tree = select(tree_below(tenant, [node]).c.id)
    if unit == FILE:
        decided = select(SortingRow.id).where(SortingRow.id == PlanNodeRow.id, SortingRow.decision.is_not(None))
        files = select(PlanNodeRow.id).where(PlanNodeRow.id.in_(tree), PlanNodeRow.kind == FILE)
        return sorted(session.scalars(files.where(~decided.exists())))
    placed = select(RecordNodeRow.record_id).where(RecordNodeRow.node_id.in_(tree))
    records = select(RecordRow.id).where(RecordRow.id.in_(placed), RecordRow.state.not_in(GONE), ~is_sorted())
    return sorted(session.scalars(records))


def require_units(session: Session, tenant: str, unit: str, wanted: Sequence[str]) -> None:
    """Refuse units that are none, or are not kept here.

    Raises:
        Refused: ``bad_sample``, ``unit_not_found``.
    """
    if unit not in {RECORD, FILE}:
        raise bad_sample("/unit", "Un échantillon se tire parmi des documents ou des dossiers.")
    for some in batches(wanted):
        if len(set(_there(session, tenant, unit, some))) < len(some):
            raise Refused(
                "unit_not_found",
                "Une unité n’existe pas, ou n’est plus gardée ici.",
                kept=UNCHANGED,
                action="Vérifiez les identifiants.",
                pointer="/units",
            )


def _there(session: Session, tenant: str, unit: str, ids: Sequence[str]) -> Iterable[str]:
    if unit == FILE:
        files = select(PlanNodeRow.id).where(PlanNodeRow.tenant_id == tenant, PlanNodeRow.id.in_(ids))
        return session.scalars(files.where(PlanNodeRow.kind == FILE, PlanNodeRow.removed.is_(False)))
    records = select(RecordRow.id).where(RecordRow.tenant_id == tenant, RecordRow.id.in_(ids))
    return session.scalars(records.where(RecordRow.state.not_in(GONE)))


def records_of(unit: str, ids: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition of the records of these units."""
    if unit == FILE:
        return RecordRow.id.in_(select(RecordNodeRow.record_id).where(RecordNodeRow.node_id.in_(ids)))
    return RecordRow.id.in_(ids)


def require_open(session: Session, unit: str, wanted: Sequence[str]) -> None:
    """Refuse units of which something is being eliminated or transferred, or is gone.

    Raises:
        Refused: ``unit_in_disposal``.
    """
    closed = or_(RecordRow.state.in_(GONE), RecordRow.state == RecordState.IN_DISPOSAL)
    for some in batches(wanted):
        if session.scalar(select(RecordRow.id).where(and_(records_of(unit, some), closed)).limit(1)) is not None:
            raise Refused(
                "unit_in_disposal",
                "L’élimination ou le transfert d’une de ces unités est engagé : sa décision ne change plus.",
                kept=UNCHANGED,
                action="Retirez-la d’abord du bordereau, s’il n’est pas exécuté.",
                pointer="/units",
            )


def lock(session: Session, unit: str, wanted: Sequence[str]) -> None:
    """Lock the records of these units, before the turn to write to the journal is taken.

    Whoever writes a record holds its row and then waits for the turn; who took the turn first and
    then waited for the row, as a decision's trigger does, would wait for ever.
    """
    for some in batches(wanted):
        session.execute(
            select(RecordRow.id).where(records_of(unit, some)).order_by(RecordRow.id).with_for_update(of=RecordRow)
        )


def lock_late(session: Session, unit: str, wanted: Sequence[str]) -> None:
    """Lock what came into these units before the turn was taken, waiting for nobody.

    Raises:
        Unavailable: ``sorting_contended``: its owner may wait for the turn that is ours.
    """
    try:
        for some in batches(wanted):
            stale.lock_now(session, records_of(unit, some))
    except OperationalError as error:
        raise Unavailable(
            "sorting_contended",
            "Un document vient d’entrer dans une de ces unités, et il est en train de changer.",
            kept="Rien n’a été décidé.",
            action="Recommencez dans quelques instants.",
        ) from error


# -- what a criterion chooses


def chosen(session: Session, unit: str, units: Sequence[str], criterion: Mapping[str, Any]) -> list[str]:
    """Return the units that years or initials choose."""
    if criterion["method"] == SampleMethod.YEARS:
        return by_years(_starts(session, unit, units), criterion["endings"])
    names = _names(session, unit, units, criterion["field"])
    return by_initials(names, criterion["letters"], particles=criterion["particles"])


def number_kept(session: Session, unit: str, units: Sequence[str], criterion: Mapping[str, Any]) -> int | None:
    """Return how many units a criterion will keep; None where a person chooses each."""
    match SampleMethod(criterion["method"]):
        case SampleMethod.RANDOM:
            return sample_size(len(units), read_rate(criterion["rate"]))
        case SampleMethod.SPECIMEN:
            return min(len(units), int(criterion["count"]))
        case SampleMethod.SELECTION:
            return None
        case SampleMethod.YEARS | SampleMethod.INITIALS:
            return len(chosen(session, unit, units, criterion))


def _starts(session: Session, unit: str, units: Sequence[str]) -> dict[str, date | None]:
    """Return the start event of each unit: of a file, that of its records, else its closing."""
    whole = _whole(session, unit, units)
    if unit == RECORD:
        return {one.id: one.starts_on for one in whole}
    place, found = RecordNodeRow, {one.id: one.closed_on for one in whole}
    for some in batches(units):
        asked = (
            select(place.node_id, func.max(RecordRow.starts_on))
            .join(RecordRow, RecordRow.id == place.record_id)
            .where(place.node_id.in_(some), RecordRow.final_action == FinalAction.SORT)
            .where(RecordRow.starts_on.is_not(None))
            .group_by(place.node_id)
        )
        found.update((row[0], row[1]) for row in session.execute(asked))
    return found


def _names(session: Session, unit: str, units: Sequence[str], field: str) -> dict[str, str | None]:
    name = "code" if unit == FILE and field == "external_reference" else field
    return {one.id: getattr(one, name) for one in _whole(session, unit, units)}


def _whole(session: Session, unit: str, units: Sequence[str]) -> list[Any]:
    table: Any = PlanNodeRow if unit == FILE else RecordRow
    return [one for some in batches(units) for one in session.scalars(select(table).where(table.id.in_(some)))]


def population_of(session: Session, tenant: str, wanted: Sequence[str]) -> PopulationRow | None:
    """Return a population in which one of these units is; None if there is none."""
    ours = set(wanted)
    every = session.scalars(select(PopulationRow).where(PopulationRow.tenant_id == tenant))
    return next((row for row in every if ours & set(row.units)), None)
