"""View-models of the page that invites guests, and of the page of mails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlencode

from markupsafe import Markup
from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.http.i18n import _, ngettext, said
from api.views import disposal as disposals
from api.views import invitation as views
from api.web import quantities
from api.web.disposal_words import STEPS
from api.web.faults import Fault
from api.web.progress import NOTHING, Badge
from archive.database.guest_tables import InvitationRow, MailRow
from archive.disposition import mails
from archive.disposition.disposals import bordereau, invitations
from archive.disposition.disposals.invitations import DAYS, Standing, standing
from archive.model.disposals import DisposalState, VisaStep
from archive.model.mails import MailState

if TYPE_CHECKING:
    from ingestion.assembly import System

PAGE: Final = 25
_STANDINGS: Final = {
    Standing.OPEN: ("wait", "clock", "Attend sa réponse"),
    Standing.USED: ("ok", "check", "Visa donné"),
    Standing.REVOKED: ("none", "cross", "Retirée"),
    Standing.CLOSED: ("bad", "lock", "Fermée par cinq codes faux"),
    Standing.EXPIRED: ("none", "clock", "Expirée"),
}
MAIL_STATES: Final = {
    MailState.WAITING: ("wait", "clock", "En attente d’envoi"),
    MailState.SENT: ("ok", "check", "Envoyé"),
    MailState.FAILED: ("bad", "warn", "N’est pas parti"),
    MailState.TO_COPY: ("warn", "now", "À envoyer vous-même"),
}


@dataclass(frozen=True)
class ShownInvitation:
    """One invitation of the list."""

    id: str
    person: str
    quality: str
    mail: str
    step: Markup
    badge: Badge
    notes: tuple[Markup, ...]
    may_revoke: bool


@dataclass(frozen=True)
class InvitationsPage:
    """Invitations to a bordereau, and the form of a new one.

    Attributes:
        made: The one just made, with its code, shown this once; None otherwise.
        sends: Whether this service sends mails.
        copies: Whether this person may be given a link to copy: not who prepared the bordereau.
    """

    template: ClassVar[str] = "invitations.html"
    tab: ClassVar[str] = "bordereaux"
    help_anchor: ClassVar[str] = "invitations"

    id: str
    reference: str
    title: str
    steps: tuple[tuple[str, Markup], ...]
    lines: tuple[ShownInvitation, ...]
    sends: bool
    copies: bool
    form: Mapping[str, str]
    faults: tuple[Fault, ...]
    made: Mapping[str, Any] | None

    @property
    def json_href(self) -> str:
        """Return the API's address of the same list."""
        return f"/api/v1/disposals/{self.id}/invitations"

    def value(self, name: str) -> str:
        """Return what was typed in a box."""
        return self.form.get(name, str(DAYS) if name == "jours" else "")


def invitations_page(
    system: System,
    person: Caller,
    disposal_id: str,
    form: Mapping[str, str],
    faults: tuple[Fault, ...] = (),
    made: Mapping[str, Any] | None = None,
) -> InvitationsPage:
    """Return the page of invitations, in the current language.

    Raises:
        Refused: ``disposal_not_found``.
    """
    now = system.clock()
    with system.database.read() as session:
        row = bordereau.get(session, person.tenant, disposal_id)
        shown = disposals.view(disposals.reading(system, session, person.tenant), row)
        lines = tuple(_shown(session, one, now) for one in invitations.of_disposal(session, row.id))
    awaited = shown["steps"] if row.state == DisposalState.SUBMITTED else []
    return InvitationsPage(
        id=row.id,
        reference=row.reference,
        title=row.title,
        steps=tuple(
            (one["step"], said(STEPS[VisaStep(one["step"])]))
            for one in awaited
            if one["state"] in {"expected", "to_come"}
        ),
        lines=lines,
        sends=system.settings.mail is not None,
        copies=not invitations.may_only_mail(row, person.agent),
        form=form,
        faults=faults,
        made=made,
    )


