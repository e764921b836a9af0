"""Check certificate chains: from a signer up to a root that the caller trusts, at a moment.

A chain proves that the certificate is what its authority issued and that it may be used for this
purpose. It proves nothing about *whose* it is: who must have signed is for the caller to compare.

Revocation is not judged here: no status is fetched from anywhere. Signatures in PDF files, whose
revocation counts, are judged by ``signing.pdf``.

``archive/evidence/verify.py`` has the same rules in its own words, as it stands alone; both are
held to one table of verdicts (``tests/unit/signing/chain_cases.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

MALFORMED = (
    ValueError,
    TypeError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
)
"""Errors that reading a foreign certificate may raise."""

_LONGEST = 8
_MOST_STEPS = 500
_UNDERSTOOD = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.CERTIFICATE_POLICIES,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
}

_ANY: Final = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string
_DOCUMENTS: Final = frozenset(
    {
        ExtendedKeyUsageOID.EMAIL_PROTECTION.dotted_string,
        "1.3.6.1.5.5.7.3.36",  # document signing (RFC 9336)
        "1.2.840.113583.1.1.5",  # authentic documents (Adobe)
        "1.3.6.1.4.1.311.10.3.12",  # document signing (Microsoft)
        _ANY,
    }
)
_BESIDE_DOCUMENTS: Final = frozenset({ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string})
"""Usage that authorities grant together with signing, and that alone permits no signature."""
_STAMPS: Final = frozenset({ExtendedKeyUsageOID.TIME_STAMPING.dotted_string})
_STRONG: Final = frozenset({"sha256", "sha384", "sha512", "sha3-256", "sha3-384", "sha3-512"})
_SMALLEST_RSA, _SMALLEST_CURVE = 2048, 224


class Purpose(Enum):
    """Purpose of a signer's certificate: what it must be allowed to sign."""

    DOCUMENTS = "documents"
    TIME_STAMPS = "time-stamps"


def readable_name(certificate: x509.Certificate) -> str:
    """Return a readable name of a certificate's holder: common name and organisation."""
    words = [
        str(attribute.value)
        for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
        for attribute in certificate.subject.get_attributes_for_oid(oid)[:1]
    ]
    return ", ".join(words) or certificate.subject.rfc4514_string()


