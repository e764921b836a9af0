"""Ask for RFC 3161 time-stamps and check them: one client, one check for every token."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing.chains import MALFORMED, Purpose, chain_fault, readable_name
from signing.cms import CmsError, as_read, opened
from signing.ground.clock import Clock, utc_now
from signing.ground.errors import Unavailable
from signing.settings import SigningSettings
from signing.timestampers.local import LocalAuthority, TimeStampAnswer
from signing.trust import TrustFolder
from signing.validity import require_valid_authority
from signing.verdict import Verdict

Transport = Callable[[bytes], bytes]
"""Function from a DER request to an authority's DER answer; raises ``Unavailable``."""

_SKEW = timedelta(minutes=5)
_ATTEMPTS = 2
_TIMEOUT = 10.0
_TRIES = 5
_MOMENT = 0.1
_LARGEST_ANSWER = 1 << 20


@dataclass(frozen=True)
class TokenReport:
    """Findings about a time-stamp token.

    Attributes:
        verdict: Three-valued.
        reason: ``ok``, ``imprint_mismatch``, ``bad_signature``, ``untrusted_chain``, ``unreadable``
            …
        time: The moment it attests; None until it could be read and its signature holds.
        policy: Dotted identifier of the authority's policy.
        authority: Readable name of the authority.
        certificates: DER of the certificates that it carries, signer first.
    """

    verdict: Verdict
    reason: str
    time: datetime | None = None
    policy: str = ""
    authority: str = ""
    certificates: tuple[bytes, ...] = ()


def verify_token(
    token: bytes, digest: bytes, roots: Sequence[bytes] | None, *, at: datetime | None = None
) -> TokenReport:
    """Check a token over a SHA-256 digest.

    Args:
        token: DER ``TimeStampToken``.
        digest: The digest that it must attest.
        roots: DER certificates to trust. With None the chain is not judged, and the verdict is
            never ``VALID``.
        at: The moment at which its certificates must be good; by default the token's own.
    """
    report, _ = _judge(token, digest, roots, at)
    return report


def _judge(
    token: bytes, digest: bytes, roots: Sequence[bytes] | None, at: datetime | None
) -> tuple[TokenReport, tsp.TSTInfo | None]:
    try:
        message = opened(token)
    except CmsError as fault:
        return TokenReport(Verdict.INVALID if fault.broken else Verdict.INDETERMINATE, fault.reason), None
    certificate, others = message.certificate, message.others
    try:
        if message.content_type != "tst_info" or message.content is None:
            raise ValueError("not a time-stamp")
        statement = tsp.TSTInfo.load(message.content, strict=True)
        imprint = statement["message_imprint"]
        matches = (
            imprint["hash_algorithm"]["algorithm"].native == "sha256"
            and bytes(imprint["hashed_message"].native) == digest
        )
        time: datetime = statement["gen_time"].native
        policy = statement["policy"].dotted
        trusted = [x509.load_der_x509_certificate(der) for der in roots or ()]
        may_stamp = _may_stamp(certificate)
    except (*MALFORMED, KeyError):
        return TokenReport(Verdict.INDETERMINATE, "unreadable"), None
    verdict, reason = Verdict.VALID, "ok"
    if not matches:
        verdict, reason = Verdict.INVALID, "imprint_mismatch"
    elif not may_stamp:
        verdict, reason = Verdict.INVALID, "not_an_authority"
    elif at is not None and time > at + _SKEW:
        verdict, reason = Verdict.INDETERMINATE, "in_the_future"
    elif roots is None:
        verdict, reason = Verdict.INDETERMINATE, "not_anchored"
    elif doubt := chain_fault(certificate, others, trusted, at or time, purpose=Purpose.TIME_STAMPS):
        verdict, reason = Verdict.INDETERMINATE, doubt
    carried = (certificate, *others)
    report = TokenReport(
        verdict,
        reason,
        time,
        policy,
        readable_name(certificate),
        tuple(c.public_bytes(Encoding.DER) for c in carried),
    )
    return report, statement