def _shown(session: Session, row: InvitationRow, now: Any) -> ShownInvitation:
    where = standing(row, now)
    kind, icon, word = _STANDINGS[where]
    told = views.view(session, row, now)
    notes = [
        _("Invitation du {day}, par {who}.", day=quantities.day(told["invited_at"]), who=told["invited_by"] or "?")
    ]
    if where is Standing.OPEN:
        notes.append(_("Le lien vaut jusqu’au {day}.", day=quantities.day(told["expires_at"])))
    if told["entered_at"] is not None:
        notes.append(_("Bordereau ouvert le {day}.", day=quantities.day(told["entered_at"])))
    if row.wrong:
        notes.append(ngettext("{n} code faux.", "{n} codes faux.", row.wrong))
    return ShownInvitation(
        id=row.id,
        person=row.person,
        quality=row.quality,
        mail=row.mail,
        step=said(STEPS[VisaStep(row.step)]),
        badge=Badge(kind, icon, said(word)),
        notes=tuple(notes),
        may_revoke=where in {Standing.OPEN, Standing.CLOSED, Standing.EXPIRED},
    )


# -- mails


@dataclass(frozen=True)
class ShownMail:
    """One mail of the list.

    Attributes:
        text: With the link for who made it; else without.
        may_copy: Whether a person may say that they sent it.
    """

    id: str
    subject: str
    recipient: str
    badge: Badge
    notes: tuple[Markup, ...]
    text: str
    may_copy: bool
    may_retry: bool


@dataclass(frozen=True)
class MailsPage:
    """Mails of the tenant, the last one first."""

    template: ClassVar[str] = "courriels.html"
    tab: ClassVar[str] = "bordereaux"
    help_anchor: ClassVar[str] = "courriels"
    json_href: ClassVar[str] = ""

    lines: tuple[ShownMail, ...]
    states: tuple[tuple[str, Markup, int, bool], ...]
    state: str
    sends: bool
    following: str
    is_first: bool
    faults: tuple[Fault, ...]


def mails_page(
    system: System, person: Caller, state: str, before: str | None, faults: tuple[Fault, ...] = ()
) -> MailsPage:
    """Return a page of mails, in the current language."""
    wanted = MailState(state) if state in set(MailState) else None
    with system.database.read() as session:
        rows = mails.page(session, person.tenant, wanted, before=before, limit=PAGE + 1)
        numbers = mails.numbers(session, person.tenant)
        lines = tuple(_mail(system, session, person, one) for one in rows[:PAGE])
    more = urlencode({"etat": state, "avant": rows[PAGE - 1].id}) if len(rows) > PAGE else ""
    return MailsPage(
        lines=lines,
        states=tuple(
            (one.value, said(word), numbers.get(one, 0), one is wanted)
            for one, (_kind, _icon, word) in MAIL_STATES.items()
        ),
        state=wanted.value if wanted is not None else "",
        sends=system.settings.mail is not None,
        following=f"/courriels?{more}" if more else "",
        is_first=before is None,
        faults=faults,
    )


def _mail(system: System, session: Session, person: Caller, row: MailRow) -> ShownMail:
    state, decides = MailState(row.state), person.may("disposal:write")
    kind, icon, word = MAIL_STATES[state]
    notes = [_("Écrit le {day}.", day=quantities.day(row.made_at))]
    if row.sent_at is not None:
        notes.append(_("Envoyé le {day}.", day=quantities.day(row.sent_at)))
    if row.attempts:
        notes.append(ngettext("{n} essai.", "{n} essais.", row.attempts))
    if row.attempts > 1 and state is not MailState.FAILED:
        notes.append(_("Il a pu partir deux fois : les deux portent le même numéro."))
    if row.problem:
        notes.append(_("Le dernier essai : {why}.", why=row.problem))
    return ShownMail(
        id=row.id,
        subject=row.subject,
        recipient=row.recipient,
        badge=Badge(kind, icon, said(word), NOTHING),
        notes=tuple(notes),
        text=_text(system, session, person, row),
        may_copy=decides and state in {MailState.TO_COPY, MailState.FAILED},
        may_retry=decides and state is MailState.FAILED and system.settings.mail is not None,
    )


def _text(system: System, session: Session, person: Caller, row: MailRow) -> str:
    """Return the text of a mail; its link only to who invited, and only where they send it."""
    guest = session.get(InvitationRow, row.invitation_id) if row.invitation_id is not None else None
    if guest is not None:
        is_open = standing(guest, system.clock()) is Standing.OPEN
        if is_open and not guest.by_mail and guest.invited_by == person.agent:
            return views.with_link(system, row, guest)
    return row.body.replace(mails.LINK, mails.HIDDEN)
