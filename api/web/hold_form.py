"""Holds on a record's page: those in force, and the forms that place and release one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from markupsafe import Markup
from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.http.i18n import _, said
from api.views.history import name_of
from api.views.hold import UNTIL_IN_DOUBT
from api.web import quantities
from api.web.faults import Fault, in_words
from api.web.typed_date import DatePart, date_parts, typed_date
from archive.catalogue.rows import holds_on
from archive.database.tables import HeldRecordRow, HoldRow, RecordRow
from archive.disposition.holds.listing import counts_of, is_doubtful
from archive.model.states import RecordState
from signing.ground.errors import Refused

_IDS = "terme-"
"""Prefix of the ids of the elements for a hold's last day."""


@dataclass(frozen=True)
class TypedHold:
    """A hold form that was sent and refused, to be shown again as it was filled.

    Attributes:
        hold_id: The hold to be released; empty when the form was to place a new one.
    """

    faults: tuple[Fault, ...] = ()
    hold_id: str = ""
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Return the reason as typed."""
        return self.form.get("reason", "")


@dataclass(frozen=True)
class ShownHold:
    """A hold in force, in words.

    Attributes:
        others: How many other records it covers.
        in_step: Whether the store follows the decision.
        remark: What is to be checked; empty when nothing is.
        typed_reason: The reason typed for its release, when that form was refused.
        open: Whether its release form is shown unfolded.
    """

    id: str
    sentence: Markup
    placed_by: str | None
    others: int
    in_step: bool
    remark: str
    typed_reason: str
    open: bool


@dataclass(frozen=True)
class HoldForm:
    """The holds on a record's page, and the form of a new one.

    Attributes:
        allowed: Whether this person may place and release holds here.
        faults: The errors of the form that was just sent.
        typed_reason: The reason typed for a new hold, when that form was refused.
        until: Day, month and year of the last day of a new hold.
        open: Whether the form of a new hold is shown unfolded.
    """

    holds: tuple[ShownHold, ...]
    allowed: bool
    faults: tuple[Fault, ...]
    typed_reason: str
    until: tuple[DatePart, ...]
    open: bool


def hold_form(session: Session, row: RecordRow, person: Caller, typed: TypedHold, now: datetime) -> HoldForm:
    """Return the holds of a record, as one person sees them."""
    placing = not typed.hold_id
    return HoldForm(
        holds=tuple(_shown(session, hold, row.id, typed, now) for hold in holds_on(session, row.id)),
        allowed=person.may("hold:write") and not RecordState(row.state).gone,
        faults=typed.faults,
        typed_reason=typed.reason if placing else "",
        until=date_parts(ids=_IDS, typed=typed.form),
        open=bool(typed.faults) and placing,
    )


def _shown(session: Session, row: HoldRow, record_id: str, typed: TypedHold, now: datetime) -> ShownHold:
    return ShownHold(
        id=row.id,
        sentence=_sentence(row),
        placed_by=name_of(session, row.placed_by),
        others=counts_of(session, row.id)[0] - 1,
        in_step=session.get_one(HeldRecordRow, (row.id, record_id)).settled_at is not None,
        remark=said(UNTIL_IN_DOUBT) if is_doubtful(session, row, now) else "",
        typed_reason=typed.reason if row.id == typed.hold_id else "",
        open=row.id == typed.hold_id,
    )


def _sentence(row: HoldRow) -> Markup:
    day, reason = quantities.day(row.placed_at), row.reason.rstrip(" .")
    if row.until is None:
        return _("Gelé depuis le {day} : {reason}. Il ne peut pas être éliminé.", day=day, reason=reason)
    return _(
        "Gelé depuis le {day}, jusqu’au {last} : {reason}. Il ne peut pas être éliminé.",
        day=day,
        last=quantities.day(row.until),
        reason=reason,
    )


def typed_end(form: Mapping[str, str]) -> date | None:
    """Return the last day typed for a new hold; None when none was.

    Raises:
        Refused: ``bad_hold``.
    """
    return typed_date(form, code="bad_hold", kept="Rien n’a été changé.", pointer="/until")


def refused_hold(error: Refused, form: Mapping[str, str], hold_id: str = "") -> TypedHold:
    """Return a refused form; its error links to the field at fault."""
    field = "#gel" if hold_id or error.pointer is None else f"#{_IDS}day" if error.pointer == "/until" else "#motif"
    return TypedHold((Fault(field, in_words(error)),), hold_id, form)
