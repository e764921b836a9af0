"""Public folder ``trust/``: whom we trust and who we are, apart from ``keys/``; no secret in it.

::

    trust/own/             certificates and revocation lists of this installation, past and present
    trust/roots/           PEM of foreign roots, put there by the administrator
    trust/intermediates/   PEM or DER of foreign issuers
    trust/revocation/      foreign revocation lists (.crl) and OCSP answers (.ocsp)
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing.chains import MALFORMED, trusted_roots

OWN: Final = "own"
ROOTS: Final = "roots"
INTERMEDIATES: Final = "intermediates"
REVOCATION: Final = "revocation"
AUTHORITY: Final = "authority"
_DER: Final = Encoding.DER
_BEGIN: Final = b"-----BEGIN"


@dataclass(frozen=True)
class Trusted:
    """What judges of signatures are given: all DER.

    Attributes:
        roots: Certificates that are trusted.
        intermediates: Certificates that may lead to one of them: offered, not trusted.
        crls: Revocation lists.
        ocsps: OCSP answers.
    """

    roots: tuple[bytes, ...] = ()
    intermediates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()

    def as_json(self) -> dict[str, list[str]]:
        """Return all as hexadecimal text, for the sandbox."""
        return {name: [der.hex() for der in ders] for name, ders in vars(self).items()}

    @classmethod
    def from_json(cls, value: dict[str, list[str]]) -> Trusted:
        """Read what ``as_json`` wrote."""
        return cls(**{name: tuple(bytes.fromhex(text) for text in texts) for name, texts in value.items()})

    def of_role(self, role: str) -> tuple[bytes, ...]:
        """Return the certificates that are not roots and have a role: ``seal``, ``authority`` …"""
        return tuple(der for der in self.intermediates if _role(der) == role)

    def with_roots(self, roots: Iterable[bytes]) -> Trusted:
        """Return the same with further roots."""
        return replace(self, roots=_unique([*self.roots, *roots]))


class TrustFolder:
    """Trust folder: reads whom we trust, publishes who we are.

    Args:
        folder: ``trust/``; it need not exist.
        keys: ``keys/``, whose ``trusted/`` was the place of foreign roots before.
    """

    def __init__(self, folder: Path, keys: Path) -> None:
        self.folder = folder
        self._keys = keys

    # -- whom we trust

    def foreign(self) -> Trusted:
        """Return what the administrator put there; a file that can't be read is left out."""
        return Trusted(
            roots=_unique([*self._certificates(ROOTS), *trusted_roots(self._keys)]),
            intermediates=_unique(self._certificates(INTERMEDIATES)),
            crls=_unique(self._files(REVOCATION, "*.crl", _crl)),
            ocsps=_unique(self._files(REVOCATION, "*.ocsp", _ocsp)),
        )

    def own(self) -> Trusted:
        """Return our own roots, past and present, with what they issued and revoked."""
        certificates = [x509.load_der_x509_certificate(der) for der in self._certificates(OWN)]
        return Trusted(
            roots=_unique(c.public_bytes(_DER) for c in certificates if c.subject == c.issuer),
            intermediates=_unique(c.public_bytes(_DER) for c in certificates if c.subject != c.issuer),
            crls=_unique(self._files(OWN, "*.crl", _crl)),
        )

    def everything(self) -> Trusted:
        """Return both."""
        own, foreign = self.own(), self.foreign()
        return Trusted(
            roots=_unique([*own.roots, *foreign.roots]),
            intermediates=_unique([*own.intermediates, *foreign.intermediates]),
            crls=_unique([*own.crls, *foreign.crls]),
            ocsps=foreign.ocsps,
        )

    def _certificates(self, below: str) -> list[bytes]:
        return [
            der
            for pattern in ("*.pem", "*.crt", "*.cer")
            for path in sorted((self.folder / below).glob(pattern))
            for der in certificates_of(path.read_bytes())
        ]

    def _files(self, below: str, pattern: str, read: Callable[[bytes], bytes]) -> list[bytes]:
        found = []
        for path in sorted((self.folder / below).glob(pattern)):
            try:
                found.append(read(path.read_bytes()))
            except MALFORMED:
                continue
        return found

    # -- who we are

    def publish(self, certificates: Iterable[bytes], crls: Iterable[bytes] = ()) -> None:
        """Write certificates and revocation lists of ours (DER) unless they are there.

        A folder that can't be written here is left as it is: another machine publishes.
        """
        named = {f"{_role(der)}-{_short(der)}.pem": _pem(der) for der in certificates}
        named |= {f"root-{_short(der)}.crl": der for der in crls}
        if all((self.folder / OWN / name).exists() for name in named):
            return
        try:
            for below in (OWN, ROOTS, INTERMEDIATES, REVOCATION):
                (self.folder / below).mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError:
            return
        for name, content in named.items():
            write_public(self.folder / OWN / name, content)


def certificates_of(content: bytes) -> list[bytes]:
    """Return the DER of every certificate in a PEM or DER file; none if it can't be read."""
    try:
        if _BEGIN in content:
            return [c.public_bytes(_DER) for c in x509.load_pem_x509_certificates(content)]
        return [x509.load_der_x509_certificate(content).public_bytes(_DER)]
    except MALFORMED:
        return []


def write_public(path: Path, content: bytes) -> None:
    """Write a file that anybody may read, whole or not at all; one that exists is kept."""
    if path.exists():
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.chmod(0o644)
    beside.replace(path)


def _crl(content: bytes) -> bytes:
    crl = x509.load_pem_x509_crl(content) if _BEGIN in content else x509.load_der_x509_crl(content)
    return crl.public_bytes(_DER)


def _ocsp(content: bytes) -> bytes:
    ocsp.load_der_ocsp_response(content)
    return content


def _role(der: bytes) -> str:
    certificate = x509.load_der_x509_certificate(der)
    if certificate.subject == certificate.issuer:
        return "root"
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, *MALFORMED):
        usages = []  # type: ignore[assignment]
    if ExtendedKeyUsageOID.TIME_STAMPING in usages:
        return AUTHORITY
    try:
        issues = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, *MALFORMED):
        issues = False
    return "issuer" if issues else "seal"


def _short(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()[:16]


def _pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def _unique(ders: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(ders))
