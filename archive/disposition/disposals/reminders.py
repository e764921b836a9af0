"""Reminders of visas that nobody has given yet, and news of refusals to who asked for them.

A reminder goes after 15, 30 and 60 days, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.disposal_tables import DisposalRow
from archive.database.guest_tables import InvitationRow, MailAddressRow, MailRow
from archive.disposition.act import Act
from archive.disposition.disposals import invitations, letters, listing, projection, visas
from archive.disposition.disposals.invitations import Standing, standing
from archive.disposition.disposals.terms import reminders_due
from archive.disposition.mails import Letter, queue
from archive.model.disposals import DisposalState, LineState, VisaStep
from archive.retention.civil import civil_day, zone_of
from signing.ground.clock import parse_stamp

_DECIDED: Final = (DisposalState.COOLING_OFF, DisposalState.APPROVED, DisposalState.REFUSED)
_NEWS: Final = timedelta(days=30)
"""Older refusals are no news: nobody is told of them after a rebuild."""
Reminded = tuple[str, str, InvitationRow | None]
"""A word that names the person among causes, their address, their invitation."""


def tenants(session: Session) -> Sequence[str]:
    """Return the tenants that have a disposal which waits for visas, or has got them."""
    row = DisposalRow
    states = [state.value for state in (DisposalState.SUBMITTED, *_DECIDED)]
    return session.scalars(select(row.tenant_id).where(row.state.in_(states)).distinct()).all()


def remind(act: Act, *, by_server: bool) -> int:
    """Queue the reminders that are due in one tenant; return how many.

    A reminder that was missed is not made up for: of several that are due the last one goes.
    """
    if not act.today.trusted:
        return 0
    made = 0
    for row in listing.in_states(act.session, act.tenant, DisposalState.SUBMITTED):
        left = visas.missing(act, row)
        if left:
            made += _remind(act, row, left[0], by_server=by_server)
    return made


def tell_refusals(act: Act, *, by_server: bool) -> int:
    """Queue the news of lines that visas refused, once a disposal; return how many mails."""
    made, since = 0, act.today.day - _NEWS
    for row in listing.in_states(act.session, act.tenant, *_DECIDED):
        if row.last_visa_on is None or row.last_visa_on < since:
            continue
        told = listing.tally(act.session, row.id)
        refused = {word or "": count.records for (state, word), count in told.items() if state is LineState.REFUSED}
        if not refused or _is_told(act, row):
            continue
        text = letters.refusals(act, row, refused)
        known = {row.drafted_by, row.content["submitted_by"]}
        asked = select(MailAddressRow.mail).where(
            MailAddressRow.agent.in_(known), MailAddressRow.tenant_id == act.tenant
        )
        for mail in sorted(set(act.session.scalars(asked))) or [""]:
            letter = Letter(
                cause=f"refusals:{row.id}:{mail or 'nobody'}",
                recipient=mail,
                subject=text.subject,
                body=text.body,
                by_server=by_server,
                disposal_id=row.id,
            )
            made += queue(act, letter) is not None
    return made


def _is_told(act: Act, row: DisposalRow) -> bool:
    mail = MailRow
    begun = mail.cause.startswith(f"refusals:{row.id}:", autoescape=True)
    return act.session.scalar(select(mail.id).where(mail.tenant_id == act.tenant, begun).limit(1)) is not None


def asked_on(act: Act, row: DisposalRow) -> date:
    """Return the day since which the next visa is waited for."""
    days = [parse_stamp(visa.content["given_at"]) for visa in projection.visas_of(act.session, row.id)]
    zone = zone_of(act.session, act.tenant)
    given = max((civil_day(moment, zone) for moment in days), default=None)
    proposed = row.proposed_on or act.today.day
    return proposed if given is None else max(given, proposed)


def _remind(act: Act, row: DisposalRow, step: VisaStep, *, by_server: bool) -> int:
    since, made, zone = asked_on(act, row), 0, zone_of(act.session, act.tenant)
    for who, mail, guest in _whom(act, row, step):
        start = since if guest is None else max(since, civil_day(guest.invited_at, zone))
        begun = f"reminder:{row.id}:{step}:{who}:"
        sent = _sent(act.session, act.tenant, begun)
        late = reminders_due(start, sent, act.today.day)
        if not late or late[-1] < max(sent, default=0):
            continue
        text = letters.reminder(act, row, step, start, guest=guest)
        letter = Letter(
            cause=f"{begun}{late[-1]}",
            recipient=mail,
            subject=text.subject,
            body=text.body,
            by_server=by_server and (guest is None or guest.by_mail),
            disposal_id=row.id,
            invitation_id=guest.id if guest is not None else None,
        )
        made += queue(act, letter) is not None
    return made


def _whom(act: Act, row: DisposalRow, step: VisaStep) -> Iterator[Reminded]:
    """Return who is reminded: a guest who is invited; else everybody who may give visas here."""
    for one in invitations.of_disposal(act.session, row.id):
        if one.step == step and standing(one, act.now) is Standing.OPEN:
            yield f"guest-{one.id}", one.mail, one
            return
    done = {row.drafted_by, row.content["submitted_by"]}
    done |= {visa.agent for visa in projection.visas_of(act.session, row.id)}
    known = act.session.scalars(
        select(MailAddressRow)
        .where(MailAddressRow.tenant_id == act.tenant, MailAddressRow.gives_visas)
        .order_by(MailAddressRow.agent)
    ).all()
    found = [(one.agent, one.mail, None) for one in known if one.agent not in done]
    yield from found or [("nobody", "", None)]


def _sent(session: Session, tenant: str, begun: str) -> list[int]:
    row = MailRow
    causes = session.scalars(
        select(row.cause).where(row.tenant_id == tenant, row.cause.startswith(begun, autoescape=True))
    )
    return [int(cause.removeprefix(begun)) for cause in causes]
