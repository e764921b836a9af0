"""Trust file: who seals, logs and stamps here (docs/formats.md 5).

A reader must get it by another way than a bundle: whoever forges the one would forge the other.
The same installation gives the same bytes, so that two copies can be compared by their digest.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy.orm import Session

from archive.journal.effects import Subject
from archive.journal.merkle import leaf_hash
from archive.journal.sequencer import Ledger
from archive.journal.tiles import StoredTree
from signing.chains import nearest_first
from signing.ground.canonical import canonical, parse_canonical
from signing.note import LogKey
from signing.port import Signer, Timestamper

_CERTIFICATE = "seal_certificate"
"""Fact of every entry about the log that names a seal, ``LogOpened`` first: DER in base64."""
_MANY = 10_000


def trust_file(
    session: Session,
    ledger: Ledger,
    published: StoredTree | None,
    log_key: LogKey,
    signer: Signer,
    timestamper: Timestamper,
    known_roots: Sequence[bytes] = (),
    stampers: Sequence[bytes] = (),
) -> bytes:
    """Return the trust file as canonical JSON.

    Args:
        published: The journal in the store under its last checkpoint; None before the first. An
            entry of the database counts only if it is there: the database is not its own witness.
        known_roots: DER of further roots above seals of this installation; those that issued none
            are left out.
        stampers: DER of authorities that stamped here before.
    """
    seals = [signer.certificate, *_earlier_seals(session, ledger, published)]
    issuers = [*signer.chain, *known_roots]
    present = [c for c in _each(timestamper.chain) if c.subject == c.issuer]
    stamping = dict.fromkeys((*present, *_roots_of(stampers, issuers)))
    return canonical(
        {
            "v": 1,
            "type": "trust",
            "log": {"origin": log_key.origin, "vkey": log_key.vkey},
            "seals": [_named(certificate) for certificate in _each(seals)],
            "seal_roots": [_whole(root) for root in _roots_of(seals, issuers)],
            "timestamp_roots": [_whole(root) for root in stamping],
        }
    )


def _earlier_seals(session: Session, ledger: Ledger, published: StoredTree | None) -> list[bytes]:
    """Return the DER of the seals that the published journal names, the latest first."""
    if published is None:
        return []
    told = [e for e in ledger.entries(session, subject=Subject.LOG, limit=_MANY) if e.n < published.size]
    true = [parse_canonical(e.body)["facts"] for e in told if published.node(0, e.n) == leaf_hash(e.body)]
    return [base64.b64decode(facts[_CERTIFICATE]) for facts in reversed(true) if _CERTIFICATE in facts]


def _roots_of(seals: Iterable[bytes], issuers: Sequence[bytes]) -> list[x509.Certificate]:
    offered = _each(issuers)
    paths = [(seal, *nearest_first(seal, offered)) for seal in _each(seals)]
    return list(dict.fromkeys(path[-1] for path in paths if path[-1].subject == path[-1].issuer))


def _each(ders: Iterable[bytes]) -> list[x509.Certificate]:
    return [x509.load_der_x509_certificate(der) for der in dict.fromkeys(ders)]


def _named(certificate: x509.Certificate) -> dict[str, Any]:
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
    return {"subject": certificate.subject.rfc4514_string(), "sha-256": digest}


def _whole(certificate: x509.Certificate) -> dict[str, Any]:
    der = certificate.public_bytes(Encoding.DER)
    return _named(certificate) | {"certificate": base64.b64encode(der).decode()}
