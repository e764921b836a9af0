"""Mails: queued with what caused them, in its transaction; sent, tried again or given up by a duty.

Nothing waits for a mail. Where no server is set, or no address is known, a person copies the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.database.guest_tables import MailRow
from archive.disposition.act import Act
from archive.model.identifiers import is_id, new_id
from archive.model.mails import MailState, is_address, is_line
from signing.ground.errors import Refused

LINK: Final = "{lien}"
"""Place of a personal link in a text: the text is kept without it."""
HIDDEN: Final = "[lien personnel]"
"""What stands there for who may not read it."""
WAITS: Final = tuple(timedelta(minutes=n) for n in (1, 5, 30, 120, 480, 1440, 1440))
"""After each failed attempt; after the last one the mail has failed."""
ATTEMPTS: Final = len(WAITS) + 1


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A mail as its cause asks for it.

    Attributes:
        cause: The same cause makes no second mail.
        recipient: Address; empty: none is known.
        subject: One line.
        by_server: Whether the service sends it; else a person copies the text.
    """

    cause: str
    recipient: str
    subject: str
    body: str
    by_server: bool
    disposal_id: str | None = None
    invitation_id: str | None = None


def queue(act: Act, letter: Letter) -> MailRow | None:
    """Queue a mail in the caller's transaction; None where its cause has one already."""
    row = MailRow
    known = act.session.scalar(select(row.id).where(row.tenant_id == act.tenant, row.cause == letter.cause))
    if known is not None:
        return None
    if not is_line(letter.subject) or (letter.recipient and not is_address(letter.recipient)):
        raise ValueError("a header of a mail is one line")
    sent = letter.by_server and bool(letter.recipient)
    made = MailRow(
        id=new_id(),
        tenant_id=act.tenant,
        cause=letter.cause,
        recipient=letter.recipient,
        subject=letter.subject,
        body=letter.body,
        disposal_id=letter.disposal_id,
        invitation_id=letter.invitation_id,
        made_by=act.agent,
        made_at=act.now,
        state=(MailState.WAITING if sent else MailState.TO_COPY).value,
        attempts=0,
        next_at=act.now if sent else None,
    )
    act.session.add(made)
    act.session.flush()
    return made


# -- sent by the duty


def due(session: Session, now: datetime, limit: int) -> Sequence[str]:
    """Return mails of every tenant whose attempt has come, the one that waits longest first."""
    row = MailRow
    asked = select(row.id).where(row.state == MailState.WAITING, row.next_at <= now)
    return session.scalars(asked.order_by(row.next_at, row.id).limit(limit)).all()


def begin(session: Session, mail_id: str, now: datetime) -> MailRow | None:
    """Count an attempt before the server is called; None if another one has begun it meanwhile.

    A duty that dies afterwards leaves the mail waiting: it is sent once more, with the same
    ``Message-ID``, and never more often than ``ATTEMPTS``.
    """
    row = session.get(MailRow, mail_id, with_for_update=True)
    if row is None or row.state != MailState.WAITING or row.next_at is None or row.next_at > now:
        return None
    if row.attempts >= ATTEMPTS:
        row.state, row.next_at = MailState.FAILED.value, None
        return None
    row.attempts += 1
    row.next_at = now + WAITS[min(row.attempts, len(WAITS)) - 1]
    session.flush()
    return row


def note_sent(session: Session, mail_id: str, now: datetime) -> None:
    """Note that a server took a mail."""
    row = session.get_one(MailRow, mail_id)
    row.state, row.next_at, row.problem, row.sent_at = MailState.SENT.value, None, None, now


def note_failed(session: Session, mail_id: str, problem: str, *, for_good: bool) -> None:
    """Note why an attempt failed; the last one, or a refusal for good, ends it."""
    row = session.get_one(MailRow, mail_id)
    row.problem = problem[:500]
    if for_good or row.attempts >= ATTEMPTS:
        row.state, row.next_at = MailState.FAILED.value, None


# -- looked at and decided by a person


def page(
    session: Session, tenant: str, state: MailState | None, *, before: str | None, limit: int
) -> Sequence[MailRow]:
    """Return a tenant's mails, the last one first.

    Args:
        before: Id of the last one of the page before.
    """
    row = MailRow
    asked = select(row).where(row.tenant_id == tenant)
    if state is not None:
        asked = asked.where(row.state == state)
    if before is not None:
        asked = asked.where(row.id < before)
    return session.scalars(asked.order_by(row.id.desc()).limit(limit)).all()


def numbers(session: Session, tenant: str) -> dict[MailState, int]:
    """Return the number of a tenant's mails by state."""
    row = MailRow
    found = session.execute(select(row.state, func.count()).where(row.tenant_id == tenant).group_by(row.state))
    return {MailState(state): n for state, n in found}


def get(session: Session, tenant: str, mail_id: str) -> MailRow:
    """Return a mail of this tenant.

    Raises:
        Refused: ``mail_not_found``.
    """
    row = session.get(MailRow, mail_id) if is_id(mail_id) else None
    if row is None or row.tenant_id != tenant:
        raise Refused("mail_not_found", "Ce courriel n’existe pas.", action="Vérifiez son identifiant.")
    return row


def send_again(session: Session, tenant: str, mail_id: str, now: datetime) -> MailRow:
    """Try a mail that has failed once more, from its first attempt on.

    Raises:
        Refused: ``mail_not_found``, ``mail_over``.
    """
    row = get(session, tenant, mail_id)
    if row.state != MailState.FAILED:
        raise _over()
    row.state, row.attempts, row.next_at = MailState.WAITING.value, 0, now
    return row


def note_copied(session: Session, tenant: str, mail_id: str, now: datetime) -> MailRow:
    """Note that a person sent a mail themselves.

    Raises:
        Refused: ``mail_not_found``, ``mail_over``.
    """
    row = get(session, tenant, mail_id)
    if row.state not in {MailState.TO_COPY, MailState.FAILED}:
        raise _over()
    row.state, row.sent_at, row.next_at = MailState.SENT.value, now, None
    return row


def _over() -> Refused:
    return Refused(
        "mail_over",
        "Ce courriel n’attend pas cela.",
        kept="Il n’a pas changé.",
        action="Rechargez la page : elle dit où il en est.",
    )
