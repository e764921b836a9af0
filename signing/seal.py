"""Seal any bytes: a detached CMS signature with CAdES attributes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signing.chains import chain_fault, readable_name
from signing.cms import CmsError, SignedMessage, opened, signature_of, signed_message, with_token
from signing.ground.clock import utc_now
from signing.port import Signer, Timestamper
from signing.reasons import sentence
from signing.timestampers.rfc3161 import verify_token
from signing.validity import require_valid_seal
from signing.verdict import SignatureFinding, Verdict


def detached(
    signer: Signer, message: bytes, timestamper: Timestamper | None = None, *, at: datetime | None = None
) -> bytes:
    """Seal bytes and return the detached signature, a DER CMS message (``.p7s``).

    Args:
        signer: Holds the seal's key.
        message: The bytes to seal.
        timestamper: Attests the time; without one the time is only claimed.
        at: Claimed time; by default the present.

    Raises:
        Unavailable: If the signer or the authority does not answer, or is outside its validity.
    """
    moment = at or utc_now()
    require_valid_seal(signer, moment)
    sealed = signed_message(signer, digest=hashlib.sha256(message).digest(), signing_time=moment)
    der = bytes(sealed.dump())
    if timestamper is None:
        return der
    return with_token(der, timestamper.token(hashlib.sha256(signature_of(sealed)).digest()))


def sealed_with(cms: bytes, message: bytes) -> bytes | None:
    """Return the DER of the certificate that sealed a message; None if the seal does not hold."""
    try:
        sealed = opened(cms, digest_of_detached=_digests(message))
    except CmsError:
        return None
    return sealed.certificate.public_bytes(Encoding.DER)


def verify_detached(
    cms: bytes,
    message: bytes,
    roots: Sequence[bytes],
    *,
    stamps: Sequence[bytes] | None = None,
    at: datetime | None = None,
) -> SignatureFinding:
    """Judge a detached seal.

    Args:
        cms: DER of the CMS message.
        message: The bytes that must have been sealed.
        roots: DER certificates to trust.
        stamps: Those to trust for the seal's time-stamp; None when they are the same.
        at: The moment of judgement; by default the present. A valid time-stamp moves the moment
            at which the certificate had to be good back to its own.
    """
    try:
        sealed = opened(cms, digest_of_detached=_digests(message))
    except CmsError as fault:
        verdict = Verdict.INVALID if fault.broken else Verdict.INDETERMINATE
        return _finding(verdict, fault.reason, None, intact=False if fault.broken else None)
    try:
        trusted = [x509.load_der_x509_certificate(der) for der in roots]
    except ValueError:
        return _finding(Verdict.INDETERMINATE, "untrusted_chain", sealed, intact=True)
    now = at or utc_now()
    moment, stamped = now, None
    if sealed.token is not None:
        authorities = roots if stamps is None else stamps
        report = verify_token(sealed.token, hashlib.sha256(sealed.signature).digest(), authorities, at=now)
        if report.verdict is Verdict.VALID and report.time is not None:
            moment = stamped = report.time
        elif report.time is None or report.verdict is Verdict.INVALID:
            # A token that can't be read is no absence of one: the sealer put one there.
            return _finding(Verdict.INDETERMINATE, "token_invalid", sealed, intact=True)
    if sealed.unread:
        return _finding(Verdict.INDETERMINATE, "unreadable", sealed, intact=True)
    fault_found = chain_fault(sealed.certificate, sealed.others, trusted, moment)
    verdict = Verdict.INDETERMINATE if fault_found else Verdict.VALID
    return _finding(verdict, fault_found or "ok", sealed, intact=True, stamped=stamped)


def _finding(
    verdict: Verdict,
    reason: str,
    sealed: SignedMessage | None,
    *,
    intact: bool | None,
    stamped: datetime | None = None,
) -> SignatureFinding:
    return SignatureFinding(
        field="",
        signer=readable_name(sealed.certificate) if sealed else "",
        verdict=verdict,
        reason=reason,
        detail=sentence(reason),
        intact=intact,
        signed_at=stamped or (sealed.signing_time if sealed else None),
        level="B-T" if stamped else "B-B",
        certificate=sealed.certificate.public_bytes(Encoding.DER).hex() if sealed else "",
    )


def _digests(message: bytes) -> dict[str, bytes]:
    return {name: hashlib.new(name, message).digest() for name in ("sha256", "sha384", "sha512")}
