"""What every ``Timestamper`` must keep to, judged by openssl too."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signing.port import Timestamper
from signing.timestampers.rfc3161 import verify_token
from signing.verdict import Verdict
from tests.servers.presence import program

MESSAGE = b"une racine de journal\n"
DIGEST = hashlib.sha256(MESSAGE).digest()


class TimestamperContract:
    """Adapters subclass this and give a ``timestamper`` and its ``root`` (DER)."""

    def test_its_tokens_hold(self, timestamper: Timestamper, root: bytes) -> None:
        before = datetime.now(UTC)
        report = verify_token(timestamper.token(DIGEST), DIGEST, [root])
        assert (report.verdict, report.reason) == (Verdict.VALID, "ok")
        assert report.time is not None
        assert abs((report.time - before).total_seconds()) < 60
        assert report.policy
        assert report.authority

    def test_openssl_agrees(self, timestamper: Timestamper, root: bytes, tmp_path: Path) -> None:
        (tmp_path / "message").write_bytes(MESSAGE)
        (tmp_path / "token").write_bytes(timestamper.token(DIGEST))
        (tmp_path / "root.pem").write_bytes(x509.load_der_x509_certificate(root).public_bytes(Encoding.PEM))
        command = [program("openssl"), "ts", "-verify", "-token_in", "-in", str(tmp_path / "token")]
        command += ["-data", str(tmp_path / "message"), "-CAfile", str(tmp_path / "root.pem")]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0
        (tmp_path / "message").write_bytes(b"autre chose")
        assert subprocess.run(command, capture_output=True, check=False).returncode != 0

    def test_two_tokens_differ(self, timestamper: Timestamper) -> None:
        assert timestamper.token(DIGEST) != timestamper.token(DIGEST)

    def test_its_chain_is_what_a_third_party_needs(self, timestamper: Timestamper) -> None:
        token = timestamper.token(DIGEST)
        assert verify_token(token, DIGEST, [timestamper.chain[-1]]).verdict is Verdict.VALID

    def test_it_has_a_name(self, timestamper: Timestamper) -> None:
        assert timestamper.name
