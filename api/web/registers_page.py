"""View-models of registers, of what was issued, and of stocktakings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final

from markupsafe import Markup

from api.access.callers import Caller
from api.http.i18n import _, ngettext, number, said
from api.views import report as views
from api.web import quantities
from api.web.faults import Fault
from api.web.progress import Badge
from api.web.typed_date import DatePart, date_parts
from archive.catalogue import plan_queries
from archive.database.report_tables import ReportRow
from archive.disposition.reports import listing, yearly
from archive.disposition.reports.stocktaking import Seen
from archive.model.reports import ReportKind, ReportState
from archive.objects.fixity import Fixity
from archive.retention.civil import today_of

if TYPE_CHECKING:
    from ingestion.assembly import System

PAGE: Final = 20
MOST_UNITS: Final = 200
"""Units on paper that the form shows."""
UNIT: Final = "unite:"
_YEARS: Final = 10
REGISTERS: Final = {
    ReportKind.ACCESSIONS: "Registre des entrées",
    ReportKind.ELIMINATIONS: "Registre des éliminations",
    ReportKind.COMMUNICATIONS: "Registre des communications et dérogations",
    ReportKind.ANNUAL: "État récapitulatif annuel",
}
_PARTS: Final = (
    "Entrées par service",
    "Éliminations par bordereau",
    "Transferts par bordereau",
    "Communications inscrites",
    "Documents présents par service, au jour de l’état",
)
_LABELS: Final = (
    "Service non indiqué",
    "Communications",
    "Dérogations",
    "Ouvertures anticipées",
    "dont communications refusées",
    "dont dérogations refusées",
    "dont ouvertures anticipées refusées",
)
"""What the statement of a year says in words of ours; other labels are names."""
_STOCKTAKING: Final = ("Récolement", "Récolement en cours")
_STATES: Final = {
    ReportState.ASKED: ("wait", "clock", "On compte"),
    ReportState.COUNTED: ("wait", "clock", "On scelle le procès-verbal"),
    ReportState.ISSUED: ("ok", "check", "Procès-verbal scellé"),
}
_SEEN: Final = {Seen.NOT_LOOKED: "Non regardée", Seen.YES: "Vue à sa place", Seen.NO: "Absente"}
_VERDICTS: Final = {
    Fixity.INTACT: "Intacts",
    Fixity.ALTERED: "Altérés",
    Fixity.MISSING: "Manquants",
    Fixity.UNVERIFIABLE: "Non vérifiables",
}


@dataclass(frozen=True)
class IssuedLine:
    """One report that was issued, or a stocktaking."""

    href: str
    title: Markup
    meta: Markup
    badge: Badge


@dataclass(frozen=True)
class RegistersPage:
    """Registers and statements of one year.

    Attributes:
        years: That may be chosen, the latest first.
        registers: Name in the address, title.
        parts: Of the statement of the year: title, part, and its lines each with its label.
    """

    template: ClassVar[str] = "registres.html"
    tab: ClassVar[str] = "registres"
    help_anchor: ClassVar[str] = "registres"
    json_href: ClassVar[str] = "/api/v1/reports"

    year: int
    years: tuple[int, ...]
    first: str
    last: str
    registers: tuple[tuple[str, Markup], ...]
    parts: tuple[tuple[Markup, yearly.Part, tuple[tuple[str, yearly.Line], ...]], ...]
    issued: tuple[IssuedLine, ...]
    following: str


@dataclass(frozen=True)
class StocktakingForm:
    """The form that asks for a stocktaking.

    Attributes:
        units: Name in the form, code, title, what is chosen.
        left_out: Units that are not on the page.
    """

    template: ClassVar[str] = "recolement_nouveau.html"
    tab: ClassVar[str] = "registres"
    help_anchor: ClassVar[str] = "registres"
    json_href: ClassVar[str] = "/api/v1/reports?kind=stocktaking"

    form: Mapping[str, str]
    faults: tuple[Fault, ...]
    elected: tuple[DatePart, ...]
    units: tuple[tuple[str, str, str, str], ...]
    seen: tuple[tuple[str, Markup], ...]
    left_out: int

    def value(self, name: str) -> str:
        """Return what was typed in a field."""
        return self.form.get(name, "")


@dataclass(frozen=True)
class StocktakingPage:
    """One stocktaking, with its figures once they stand."""

    template: ClassVar[str] = "recolement.html"
    tab: ClassVar[str] = "registres"
    help_anchor: ClassVar[str] = "registres"

    id: str
    day: str
    badge: Badge
    who: tuple[tuple[Markup, str], ...]
    facts: tuple[tuple[Markup, str], ...]
    series: tuple[Mapping[str, Any], ...]
    fixity: tuple[tuple[Markup, str], ...]
    lacunae: tuple[tuple[Markup, str], ...]
    sha256: str
    has_file: bool

    @property
    def json_href(self) -> str:
        """Address of the same in JSON."""
        return f"/api/v1/reports/{self.id}"


def registers_page(system: System, person: Caller, wanted: str, before: str | None) -> RegistersPage:
    """Return the registers of a year; of this one if none is named."""
    with system.database.read() as session:
        today = today_of(session, person.tenant, system.clock()).day
        year = int(wanted) if wanted.isascii() and wanted.isdigit() and 1000 <= int(wanted[:5]) <= 9000 else today.year
        first, last = views.period(date(year, 1, 1), None, today)
        parts = tuple(_part(one) for one in yearly.parts(session, person.reader, first, last))
        rows = listing.page(session, person.tenant, before=before, limit=PAGE + 1)
        issued = tuple(issued_line(row) for row in rows[:PAGE])
    return RegistersPage(
        year=year,
        years=tuple(sorted({*range(today.year, today.year - _YEARS, -1), year}, reverse=True)),
        first=first.isoformat(),
        last=last.isoformat(),
        registers=tuple((kind.value, said(title)) for kind, title in REGISTERS.items()),
        parts=parts,
        issued=issued,
        following=f"/registres?annee={year}&avant={rows[PAGE - 1].id}#delivres" if len(rows) > PAGE else "",
    )


def _part(part: yearly.Part) -> tuple[Markup, yearly.Part, tuple[tuple[str, yearly.Line], ...]]:
    lines = tuple((said(one.label) if one.label in _LABELS else one.label, one) for one in part.lines)
    return said(part.title), part, lines


def issued_line(row: ReportRow) -> IssuedLine:
    """Return a report as the list shows it."""
    kind, body = ReportKind(row.kind), row.content
    if kind is ReportKind.STOCKTAKING:
        href, title = f"/recolements/{row.id}", said(_STOCKTAKING[row.state != ReportState.ISSUED])
        meta = Markup("{}").format(body["outgoing"]["name"])
    else:
        href, title = "", said(REGISTERS[kind])
        lines = ngettext("{n} ligne", "{n} lignes", body["rows"])
        meta = _(
            "du {first} au {last}, {lines}",
            first=quantities.day(date.fromisoformat(body["first"])),
            last=quantities.day(date.fromisoformat(body["last"])),
            lines=lines,
        )
    when = _("{day} : {what}", day=quantities.day(row.made_on), what=meta)
    return IssuedLine(href, title, when, _badge(row))


def _badge(row: ReportRow) -> Badge:
    kind, icon, word = _STATES[ReportState(row.state)]
    return Badge(kind, icon, said(word) if ReportKind(row.kind).is_kept else _("Délivré"))


def stocktaking_form(
    system: System, person: Caller, form: Mapping[str, str], faults: Sequence[Fault] = ()
) -> StocktakingForm:
    """Return the form, as it was typed where it comes back."""
    with system.database.read() as session:
        nodes = [one for one in plan_queries.everything(session, person.tenant) if one.extent]
    given = dict(form) or {"sortant_qualite": "maire", "entrant_qualite": "maire", "archiviste": person.name}
    shown = nodes[:MOST_UNITS]
    return StocktakingForm(
        form=given,
        faults=tuple(faults),
        elected=date_parts(ids="election-", names="election_", typed=given),
        units=tuple((UNIT + one.code, one.code, one.title, given.get(UNIT + one.code, "not_looked")) for one in shown),
        seen=tuple((one.value, said(word)) for one, word in _SEEN.items()),
        left_out=len(nodes) - len(shown),
    )


def stocktaking_page(row: ReportRow) -> StocktakingPage:
    """Return one stocktaking."""
    body, told = row.content, row.content.get("figures")
    people = [(_("Sortant"), body["outgoing"]), (_("Entrant"), body["incoming"]), (_("Fait par"), body["archivist"])]
    who = [(_("Élection du"), quantities.day(date.fromisoformat(body["elected_on"])))]
    who += [(label, f"{one['name']}, {one['quality']}") for label, one in people if one]
    if body["remark"]:
        who.append((_("Observation"), body["remark"]))
    return StocktakingPage(
        id=row.id,
        day=quantities.day(row.made_on),
        badge=_badge(row),
        who=tuple(who),
        facts=_facts(told) if told else (),
        series=tuple(_series(one) for one in told["series"]) if told else (),
        fixity=_fixity(told) if told else (),
        lacunae=_lacunae(told) if told else (),
        sha256=body.get("file", {}).get("sha256", ""),
        has_file=row.state == ReportState.ISSUED,
    )


def _facts(told: Mapping[str, Any]) -> tuple[tuple[Markup, str], ...]:
    paper, head = told["paper"], told["head"]
    length = sum((Decimal(one) for one in paper["metres"].values()), Decimal(0))
    facts = [
        (_("Documents"), f"{number(told['records'])}, {quantities.size(told['bytes'])}"),
        (_("Dates extrêmes"), _years(told["first"], told["latest"])),
        (_("Hors plan"), number(told["unfiled"]["records"])),
        (_("Unités sur papier"), f"{number(sum(paper['units'].values()))}, {_metres(length)}"),
    ]
    if head is not None:
        facts.append((_("Lignes du journal scellées"), number(head["size"])))
        facts.append((_("Racine du journal"), head["root"]))
    return tuple(facts)


def _series(one: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "code": one["code"],
        "title": one["title"],
        "years": _years(one["first"], one["latest"]),
        "records": number(one["records"]),
        "size": quantities.size(one["bytes"]),
        "paper": _metres(Decimal(one["metres"])) if one["units"] else "–",
    }


def _fixity(told: Mapping[str, Any]) -> tuple[tuple[Markup, str], ...]:
    fixity = told["fixity"]
    lines = [(said(word), number(fixity["verdicts"].get(one.value, 0))) for one, word in _VERDICTS.items()]
    return (*lines, (_("Jamais vérifiés : rien n’en est dit"), number(fixity["never"])))


def _lacunae(told: Mapping[str, Any]) -> tuple[tuple[Markup, str], ...]:
    found = (
        (_("Documents qui ne sont pas intacts, ou dont on ne sait pas s’ils le sont"), told["fixity"]["doubtful"]),
        (_("Dossiers sans aucun document"), told["empty_files"]),
        (_("Numéros qui manquent dans une suite de dossiers"), told["gaps"]),
        (_("Unités sur papier absentes de leur place"), told["paper"]["missing"]),
    )
    return tuple((label, number(some["number"])) for label, some in found if some["number"])


def _years(first: str | None, last: str | None) -> str:
    if not first or not last:
        return "–"
    return first[:4] if first[:4] == last[:4] else f"{first[:4]}-{last[:4]}"


def _metres(length: Decimal) -> str:
    return f"{quantities.decimal(float(length), 3)}\u00a0ml"
