"""View-models of transfers in SEDA: the list of packages that came, and one as a tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final
from uuid import uuid4

from markupsafe import Markup

from api.access.callers import Caller
from api.http.i18n import _, ngettext, number, said, translated
from api.views import seda_transfer as views
from api.web.faults import Fault
from api.web.progress import NOTHING, Badge
from archive.disposition.transfers import incoming
from archive.exchange.seda.findings import Outcome, Step

if TYPE_CHECKING:
    from ingestion.assembly import System

PAGE: Final = 25
UNITS: Final = 100
STATES: Final = {
    "received": ("wait", "clock", "Reçu, pas encore examiné"),
    "working": ("wait", "now", "En cours d’examen"),
    "quarantined": ("bad", "warn", "Mis à part : un archiviste décide"),
    "taking": ("wait", "now", "Prise en charge en cours"),
    "taken": ("ok", "check", "Pris en charge"),
    "reserved": ("warn", "warn", "Pris en charge, avec réserves"),
    "repeated": ("none", "check", "Déjà reçu : la première réponse vaut"),
    "refused": ("bad", "cross", "Refusé"),
    "unpacked": ("ok", "check", "Pris en charge"),
    "kept": ("none", "check", "Gardé tel que reçu"),
}
OUTCOMES: Final = {
    Outcome.OK: ("ok", "check", "OK"),
    Outcome.WARNING: ("warn", "warn", "Réserve"),
    Outcome.KO: ("bad", "cross", "KO"),
}
STEPS: Final = {
    Step.CONTAINER: "Le paquet s’ouvre",
    Step.MANIFEST: "Le bordereau est valide",
    Step.AGENCIES: "Services et convention",
    Step.PROFILE: "Profil d’archivage",
    Step.OBJECTS: "Fichiers et objets",
    Step.DIGESTS: "Empreintes",
    Step.SIZES: "Tailles",
    Step.FORMATS: "Formats",
    Step.UNITS: "Unités d’archives",
    Step.RULES: "Règles",
}


@dataclass(frozen=True)
class TransferLine:
    """One transfer of the list."""

    href: str
    title: str
    sender: str
    size: Markup
    badge: Badge


@dataclass(frozen=True)
class TransfersPage:
    """The list of transfers, and the form that hands a package over."""

    template: ClassVar[str] = "versements.html"
    tab: ClassVar[str] = "versements"
    help_anchor: ClassVar[str] = "versements"
    json_href: ClassVar[str] = "/api/v1/seda/transfers"

    lines: tuple[TransferLine, ...]
    is_first: bool
    following: str
    may_send: bool
    key: str
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Told:
    """A finding as a reader sees it."""

    badge: Badge
    detail: str
    where: str
    original: str


@dataclass(frozen=True)
class UnitLine:
    """One unit of the tree, with what it became and what is wrong with it."""

    position: int
    title: str
    unit: str
    level: str
    href: str
    below: Markup
    inside: str
    parts: tuple[tuple[str, str, str], ...]
    findings: tuple[Told, ...]


@dataclass(frozen=True)
class TransferPage:
    """One transfer."""

    template: ClassVar[str] = "versement.html"
    tab: ClassVar[str] = "versements"
    help_anchor: ClassVar[str] = "versements"

    id: str
    title: str
    badge: Badge
    facts: tuple[tuple[Markup, str], ...]
    steps: tuple[tuple[Markup, Badge], ...]
    findings: tuple[Told, ...]
    progress: Markup
    trail: tuple[tuple[str, str], ...]
    units: tuple[UnitLine, ...]
    following: str
    reply: str
    receipt: str
    repeats: str
    problem: Mapping[str, str] | None

    @property
    def json_href(self) -> str:
        """Return the API's address of the same content."""
        return f"/api/v1/seda/transfers/{self.id}"


def transfers_page(system: System, person: Caller, before: str | None, faults: Sequence[Fault] = ()) -> TransfersPage:
    """Return a page of the list, the last received first."""
    with system.database.read() as session:
        shown, last = views.page(session, person.tenant, before=before, limit=PAGE, translate=translated)
    return TransfersPage(
        tuple(_line(one) for one in shown),
        is_first=before is None,
        following=f"/versements?avant={last}" if last is not None else "",
        may_send=person.may("deposit:write"),
        key=uuid4().hex,
        faults=tuple(faults),
    )


