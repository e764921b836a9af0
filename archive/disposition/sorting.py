"""Sort: freeze a population, draw its sample, decide about each unit with who and why.

A population is frozen once: none of its units may be in another one, so that nobody freezes again
until a draw pleases. The sample's decisions are statements about each unit, as a person's are; a
person may decide otherwise about a unit, with a reason.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue import statements
from archive.database.batches import batches
from archive.database.sorting_tables import PopulationRow, SortingRow
from archive.database.tables import CheckpointRow
from archive.disposition import sorting_units as units_of
from archive.disposition.act import Act
from archive.disposition.criteria import LONGEST, MOST_UNITS, UNCHANGED, bad_sample, read_criterion
from archive.disposition.due_query import DueQuery
from archive.disposition.sampling import SampleMethod, drawn, population_digest, read_rate, seed_of
from archive.journal.types import EntryType
from archive.model.final_actions import FinalAction
from archive.model.identifiers import is_id, new_id
from archive.model.statement_kinds import StatementKind
from archive.retention.civil import today_of
from signing.ground.errors import Refused


def freeze(
    act: Act,
    *,
    title: str,
    unit: str,
    units: Sequence[str] | None = None,
    node: str | None = None,
    rule: str | None = None,
    criterion: Mapping[str, Any],
    expected: int | None = None,
) -> str:
    """Freeze a population; return its id.

    Args:
        unit: ``record`` or ``file``.
        units: Ids of the units; None: those of ``rule``, or of ``node``.
        node: All that lie below it and are not sorted yet.
        rule: All of this rule that are to be sorted today.
        criterion: ``method`` and what it asks for: see ``read_criterion``.
        expected: How many units the caller saw; None: it did not look.

    Raises:
        Refused: ``bad_sample``, ``unit_not_found``, ``unit_in_a_population``,
            ``population_changed``.
    """
    clean = read_criterion(criterion)
    name = title.strip()
    if not name or len(name) > LONGEST or "\0" in name:
        raise bad_sample("/title", "Le titre manque, ou est trop long.")
    units_of.require_units(act.session, act.tenant, unit, [])
    act.ledger.take_turn(act.session)  # nothing is frozen, sorted or kept in between
    wanted = sorted(set(units)) if units is not None else _meant(act, unit, node, rule)
    if not 0 < len(wanted) <= MOST_UNITS:
        raise bad_sample("/units", "Une population compte de 1 à {most} unités.", most=MOST_UNITS)
    if expected is not None and expected != len(wanted):
        raise Refused(
            "population_changed",
            "La population a changé depuis que vous l’avez vue : {n} unités maintenant.",
            kept="Rien n’est figé.",
            action="Regardez-la de nouveau, puis confirmez.",
            n=len(wanted),
        )
    units_of.require_units(act.session, act.tenant, unit, wanted)
    taken = units_of.population_of(act.session, act.tenant, wanted)
    if taken is not None:
        raise _taken(taken)
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
    act.state(StatementKind.POPULATION, made, 0, "frozen", body, EntryType.POPULATION_FROZEN)
    return made


def meant(session: Session, tenant: str, now: datetime, unit: str, node: str | None, rule: str | None) -> list[str]:
    """Return the units of a rule that are to be sorted today, or the unsorted ones below a node."""
    if rule is None:
        return units_of.below(session, tenant, unit, node or "")
    day = today_of(session, tenant, now).day
    return sorted(units_of.due_units(session, tenant, unit, day, DueQuery(rule=rule), MOST_UNITS + 1))


def _meant(act: Act, unit: str, node: str | None, rule: str | None) -> list[str]:
    return meant(act.session, act.tenant, act.now, unit, node, rule)


def draw(act: Act, population_id: str) -> PopulationRow:
    """Draw the sample of a population, and decide about each of its units accordingly.

    Of a selection, what a person chose to keep is kept and the rest goes.

    Raises:
        Refused: ``population_not_found``; ``sample_drawn``; ``sample_not_ready``: no time-stamped
            checkpoint was published since the population was frozen.
        Unavailable: ``sorting_contended``.
    """
    there = get(act.session, act.tenant, population_id)
    units_of.lock(act.session, there.unit, there.units)
    act.ledger.take_turn(act.session)
    units_of.lock_late(act.session, there.unit, there.units)
    row = get(act.session, act.tenant, population_id)
    act.session.refresh(row)
    if row.draw is not None:
        raise Refused(
            "sample_drawn",
            "L’échantillon de cette population est déjà tiré.",
            kept=UNCHANGED,
            action="Pour une unité en particulier, décidez autrement avec un motif.",
        )
    decided = decisions(act.session, row.units)
    told, kept = _drawn(act, row, decided)
    body = {name: getattr(row, name) for name in ("title", "unit", "method", "criterion", "units", "digest")}
    body |= {"frozen_entry": row.frozen_entry, "draw": told | {"kept": sorted(kept)}}
    act.state(StatementKind.POPULATION, row.id, row.number, "drawn", body, EntryType.SAMPLE_DRAWN)
    chosen = set(kept)
    for unit in row.units:
        if unit not in decided:  # else a person decided meanwhile
            decision = FinalAction.KEEP if unit in chosen else FinalAction.DESTROY
            _decide(act, row.unit, unit, decision, row.title, row.id)
    return row


def _drawn(act: Act, row: PopulationRow, decided: Mapping[str, SortingRow]) -> tuple[dict[str, Any], list[str]]:
    """Return what is told of a draw, and the units that are kept."""
    told: dict[str, Any] = {"at_entry": row.frozen_entry}
    method = SampleMethod(row.method)
    if method is SampleMethod.SELECTION:
        return told, [unit for unit in row.units if unit in decided and decided[unit].decision == FinalAction.KEEP]
    if not method.by_chance:
        return told, units_of.chosen(act.session, row.unit, row.units, row.criterion)
    point = checkpoint_after(act.session, row.frozen_entry)
    if point is None:
        raise _not_ready()
    seed = seed_of(point.note.encode(), point.token or b"")
    count = units_of.number_kept(act.session, row.unit, row.units, row.criterion) or 0
    return told | {"checkpoint": point.number, "size": point.size, "seed": seed}, drawn(row.units, seed, count)


def decide(act: Act, unit: str, unit_id: str, *, decision: str, reason: str) -> SortingRow:
    """Decide about one unit, also otherwise than its sample did.

    Raises:
        Refused: ``bad_sample``, ``unit_not_found``, ``unit_in_disposal``.
    """
    decide_all(act, unit, [unit_id], decision=decision, reason=reason)
    return act.session.get_one(SortingRow, unit_id)


def decide_all(act: Act, unit: str, units: Sequence[str], *, decision: str, reason: str) -> int:
    """Decide about several units alike, or about none; return how many.

    Raises:
        Refused: ``bad_sample``, ``unit_not_found``, ``unit_in_disposal``.
    """
    clean, wanted = reason.strip(), sorted(set(units))
    if not clean or len(clean) > LONGEST or "\0" in clean:
        raise bad_sample("/reason", "Le motif manque, ou est trop long.")
    if decision not in {FinalAction.KEEP, FinalAction.DESTROY}:
        raise bad_sample("/decision", "Une unité triée est à garder ou à éliminer.")
    if not 0 < len(wanted) <= MOST_UNITS:
        raise bad_sample("/units", "Choisissez de 1 à {most} unités.", most=MOST_UNITS)
    _take(act, unit, wanted)
    for one in wanted:
        _decide(act, unit, one, FinalAction(decision), clean, None)
    return len(wanted)


def withdraw(act: Act, unit_id: str) -> SortingRow:
    """Withdraw what a person decided about a unit: the draw's decision counts again, or none.

    Raises:
        Refused: ``sorting_not_found``; ``sorting_drawn``; ``unit_in_disposal``.
    """
    there = act.session.get(SortingRow, unit_id) if is_id(unit_id) else None
    if there is None or there.tenant_id != act.tenant or there.decision is None:
        raise Refused(
            "sorting_not_found",
            "Rien n’a été décidé de cette unité.",
            action="Vérifiez son identifiant.",
        )
    _take(act, there.unit, [unit_id])
    act.session.refresh(there)
    if there.population_id is not None:
        raise Refused(
            "sorting_drawn",
            "C’est le tirage qui en a décidé : un tirage ne s’annule pas.",
            kept=UNCHANGED,
            action="Décidez autrement de cette unité, avec un motif.",
        )
    population = units_of.population_of(act.session, act.tenant, [unit_id])
    if population is None or population.draw is None:
        _decide(act, there.unit, unit_id, None, there.reason, None)
    else:
        _decide(act, there.unit, unit_id, decision_drawn(population, unit_id), population.title, population.id)
    return there


def _take(act: Act, unit: str, wanted: Sequence[str]) -> None:
    units_of.lock(act.session, unit, wanted)
    act.ledger.take_turn(act.session)
    units_of.lock_late(act.session, unit, wanted)
    units_of.require_units(act.session, act.tenant, unit, wanted)
    units_of.require_open(act.session, unit, wanted)


def decision_drawn(row: PopulationRow, unit_id: str) -> FinalAction:
    """Return what the draw of a population says of one of its units."""
    return FinalAction.KEEP if unit_id in (row.draw or {}).get("kept", ()) else FinalAction.DESTROY


def decisions(session: Session, units: Sequence[str]) -> dict[str, SortingRow]:
    """Return the decisions in force about these units, by unit."""
    query = select(SortingRow).where(SortingRow.decision.is_not(None))
    return {row.id: row for some in batches(units) for row in session.scalars(query.where(SortingRow.id.in_(some)))}


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


def checkpoint_after(session: Session, frozen: int) -> CheckpointRow | None:
    """Return the first time-stamped checkpoint published over the entry of a freezing, if any."""
    query = select(CheckpointRow).where(CheckpointRow.size > frozen, CheckpointRow.token.is_not(None))
    return session.scalar(query.order_by(CheckpointRow.number).limit(1))


def is_ready(session: Session, row: PopulationRow) -> bool:
    """Whether a population can be drawn from: at once, or since a checkpoint where by chance."""
    by_chance = SampleMethod(row.method).by_chance
    return row.draw is None and (not by_chance or checkpoint_after(session, row.frozen_entry) is not None)


def checkpoint_of(session: Session, row: PopulationRow) -> CheckpointRow | None:
    """Return the checkpoint that gave the seed of a draw; None where chance had no part in it.

    It is known by its size: a rebuild numbers checkpoints anew.
    """
    size = (row.draw or {}).get("size")
    return session.scalar(select(CheckpointRow).where(CheckpointRow.size == size)) if size is not None else None


def sample_file(session: Session, row: PopulationRow) -> dict[str, Any]:
    """Return all that ``verify_sample.py`` needs to draw a random sample again.

    Raises:
        Refused: ``sample_not_ready``: it is not drawn, or not by chance.
    """
    if row.draw is None or not SampleMethod(row.method).by_chance:
        raise _not_ready()
    point = checkpoint_of(session, row)
    if point is None:
        raise _not_ready()
    asked = {"rate": str(read_rate(row.criterion["rate"]))} if "rate" in row.criterion else {}
    return {
        "v": 1,
        "type": "sample",
        "population": row.id,
        "units": row.units,
        "population_digest": row.digest,
        "frozen_entry": row.frozen_entry,
        **(asked or {"count": row.criterion["count"]}),
        "seed": row.draw["seed"],
        "kept": row.draw["kept"],
        "checkpoint": {
            "number": point.number,
            "size": point.size,
            "note": base64.b64encode(point.note.encode()).decode(),
            "token": base64.b64encode(point.token or b"").decode(),
        },
    }


# -- parts


def _decide(
    act: Act, unit: str, unit_id: str, decision: FinalAction | None, reason: str, population: str | None
) -> None:
    """State a decision, or that there is none any more."""
    number = statements.latest_number(act.session, StatementKind.SORTING, unit_id)
    body = {
        "unit": unit,
        "decision": decision.value if decision is not None else None,
        "reason": reason,
        "population_id": population,
    }
    change = "sorted" if decision is not None else "withdrawn"
    act.state(StatementKind.SORTING, unit_id, number, change, body, EntryType.UNIT_SORTED)


def _taken(row: PopulationRow) -> Refused:
    """Return the refusal of a unit that is in a population: a second draw would be a choice."""
    return Refused(
        "unit_in_a_population",
        "Des unités sont déjà dans la population « {title} » : un second tirage serait un choix.",
        kept=UNCHANGED,
        action="Retirez-les, ou décidez de chacune avec un motif.",
        pointer="/units",
        title=row.title,
    )


def _not_ready() -> Refused:
    return Refused(
        "sample_not_ready",
        "L’échantillon ne peut pas encore être tiré, ou ne l’a pas été par hasard.",
        kept="La population reste figée.",
        action="Attendez le prochain point d’horodatage du journal : un par jour, ou « chartrier checkpoint ».",
    )
