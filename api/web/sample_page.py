"""The page of one population: its draw, how a stranger recomputes it, its units one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.http.i18n import _, ngettext, number
from api.views.history import name_of
from api.web import quantities
from api.web.sample_words import criterion_words, decision_badge, state_words
from api.web.sorting_page import Decided
from archive.catalogue import statements
from archive.database.retention_tables import PlanNodeRow, StatementRow
from archive.database.sorting_tables import PopulationRow, SortingRow
from archive.database.tables import RecordRow
from archive.disposition import sorting
from archive.disposition.sampling import SampleMethod
from archive.disposition.sorting_units import FILE
from archive.model.final_actions import FinalAction
from archive.model.statement_kinds import StatementKind

PAGE: Final = 50
_SHOWN: Final = {"garder": FinalAction.KEEP.value, "eliminer": FinalAction.DESTROY.value, "decider": ""}


@dataclass(frozen=True)
class SampledUnit:
    """One unit of a population, with what was decided about it.

    Attributes:
        why: Reason, who and when; empty before anything is decided.
        drawn: What the draw said, where a person decided otherwise.
        may_withdraw: Whether a person's decision can be withdrawn.
    """

    id: str
    href: str
    title: str
    meta: str
    badge: tuple[str, str, Markup]
    why: str
    drawn: Markup
    may_withdraw: bool


@dataclass(frozen=True)
class SamplePage:
    """One population.

    Attributes:
        counts: Kept, to be destroyed, not decided.
        shown: Filter of the list.
        proof: Address of the file by which the draw is done again; empty where nothing was drawn.
    """

    template: ClassVar[str] = "tri_un.html"
    tab: ClassVar[str] = "echeances"
    help_anchor: ClassVar[str] = "tri"

    id: str
    title: str
    unit: str
    size: Markup
    criterion: Markup
    state: tuple[str, str, Markup]
    facts: tuple[tuple[Markup, str], ...]
    is_ready: bool
    is_drawn: bool
    is_selection: bool
    waits: bool
    counts: tuple[tuple[str, Markup, int], ...]
    shown: str
    units: tuple[SampledUnit, ...]
    following: str
    may_sort: bool
    proof: str
    typed: Decided

    @property
    def json_href(self) -> str:
        """Return the API's address of the same content."""
        return f"/api/v1/samples/{self.id}"


