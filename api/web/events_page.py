"""The pages of events: their list, the form that declares one, and one event with its changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar

from markupsafe import Markup
from sqlalchemy.orm import Session

from api.http.i18n import _, ngettext
from api.views.event import label_of
from api.views.history import name_of
from api.web import quantities
from api.web.due_words import capitalised
from api.web.faults import Fault, in_words
from api.web.progress import Badge
from api.web.typed_date import DatePart, date_parts
from archive.catalogue import events
from archive.catalogue.event_effects import Effect
from archive.catalogue.events import Event
from archive.retention.dates import EVENTS
from signing.ground.errors import Refused

PAGE = 25


@dataclass(frozen=True)
class TypedEvent:
    """A form that was sent: refused, or to be confirmed.

    Attributes:
        effect: What it would do, to be confirmed; None where it was refused.
        withdraws: Whether it withdraws the event.
    """

    form: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    effect: Effect | None = None
    withdraws: bool = False

    def value(self, name: str) -> str:
        """Return what was typed in a box."""
        return self.form.get(name, "")


@dataclass(frozen=True)
class EventLine:
    """One statement about an event, in words."""

    href: str
    label: Markup
    reference: str
    day: str
    badge: Badge
    told: Markup
    reason: str | None


@dataclass(frozen=True)
class Choice:
    """One event that may be declared."""

    value: str
    label: Markup
    chosen: bool


@dataclass(frozen=True)
class Form:
    """A form about an event: its boxes as typed, its errors, or its effect to be confirmed."""

    typed: TypedEvent
    parts: tuple[DatePart, ...]
    effect: tuple[Markup, ...]
    hidden: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class EventsPage:
    """The list of events, with the form that declares one.

    Attributes:
        reference: Reference by which the list is filtered.
        following: Address of the next page; empty on the last one.
    """

    template: ClassVar[str] = "evenements.html"
    tab: ClassVar[str] = "evenements"
    help_anchor: ClassVar[str] = "evenements"

    lines: tuple[EventLine, ...]
    reference: str
    is_first: bool
    following: str
    choices: tuple[Choice, ...]
    form: Form
    may_declare: bool

    @property
    def json_href(self) -> str:
        """Return the API's address of the same list."""
        return "/api/v1/retention/events"


@dataclass(frozen=True)
class EventPage:
    """One event, all that was stated about it, and the forms that correct or withdraw it."""

    template: ClassVar[str] = "evenement.html"
    tab: ClassVar[str] = "evenements"
    help_anchor: ClassVar[str] = "evenements"

    id: str
    number: int
    now: EventLine
    withdrawn: bool
    statements: tuple[EventLine, ...]
    form: Form
    may_change: bool

    @property
    def json_href(self) -> str:
        """Return the API's address of the same event."""
        return f"/api/v1/retention/events/{self.id}"


def events_page(
    session: Session, tenant: str, *, may_declare: bool, reference: str, before: int | None, typed: TypedEvent
) -> EventsPage:
    """Return the list of a tenant's events, the one stated last first."""
    found = events.page(session, tenant, reference=reference or None, before=before, limit=PAGE + 1)
    chosen = typed.value("event")
    more = f"/evenements?avant={found[PAGE - 1].entry}" if len(found) > PAGE else ""
    return EventsPage(
        lines=tuple(_line(session, one) for one in found[:PAGE]),
        reference=reference,
        is_first=before is None,
        following=f"{more}&affaire={reference}" if more and reference else more,
        choices=tuple(
            sorted(
                (Choice(name, capitalised(label_of(name)), name == chosen) for name in EVENTS),
                key=lambda one: one.label,
            )
        ),
        form=_form(typed, None, ("event", "reference", "day", "month", "year", "reason")),
        may_declare=may_declare,
    )


def event_page(session: Session, tenant: str, event_id: str, *, may_change: bool, typed: TypedEvent) -> EventPage:
    """Return one event with all that was stated about it.

    Raises:
        Refused: ``event_not_found``.
    """
    latest = events.get(session, tenant, event_id)
    told = events.history(session, tenant, event_id)
    kept = ("day", "month", "year", "reason", "number", "withdraw")
    return EventPage(
        id=event_id,
        number=latest.number,
        now=_line(session, latest),
        withdrawn=latest.withdrawn,
        statements=tuple(_line(session, one) for one in reversed(told)),
        form=_form(typed, latest.occurrence.occurred_on, kept),
        may_change=may_change,
    )


def refused_event(error: Refused, form: Mapping[str, str]) -> TypedEvent:
    """Return a refused form; its error links to the field at fault."""
    anchors = {"/event": "#evenement", "/reference": "#reference", "/occurred_on": "#day"}
    return TypedEvent(form, (Fault(anchors.get(error.pointer or "", "#declarer"), in_words(error)),))


def _form(typed: TypedEvent, value: date | None, kept: tuple[str, ...]) -> Form:
    return Form(
        typed,
        date_parts(value=value, typed=typed.form or None),
        _effect(typed.effect) if typed.effect is not None else (),
        tuple((name, typed.value(name)) for name in kept) if typed.effect is not None else (),
    )


def _effect(effect: Effect) -> tuple[Markup, ...]:
    """Return what a statement would do, one sentence each."""
    told = [
        ngettext(
            "{n} document porte cette référence.",
            "{n} documents portent cette référence.",
            effect.records,
        ),
        ngettext("{n} document change de dates.", "{n} documents changent de dates.", effect.changed),
    ]
    if effect.earliest_due_on is not None:
        day = quantities.day(effect.earliest_due_on)
        told.append(_("La nouvelle échéance la plus proche est le {day}.", day=day))
    if effect.without_end:
        told.append(
            ngettext(
                "{n} document n’a plus de date de fin.", "{n} documents n’ont plus de date de fin.", effect.without_end
            )
        )
    if not effect.records:
        told.append(_("L’événement vaudra pour les documents versés plus tard."))
    return tuple(told)


def _line(session: Session, event: Event) -> EventLine:
    given = event.occurrence
    return EventLine(
        href=f"/evenements/{event.id}",
        label=capitalised(label_of(given.event)),
        reference=given.reference,
        day=quantities.day(given.occurred_on),
        badge=_badge(event),
        told=_(
            "{moment}, par {who}", moment=quantities.moment(event.at), who=name_of(session, event.agent) or _("inconnu")
        ),
        reason=event.reason,
    )


def _badge(event: Event) -> Badge:
    if event.withdrawn:
        return Badge("none", "none", _("Retiré"))
    if event.change == events.CORRECTED:
        return Badge("ok", "check", _("Corrigé"))
    return Badge("ok", "check", _("Déclaré"))
