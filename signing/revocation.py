"""Revocation data: lists and OCSP answers that say of a certificate that it was not revoked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing.chains import MALFORMED, nearest_first, readable_name
from signing.ground.errors import Unavailable

_UNUSABLE = (*MALFORMED, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound)


class Status(StrEnum):
    """What revocation data says of one certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Archived:
    """Revocation data chosen for chains, to be embedded in what is sealed.

    Attributes:
        certificates: DER of the chains.
        crls: DER of the lists that count.
        ocsps: DER of the OCSP answers that count.
        missing: Readable names of the certificates about which nothing is known.
        revoked: Readable names of those that are revoked.
    """

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    missing: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()

    def as_json(self) -> dict[str, list[str]]:
        """Return what is to be embedded as hexadecimal text, for the sandbox."""
        kept = {"certificates": self.certificates, "crls": self.crls, "ocsps": self.ocsps}
        return {name: [der.hex() for der in ders] for name, ders in kept.items()}

    @classmethod
    def from_json(cls, value: dict[str, list[str]]) -> Archived:
        """Read what ``as_json`` wrote."""
        ders = {name: tuple(bytes.fromhex(text) for text in texts) for name, texts in value.items()}
        return cls(ders["certificates"], ders["crls"], ders["ocsps"])

    @property
    def complete(self) -> bool:
        """Whether every certificate of the chains is known not to be revoked."""
        return bool(self.certificates) and not self.missing and not self.revoked


def archive(chains: Iterable[Sequence[bytes]], crls: Sequence[bytes], ocsps: Sequence[bytes], at: datetime) -> Archived:
    """Choose the revocation data for these chains at a moment.

    Args:
        chains: DER certificates, the one that signs first; a self-issued one needs no data.
        crls: DER of lists to choose from.
        ocsps: DER of OCSP answers to choose from.
        at: The moment at which data must be fresh.
    """
    certificates: dict[bytes, None] = {}
    used: dict[bytes, None] = {}
    missing, revoked = [], []
    for chain in chains:
        pool = [x509.load_der_x509_certificate(der) for der in chain]
        path = (pool[0], *nearest_first(pool[0], pool[1:])) if pool else ()
        for certificate in path:
            certificates[certificate.public_bytes(Encoding.DER)] = None
            if certificate.issuer == certificate.subject:
                continue
            issuer = next((c for c in path if c.subject == certificate.issuer and c is not certificate), None)
            status, der = _ask(certificate, issuer, crls, ocsps, at)
            if der is not None:
                used[der] = None
            if status is Status.UNKNOWN:
                missing.append(readable_name(certificate))
            elif status is Status.REVOKED:
                revoked.append(readable_name(certificate))
    return Archived(
        tuple(certificates),
        tuple(der for der in crls if der in used),
        tuple(der for der in ocsps if der in used),
        tuple(dict.fromkeys(missing)),
        tuple(dict.fromkeys(revoked)),
    )


def archive_unrevoked(
    chains: Iterable[Sequence[bytes]], crls: Sequence[bytes], ocsps: Sequence[bytes], at: datetime
) -> Archived:
    """Choose the revocation data to embed in what is sealed now; arguments as ``archive``.

    Raises:
        Unavailable: ``seal_revoked``: a list says that the seal, or its authority, is revoked.
    """
    found = archive([chain for chain in chains if chain], crls, ocsps, at)
    if found.revoked:
        raise Unavailable(
            "seal_revoked",
            "Le certificat « {name} » est révoqué : rien n’est scellé avec lui.",
            kept="Ce qui est reçu est conservé et attend.",
            action="Remplacez le cachet ou l’autorité d’horodatage ; le scellement reprend alors.",
            name=found.revoked[0],
        )
    return found


def status_of(certificate: bytes, issuer: bytes, crls: Sequence[bytes], ocsps: Sequence[bytes], at: datetime) -> Status:
    """Return what revocation data (DER) says of one certificate at a moment."""
    load = x509.load_der_x509_certificate
    return _ask(load(certificate), load(issuer), crls, ocsps, at)[0]


def _ask(
    certificate: x509.Certificate,
    issuer: x509.Certificate | None,
    crls: Sequence[bytes],
    ocsps: Sequence[bytes],
    at: datetime,
) -> tuple[Status, bytes | None]:
    """Return what the data says, revoked before good, and which piece says it."""
    if issuer is None:
        return Status.UNKNOWN, None
    answers = [(_of_list(der, certificate, issuer, at), der) for der in crls]
    answers += [(_of_answer(der, certificate, issuer, at), der) for der in ocsps]
    for wanted in (Status.REVOKED, Status.GOOD):
        for status, der in answers:
            if status is wanted:
                return status, der
    return Status.UNKNOWN, None


def _of_list(der: bytes, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> Status:
    try:
        crl = x509.load_der_x509_crl(der)
        if crl.issuer != issuer.subject or not crl.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
            return Status.UNKNOWN
        if crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
            return Status.REVOKED
        if any(extension.critical for extension in crl.extensions):
            return Status.UNKNOWN  # a list of some certificates only: absence from it means nothing
    except _UNUSABLE:
        return Status.UNKNOWN
    fresh = crl.next_update_utc is not None and crl.last_update_utc <= at <= crl.next_update_utc
    return Status.GOOD if fresh else Status.UNKNOWN


def _of_answer(der: bytes, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> Status:
    try:
        answer = ocsp.load_der_ocsp_response(der)
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return Status.UNKNOWN
        if answer.serial_number != certificate.serial_number or not _is_about(answer, certificate, issuer):
            return Status.UNKNOWN
        if not _signed_for(answer, issuer):
            return Status.UNKNOWN
        if answer.certificate_status is ocsp.OCSPCertStatus.REVOKED:
            return Status.REVOKED
        begin, end = answer.this_update_utc, answer.next_update_utc
        good = answer.certificate_status is ocsp.OCSPCertStatus.GOOD
    except _UNUSABLE:
        return Status.UNKNOWN
    return Status.GOOD if good and end is not None and begin <= at <= end else Status.UNKNOWN


def _is_about(answer: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the answer names this issuer by the digests of its name and key."""
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, answer.hash_algorithm).build()
    return (request.issuer_name_hash, request.issuer_key_hash) == (answer.issuer_name_hash, answer.issuer_key_hash)


def _signed_for(answer: ocsp.OCSPResponse, issuer: x509.Certificate) -> bool:
    """Whether the issuer signed the answer, or somebody whom it entitled to."""
    signer = issuer
    for candidate in answer.certificates:
        candidate.verify_directly_issued_by(issuer)
        usages = candidate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if ExtendedKeyUsageOID.OCSP_SIGNING in usages:
            signer = candidate
            break
    key, digest = signer.public_key(), answer.signature_hash_algorithm
    if digest is None:
        return False
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(digest))
    else:
        return False
    return True