def sample_page(
    session: Session, person: Caller, population_id: str, asked: Mapping[str, str], typed: Decided | None = None
) -> SamplePage:
    """Return the page of one population, in the current language.

    Raises:
        Refused: ``population_not_found``.
    """
    row = sorting.get(session, person.tenant, population_id)
    decided = sorting.decisions(session, row.units)
    shown = asked.get("voir", "") if asked.get("voir") in _SHOWN else ""
    wanted = [one for one in row.units if not shown or _decision(decided, one) == _SHOWN[shown]]
    start = int(page) * PAGE if (page := asked.get("page", "0")).isdecimal() and len(page) < 4 else 0
    more = urlencode({"voir": shown, "page": start // PAGE + 1})
    some = wanted[start : start + PAGE]
    method, is_ready = SampleMethod(row.method), sorting.is_ready(session, row)
    return SamplePage(
        id=row.id,
        title=row.title,
        unit=row.unit,
        size=ngettext("{n} dossier", "{n} dossiers", len(row.units))
        if row.unit == FILE
        else ngettext("{n} document", "{n} documents", len(row.units)),
        criterion=criterion_words(row.criterion),
        state=state_words(row, ready=is_ready),
        facts=_facts(session, row),
        is_ready=is_ready,
        is_drawn=row.draw is not None,
        is_selection=method is SampleMethod.SELECTION,
        waits=row.draw is None and not is_ready,
        counts=_counts(row, decided),
        shown=shown,
        units=_units(session, person, row, some, decided),
        following=f"/tri/{row.id}?{more}#unites" if len(wanted) > start + PAGE else "",
        may_sort=person.may("retention:write"),
        proof=f"/api/v1/samples/{row.id}/proof" if row.draw is not None and method.by_chance else "",
        typed=typed or Decided(),
    )


def _decision(decided: Mapping[str, SortingRow], unit: str) -> str:
    return decided[unit].decision or "" if unit in decided else ""


def _counts(row: PopulationRow, decided: Mapping[str, SortingRow]) -> tuple[tuple[str, Markup, int], ...]:
    names = {"garder": _("À garder"), "eliminer": _("À éliminer"), "decider": _("Sans décision")}
    told = [_decision(decided, unit) for unit in row.units]
    return tuple((key, names[key], told.count(word)) for key, word in _SHOWN.items())


def _facts(session: Session, row: PopulationRow) -> tuple[tuple[Markup, str], ...]:
    made = statements.history(session, row.tenant_id, StatementKind.POPULATION, row.id)
    told: list[tuple[Markup, str]] = []
    for statement, agent, entry in made:
        label = _("Figée le") if statement.number == 1 else _("Tirée le")
        who = name_of(session, agent) or str(_("une personne qui n’a plus de compte"))
        text = _("{day}, par {who}, ligne {entry} du journal", day=quantities.day(statement.at), who=who, entry=entry)
        told.append((label, str(text)))
    told.append((_("Empreinte de la population"), row.digest))
    found = sorting.checkpoint_of(session, row)
    if row.draw is not None and found is not None:
        point = _("n° {n}, sur {size} lignes", n=found.number, size=number(found.size))
        told += [(_("Point d’horodatage"), str(point)), (_("Graine du tirage"), row.draw["seed"])]
    return tuple(told)


def _units(
    session: Session, person: Caller, row: PopulationRow, some: Sequence[str], decided: Mapping[str, SortingRow]
) -> tuple[SampledUnit, ...]:
    table: Any = PlanNodeRow if row.unit == FILE else RecordRow
    hidden = person.reader.hidden_among(session, some)
    there = {one.id: one for one in session.scalars(select(table).where(table.id.in_(set(some) - hidden)))}
    latest = _latest(session, some)
    names: dict[str, str] = {}
    return tuple(
        _unit(session, row, there.get(unit), unit, decided.get(unit), latest.get(unit), names) for unit in some
    )


def _latest(session: Session, some: Sequence[str]) -> dict[str, StatementRow]:
    """Return the latest statement about each of these units."""
    wanted = (StatementRow.kind == StatementKind.SORTING, StatementRow.subject.in_(some))
    rows = session.scalars(select(StatementRow).where(*wanted).order_by(StatementRow.number))
    return {row.subject: row for row in rows}


def _unit(
    session: Session,
    row: PopulationRow,
    there: Any,
    unit: str,
    decision: SortingRow | None,
    statement: StatementRow | None,
    names: dict[str, str],
) -> SampledUnit:
    why, drawn, by_person = "", Markup(""), decision is not None and decision.population_id is None
    if decision is not None and statement is not None:
        if statement.agent not in names:
            names[statement.agent] = name_of(session, statement.agent) or str(_("une personne qui n’a plus de compte"))
        told = {"who": names[statement.agent], "day": quantities.day(statements.read(statement.content).at)}
        why = str(
            _("{reason} ({who}, le {day})", reason=decision.reason, **told)
            if by_person
            else _("Par le tirage ({who}, le {day})", **told)
        )
        if by_person and row.draw is not None and decision.decision != sorting.decision_drawn(row, unit):
            drawn = _("Autrement que le tirage.")
    code = (there.code if row.unit == FILE else there.external_reference) if there is not None else None
    producer = there.producer if there is not None else None
    return SampledUnit(
        id=unit,
        href=f"/plan/{unit}" if row.unit == FILE else f"/documents/{unit}",
        title=there.title if there is not None else unit,
        meta=", ".join(text for text in (code, producer) if text),
        badge=decision_badge(decision.decision if decision is not None else None),
        why=why,
        drawn=drawn,
        may_withdraw=by_person,
    )