def nearest_first(leaf: x509.Certificate, others: Iterable[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Order the issuers of ``leaf`` among ``others``: nearest first, root last if present."""
    pool = list(others)
    path: list[x509.Certificate] = []
    current = leaf
    while current.subject != current.issuer and len(path) < _LONGEST:
        issuer = next((c for c in pool if _issued(current, c)), None)
        if issuer is None or issuer in path:
            break
        path.append(issuer)
        current = issuer
    return tuple(path)


def chain_fault(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    at: datetime,
    *,
    purpose: Purpose = Purpose.DOCUMENTS,
) -> str | None:
    """Return the reason why ``leaf`` can't be trusted at a moment.

    Args:
        leaf: Certificate of the signer.
        others: Certificates that came with it: offered, not trusted.
        roots: Certificates that the caller trusts.
        at: The moment that counts.
        purpose: What the signer must be allowed to sign.

    Returns:
        None when a chain holds, else ``untrusted_chain``, ``key_usage``, ``weak_algorithm``,
            ``expired`` or ``not_yet_valid``.
    """
    if _has_unknown_critical(leaf):
        return "untrusted_chain"
    if usage_fault(leaf, purpose) or (leaf not in roots and _is_authority(leaf)):
        return "key_usage"
    if leaf in roots:
        return _period_fault(leaf, at)
    found: list[str] = []
    steps = iter(range(_MOST_STEPS))  # certificates of a stranger may form a maze

    def climb(current: x509.Certificate, path: tuple[x509.Certificate, ...]) -> bool:
        if len(path) >= _LONGEST:
            return False
        for issuer in (*roots, *others):
            if issuer in path or issuer.subject != current.issuer or next(steps, None) is None:
                continue
            if _is_weak(current):
                found.append("weak_algorithm")
                continue
            if not _issued(current, issuer) or not _may_issue(issuer, path, purpose):
                continue
            if issuer in roots:
                faults = [fault for c in (*path, issuer) if (fault := _period_fault(c, at))]
                if not faults:
                    return True
                found.extend(faults)
            elif climb(issuer, (*path, issuer)):
                return True
        return False

    if climb(leaf, (leaf,)):
        return None
    return found[0] if found else "untrusted_chain"


def usage_fault(leaf: x509.Certificate, purpose: Purpose = Purpose.DOCUMENTS) -> str | None:
    """Return ``key_usage`` unless a signer's certificate allows signatures for the purpose.

    Documents need the usage *digital signature* or *non-repudiation*; of extended usages, when
    there are any, one must be for documents and none for something else, TLS servers for example.
    Time-stamps need one critical extended usage, and no other (RFC 3161, 2.3).
    """
    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        extended = _extended_usages(leaf)
    except (x509.ExtensionNotFound, *MALFORMED):
        return "key_usage"
    if not (usage.digital_signature or usage.content_commitment):
        return "key_usage"
    if purpose is Purpose.TIME_STAMPS:
        return None if extended == _STAMPS else "key_usage"
    allowed = extended is None or extended & _DOCUMENTS
    return None if allowed and not has_foreign_usage(leaf) else "key_usage"


def has_foreign_usage(leaf: x509.Certificate) -> bool:
    """Whether a signer's certificate is also, or only, for something that is no document."""
    try:
        extended = _extended_usages(leaf)
    except MALFORMED:
        return True
    return extended is not None and not extended <= _DOCUMENTS | _BESIDE_DOCUMENTS


def _extended_usages(certificate: x509.Certificate) -> frozenset[str] | None:
    """Return the extended usages; None when the certificate has no such extension."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return None
    return frozenset(usage.dotted_string for usage in extension.value)


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*MALFORMED, InvalidSignature):
        return False
    return True


def _may_issue(certificate: x509.Certificate, path: Sequence[x509.Certificate], purpose: Purpose) -> bool:
    """Whether a certificate is an authority that may stand above this path, for this purpose.

    A certificate issued to oneself, for a new key, does not count for the length of a path
    (RFC 5280, 6.1).
    """
    below = sum(1 for c in path[1:] if c.issuer != c.subject)
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        extended = _extended_usages(certificate)
    except (x509.ExtensionNotFound, *MALFORMED):
        return False
    if not constraints.ca or (constraints.path_length is not None and below > constraints.path_length):
        return False
    if extended is not None and not extended & (_wanted(purpose) | {_ANY}):
        return False
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return not _has_unknown_critical(certificate)
    return usage.key_cert_sign and not _has_unknown_critical(certificate)


def _wanted(purpose: Purpose) -> frozenset[str]:
    return _STAMPS if purpose is Purpose.TIME_STAMPS else _DOCUMENTS


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _is_weak(certificate: x509.Certificate) -> bool:
    """Whether a certificate's key, or the digest under its issuer's signature, is too weak."""
    try:
        key, algorithm = certificate.public_key(), certificate.signature_hash_algorithm
    except MALFORMED:
        return True
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _SMALLEST_RSA:
        return True
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < _SMALLEST_CURVE:
        return True
    return algorithm is not None and algorithm.name not in _STRONG


def _has_unknown_critical(certificate: x509.Certificate) -> bool:
    try:
        return any(e.critical and e.oid not in _UNDERSTOOD for e in certificate.extensions)
    except MALFORMED:
        return True


def _period_fault(certificate: x509.Certificate, at: datetime) -> str | None:
    if at < certificate.not_valid_before_utc:
        return "not_yet_valid"
    return "expired" if at > certificate.not_valid_after_utc else None


def own_roots(keys: Path) -> list[bytes]:
    """Return the DER of the root that was made here at first start, if there is one."""
    path = keys / "root.pem"
    if not path.is_file():
        return []
    return [c.public_bytes(Encoding.DER) for c in x509.load_pem_x509_certificates(path.read_bytes())]
