"""Refresh ``trust/revocation``: fetch the lists and OCSP answers that trusted certificates name.

An address is followed only if a certificate names it that leads to a trusted root: documents that
anybody may send don't decide where this machine connects to.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from signing.chains import MALFORMED, Purpose, chain_fault, nearest_first
from signing.revocation import Status, status_of
from signing.trust import REVOCATION, TrustFolder

Fetch = Callable[[str, bytes | None], bytes]
"""Function from an address and a body (None: GET) to the answer; raises ``OSError``."""

_SCHEMES: Final = ("http://", "https://")
_LARGEST: Final = 32 << 20
_TIMEOUT: Final = 20.0


@dataclass
class Refreshed:
    """Outcome of a refresh.

    Attributes:
        written: Names of the files that are new or newer now.
        failed: Address -> why nothing usable came from it.
    """

    written: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def refresh(folder: TrustFolder, certificates: Iterable[bytes], fetch: Fetch, at: datetime) -> Refreshed:
    """Fetch revocation data for these certificates and for the issuers in the folder.

    Args:
        folder: Where data is written.
        certificates: DER of signers, as found in documents, and of our own chains.
        fetch: Asks the network.
        at: The moment at which chains must hold and data be fresh.
    """
    known = folder.everything()
    roots = [x509.load_der_x509_certificate(der) for der in known.roots]
    pool = [x509.load_der_x509_certificate(der) for der in dict.fromkeys((*certificates, *known.intermediates))]
    done = Refreshed()
    for certificate in pool:
        if certificate.issuer == certificate.subject or not _is_trusted(certificate, pool, roots, at):
            continue
        issuer = next(iter(nearest_first(certificate, [*pool, *roots])), None)
        if issuer is not None:
            _ask(folder, certificate, issuer, fetch, at, done)
    return done


def _is_trusted(
    certificate: x509.Certificate, pool: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], at: datetime
) -> bool:
    """Whether a certificate, of whatever use, leads to a trusted root."""
    path = nearest_first(certificate, [*pool, *roots])
    if not path or path[-1] not in roots:
        return False
    faults = {chain_fault(certificate, pool, roots, at, purpose=purpose) for purpose in Purpose}
    return None in faults or "key_usage" in faults  # an issuer's own usage is not to sign documents


def _ask(
    folder: TrustFolder,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    fetch: Fetch,
    at: datetime,
    done: Refreshed,
) -> None:
    der, above = certificate.public_bytes(Encoding.DER), issuer.public_bytes(Encoding.DER)
    for url in _lists(certificate):
        name = f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.crl"
        if name in done.written or url in done.failed:
            continue
        _take(folder, url, None, name, lambda found: status_of(der, above, [found], [], at), fetch, done)
    for url in _responders(certificate):
        built = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1()).build()  # noqa: S303 - RFC 6960
        name = f"{hashlib.sha256(der).hexdigest()[:16]}.ocsp"
        asked = built.public_bytes(Encoding.DER)
        _take(folder, url, asked, name, lambda found: status_of(der, above, [], [found], at), fetch, done)


def _take(
    folder: TrustFolder,
    url: str,
    body: bytes | None,
    name: str,
    judge: Callable[[bytes], Status],
    fetch: Fetch,
    done: Refreshed,
) -> None:
    """Fetch one piece, and keep it if it says something of its certificate."""
    try:
        found = fetch(url, body)
    except OSError as error:
        done.failed[url] = str(error) or type(error).__name__
        return
    if b"-----BEGIN" in found and body is None:
        try:
            found = x509.load_pem_x509_crl(found).public_bytes(Encoding.DER)
        except MALFORMED:
            found = b""
    if judge(found) is Status.UNKNOWN:
        done.failed[url] = "réponse périmée, illisible ou d’un autre émetteur"
        return
    target = folder.folder / REVOCATION / name
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    _replace(target, found)
    done.written.append(name)


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.chmod(0o644)
    beside.replace(path)


def _lists(certificate: x509.Certificate) -> list[str]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, *MALFORMED):
        return []
    names = [str(name.value) for point in points for name in point.full_name or ()]
    return [name for name in names if name.startswith(_SCHEMES)]


def _responders(certificate: x509.Certificate) -> list[str]:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, *MALFORMED):
        return []
    names = [
        str(one.access_location.value) for one in access if one.access_method == AuthorityInformationAccessOID.OCSP
    ]
    return [name for name in names if name.startswith(_SCHEMES)]


def http_fetch(url: str, body: bytes | None) -> bytes:
    """Fetch over HTTP without following redirects; answers are bounded in time and size.

    Raises:
        OSError: Nothing came, or too much.
    """
    import httpx2

    headers = {"Content-Type": "application/ocsp-request"} if body is not None else {}
    method = "POST" if body is not None else "GET"
    found = bytearray()
    try:
        with httpx2.stream(method, url, content=body, headers=headers, timeout=_TIMEOUT) as answer:
            answer.raise_for_status()
            for piece in answer.iter_bytes():
                found += piece
                if len(found) > _LARGEST:
                    raise OSError("réponse trop longue")
    except httpx2.HTTPError as error:
        raise OSError(type(error).__name__) from error
    return bytes(found)