def transfer_page(system: System, person: Caller, transfer_id: str, above: int, after: int) -> TransferPage:
    """Return one transfer with the units of one level.

    Raises:
        Refused: ``transfer_not_found``, ``transfer_unit_not_found``.
    """
    with system.database.read() as session:
        told = views.view(session, person.tenant, transfer_id, translated)
        row = incoming.get(session, person.tenant, transfer_id)
        units: list[dict[str, Any]] = []
        trail: list[tuple[str, str]] = []
        more = False
        if row is not None:
            found = incoming.units_below(session, row.id, above, after=after, limit=UNITS + 1)
            units, more = views.unit_views(session, person.reader, row, found[:UNITS], translated), len(found) > UNITS
            at = above
            while at:
                one = incoming.unit_at(session, row.id, at)
                trail.insert(0, (f"/versements/{row.id}?dans={one.position}", one.title or one.unit))
                at = one.above
    here = f"/versements/{transfer_id}?dans={above}"
    reply = told["reply"] if told["state"] != "taking" else None
    return TransferPage(
        id=transfer_id,
        title=told["identifier"] or told["filename"] or transfer_id,
        badge=_badge(told),
        facts=tuple((name, value) for name, value in _facts(told) if value),
        steps=tuple((said(STEPS[Step(one["step"])]), _outcome(one["outcome"])) for one in told["steps"]),
        findings=tuple(_told(one) for one in told["findings"]),
        progress=_progress(told),
        trail=tuple(trail),
        units=tuple(_unit(transfer_id, one) for one in units),
        following=f"{here}&apres={units[-1]['position']}" if more else "",
        reply=reply or "",
        receipt=f"/depots/{transfer_id}/recepisse" if told["receipt"] else "",
        repeats=f"/versements/{told['repeats']}" if told["repeats"] else "",
        problem=told["problem"],
    )


def _line(told: Mapping[str, Any]) -> TransferLine:
    count = told["units"]
    size = ngettext("{n} unité", "{n} unités", count) if count else NOTHING
    return TransferLine(
        href=f"/versements/{told['id']}",
        title=told["identifier"] or told["filename"] or told["id"],
        sender=" · ".join(one for one in (told["reference"], told["sender"]) if one),
        size=size,
        badge=_badge(told),
    )


def _badge(told: Mapping[str, Any]) -> Badge:
    reserved = told["state"] == "taken" and told["outcome"] == Outcome.WARNING
    kind, icon, word = STATES["reserved" if reserved else told["state"]]
    return Badge(kind, icon, said(word))


def _outcome(told: str) -> Badge:
    kind, icon, word = OUTCOMES[Outcome(told)]
    return Badge(kind, icon, said(word))


def _told(one: Mapping[str, Any]) -> Told:
    line = str(_("ligne {line}", line=one["line"])) if one["line"] else ""
    where = ", ".join(part for part in (one["node"], line) if part)
    return Told(_outcome(one["outcome"]), one["detail"], where, one["original"])


def _unit(transfer_id: str, one: Mapping[str, Any]) -> UnitLine:
    place = {"node": "/plan/", "record": "/documents/"}.get(one["kind"] or "", "")
    return UnitLine(
        position=one["position"],
        title=one["title"] or one["unit"],
        unit=one["unit"],
        level=one["level"] or "",
        href=f"{place}{one['system_id']}" if place and one["system_id"] else "",
        below=ngettext("{n} unité dedans", "{n} unités dedans", one["units"]) if one["units"] else NOTHING,
        inside=f"/versements/{transfer_id}?dans={one['position']}" if one["units"] else "",
        parts=tuple(_part(part) for part in one["parts"]),
        findings=tuple(_told(finding) for finding in one["findings"]),
    )


def _part(part: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return a part: its id, where it leads, its state in words."""
    state = part["state"]
    href = f"/documents/{part['record_id']}" if state == "kept" else f"/depots/{part['deposit_id']}" if state else ""
    words = {"kept": _("rangé"), "quarantined": _("mis à part"), "refused": _("refusé")}
    return part["object"], href, str(words.get(state or "", _("en cours")))


def _facts(told: Mapping[str, Any]) -> list[tuple[Markup, str]]:
    return [
        (_("Numéro chez nous"), told["reference"] or ""),
        (_("Service versant"), told["sender"] or ""),
        (_("Service d’archives destinataire"), told["archival_agency"] or ""),
        (_("Service producteur"), told["producer"] or ""),
        (_("Convention"), told["agreement"] or ""),
        (_("Commentaire"), told["comment"] or ""),
        (_("SEDA"), told["version"] or ""),
        (_("Fichier"), told["filename"] or ""),
        (_("Empreinte SHA-256"), told["sha256"] or ""),
    ]


def _progress(told: Mapping[str, Any]) -> Markup:
    if told["state"] != "taking":
        return NOTHING
    parts = {name: number(count) for name, count in told["parts"].items()}
    return _("{kept} documents rangés sur {total} ; {aside} mis à part.", **parts)
