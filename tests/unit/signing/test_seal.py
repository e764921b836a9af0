from __future__ import annotations

import hashlib
import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from archive.evidence import verify
from signing.cms import opened, signed_message
from signing.seal import detached, verify_detached
from signing.signers.pem import KeySigner, PemSigner
from signing.timestampers.rfc3161 import Rfc3161Timestamper
from signing.verdict import Verdict
from tests.corpus.make_pki import Pki
from tests.servers.presence import program

MESSAGE = "essai.example+00000000+clé\n".encode()
NOW = datetime.now(UTC)


def test_a_seal_holds_and_says_who(signer: KeySigner, timestamper: Rfc3161Timestamper, root: bytes) -> None:
    finding = verify_detached(detached(signer, MESSAGE, timestamper), MESSAGE, [root])
    assert (finding.verdict, finding.reason, finding.level) == (Verdict.VALID, "ok", "B-T")
    assert finding.signer == "Cachet local — non probant, Département d’essai"
    assert finding.certificate == signer.certificate.hex()


def test_other_bytes_are_invalid(signer: KeySigner, root: bytes) -> None:
    finding = verify_detached(detached(signer, MESSAGE), MESSAGE + b" ", [root])
    assert (finding.verdict, finding.reason, finding.intact) == (Verdict.INVALID, "digest_mismatch", False)


def test_without_roots_nothing_is_valid(signer: KeySigner, foreign: Pki) -> None:
    for roots in ([], [foreign.root.der]):
        finding = verify_detached(detached(signer, MESSAGE), MESSAGE, roots)
        assert (finding.verdict, finding.reason) == (Verdict.INDETERMINATE, "untrusted_chain")


def test_an_expired_seal_needs_its_time_stamp(
    keys: Path, timestamper: Rfc3161Timestamper, root: bytes, foreign: Pki
) -> None:
    old = PemSigner(foreign.expired.pem, foreign.expired.key_pem, [foreign.issuing.pem])
    roots = [foreign.root.der, root]
    then = NOW - timedelta(days=2 * 365)
    bare = detached(old, MESSAGE, at=then)
    assert verify_detached(bare, MESSAGE, roots).reason == "expired"
    assert verify_detached(bare, MESSAGE, roots, at=then).verdict is Verdict.VALID
    late = detached(old, MESSAGE, timestamper, at=then)
    assert verify_detached(late, MESSAGE, roots).reason == "expired", "stamped after the certificate's end"


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_no_flipped_byte_is_valid(signer: KeySigner, root: bytes) -> None:
    seal = detached(signer, MESSAGE, at=NOW)
    for position in range(0, len(seal), 3):
        altered = bytearray(seal)
        altered[position] ^= 1
        finding = verify_detached(bytes(altered), MESSAGE, [root])
        assert finding.verdict is not Verdict.VALID, f"byte {position} of {len(seal)} can be changed"


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_a_broken_token_is_a_fault_and_no_absence(
    signer: KeySigner, timestamper: Rfc3161Timestamper, root: bytes
) -> None:
    """Bytes from the token’s attribute on: a seal that lost its token must not pass as one
    that never had any.
    """
    seal = detached(signer, MESSAGE, timestamper, at=NOW)
    token = seal.index(bytes.fromhex("060b2a864886f70d010910020e"))  # signature time-stamp token
    assert token < len(seal) // 2
    for position in range(token, len(seal), 4):
        altered = bytearray(seal)
        altered[position] ^= 1 << position // 4 % 8
        finding = verify_detached(bytes(altered), MESSAGE, [root])
        assert finding.verdict is not Verdict.VALID, f"byte {position} of {len(seal)} can be changed"
        with suppress(*verify.FAULTS):  # it leaves parts of the envelope to the manifest, never the token
            _judged_by_the_bundles_verifier(bytes(altered), root)
    assert verify_detached(seal, MESSAGE, [root]).level == "B-T"
    assert _judged_by_the_bundles_verifier(seal, root) == "intact"


def _judged_by_the_bundles_verifier(seal: bytes, root: bytes) -> str:
    roots = [x509.load_der_x509_certificate(root)]
    verifier = verify.Verifier(Path(), verify.Trust(roots, roots), datetime.now(UTC))
    verifier.known = []
    signed = verify.open_cms(seal, verify.DATA, verify._over(MESSAGE), [])
    assert signed.token is not None
    verifier.token_time(signed.token, verify._over(signed.signature), "seal")
    if verifier.checks:
        raise ValueError(verifier.checks[0].detail)
    return verify.INTACT


@pytest.mark.parametrize(
    ("at", "form"),
    [
        (datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), "utc_time"),
        (datetime(2050, 1, 1, tzinfo=UTC), "generalized_time"),
        (datetime(2077, 6, 5, 4, 3, 2, tzinfo=UTC), "generalized_time"),
    ],
)
def test_a_signing_time_is_written_as_cms_wants_it_from_2050_on_too(
    at: datetime, form: str, foreign: Pki, signer: KeySigner
) -> None:
    made = signed_message(signer, digest=hashlib.sha256(MESSAGE).digest(), signing_time=at)
    (time,) = (
        a["values"][0] for a in made["content"]["signer_infos"][0]["signed_attrs"] if a["type"].native == "signing_time"
    )
    assert time.name == form
    digests = {"sha256": hashlib.sha256(MESSAGE).digest()}
    assert opened(made.dump(), digest_of_detached=digests).signing_time == at
    assert verify.open_cms(made.dump(), verify.DATA, verify._over(MESSAGE), []).signature


@pytest.mark.parametrize("seal", [b"", b"\x30", b"\x30\x80" * 500, b"garbage" * 100])
def test_garbage_is_a_doubt(seal: bytes, root: bytes) -> None:
    assert verify_detached(seal, MESSAGE, [root]).verdict is Verdict.INDETERMINATE


def test_openssl_agrees(signer: KeySigner, timestamper: Rfc3161Timestamper, keys: Path, tmp_path: Path) -> None:
    (tmp_path / "message").write_bytes(MESSAGE)
    (tmp_path / "seal.p7s").write_bytes(detached(signer, MESSAGE, timestamper))
    command = [program("openssl"), "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-purpose", "any"]
    command += ["-in", str(tmp_path / "seal.p7s"), "-content", str(tmp_path / "message")]
    command += ["-CAfile", str(keys / "root.pem"), "-out", "/dev/null"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    (tmp_path / "message").write_bytes(MESSAGE + b"x")
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0
