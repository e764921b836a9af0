"""Secrets of guests: the token of a link and the digest of a code, from a key of the installation.

A token is made again when its mail is sent: it lies nowhere in the database. Who reads the database
without the key learns no link, and can't try the codes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Final

from archive.database.guest_tables import InvitationRow

DIGITS: Final = 8
"""Of a code: five tries of a hundred million."""


class GuestSecrets:
    """Secrets of guests, which every process of an installation derives alike.

    Args:
        secret: Any secret of the installation; only a digest of it is used.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.sha256(b"chartrier visa guests\0" + secret).digest()

    @classmethod
    def of_installation(cls, log_key: Path) -> GuestSecrets:
        """Make the secrets of an installation from its log key."""
        return cls(log_key.read_bytes())

    def token(self, invitation: str, nonce: str) -> str:
        """Return the token of a link: 256 bits."""
        told = hmac.digest(self._key, f"link\0{invitation}\0{nonce}".encode(), "sha256")
        return base64.urlsafe_b64encode(told).rstrip(b"=").decode()

    def link(self, row: InvitationRow) -> str:
        """Return the link of an invitation."""
        return f"{row.address}/visa/{self.token(row.id, row.nonce)}"

    def code_digest(self, invitation: str, nonce: str, code: str) -> str:
        """Return what is kept of a code."""
        return hmac.new(self._key, f"code\0{invitation}\0{nonce}\0{code}".encode(), "sha256").hexdigest()

    def fits(self, row: InvitationRow, code: str) -> bool:
        """Whether a code is that of an invitation; as slow for a wrong one as for the right one."""
        digits = "".join(sign for sign in code if not sign.isspace() and sign not in "-.")[:64]
        return hmac.compare_digest(self.code_digest(row.id, row.nonce, digits), row.code_digest)


def new_nonce() -> str:
    """Return a random nonce of 128 bits."""
    return secrets.token_hex(16)


def new_code() -> str:
    """Return a random code."""
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"


def digest_of(token: str) -> str:
    """Return the SHA-256 of a token: enough to find its invitation."""
    return hashlib.sha256(token.encode()).hexdigest()
