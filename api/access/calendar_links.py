"""Addresses by which a calendar program reads the due days. Only digests of their tokens are kept.

A calendar program can send no key: the address itself is the secret. It reads numbers and nothing
else, and ends with its person's right to read.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from api.access.callers import ROLES, Caller
from api.access.tables import CalendarLinkRow, UserRow, secret_digest
from archive.catalogue.reading import Reader
from archive.model.identifiers import new_id
from signing.ground.errors import Refused

MOST: Final = 5
"""Addresses in force of one person: one a program, and a few to spare."""
NEEDED: Final = "record:read"
_SEEN_EVERY: Final = timedelta(minutes=10)


def create_link(session: Session, person: Caller, now: datetime) -> str:
    """Make an address for a person; return its token, which is shown once and never kept.

    Raises:
        Refused: ``calendar_links_full``.
    """
    if len(links_of(session, person)) >= MOST:
        raise Refused(
            "calendar_links_full",
            "Vous avez déjà {most} adresses de calendrier.",
            action="Retirez-en une qui ne sert plus.",
            most=MOST,
        )
    token = secrets.token_urlsafe(32)
    session.add(
        CalendarLinkRow(
            id=new_id(),
            tenant_id=person.tenant,
            user_id=person.id,
            token_sha256=secret_digest(token),
            created_at=now,
            revoked_at=None,
            last_used_at=None,
        )
    )
    session.flush()
    return token


def links_of(session: Session, person: Caller) -> Sequence[CalendarLinkRow]:
    """Return a person's addresses in force, oldest first."""
    row = CalendarLinkRow
    query = select(row).where(row.user_id == person.id, row.tenant_id == person.tenant, row.revoked_at.is_(None))
    return session.scalars(query.order_by(row.id)).all()


def revoke_link(session: Session, person: Caller, link_id: str, now: datetime) -> bool:
    """Revoke an address of a person at once and for ever; False if it is none of theirs."""
    row = session.get(CalendarLinkRow, link_id)
    if row is None or (row.user_id, row.tenant_id) != (person.id, person.tenant):
        return False
    row.revoked_at = row.revoked_at or now
    return True


def link_reader(session: Session, token: str, now: datetime) -> tuple[Reader, str | None] | None:
    """Return for whom an address tells due days, and its id if its use is to be noted.

    It tells what its person reads, as their role is today.

    None when it is unknown or revoked, or when its person is disabled or no longer reads.
    """
    row = session.scalar(select(CalendarLinkRow).where(CalendarLinkRow.token_sha256 == secret_digest(token)))
    if row is None or row.revoked_at is not None:
        return None
    user = session.get_one(UserRow, row.user_id)
    if user.disabled_at is not None or NEEDED not in ROLES.get(user.role, ()):
        return None
    is_stale = row.last_used_at is None or now - row.last_used_at > _SEEN_EVERY
    reader = Reader(row.tenant_id, reads_all="hold:write" in ROLES[user.role], agent=f"user:{user.id}")
    return reader, row.id if is_stale else None


def note_link_use(session: Session, link_id: str, now: datetime) -> None:
    """Store when an address was last used (at most every ten minutes)."""
    session.execute(update(CalendarLinkRow).where(CalendarLinkRow.id == link_id).values(last_used_at=now))
