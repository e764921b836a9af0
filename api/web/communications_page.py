"""Pages of the register of access requests: the whole, and one request with its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from markupsafe import Markup
from sqlalchemy.orm import Session

from api.http.i18n import _, number, said
from api.views.access_request import view
from api.views.record import records_by_id
from api.web import quantities
from api.web.faults import Fault, in_words
from api.web.progress import Badge
from api.web.typed_date import DatePart, date_parts
from archive.catalogue import access_requests, openings
from archive.catalogue.access_requests import AccessFilter
from archive.catalogue.access_steps import REMEDIES, AccessStep, Warned
from archive.database.access_tables import AccessRequestRow
from archive.model.access_requests import AccessKind, AccessState
from signing.ground.errors import Refused

PAGE: Final = 25
_IN_FORCE: Final = "En vigueur"
KINDS: Final = {
    AccessKind.COMMUNICATION: "Communication",
    AccessKind.DEROGATION: "Dérogation",
    AccessKind.EARLY_OPENING: "Ouverture anticipée",
}
_ASKED: Final = {kind: words for kind, words in KINDS.items() if kind is not AccessKind.EARLY_OPENING}
STATES: Final = {
    AccessState.REGISTERED: "Inscrite",
    AccessState.SENT: "Envoyée au service d’origine",
    AccessState.ANSWERED: "Réponse reçue",
    AccessState.GRANTED: "Accordée",
    AccessState.REFUSED: "Refusée",
    AccessState.WITHDRAWN: "Retirée",
    AccessState.CLOSED: "Close",
}
STEPS: Final = {
    AccessStep.SEND: "Envoyer au service d’origine",
    AccessStep.ANSWER: "Inscrire sa réponse",
    AccessStep.GRANT: "Accorder",
    AccessStep.REFUSE: "Refuser",
    AccessStep.CONSULT: "Inscrire une consultation",
    AccessStep.CLOSE: "Clore",
    AccessStep.WITHDRAW: "Retirer l’ouverture",
}
_TAKEN: Final = {
    AccessStep.SEND: "Envoyée au service d’origine",
    AccessStep.ANSWER: "Réponse du service d’origine",
    AccessStep.GRANT: "Accordée",
    AccessStep.REFUSE: "Refusée",
    AccessStep.CONSULT: "Consultée",
    AccessStep.CLOSE: "Close",
    AccessStep.WITHDRAW: "Retirée",
}
_WARNED: Final = {
    Warned.MONTH_PASSED: "Un mois a passé depuis son inscription.",
    Warned.TEN_DAYS: "Il reste dix jours au plus pour répondre.",
    Warned.LATE: "Le délai de deux mois est passé.",
}
_BADGES: Final = {
    AccessState.GRANTED: ("ok", "check"),
    AccessState.REFUSED: ("bad", "cross"),
    AccessState.WITHDRAWN: ("none", "none"),
    AccessState.CLOSED: ("none", "none"),
}


@dataclass(frozen=True)
class TypedRequest:
    """A form that was sent and refused, to be shown again as it was filled."""

    form: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    def value(self, name: str) -> str:
        """Return what was typed in a box."""
        return self.form.get(name, "")


@dataclass(frozen=True)
class RequestLine:
    """One request of the register, in words."""

    href: str
    requester: str
    subject: str
    kind: Markup
    registered_on: str
    answer_by: str
    badge: Badge
    warning: Markup | None


@dataclass(frozen=True)
class Option:
    """One choice of a list."""

    value: str
    label: Markup
    chosen: bool


@dataclass(frozen=True)
class CommunicationsPage:
    """The register, its filters, and the form that registers a request."""

    template: ClassVar[str] = "communications.html"
    tab: ClassVar[str] = "communications"
    help_anchor: ClassVar[str] = "communications"

    lines: tuple[RequestLine, ...]
    kinds: tuple[Option, ...]
    new_kinds: tuple[Option, ...]
    states: tuple[Option, ...]
    text: str
    is_first: bool
    following: str
    csv_href: str
    typed: TypedRequest
    parts: tuple[DatePart, ...]
    opening_parts: tuple[DatePart, ...]
    entered_parts: tuple[DatePart, ...]

    @property
    def opens(self) -> bool:
        """Whether the form that was sent is that of an early opening."""
        return self.typed.value("kind") == AccessKind.EARLY_OPENING

    @property
    def json_href(self) -> str:
        """Return the API's address of the register."""
        return "/api/v1/access-requests"


