"""Calendar of proofs: until when each certificate holds on which a proof rests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables import CheckpointRow
from signing.chains import nearest_first
from signing.port import Signer, Timestamper
from signing.timestampers.rfc3161 import verify_token
from signing.validity import ALARM_DAYS, Validity

SEAL: Final = "seal"
AUTHORITY: Final = "authority"
ROOT: Final = "root"
CHECKPOINTS: Final = "checkpoints"
WHAT: Final = (SEAL, AUTHORITY, ROOT, CHECKPOINTS)
"""Things that end: the seal with its issuers, the time-stamping authority with its own, their
roots, the time-stamps of checkpoints.
"""


@dataclass(frozen=True)
class Deadline:
    """The first certificate that ends, among those on which one thing rests."""

    what: str
    validity: Validity

    def days_left(self, now: datetime) -> int:
        """Return the whole days until the end; negative once it has passed."""
        return self.validity.days_left(now)

    def level(self, now: datetime) -> int:
        """Return how many alarm thresholds were passed: 0 to 3; 3 outside the validity."""
        if not self.validity.holds(now):
            return len(ALARM_DAYS)
        return sum(self.days_left(now) < days for days in ALARM_DAYS)


def calendar(session: Session, signer: Signer, timestamper: Timestamper) -> tuple[Deadline, ...]:
    """Return one deadline for each thing that ends; without any for what does not exist yet.

    Every token covers all entries before it, so the latest one says until when checkpoints have a
    time-stamp that a certificate still supports.
    """
    stamped = _stamping_certificates(session)
    authority = _path(timestamper.chain) or stamped
    seal = (signer.certificate, *signer.chain)
    found = {
        SEAL: [der for der in seal if not _is_root(der)] or list(seal[:1]),
        AUTHORITY: [der for der in authority if not _is_root(der)],
        ROOT: [der for der in (*seal[1:], *authority) if _is_root(der)],
        CHECKPOINTS: list(stamped),
    }
    return tuple(
        Deadline(what, min(map(Validity.of, found[what]), key=lambda span: span.ends)) for what in WHAT if found[what]
    )


def _stamping_certificates(session: Session) -> tuple[bytes, ...]:
    """Return the certificates in the latest checkpoint's token, the authority's own first."""
    query = select(CheckpointRow).where(CheckpointRow.token.is_not(None)).order_by(CheckpointRow.number.desc())
    row = session.scalar(query.limit(1))
    if row is None or row.token is None:
        return ()
    return verify_token(row.token, hashlib.sha256(row.note.encode()).digest(), None).certificates


def _path(chain: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the authority's certificate and its issuers, without other roots that are trusted."""
    certificates = [x509.load_der_x509_certificate(der) for der in chain]
    leaf = next((c for c in certificates if c.issuer != c.subject), None)
    if leaf is None:
        return ()
    return tuple(c.public_bytes(Encoding.DER) for c in (leaf, *nearest_first(leaf, certificates)))


def _is_root(der: bytes) -> bool:
    certificate = x509.load_der_x509_certificate(der)
    return certificate.issuer == certificate.subject


def due(deadlines: Sequence[Deadline], now: datetime) -> Iterator[Deadline]:
    """Yield the deadlines for which an alarm must be raised."""
    return (deadline for deadline in deadlines if deadline.level(now))
