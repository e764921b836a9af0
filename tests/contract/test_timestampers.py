from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signing.authority import ensure_generated
from signing.ground.errors import Unavailable
from signing.settings import SigningSettings
from signing.timestampers.local import LocalAuthority
from signing.timestampers.rfc3161 import (
    Rfc3161Timestamper,
    Transport,
    http_transport,
    load_timestamper,
    verify_token,
)
from signing.verdict import Verdict
from tests.contract.suite_timestamper import DIGEST, TimestamperContract
from tests.corpus.make_pki import Identity, Pki, make_pki
from tests.servers.presence import program

OPENSSL_POLICY = "1.2.3.4.1"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    ensure_generated(folder, organisation="Département d’essai")
    return folder


@pytest.fixture(scope="module")
def pki() -> Pki:
    return make_pki(datetime.now(UTC).replace(microsecond=0))


def serve(respond: Callable[[bytes], tuple[int, bytes]]) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            status, content = respond(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def openssl_authority(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An authority that we did not write: ``openssl ts -reply`` behind HTTP."""
    folder = tmp_path_factory.mktemp("tsa")
    (folder / "tsa.pem").write_bytes(pki.tsa.pem)
    (folder / "tsa.key").write_bytes(pki.tsa.key_pem)
    (folder / "tsa.cnf").write_text(
        f"[tsa]\ndefault_tsa=t\n[t]\nserial={folder}/serial\nsigner_cert={folder}/tsa.pem\ncerts={folder}/tsa.pem\n"
        f"signer_key={folder}/tsa.key\nsigner_digest=sha256\ndefault_policy={OPENSSL_POLICY}\n"
        "digests=sha256,sha384,sha512\naccuracy=secs:1\ness_cert_id_alg=sha256\n"
    )

    def respond(request: bytes) -> tuple[int, bytes]:
        (folder / "query").write_bytes(request)
        command = [program("openssl"), "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        return 200, (folder / "reply").read_bytes()

    yield from serve(respond)


class TestLocal(TimestamperContract):
    @pytest.fixture
    def root(self, keys: Path) -> bytes:
        return x509.load_pem_x509_certificate((keys / "root.pem").read_bytes()).public_bytes(Encoding.DER)

    @pytest.fixture
    def timestamper(self, keys: Path) -> Rfc3161Timestamper:
        timestamper = load_timestamper(SigningSettings(keys=keys))
        assert not timestamper.probative
        return timestamper


class TestOpenssl(TimestamperContract):
    @pytest.fixture
    def root(self, pki: Pki) -> bytes:
        return pki.root.der

    @pytest.fixture
    def timestamper(self, openssl_authority: str, pki: Pki, tmp_path: Path) -> Rfc3161Timestamper:
        (tmp_path / "trusted").mkdir()
        (tmp_path / "trusted" / "root.pem").write_bytes(pki.root.pem)
        # Nobody listens on the first address: the second must answer.
        settings = SigningSettings(keys=tmp_path, tsa_urls=("http://127.0.0.1:9/", openssl_authority))
        timestamper = load_timestamper(settings)
        assert timestamper.probative
        return timestamper


def test_without_a_root_a_token_is_not_called_probative(openssl_authority: str, tmp_path: Path) -> None:
    timestamper = load_timestamper(SigningSettings(keys=tmp_path, tsa_urls=(openssl_authority,)))
    report = verify_token(timestamper.token(DIGEST), DIGEST, None)
    assert not timestamper.probative
    assert (report.verdict, report.reason) == (Verdict.INDETERMINATE, "not_anchored")


def test_an_authority_that_fails_is_unavailable() -> None:
    for status, content in ((500, b""), (200, b"<html>")):
        for url in serve(lambda _, answer=(status, content): answer):  # type: ignore[misc]
            with pytest.raises(Unavailable):
                Rfc3161Timestamper([http_transport(url)], [], name="essai", probative=True).token(DIGEST)


def stamper(pki: Pki, transport: Transport, **options: object) -> Rfc3161Timestamper:
    return Rfc3161Timestamper([transport], [pki.root.der], name="essai", probative=True, **options)  # type: ignore[arg-type]


def authority(pki: Pki, who: Identity | None = None, shift: timedelta = timedelta()) -> LocalAuthority:
    who = who or pki.tsa
    return LocalAuthority(who.pem, who.key_pem, pki.root.pem, lambda: datetime.now(UTC) + shift)


def with_request(respond: Transport, **changed: object) -> Transport:
    """An authority that answers another question than the one it was asked."""

    def carry(request: bytes) -> bytes:
        asked = tsp.TimeStampReq.load(request)
        for name, value in changed.items():
            asked[name] = value
        return respond(asked.dump(force=True))

    return carry


def test_every_lie_of_an_authority_is_refused(pki: Pki) -> None:
    honest = authority(pki).respond
    kept = honest(_request())
    stranger = make_pki(datetime.now(UTC).replace(microsecond=0), "Autorité inconnue")
    other_imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": b"x" * 32}
    lies: dict[str, tuple[Transport, dict[str, object]]] = {
        "untrusted_chain": (authority(stranger).respond, {}),
        "not_an_authority": (authority(pki, pki.signer).respond, {}),
        "nonce_mismatch": (with_request(honest, nonce=5), {}),
        "imprint_mismatch": (with_request(honest, message_imprint=other_imprint), {}),
        "clock_mismatch": (authority(pki, shift=timedelta(hours=1)).respond, {}),
        "policy_mismatch": (honest, {"policy": "1.2.3.4.5"}),
        "rejection": (lambda _: honest(b"garbage"), {}),
        "unreadable": (lambda _: b"garbage", {}),
    }
    for reason, (transport, options) in lies.items():
        with pytest.raises(Unavailable) as away:
            stamper(pki, transport, **options).token(DIGEST)
        assert reason in str(away.value)
    with pytest.raises(Unavailable, match=r"nonce_mismatch|timestamp_unavailable"):
        stamper(pki, lambda _: kept).token(DIGEST)
    assert stamper(pki, honest).token(DIGEST)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_no_flipped_byte_of_a_token_is_valid(pki: Pki) -> None:
    token = stamper(pki, authority(pki).respond).token(DIGEST)
    for position in range(0, len(token), 5):
        altered = token[:position] + bytes([token[position] ^ 1]) + token[position + 1 :]
        assert verify_token(altered, DIGEST, [pki.root.der]).verdict is not Verdict.VALID, position


def test_a_token_from_the_future_or_of_an_expired_authority_is_a_doubt(pki: Pki) -> None:
    token = stamper(pki, authority(pki).respond).token(DIGEST)
    now = datetime.now(UTC)
    assert verify_token(token, DIGEST, [pki.root.der], at=now - timedelta(days=1)).reason == "in_the_future"
    assert verify_token(token, DIGEST, [pki.root.der], at=now + timedelta(days=9000)).reason == "expired"


def _request() -> bytes:
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": DIGEST}
    asked = {"version": "v1", "message_imprint": imprint, "nonce": 7, "cert_req": True}
    return bytes(tsp.TimeStampReq(asked).dump())
