"""Local time-stamping authority: it works at once and proves nothing."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from asn1crypto import cms, core, tsp

from signing.cms import signed_message
from signing.ground.clock import Clock, utc_now
from signing.signers.pem import PemSigner
from signing.validity import broken_link

POLICY = "2.999.1.1"
"""Policy of the local authority: in the arc for examples (ITU-T X.660), registered with nobody.

Each arc is below 2^31, the largest that Go's standard library reads: tokens of earlier versions
bear an arc of 128 bits made from a UUID, which such readers refuse.
"""


class TimeStampAnswer(core.Sequence):  # type: ignore[misc] # asn1crypto is not typed
    """``TimeStampResp`` of RFC 3161, with the optional token that asn1crypto requires."""

    _fields = [  # noqa: RUF012
        ("status", tsp.PKIStatusInfo),
        ("time_stamp_token", cms.ContentInfo, {"optional": True}),
    ]


class LocalAuthority:
    """Local authority: answers RFC 3161 requests as an authority behind HTTP does.

    Args:
        certificate_pem: Certificate for time-stamping.
        key_pem: Its key.
        root_pem: Root that issued it.
        clock: The time that goes into tokens.
    """

    def __init__(self, certificate_pem: bytes, key_pem: bytes, root_pem: bytes, clock: Clock = utc_now) -> None:
        self._signer = PemSigner(certificate_pem, key_pem, [root_pem])
        self._clock = clock

    def respond(self, request: bytes) -> bytes:
        """Answer one DER ``TimeStampReq`` with a DER ``TimeStampResp``."""
        try:
            asked = tsp.TimeStampReq.load(request, strict=True)
            imprint = asked["message_imprint"]
            algorithm = imprint["hash_algorithm"]["algorithm"].native
            size = len(imprint["hashed_message"].native)
            nonce = asked["nonce"].native
        except (ValueError, TypeError, KeyError):
            return _refusal("bad_data_format")
        if algorithm not in {"sha256", "sha384", "sha512"} or size != hashlib.new(algorithm).digest_size:
            return _refusal("bad_alg")
        now = self._clock()
        if broken_link((self._signer.certificate, *self._signer.chain), now) is not None:
            return _refusal("time_not_available")
        statement: dict[str, Any] = {
            "version": "v1",
            "policy": POLICY,
            "message_imprint": imprint,
            "serial_number": secrets.randbits(127) | 1,
            "gen_time": now,
            "accuracy": {"seconds": 1},
        }
        if nonce is not None:
            statement["nonce"] = nonce
        content = tsp.TSTInfo(statement)
        token = signed_message(
            self._signer,
            digest=hashlib.sha256(content.dump()).digest(),
            content_type="tst_info",
            content=cms.ParsableOctetString(content.dump()),
        )
        answer = TimeStampAnswer({"status": {"status": "granted"}, "time_stamp_token": token})
        return bytes(answer.dump())


def _refusal(reason: str) -> bytes:
    return bytes(TimeStampAnswer({"status": {"status": "rejection", "fail_info": {reason}}}).dump())