@dataclass(frozen=True)
class StepLine:
    """One step that was taken."""

    day: str
    label: Markup
    text: str | None
    remedies: str | None


@dataclass(frozen=True)
class OpeningShown:
    """What an early opening opens, and what it does or would do to records, in words.

    Attributes:
        href: Page of the part of the plan; empty for a producer's fonds.
        in_force: Whether it is decided, and not withdrawn.
        is_to_come: Whether it may still be decided: then its effect is shown.
        opened: Number of records that are open earlier by it.
    """

    href: str
    place: str
    opens_on: str
    in_force: bool
    is_to_come: bool
    opened: str
    effect: tuple[tuple[Markup, str], ...]


@dataclass(frozen=True)
class RequestPage:
    """One request, its steps, and the form of those that may follow."""

    template: ClassVar[str] = "communication.html"
    tab: ClassVar[str] = "communications"
    help_anchor: ClassVar[str] = "communications"

    id: str
    number: int
    line: RequestLine
    contact: str | None
    motive: str | None
    records: tuple[tuple[str, str], ...]
    steps: tuple[StepLine, ...]
    following: tuple[Option, ...]
    may_answer: bool
    may_refuse: bool
    remedies: str
    opening: OpeningShown | None
    typed: TypedRequest
    parts: tuple[DatePart, ...]

    @property
    def json_href(self) -> str:
        """Return the API's address of the same request."""
        return f"/api/v1/access-requests/{self.id}"


def communications_page(
    session: Session, tenant: str, wanted: AccessFilter, before: str | None, today: date, typed: TypedRequest
) -> CommunicationsPage:
    """Return a page of the register, the request registered last first."""
    found = access_requests.page(session, tenant, wanted, before=before, limit=PAGE + 1)
    is_opening = typed.value("kind") == AccessKind.EARLY_OPENING
    entered = date_parts(ids="inscrite-", value=today, typed=typed.form if is_opening else None)
    asked = {"nature": wanted.kind or "", "etat": wanted.state or "", "q": wanted.text}
    asked = {name: str(value) for name, value in asked.items() if value}
    more = f"/communications?{urlencode({**asked, 'avant': found[PAGE - 1].id})}" if len(found) > PAGE else ""
    states = (Option("open", _("En cours"), wanted.state == "open"), *_options(STATES, wanted.state))
    return CommunicationsPage(
        lines=tuple(_line(session, row, today) for row in found[:PAGE]),
        kinds=_options(KINDS, wanted.kind),
        new_kinds=_options(_ASKED, typed.value("kind") or None),
        states=states,
        text=wanted.text,
        is_first=before is None,
        following=more,
        csv_href=f"/communications/registre.csv?{urlencode(asked)}",
        typed=typed,
        parts=date_parts(value=today, typed=None if is_opening else typed.form or None),
        entered_parts=entered,
        opening_parts=date_parts(ids="ouvrir-", names="opens_", typed=typed.form if is_opening else None),
    )


def request_page(session: Session, tenant: str, request_id: str, today: date, typed: TypedRequest) -> RequestPage:
    """Return one request with its steps.

    Raises:
        Refused: ``access_request_not_found``.
    """
    row = access_requests.get(session, tenant, request_id)
    shown = view(session, row, today)
    steps = [AccessStep(name) for name in shown["next_steps"]]
    titles = records_by_id(session, tenant, shown["records"])
    return RequestPage(
        id=row.id,
        number=row.number,
        line=_line(session, row, today),
        contact=shown["contact"],
        motive=shown["motive"],
        records=tuple((one, titles[one].title if one in titles else one) for one in shown["records"]),
        steps=tuple(_step(step) for step in shown["steps"]),
        following=tuple(Option(one.value, said(STEPS[one]), one.value == typed.value("step")) for one in steps),
        may_answer=AccessStep.ANSWER in steps,
        may_refuse=AccessStep.REFUSE in steps,
        remedies=typed.value("remedies") or REMEDIES,
        opening=_opening(session, row, shown["opening"], today),
        typed=typed,
        parts=date_parts(value=today, typed=typed.form or None),
    )


