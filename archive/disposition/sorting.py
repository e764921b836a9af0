"""Sort: freeze a population, draw its sample, decide about each unit with who and why.

A population is frozen once: none of its units may be in another one, so that nobody freezes again
until a draw pleases. The sample's decisions are statements about each unit, as a person's are; a
person may decide otherwise about a unit, with a reason.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from archive.catalogue import filing_plan, statements
from archive.catalogue.plan_reach import tree_below
from archive.catalogue.sortings import is_sorted
from archive.database.batches import batches
from archive.database.retention_tables import PlanNodeRow, RecordNodeRow
from archive.database.sorting_tables import PopulationRow, SortingRow
from archive.database.tables import CheckpointRow, RecordRow
from archive.disposition.sampling import (
    SampleMethod,
    by_initials,
    by_years,
    drawn,
    population_digest,
    read_rate,
    sample_size,
    seed_of,
)
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from archive.model.final_actions import FinalAction
from archive.model.identifiers import is_id, new_id
from archive.model.statement_kinds import StatementKind
from archive.model.states import GONE
from signing.ground.errors import Refused

MOST_UNITS: Final = 5000
"""Most units of one population: each gets a decision of its own, all in one transaction."""
LONGEST: Final = 2000
RECORD: Final = "record"
FILE: Final = "file"
FIELDS: Final = ("title", "producer", "external_reference")
"""Fields whose initial may choose; of a file: its title, its producer, its code."""
_UNCHANGED: Final = "Rien n’a été changé."


@dataclass(frozen=True)
class SortingAct:
    """An act of sorting in one tenant, in a write transaction."""

    session: Session
    ledger: Ledger
    tenant: str
    agent: str
    now: datetime


def freeze(
    act: SortingAct,
    *,
    title: str,
    unit: str,
    units: Sequence[str] | None,
    node: str | None,
    criterion: Mapping[str, Any],
) -> str:
    """Freeze a population; return its id.

    Args:
        unit: ``record`` or ``file``.
        units: Ids of the units; None: all that lie below ``node`` and are not sorted yet.
        criterion: ``method`` with its ``rate``, its ``endings``, or its ``letters``, ``field`` and
            ``particles``.

    Raises:
        Refused: ``bad_sample``, ``unit_not_found``, ``unit_in_a_population``.
    """
    clean = _criterion(criterion)
    name = title.strip()
    if not name or len(name) > LONGEST or "\0" in name:
        raise bad_sample("/title", "Le titre manque, ou est trop long.")
    if unit not in {RECORD, FILE}:
        raise bad_sample("/unit", "Un échantillon se tire parmi des documents ou des dossiers.")
    act.ledger.take_turn(act.session)  # nothing is frozen, sorted or kept in between
    wanted = sorted(set(units)) if units is not None else _below(act, unit, node or "")
    if not 0 < len(wanted) <= MOST_UNITS:
        raise bad_sample("/units", "Une population compte de 1 à {most} unités.", most=MOST_UNITS)
    _require_units(act, unit, wanted)
    _require_free(act, wanted)
    body = {
        "title": name,
        "unit": unit,
        "method": clean["method"],
        "criterion": clean,
        "units": wanted,
        "digest": population_digest(wanted),
        "draw": None,
    }
    made = new_id()
    _state(act, StatementKind.POPULATION, made, 0, "frozen", body, EntryType.POPULATION_FROZEN)
    return made


def draw(act: SortingAct, population_id: str) -> PopulationRow:
    """Draw the sample of a population, and decide about each of its units accordingly.

    Raises:
        Refused: ``population_not_found``; ``sample_drawn``; ``sample_not_ready``: no time-stamped
            checkpoint was published since the population was frozen.
    """
    act.ledger.take_turn(act.session)
    row = get(act.session, act.tenant, population_id)
    if row.draw is not None:
        raise Refused(
            "sample_drawn",
            "L’échantillon de cette population est déjà tiré.",
            kept=_UNCHANGED,
            action="Pour une unité en particulier, décidez autrement avec un motif.",
        )
    told: dict[str, Any] = {"at_entry": row.frozen_entry}
    if row.method == SampleMethod.RANDOM:
        point = _checkpoint(act.session, row.frozen_entry)
        told |= {
            "checkpoint": point.number,
            "size": point.size,
            "seed": seed_of(point.note.encode(), point.token or b""),
        }
        count = sample_size(len(row.units), read_rate(row.criterion["rate"]))
        kept = drawn(row.units, told["seed"], count)
    elif row.method == SampleMethod.YEARS:
        kept = by_years(_starts(act, row), row.criterion["endings"])
    else:
        names = _names(act, row, row.criterion["field"])
        kept = by_initials(names, row.criterion["letters"], particles=row.criterion["particles"])
    body = {name: getattr(row, name) for name in ("title", "unit", "method", "criterion", "units", "digest")}
    body |= {"frozen_entry": row.frozen_entry, "draw": told | {"kept": sorted(kept)}}
    _state(act, StatementKind.POPULATION, row.id, row.number, "drawn", body, EntryType.SAMPLE_DRAWN)
    chosen = set(kept)
    for unit in row.units:
        decision = FinalAction.KEEP if unit in chosen else FinalAction.DESTROY
        if act.session.get(SortingRow, unit) is None:  # else a person decided meanwhile
            _decide(act, row.unit, unit, 0, decision, row.title, row.id)
    return row


def decide(act: SortingAct, unit: str, unit_id: str, *, decision: str, reason: str) -> SortingRow:
    """Decide about one unit, also otherwise than its sample did.

    Raises:
        Refused: ``bad_sample``, ``unit_not_found``.
    """
    clean = reason.strip()
    if not clean or len(clean) > LONGEST or "\0" in clean:
        raise bad_sample("/reason", "Le motif manque, ou est trop long.")
    if decision not in {FinalAction.KEEP, FinalAction.DESTROY}:
        raise bad_sample("/decision", "Une unité triée est à garder ou à éliminer.")
    if unit not in {RECORD, FILE}:
        raise bad_sample("/unit", "Un échantillon se tire parmi des documents ou des dossiers.")
    _require_units(act, unit, [unit_id])
    number = statements.latest_number(act.session, StatementKind.SORTING, unit_id)
    _decide(act, unit, unit_id, number, FinalAction(decision), clean, None)
    return act.session.get_one(SortingRow, unit_id)


def get(session: Session, tenant: str, population_id: str) -> PopulationRow:
    """Return a population of this tenant.

    Raises:
        Refused: ``population_not_found``.
    """
    row = session.get(PopulationRow, population_id) if is_id(population_id) else None
    if row is None or row.tenant_id != tenant:
        raise Refused("population_not_found", "Cette population n’existe pas.", action="Vérifiez son identifiant.")
    return row


def page(session: Session, tenant: str, *, before: str | None = None, limit: int = 50) -> Sequence[PopulationRow]:
    """Return a tenant's populations, newest first."""
    query = select(PopulationRow).where(PopulationRow.tenant_id == tenant)
    if before is not None:
        query = query.where(PopulationRow.id < before)
    return session.scalars(query.order_by(PopulationRow.id.desc()).limit(limit)).all()


