"""Check certificate chains: from a signer up to a root that the caller trusts, at a moment.

Revocation is not judged here: no status is fetched from anywhere. Signatures in PDF files, whose
revocation counts, are judged by ``signing.pdf``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID

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
_UNDERSTOOD = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.CERTIFICATE_POLICIES,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
}


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
) -> str | None:
    """Return the reason why ``leaf`` can't be trusted at a moment.

    Args:
        leaf: Certificate of the signer.
        others: Certificates that came with it: offered, not trusted.
        roots: Certificates that the caller trusts.
        at: The moment that counts.

    Returns:
        None when a chain holds, else ``untrusted_chain``, ``expired`` or ``not_yet_valid``.
    """
    if leaf in roots:
        return _period_fault(leaf, at)
    found: list[str] = []

    def climb(current: x509.Certificate, path: tuple[x509.Certificate, ...]) -> bool:
        if len(path) >= _LONGEST:
            return False
        for issuer in (*roots, *others):
            if issuer in path or not _may_issue(issuer, len(path) - 1) or not _issued(current, issuer):
                continue
            if issuer in roots:
                faults = [fault for c in (*path, issuer) if (fault := _period_fault(c, at))]
                if not faults:
                    return True
                found.extend(faults)
            elif climb(issuer, (*path, issuer)):
                return True
        return False

    if _has_unknown_critical(leaf):
        return "untrusted_chain"
    if climb(leaf, (leaf,)):
        return None
    return found[0] if found else "untrusted_chain"


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*MALFORMED, InvalidSignature):
        return False
    return True


def _may_issue(certificate: x509.Certificate, below: int) -> bool:
    """Whether a certificate is an authority that allows ``below`` authorities under it."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, *MALFORMED):
        return False
    if not constraints.ca or (constraints.path_length is not None and below > constraints.path_length):
        return False
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return not _has_unknown_critical(certificate)
    return usage.key_cert_sign and not _has_unknown_critical(certificate)


def _has_unknown_critical(certificate: x509.Certificate) -> bool:
    try:
        return any(e.critical and e.oid not in _UNDERSTOOD for e in certificate.extensions)
    except MALFORMED:
        return True


def _period_fault(certificate: x509.Certificate, at: datetime) -> str | None:
    if at < certificate.not_valid_before_utc:
        return "not_yet_valid"
    return "expired" if at > certificate.not_valid_after_utc else None


def trusted_roots(keys: Path) -> list[bytes]:
    """Return the DER of the roots that the administrator put into ``keys/trusted`` as PEM."""
    return [
        certificate.public_bytes(Encoding.DER)
        for path in sorted((keys / "trusted").glob("*.pem"))
        for certificate in x509.load_pem_x509_certificates(path.read_bytes())
    ]
