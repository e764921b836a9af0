"""Guests: people without an account, on one bordereau, by a link and a code.

Their session is apart from those of accounts: another cookie, below ``/visa`` alone, another token.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete
from sqlalchemy.orm import Session
from starlette.requests import Request

from api.access.callers import Caller
from api.access.csrf import require_same_origin
from api.access.tables import GuestSessionRow, secret_digest
from archive.database.guest_tables import InvitationRow
from archive.database.tenancy import EVERYTHING, acting_for, found_to_be
from archive.disposition.disposals import invitations
from archive.disposition.disposals.bordereau import get as disposal_of
from archive.disposition.disposals.invitations import Standing, standing
from signing.ground.errors import Refused

COOKIE: Final = "chartrier-visa"
SECURE_COOKIE: Final = "__Secure-chartrier-visa"
PATH: Final = "/visa"
IDLE: Final = timedelta(hours=1)
LONGEST: Final = timedelta(hours=8)
_SEEN_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Guest:
    """A guest who gave link and code.

    Attributes:
        csrf: Token that each form of this session must carry.
    """

    invitation: InvitationRow
    csrf: str

    @property
    def tenant(self) -> str:
        """The tenant of the bordereau."""
        return self.invitation.tenant_id

    @property
    def agent(self) -> str:
        """Who is held for the giver of the visa."""
        return invitations.agent_of(self.invitation)


def open_guest_session(session: Session, row: InvitationRow, now: datetime) -> str:
    """Open a session on one bordereau; return the secret of its cookie. An earlier one ends."""
    token, here = secrets.token_urlsafe(32), GuestSessionRow
    session.execute(delete(here).where(here.invitation_id == row.id))
    session.add(
        GuestSessionRow(
            token_sha256=secret_digest(token),
            invitation_id=row.id,
            csrf=secrets.token_urlsafe(24),
            created_at=now,
            seen_at=now,
            expires_at=now + LONGEST,
        )
    )
    session.flush()
    return token


def close_guest_sessions(session: Session, row: InvitationRow) -> None:
    """Close a guest's session on the server."""
    session.execute(delete(GuestSessionRow).where(GuestSessionRow.invitation_id == row.id))


def current_guest(request: Request) -> Guest | None:
    """Return the guest of this request; None without a session, or when its invitation has ended.

    The request then sees the rows of the bordereau's tenant: any account was set aside before.
    """
    token = request.cookies.get(SECURE_COOKIE) or request.cookies.get(COOKIE)
    if token is None:
        return None
    system = request.app.state.system
    now = system.clock()
    with acting_for(EVERYTHING):  # the tenant is in the row of the invitation
        with system.database.read() as session:
            row = session.get(GuestSessionRow, secret_digest(token))
            if row is None or row.expires_at <= now or now - row.seen_at > IDLE:
                return None
            invitation = session.get_one(InvitationRow, row.invitation_id)
            if standing(invitation, now) is not Standing.OPEN:
                return None
            guest, seen_at = Guest(invitation, row.csrf), row.seen_at
        if now - seen_at > _SEEN_EVERY:
            with system.database.write() as session:
                there = session.get(GuestSessionRow, secret_digest(token))
                if there is not None:
                    there.seen_at = now
    found_to_be(guest.tenant)
    return guest


def require_guest_csrf(request: Request, guest: Guest, token: str) -> None:
    """Refuse a change without the proof that a page of this guest's session asked for it.

    Raises:
        Refused: ``cross_site``, ``csrf_refused``.
    """
    require_same_origin(request)
    if not secrets.compare_digest(token.encode(), guest.csrf.encode()):
        raise Refused(
            "csrf_refused",
            "La page a expiré avant l’envoi : rien n’a été modifié.",
            action="Rechargez la page puis recommencez.",
        )


def require_not_inviter(account: Caller | None, session: Session, row: InvitationRow) -> None:
    """Refuse link and code in the browser of who invited, or of who prepared the bordereau.

    Args:
        account: Who is logged in there, if anybody is.

    Raises:
        Refused: ``visa_by_drafter``.
    """
    if account is None:
        return
    disposal = disposal_of(session, row.tenant_id, row.disposal_id)
    if account.agent in {row.invited_by, disposal.drafted_by, disposal.content["submitted_by"]}:
        raise Refused(
            "visa_by_drafter",
            "Celui qui a préparé un bordereau, ou qui y a invité, n’y donne pas de visa.",
            kept="Le visa n’est pas donné.",
            action="La personne invitée ouvre le lien elle-même, sur son téléphone ou son ordinateur.",
        )