def sample_file(session: Session, row: PopulationRow) -> dict[str, Any]:
    """Return all that ``verify_sample.py`` needs to draw a random sample again.

    Raises:
        Refused: ``sample_not_ready``: it is not drawn, or not by chance.
    """
    if row.draw is None or row.method != SampleMethod.RANDOM:
        raise _not_ready()
    point = checkpoint_of(session, row)
    if point is None:
        raise _not_ready()
    return {
        "v": 1,
        "type": "sample",
        "population": row.id,
        "units": row.units,
        "population_digest": row.digest,
        "frozen_entry": row.frozen_entry,
        "rate": str(read_rate(row.criterion["rate"])),
        "seed": row.draw["seed"],
        "kept": row.draw["kept"],
        "checkpoint": {
            "number": point.number,
            "size": point.size,
            "note": base64.b64encode(point.note.encode()).decode(),
            "token": base64.b64encode(point.token or b"").decode(),
        },
    }


def checkpoint_of(session: Session, row: PopulationRow) -> CheckpointRow | None:
    """Return the checkpoint that gave the seed of a draw; None where chance had no part in it.

    It is known by its size: a rebuild numbers checkpoints anew.
    """
    size = (row.draw or {}).get("size")
    return session.scalar(select(CheckpointRow).where(CheckpointRow.size == size)) if size is not None else None


# -- what is sorted, and what is to be


def to_sort(
    session: Session, tenant: str, day: date, *, after: str | None = None, limit: int = 50
) -> Sequence[RecordRow]:
    """Return the records to be sorted by a day that nobody decided about, in order of their ids."""
    query = select(RecordRow).where(
        RecordRow.tenant_id == tenant,
        RecordRow.state.not_in(GONE),
        RecordRow.final_action == FinalAction.SORT,
        RecordRow.due_on <= day,
        ~is_sorted(),
    )
    if after is not None:
        query = query.where(RecordRow.id > after)
    return session.scalars(query.order_by(RecordRow.id).limit(limit)).all()


# -- parts


def _state(
    act: SortingAct,
    kind: StatementKind,
    subject: str,
    expected: int,
    change: str,
    body: Mapping[str, Any],
    entry_type: EntryType,
) -> None:
    made, entry = statements.state(
        act.session,
        act.ledger,
        tenant=act.tenant,
        kind=kind,
        subject=subject,
        expected=expected,
        change=change,
        body=body,
        entry_type=entry_type,
        agent=act.agent,
        now=act.now,
    )
    filing_plan.project(act.session, made, entry)


def _decide(
    act: SortingAct, unit: str, unit_id: str, number: int, decision: FinalAction, reason: str, population: str | None
) -> None:
    body = {"unit": unit, "decision": decision.value, "reason": reason, "population_id": population}
    _state(act, StatementKind.SORTING, unit_id, number, "sorted", body, EntryType.UNIT_SORTED)


