"""Whatever the length of a seal or a token, it is made at once: one length in some took minutes."""

from __future__ import annotations

import hashlib
import time

import pytest
from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing.cms import as_read, opened, signature_of, signed_message, with_token
from signing.ground.clock import utc_now
from signing.signers.pem import KeySigner
from signing.timestampers.local import LocalAuthority, TimeStampAnswer
from tests.unit.signing.chain_cases import Builder, Holder, authority

DIGEST = hashlib.sha256(b"x").digest()
LENGTHS = range(1, 257, 3)


@pytest.fixture(scope="module")
def above() -> Holder:
    return authority("Autorité")


def padded(above: Holder, length: int, **changed: object) -> Holder:
    """A certificate that is longer by so many bytes."""
    more = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.7"), bytes(length))
    return Builder("Cachet", above, more=((more, False),), **changed).make()  # type: ignore[arg-type]


def pem(holder: Holder) -> tuple[bytes, bytes]:
    key = holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return holder.certificate.public_bytes(Encoding.PEM), key


def stamper(above: Holder, length: int) -> LocalAuthority:
    usages = {"usage": ("digital_signature",), "extended": (ExtendedKeyUsageOID.TIME_STAMPING,), "critical": True}
    certificate, key = pem(padded(above, length, **usages))
    return LocalAuthority(certificate, key, above.certificate.public_bytes(Encoding.PEM))


def test_seals_and_tokens_of_every_length_are_made_at_once(above: Holder) -> None:
    slowest = 0.0
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": DIGEST}
    asked = tsp.TimeStampReq({"version": "v1", "message_imprint": imprint, "cert_req": True}).dump()
    for length in LENGTHS:
        holder = padded(above, length)
        signer = KeySigner(holder.certificate, holder.key, [above.certificate], probative=False)
        authority_ = stamper(above, length)
        begun = time.process_time()
        answer = TimeStampAnswer.load(authority_.respond(asked), strict=True)
        token = as_read(answer["time_stamp_token"])
        message = signed_message(signer, digest=DIGEST, signing_time=utc_now())
        sealed = with_token(message.dump(), token)
        slowest = max(slowest, time.process_time() - begun)
        read = opened(sealed, digest_of_detached={"sha256": DIGEST})
        assert (read.token, read.signature, read.unread) == (token, signature_of(message), False)
    assert slowest < 2
