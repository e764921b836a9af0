"""Keys of other applications. Only their digests are kept."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from api.access.callers import SCOPES, Caller
from api.access.tables import ApiKeyRow, secret_digest
from api.access.tenants import require_tenant
from archive.model.identifiers import new_id
from signing.ground.errors import Refused

KEY_LIFE = timedelta(days=365)
_KEY_SEEN_EVERY = timedelta(minutes=10)
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_LENGTH = 32
_CHECKSUM_LENGTH = 6


def new_key() -> str:
    """Make a new key: ``chr_``, 190 random bits and a checksum.

    By the checksum, secret scanners and we recognise a mistyped key.
    """
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    return f"chr_{body}{_checksum(body)}"


def is_key(text: str) -> bool:
    """Return whether a text has the form and the checksum of a key."""
    body = text.removeprefix("chr_")
    return (
        text.startswith("chr_")
        and len(body) == _RANDOM_LENGTH + _CHECKSUM_LENGTH
        and all(sign in _ALPHABET for sign in body)
        and body[_RANDOM_LENGTH:] == _checksum(body[:_RANDOM_LENGTH])
    )


def _checksum(body: str) -> str:
    number = zlib.crc32(b"chr_" + body.encode())
    signs = ""
    for _ in range(_CHECKSUM_LENGTH):
        number, rest = divmod(number, len(_ALPHABET))
        signs = _ALPHABET[rest] + signs
    return signs


def create_key(
    session: Session,
    *,
    tenant: str,
    scopes: Sequence[str],
    name: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKeyRow, str]:
    """Make a key for an application of a tenant; return its row and its text.

    The text is shown once and never kept.

    Raises:
        Refused: ``scope_unknown``, ``tenant_not_found``.
    """
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise Refused(
            "scope_unknown",
            "Droit inconnu : {unknown}.",
            action="Choisissez parmi : {known}.",
            pointer="/scopes",
            unknown=", ".join(unknown) or "(aucun)",
            known=", ".join(SCOPES),
        )
    require_tenant(session, tenant)
    plain = new_key()
    row = ApiKeyRow(
        id=new_id(),
        tenant_id=tenant,
        name=name,
        prefix=plain[:12],
        key_sha256=secret_digest(plain),
        scopes=sorted(set(scopes)),
        created_at=now,
        expires_at=expires_at or now + KEY_LIFE,
        revoked_at=None,
        last_used_at=None,
    )
    session.add(row)
    session.flush()
    return row, plain


def keys_of(session: Session, tenant: str) -> Sequence[ApiKeyRow]:
    """Return every key of a tenant, revoked ones too, oldest first."""
    return session.scalars(select(ApiKeyRow).where(ApiKeyRow.tenant_id == tenant).order_by(ApiKeyRow.id)).all()


def revoke_key(session: Session, key_id: str, now: datetime, *, tenant: str | None = None) -> bool:
    """Revoke a key at once and for ever.

    Returns False when there is no such key, or when it belongs to another tenant.

    Args:
        tenant: The tenant that must own the key; None: any tenant, for an operator of the machine.
    """
    row = session.get(ApiKeyRow, key_id)
    if row is None or tenant not in {None, row.tenant_id}:
        return False
    row.revoked_at = row.revoked_at or now
    return True


def key_caller(session: Session, plain: str, now: datetime) -> tuple[Caller, bool] | None:
    """Return the application behind a key, and whether its use should be noted now.

    None when the key is malformed, unknown, revoked or expired.
    """
    if not is_key(plain):
        return None
    row = session.scalar(select(ApiKeyRow).where(ApiKeyRow.key_sha256 == secret_digest(plain)))
    if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        return None
    caller = Caller("key", row.id, row.name, row.tenant_id, frozenset(row.scopes))
    stale = row.last_used_at is None or now - row.last_used_at > _KEY_SEEN_EVERY
    return caller, stale


def note_key_use(session: Session, key_id: str, now: datetime) -> None:
    """Store when a key was last used (callers note it at most every ten minutes)."""
    session.execute(update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(last_used_at=now))