def _criterion(given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        method = SampleMethod(given.get("method", ""))
        if method is SampleMethod.RANDOM:
            return {"method": method.value, "rate": str(read_rate(str(given.get("rate", ""))))}
        if method is SampleMethod.YEARS:
            endings = sorted({int(one) for one in given.get("endings") or ()})
            if not endings or not set(endings) <= set(range(10)):
                raise ValueError("no digits")
            return {"method": method.value, "endings": endings}
        letters = sorted({str(one).strip() for one in given.get("letters") or ()} - {""})
        if not letters or given.get("field", "title") not in FIELDS or any(len(one) > 2 for one in letters):
            raise ValueError("no letters")
        particles = bool(given.get("particles"))
        return {
            "method": method.value,
            "letters": letters,
            "field": given.get("field", "title"),
            "particles": particles,
        }
    except (ValueError, TypeError) as error:
        raise bad_sample("/criterion", "Ce critère ne se lit pas : dites la méthode et ce qu’elle demande.") from error


def _below(act: SortingAct, unit: str, node: str) -> list[str]:
    tree = select(tree_below(act.tenant, [node]).c.id)
    if unit == FILE:
        files = select(PlanNodeRow.id).where(PlanNodeRow.id.in_(tree), PlanNodeRow.kind == "file")
        return sorted(act.session.scalars(files.where(~exists().where(SortingRow.id == PlanNodeRow.id))))
    placed = select(RecordNodeRow.record_id).where(RecordNodeRow.node_id.in_(tree))
    records = select(RecordRow.id).where(RecordRow.id.in_(placed), RecordRow.state.not_in(GONE), ~is_sorted())
    return sorted(act.session.scalars(records))


def _require_units(act: SortingAct, unit: str, wanted: Sequence[str]) -> None:
    for some in batches(wanted):
        found = set(_rows(act.session, act.tenant, unit, some))
        if len(found) < len(some):
            raise Refused(
                "unit_not_found",
                "Une unité n’existe pas, ou n’est plus gardée ici.",
                kept=_UNCHANGED,
                action="Vérifiez les identifiants.",
                pointer="/units",
            )


def _rows(session: Session, tenant: str, unit: str, ids: Sequence[str]) -> Iterable[str]:
    if unit == FILE:
        files = select(PlanNodeRow.id).where(PlanNodeRow.tenant_id == tenant, PlanNodeRow.id.in_(ids))
        return session.scalars(files.where(PlanNodeRow.kind == "file", PlanNodeRow.removed.is_(False)))
    records = select(RecordRow.id).where(RecordRow.tenant_id == tenant, RecordRow.id.in_(ids))
    return session.scalars(records.where(RecordRow.state.not_in(GONE)))


def _require_free(act: SortingAct, wanted: Sequence[str]) -> None:
    """Refuse a unit that is in a population already: a second draw would be a choice."""
    ours = set(wanted)
    for row in act.session.scalars(select(PopulationRow).where(PopulationRow.tenant_id == act.tenant)):
        if ours & set(row.units):
            raise Refused(
                "unit_in_a_population",
                "Des unités sont déjà dans la population « {title} » : un second tirage serait un choix.",
                kept=_UNCHANGED,
                action="Retirez-les, ou décidez de chacune avec un motif.",
                pointer="/units",
                title=row.title,
            )


def _checkpoint(session: Session, frozen: int) -> CheckpointRow:
    """Return the first time-stamped checkpoint published over the entry of a freezing."""
    query = select(CheckpointRow).where(CheckpointRow.size > frozen, CheckpointRow.token.is_not(None))
    point = session.scalar(query.order_by(CheckpointRow.number).limit(1))
    if point is None:
        raise _not_ready()
    return point


def _starts(act: SortingAct, row: PopulationRow) -> dict[str, date | None]:
    """Return the start event of each unit: of a file, its closing."""
    return {one.id: one.closed_on if row.unit == FILE else one.starts_on for one in _whole(act, row)}


def _names(act: SortingAct, row: PopulationRow, field: str) -> dict[str, str | None]:
    name = "code" if row.unit == FILE and field == "external_reference" else field
    return {one.id: getattr(one, name) for one in _whole(act, row)}


def _whole(act: SortingAct, row: PopulationRow) -> list[Any]:
    table: Any = PlanNodeRow if row.unit == FILE else RecordRow
    return [one for some in batches(row.units) for one in act.session.scalars(select(table).where(table.id.in_(some)))]


def _not_ready() -> Refused:
    return Refused(
        "sample_not_ready",
        "L’échantillon ne peut pas encore être tiré, ou ne l’a pas été par hasard.",
        kept="La population reste figée.",
        action="Attendez le prochain point d’horodatage du journal : un par jour, ou « chartrier checkpoint ».",
    )


def bad_sample(pointer: str, detail: str, **values: object) -> Refused:
    """Return the refusal of one part of a sample or a decision."""
    return Refused(
        "bad_sample",
        detail,
        kept=_UNCHANGED,
        action="Corrigez cette partie puis recommencez.",
        pointer=pointer,
        **values,
    )
