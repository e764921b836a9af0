"""Sessions of people, opened by one-time login links.

Only digests of links and cookies are kept.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from api.access.callers import ROLES, Caller
from api.access.tables import LoginLinkRow, SessionRow, UserRow, secret_digest
from signing.ground.errors import Refused

COOKIE = "chartrier"
SECURE_COOKIE = "__Host-chartrier"
SESSION_IDLE = timedelta(hours=2)
SESSION_LONGEST = timedelta(hours=12)
LINK_LIFE = timedelta(minutes=30)
_SEEN_EVERY = timedelta(minutes=1)


def login_link(session: Session, user: UserRow, now: datetime, life: timedelta = LINK_LIFE) -> str:
    """Make a one-time login link; return the token of its address (``/connexion/<token>``)."""
    token = secrets.token_urlsafe(32)
    session.add(LoginLinkRow(token_sha256=secret_digest(token), user_id=user.id, expires_at=now + life, used_at=None))
    session.flush()
    return token


@dataclass(frozen=True)
class Opened:
    """A session just opened.

    Attributes:
        token: The secret of the session; it goes into the cookie and nowhere else.
    """

    token: str
    caller: Caller


def link_is_good(session: Session, token: str, now: datetime) -> bool:
    """Return whether a link would still open a session.

    Changes nothing: the preview of a mail program must not spend the link.
    """
    row = session.get(LoginLinkRow, secret_digest(token))
    return row is not None and row.used_at is None and row.expires_at > now


def use_login_link(session: Session, token: str, now: datetime) -> Opened:
    """Open a session with a link, once.

    Raises:
        Refused: ``login_link_spent`` for a link that is unknown, used, expired or of a disabled
            person.
    """
    spent = Refused(
        "login_link_spent",
        "Ce lien de connexion a déjà servi ou a expiré.",
        action="Demandez un nouveau lien à votre administrateur.",
    )
    claimed = session.execute(
        update(LoginLinkRow)
        .where(
            LoginLinkRow.token_sha256 == secret_digest(token),
            LoginLinkRow.used_at.is_(None),
            LoginLinkRow.expires_at > now,
        )
        .values(used_at=now)
        .returning(LoginLinkRow.user_id)
    ).scalar_one_or_none()
    if claimed is None:
        raise spent
    user = session.get(UserRow, claimed)
    if user is None or user.disabled_at is not None:
        raise spent
    return open_session(session, user, now)


def open_session(session: Session, user: UserRow, now: datetime) -> Opened:
    """Open a session for a person."""
    cookie = secrets.token_urlsafe(32)
    row = SessionRow(
        token_sha256=secret_digest(cookie),
        user_id=user.id,
        csrf=secrets.token_urlsafe(24),
        created_at=now,
        seen_at=now,
        expires_at=now + SESSION_LONGEST,
    )
    session.add(row)
    session.flush()
    return Opened(cookie, _person(user, row))


def close_session(session: Session, token: str) -> None:
    """Close a session: it is deleted on the server, not only in the browser."""
    row = session.get(SessionRow, secret_digest(token))
    if row is not None:
        session.delete(row)


def session_caller(session: Session, token: str, now: datetime) -> tuple[Caller, bool] | None:
    """Return the person behind a session cookie, and whether the visit should be noted now.

    None when the session is unknown, expired or idle for too long, or the person is disabled.
    """
    row = session.get(SessionRow, secret_digest(token))
    if row is None or row.expires_at <= now or now - row.seen_at > SESSION_IDLE:
        return None
    user = session.get(UserRow, row.user_id)
    if user is None or user.disabled_at is not None:
        return None
    return _person(user, row), now - row.seen_at > _SEEN_EVERY


def note_visit(session: Session, token: str, now: datetime) -> None:
    """Store the time of a visit, which keeps the session alive."""
    session.execute(update(SessionRow).where(SessionRow.token_sha256 == secret_digest(token)).values(seen_at=now))


def _person(user: UserRow, row: SessionRow) -> Caller:
    scopes = ROLES.get(user.role, frozenset())
    return Caller("user", user.id, user.name, user.tenant_id, scopes, user.role, user.service, row.csrf)