def refused_request(error: Refused, form: Mapping[str, str]) -> TypedRequest:
    """Return a refused form; its error links to the field at fault."""
    opens = form.get("kind") == AccessKind.EARLY_OPENING
    anchors = {
        "/requester": "#proposant" if opens else "#demandeur",
        "/subject": "#ouvrir-objet" if opens else "#objet",
        "/registered_on": "#inscrite-day" if opens else "#day",
        "/on": "#day",
        "/text": "#texte",
        "/step": "#etape",
        "/agreed": "#accord",
        "/opening": "#ouverture",
        "/opening/node": "#place",
        "/opening/producer": "#service",
        "/opening/opens_on": "#ouvrir-day",
    }
    return TypedRequest(
        form, (Fault(anchors.get(error.pointer or "", "#ouverture" if opens else "#inscrire"), in_words(error)),)
    )


def _options(words: Mapping[Any, str], chosen: str | None) -> tuple[Option, ...]:
    return tuple(Option(one.value, said(text), one.value == chosen) for one, text in words.items())


def _line(session: Session, row: AccessRequestRow, today: date) -> RequestLine:
    shown = view(session, row, today)
    state = AccessState(row.state)
    kind, symbol = _BADGES.get(state, ("warn", "clock"))
    warning = shown["warning"]
    in_force = row.kind == AccessKind.EARLY_OPENING and state is AccessState.GRANTED
    return RequestLine(
        href=f"/communications/{row.id}",
        requester=row.requester,
        subject=row.asked,
        kind=said(KINDS[AccessKind(row.kind)]),
        registered_on=quantities.day(row.registered_on),
        answer_by=quantities.day(row.answer_by) if row.answer_by is not None else "",
        badge=Badge(kind, symbol, said(_IN_FORCE if in_force else STATES[state])),
        warning=said(_WARNED[Warned(warning)]) if warning is not None else None,
    )


def _opening(
    session: Session, row: AccessRequestRow, told: Mapping[str, Any] | None, today: date
) -> OpeningShown | None:
    if told is None:
        return None
    state = AccessState(row.state)
    is_to_come = state in {AccessState.REGISTERED, AccessState.SENT, AccessState.ANSWERED}
    return OpeningShown(
        href=f"/plan/{told['node']}" if told["node"] else "",
        place=f"{told['code']} {told['title']}" if told["node"] else told["producer"],
        opens_on=quantities.day(date.fromisoformat(told["opens_on"])),
        in_force=state is AccessState.GRANTED,
        is_to_come=is_to_come,
        opened=number(told["records"]),
        effect=_effect(session, row, today) if is_to_come else (),
    )


def _effect(session: Session, row: AccessRequestRow, today: date) -> tuple[tuple[Markup, str], ...]:
    """Tell what it would do, for which every record that it covers is counted."""
    found = openings.effect_of(session, row.tenant_id, row.content, today)
    unknown = _("Inconnu")
    return (
        (_("Documents concernés"), number(found.records)),
        (_("Ouverts plus tôt"), number(found.changed)),
        (_("Leur jour aujourd’hui, au plus tôt"), quantities.day(found.earliest) or unknown),
        (_("Leur jour aujourd’hui, au plus tard"), quantities.day(found.latest) or unknown),
        (_("Leur nouveau jour"), quantities.day(found.opens_on)),
        (_("Sans date connue aujourd’hui"), number(found.without_date)),
        (_("Jamais communicables : restent fermés"), number(found.never)),
        (_("Sans règle d’accès : restent fermés"), number(found.without_rule)),
        (_("Dates à recalculer"), number(found.stale)),
    )


def _step(step: Mapping[str, Any]) -> StepLine:
    label = said(_TAKEN[AccessStep(step["step"])])
    if step["agreed"] is not None:
        label = _("Accord du service d’origine") if step["agreed"] else _("Refus du service d’origine")
    return StepLine(quantities.day(date.fromisoformat(step["on"])), label, step["text"], step["remedies"])