def _may_stamp(certificate: x509.Certificate) -> bool:
    """Whether the certificate's only extended usage is time-stamping, critical (RFC 3161, 2.3)."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return False
    return extension.critical and list(extension.value) == [ExtendedKeyUsageOID.TIME_STAMPING]


class Rfc3161Timestamper:
    """Timestamper: asks one authority after the other until one gives a token that holds.

    Args:
        transports: Ways to the authorities, in order of preference.
        roots: DER certificates that their chains must lead to. Empty: chains are not judged, and
            the tokens are not called probative.
        name: Name for pages.
        probative: Whether the authority is an outside one.
        clock: A token far from this time is refused.
        policy: Policy to ask for; a token under another one is refused.
        known: DER certificates that tokens will carry, if they are known before the first token:
            none is asked for while one of them is not good.
        identity: Digest of what names the authorities.
    """

    def __init__(
        self,
        transports: Sequence[Transport],
        roots: Sequence[bytes],
        *,
        name: str,
        probative: bool,
        clock: Clock = utc_now,
        policy: str | None = None,
        known: Sequence[bytes] = (),
        identity: str = "",
    ) -> None:
        self._transports = tuple(transports)
        self._roots = tuple(roots)
        self._name = name
        self._probative = probative and bool(roots)
        self._clock = clock
        self._policy = policy
        self._known = tuple(known)
        self._seen = self._known
        self._identity = identity

    @property
    def name(self) -> str:
        """Name for pages."""
        return self._name

    @property
    def identity(self) -> str:
        """Digest of what names the authorities: their addresses, or the local certificate."""
        return self._identity

    @property
    def probative(self) -> bool:
        """Whether an outside authority whose root we were given attests the time."""
        return self._probative

    @property
    def chain(self) -> tuple[bytes, ...]:
        """DER certificates of the last token and the roots."""
        return tuple(dict.fromkeys((*self._seen, *self._roots)))

    def token(self, digest: bytes) -> bytes:
        """Return a checked token over a SHA-256 digest.

        Raises:
            Unavailable: If no authority gave one that holds, or ours is outside its validity.
        """
        require_valid_authority(self._known, self._clock())
        faults: list[str] = []
        for transport in self._transports:
            try:
                return self._ask(transport, digest)
            except (_BadAnswerError, Unavailable) as error:
                faults.append(str(error))
        raise Unavailable(
            "timestamp_unavailable",
            "Aucune autorité d’horodatage n’a donné de jeton valable ({reason}).",
            action="Nouvel essai automatique ; vérifiez l’accès à l’autorité si cela dure.",
            reason=", ".join(faults) or "aucune autorité configurée",
        )

    def outside_time(self) -> datetime | None:
        """Return the time that an outside authority attests; None where it is ours or is silent."""
        if not self._probative:
            return None
        for transport in self._transports:
            try:
                return self._answer(transport, secrets.token_bytes(32))[1]
            except (_BadAnswerError, Unavailable):
                continue
        return None

    def _ask(self, transport: Transport, digest: bytes) -> bytes:
        token, at = self._answer(transport, digest)
        if abs(at - self._clock()) > _SKEW:
            raise _BadAnswerError("clock_mismatch")
        return token

    def _answer(self, transport: Transport, digest: bytes) -> tuple[bytes, datetime]:
        """Return a token that holds, and its time, which may be far from ours."""
        nonce = secrets.randbits(63) | 1
        asked = {
            "version": "v1",
            "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest},
            "nonce": nonce,
            "cert_req": True,
        }
        if self._policy is not None:
            asked["req_policy"] = self._policy
        answer = transport(tsp.TimeStampReq(asked).dump())
        try:
            response = TimeStampAnswer.load(answer, strict=True)
            status = response["status"]["status"].native
            if status not in {"granted", "granted_with_mods"}:
                raise _BadAnswerError(status)
            token: bytes = as_read(response["time_stamp_token"])
        except (ValueError, TypeError, KeyError) as error:
            raise _BadAnswerError("unreadable") from error
        report, statement = _judge(token, digest, self._roots or None, None)
        accepted = report.verdict is Verdict.VALID or (not self._roots and report.reason == "not_anchored")
        if not accepted or statement is None or report.time is None:
            raise _BadAnswerError(report.reason)
        if statement["nonce"].native != nonce:
            raise _BadAnswerError("nonce_mismatch")
        if self._policy is not None and report.policy != self._policy:
            raise _BadAnswerError("policy_mismatch")
        self._seen = report.certificates
        return token, report.time


class _BadAnswerError(Exception):
    """Error: an authority answered, but not with a token that we may use."""


def http_transport(url: str) -> Transport:
    """Make an HTTP transport: ten seconds a request, one retry, answers of bounded size."""

    def carry(request: bytes) -> bytes:
        import httpx2

        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        for attempt in range(_ATTEMPTS):
            try:
                answer = httpx2.post(url, content=request, headers=headers, timeout=_TIMEOUT)
                answer.raise_for_status()
            except httpx2.HTTPError as error:
                if attempt + 1 == _ATTEMPTS:
                    raise _away(type(error).__name__) from error
                continue
            if len(answer.content) > _LARGEST_ANSWER:
                raise _away("réponse trop longue")
            return bytes(answer.content)
        raise _away("aucune réponse")

    return carry


def _away(reason: str) -> Unavailable:
    return Unavailable("timestamp_unavailable", "L’autorité d’horodatage ne répond pas ({reason}).", reason=reason)


def load_timestamper(settings: SigningSettings, clock: Clock = utc_now) -> Rfc3161Timestamper:
    """Load the time-stamping authorities that the settings name, else the local one.

    Roots of outside authorities are those in ``trust/roots``.
    """
    keys = settings.keys
    if settings.tsa_urls:
        return Rfc3161Timestamper(
            [http_transport(url) for url in settings.tsa_urls],
            TrustFolder(settings.trust_folder, keys).foreign().roots,
            name="Autorité d’horodatage",
            probative=True,
            clock=clock,
            identity=hashlib.sha256("\n".join(settings.tsa_urls).encode()).hexdigest(),
        )
    certificate, authority, root = _local(keys, clock)
    anchor = x509.load_pem_x509_certificate(root).public_bytes(Encoding.DER)
    stamper = x509.load_pem_x509_certificate(certificate)
    return Rfc3161Timestamper(
        [authority.respond],
        [anchor],
        name="Horodatage local — non probant",
        probative=False,
        clock=clock,
        known=[stamper.public_bytes(Encoding.DER), anchor],
        identity=hashlib.sha256(stamper.public_bytes(Encoding.DER)).hexdigest(),
    )


def _local(keys: Path, clock: Clock) -> tuple[bytes, LocalAuthority, bytes]:
    """Load the local authority; wait a moment while another process moves a new set in."""
    for attempt in range(_TRIES):
        certificate, key, root = ((keys / name).read_bytes() for name in ("tsa.pem", "tsa.key", "root.pem"))
        try:
            return certificate, LocalAuthority(certificate, key, root, clock), root
        except ValueError:
            if attempt + 1 == _TRIES:
                raise
            time.sleep(_MOMENT)
    raise AssertionError("unreachable")
