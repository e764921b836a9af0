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
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing.chains import MALFORMED

OWN: Final = "own"
ROOTS: Final = "roots"
INTERMEDIATES: Final = "intermediates"
REVOCATION: Final = "revocation"
AUTHORITY: Final = "authority"
_DER: Final = Encoding.DER
_BEGIN: Final = b"-----BEGIN"
_CERTIFICATES: Final = (".pem", ".crt", ".cer")


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
        self._former = (keys / "trusted").absolute()

    # -- whom we trust

    def foreign(self) -> Trusted:
        """Return what the administrator put there; a file that can't be read is left out."""
        return Trusted(
            roots=_unique([*self._read(ROOTS), *self._read(self._former)]),
            intermediates=_unique(self._read(INTERMEDIATES)),
            crls=_unique(self._read(REVOCATION, ".crl")),
            ocsps=_unique(self._read(REVOCATION, ".ocsp")),
        )

    def own(self) -> Trusted:
        """Return our own roots, past and present, with what they issued and revoked."""
        certificates = [x509.load_der_x509_certificate(der) for der in self._read(OWN)]
        return Trusted(
            roots=_unique(c.public_bytes(_DER) for c in certificates if c.subject == c.issuer),
            intermediates=_unique(c.public_bytes(_DER) for c in certificates if c.subject != c.issuer),
            crls=_unique(self._read(OWN, ".crl")),
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

    def faults(self) -> tuple[str, ...]:
        """Return the names of files and folders here that nothing can be read from."""
        found = []
        for below in (OWN, ROOTS, INTERMEDIATES, REVOCATION, self._former):
            folder = self.folder / below
            try:
                named = sorted(path for path in folder.iterdir() if path.suffix in _READ)
            except FileNotFoundError:
                continue
            except OSError:
                found.append(_said(folder))
                continue
            found += [_said(path) for path in named if not _ders(path)]
        return tuple(found)

    def _read(self, below: str | Path, *suffixes: str) -> list[bytes]:
        """Return what a folder's files hold, certificates by default; bad ones are left out."""
        try:
            paths = sorted((self.folder / below).iterdir())
        except OSError:
            return []
        return [der for path in paths if path.suffix in (suffixes or _CERTIFICATES) for der in _ders(path)]

    # -- who we are

    def publish(self, certificates: Iterable[bytes], crls: Iterable[bytes] = ()) -> bool:
        """Write certificates and revocation lists of ours (DER) unless they are there.

        Returns:
            Whether all are there now. A folder that can't be written is no reason not to start:
            another machine may publish, and ``unpublished`` says what is missing.
        """
        named = {f"{_role(der)}-{_short(der)}.pem": _pem(der) for der in certificates}
        named |= {f"root-{_short(der)}.crl": der for der in crls}
        if all((self.folder / OWN / name).exists() for name in named):
            return True
        try:
            for below in (OWN, ROOTS, INTERMEDIATES, REVOCATION):
                (self.folder / below).mkdir(mode=0o755, parents=True, exist_ok=True)
            for name, content in named.items():
                write_public(self.folder / OWN / name, content)
        except OSError:
            return False
        return True

    def unpublished(self, certificates: Iterable[bytes]) -> tuple[str, ...]:
        """Return the names of files in which certificates of ours (DER) should be and are not."""
        there = set(self._read(OWN))
        return tuple(f"{OWN}/{_role(der)}-{_short(der)}.pem" for der in certificates if der not in there)


def certificates_of(content: bytes) -> list[bytes]:
    """Return the DER of every certificate in a PEM or DER file; none if it can't be read."""
    try:
        if _BEGIN in content:
            found = x509.load_pem_x509_certificates(content)
        else:
            found = [x509.load_der_x509_certificate(content)]
        for certificate in found:  # its names are read late, and may be malformed
            _ = certificate.subject, certificate.issuer
        return [c.public_bytes(_DER) for c in found]
    except MALFORMED:
        return []


def write_public(path: Path, content: bytes) -> None:
    """Write a file that anybody may read, whole or not at all; one that exists is kept."""
    if path.exists():
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.chmod(0o644)
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def _ders(path: Path) -> list[bytes]:
    """Return what a file holds, by its ending; none if it can't be read as that."""
    try:
        content = path.read_bytes()
        return certificates_of(content) if path.suffix in _CERTIFICATES else [_LISTS[path.suffix](content)]
    except (OSError, *MALFORMED):
        return []


def _said(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _crl(content: bytes) -> bytes:
    crl = x509.load_pem_x509_crl(content) if _BEGIN in content else x509.load_der_x509_crl(content)
    return crl.public_bytes(_DER)


def _ocsp(content: bytes) -> bytes:
    ocsp.load_der_ocsp_response(content)
    return content


_LISTS: Final[dict[str, Callable[[bytes], bytes]]] = {".crl": _crl, ".ocsp": _ocsp}
_READ: Final = (*_CERTIFICATES, *_LISTS)


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
