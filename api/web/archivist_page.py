"""The view-model of the archivist's home: what is to be done, then the figures."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Final

from markupsafe import Markup
from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.http.i18n import _, ngettext, number
from api.web import quantities
from api.web.charts import HEIGHT, Chart, bars, columns, height_of
from api.web.disposal_tasks import disposal_tasks
from api.web.due_words import action_name, list_noun
from api.web.home_page import HomePage, home_page
from api.web.tasks import Task, task_of
from archive.catalogue.access_requests import pressing
from archive.catalogue.rule_queries import labels_of
from archive.catalogue.service_names import names_today, shown
from archive.database.alarms import open_alarms
from archive.disposition.due_counts import Analysis, Count, analyse
from archive.disposition.due_figures import by_month, by_producer, by_rule, by_year, lacking
from archive.disposition.holds.listing import count_to_review
from archive.model.final_actions import FinalAction
from archive.retention.civil import today_of
from archive.retention.states import DueList, DueState
from ingestion.deposits.queries import count_in_state
from ingestion.deposits.states import DepositState

if TYPE_CHECKING:
    from ingestion.assembly import System

_YEARS: Final = 10
_SERIES: Final = (FinalAction.DESTROY, FinalAction.KEEP, FinalAction.SORT)
_LONG: Final = 0.2
_NAME: Final = 28
_REMEMBERED: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class ArchivistPage:
    """The archivist's home.

    Its numbers and figures are those of all records: whoever has it may place holds, and so reads
    what a hold keeps from others.

    Attributes:
        tasks: From the most to the least urgent.
        clerk: What a clerk's home shows: deposit form and own deposits.
    """

    template: ClassVar[str] = "afaire.html"
    tab: ClassVar[str] = "accueil"
    help_anchor: ClassVar[str] = "afaire"
    json_href: ClassVar[str] = "/api/v1/retention/due"

    today: datetime
    title: Markup
    tasks: tuple[Task, ...]
    charts: tuple[Chart, ...]
    clerk: HomePage


def archivist_page(system: System, person: Caller) -> ArchivistPage:
    """Return the home of an archivist, in the current language."""
    now = system.clock()
    with system.database.read() as session:
        today = today_of(session, person.tenant, now).day
        tasks = tuple(task for task in _tasks(session, person, today) if task is not None)
        charts = tuple(make(system, session, person.tenant, today) for make in CHARTS.values())
    return ArchivistPage(now, _title(len(tasks)), tasks, charts, home_page(system, person))


def chart(system: System, tenant: str, name: str) -> Chart | None:
    """Return one chart with its figures; None for an unknown name."""
    if name not in CHARTS:
        return None
    with system.database.read() as session:
        return CHARTS[name](system, session, tenant, today_of(session, tenant, system.clock()).day)


def _title(n: int) -> Markup:
    return ngettext("{n} chose vous attend", "{n} choses vous attendent", n) if n else _("Rien ne vous attend")


# -- what is to be done


def _tasks(session: Session, person: Caller, today: date) -> list[Task | None]:
    tenant = person.tenant
    analysis, lacks = analyse(session, tenant, today), lacking(session, tenant)
    conflicts = analysis.states[DueState.FINAL_ACTION_CONFLICT].records
    return [
        task_of(
            len(open_alarms(session)),
            (_("alarme"), _("alarmes")),
            _("Le journal contredit ce que dit la base. Prévenez l’administrateur."),
            "/aide#afaire",
            _("Que faire"),
        ),
        task_of(
            count_in_state(session, tenant, DepositState.QUARANTINED),
            (_("document mis à part"), _("documents mis à part")),
            _("Gardé, mais personne ne peut l’ouvrir. À vous de décider : le garder ou le refuser."),
            "/depots?etat=quarantined&tous=1",
            _("Décider"),
        ),
        task_of(
            count_to_review(session, tenant, today),
            (_("gel à revoir"), _("gels à revoir")),
            _("Le jour où vous vouliez le revoir est arrivé. Il dure toujours."),
            "/gels?etat=a-revoir",
            _("Revoir"),
        ),
        task_of(
            len(pressing(session, tenant, today)),
            (_("dérogation à répondre"), _("dérogations à répondre")),
            _("Le délai de deux mois court : un mois a passé, ou dix jours restent au plus."),
            "/communications?etat=open&nature=derogation",
            _("Répondre"),
        ),
        *disposal_tasks(session, person, today),
        *(_due(analysis, which) for which in DueList),
        task_of(
            conflicts,
            (_("document aux sorts contraires"), _("documents aux sorts contraires")),
            _("Plusieurs règles s’appliquent et se contredisent : rien ne part avant votre décision."),
            f"/echeances?etat={DueState.FINAL_ACTION_CONFLICT.value}",
            _("Trancher"),
        ),
        _lacks(lacks.type, (_("document sans type"), _("documents sans type")), "rule_missing"),
        _lacks(lacks.date, (_("document sans date"), _("documents sans date")), "start_missing"),
        task_of(
            lacks.file,
            (_("document sans dossier"), _("documents sans dossier")),
            _("Chacun compte seul. Ouvrez son dossier dans le plan pour l’y ranger."),
            "/plan",
            _("Voir le plan"),
        ),
    ]


def _due(analysis: Analysis, which: DueList) -> Task | None:
    due = analysis.due[which]
    count = due.get(DueState.TO_SORT if which is DueList.TO_SORT else DueState.READY, Count())
    if not count.records:
        return None
    why = _("Leur durée est finie et rien ne s’y oppose : {size}.", size=quantities.size(count.bytes))
    if which is DueList.TO_SORT:
        why = _("Leur durée est finie et la règle demande votre avis : {size}.", size=quantities.size(count.bytes))
    state = DueState.TO_SORT if which is DueList.TO_SORT else DueState.READY
    href = "/tri" if which is DueList.TO_SORT else f"/echeances?liste={which.value}&etat={state.value}"
    return Task(number(count.records), list_noun(which, count.records), why, href, _("Voir la liste"))


def _lacks(n: int, nouns: tuple[Markup, Markup], state: str) -> Task | None:
    why = _("Tout est gardé ; sans cela, pas d’échéance sûre.")
    return task_of(n, nouns, why, f"/echeances?etat={state}", _("Voir lesquels"))


# -- figures


def _falling(_system: System, session: Session, tenant: str, today: date) -> Chart:
    found = by_year(session, tenant, today.year, _YEARS)
    most = max(found, key=lambda year: sum(found[year].values()))
    total = sum(found[most].values())
    values = {"first": min(found), "last": max(found)}
    sentence = (
        ngettext(
            "{year} sera la plus grosse année : {n} document.",
            "{year} sera la plus grosse année : {n} documents.",
            total,
            year=most,
        )
        if total
        else _("Rien n’arrive à échéance d’ici là.")
    )
    return Chart(
        name="echeances",
        title=_("Ce qui arrive à échéance, de {first} à {last}", **values),
        sentence=sentence,
        label=_("Colonnes empilées : échéances par année, de {first} à {last}", **values),
        svg=columns(
            [f"{year % 100:02}" for year in found],
            [[found[year][action] for year in found] for action in _SERIES],
            told=frozenset({list(found).index(most)}),
        ),
        height=HEIGHT,
        head=(_("Année"), *(action_name(action) for action in _SERIES)),
        rows=tuple((str(year), *(number(found[year][action]) for action in _SERIES)) for year in found),
        key=tuple((f"f{n}", action_name(action)) for n, action in enumerate(_SERIES, 1)),
    )


def _entries(_system: System, session: Session, tenant: str, today: date) -> Chart:
    found = by_month(session, tenant, today)
    counts = [n for _day, n in found]
    busiest = counts.index(max(counts))
    names = [quantities.month(day) for day, _n in found]
    sentence = (
        ngettext(
            "Le mois le plus chargé : {month}, {n} document.",
            "Le mois le plus chargé : {month}, {n} documents.",
            counts[busiest],
            month=names[busiest],
        )
        if any(counts)
        else _("Rien n’est entré depuis un an.")
    )
    return Chart(
        name="entrees",
        title=_("Entrées par mois"),
        sentence=sentence,
        label=_("Colonnes : entrées de chacun des douze derniers mois"),
        svg=columns([name[:1].upper() for name in names], [counts], told=frozenset({busiest})),
        height=HEIGHT,
        head=(_("Mois"), _("Documents")),
        rows=tuple((name, number(n)) for name, n in zip(names, counts, strict=True)),
    )


def _rules(_system: System, session: Session, tenant: str, _today: date) -> Chart:
    found = by_rule(session, tenant)
    labels = labels_of(session, tenant, (code for code, _count in found if code))
    named = [(f"{labels[code]} ({code})" if code in labels else code, count) for code, count in found]
    return _volume("volume-par-regle", _("Volume par règle"), _("Règle"), named, _("Sans règle"))


def _producers(system: System, session: Session, tenant: str, today: date) -> Chart:
    found = _remembered(system, tenant, lambda: by_producer(session, tenant))
    names = names_today(session, tenant, (text for text, _count in found), today)
    told = [(shown(text, names, text) if text else None, count) for text, count in found]
    return _volume("volume-par-service", _("Volume par service"), _("Service"), told, _("Sans service"))


def _volume(name: str, title: Markup, column: Markup, found: list[tuple[str | None, Count]], nameless: Markup) -> Chart:
    told = [(key or str(nameless), count) for key, count in found]
    first = told[0] if told else None
    sentence = (
        _("Le plus gros : {name}, {size}.", name=first[0], size=quantities.size(first[1].bytes))
        if first is not None
        else _("Rien n’est encore gardé.")
    )
    return Chart(
        name=name,
        title=title,
        sentence=sentence,
        label=_("Barres : {title}, dix au plus", title=title),
        svg=bars([(_short(key), count.bytes, quantities.size(count.bytes)) for key, count in told]),
        height=height_of(len(told)),
        head=(column, _("Documents"), _("Volume")),
        rows=tuple((key, number(count.records), quantities.size(count.bytes)) for key, count in told),
    )


def _short(name: str) -> str:
    """Return a name that fits beside its value on the narrowest screen; the table has it whole."""
    name = re.sub(r" \([A-Z0-9-]+\)$", "", name)  # the code of a rule
    return name if len(name) <= _NAME else f"{name[: _NAME - 1].rstrip(' ,(')}…"


CHARTS: Final[dict[str, Callable[[System, Session, str, date], Chart]]] = {
    "echeances": _falling,
    "entrees": _entries,
    "volume-par-regle": _rules,
    "volume-par-service": _producers,
}

_known: dict[tuple[str, str], tuple[datetime, list[tuple[str | None, Count]]]] = {}
"""Figures that took long, by database and tenant, until they are ten minutes old."""


def _remembered(
    system: System, tenant: str, ask: Callable[[], list[tuple[str | None, Count]]]
) -> list[tuple[str | None, Count]]:
    """Ask, or return an answer of the last minutes where asking takes long."""
    key, now = (str(system.database.url), tenant), system.clock()
    known = _known.get(key)
    if known is not None and abs(now - known[0]) < _REMEMBERED:
        return known[1]
    begun = time.monotonic()
    found = ask()
    if time.monotonic() - begun > _LONG:
        _known[key] = (now, found)
    return found
