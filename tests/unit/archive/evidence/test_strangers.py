"""The bundle's verifier reads seals and tokens that others made, and refuses what is not quite
right.
"""

import ast
import hashlib
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from archive.evidence import verify
from signing.ground.clock import utc_now
from signing.seal import detached
from signing.signers.pem import PemSigner
from tests.servers.presence import program

CONFIG = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
default_policy = 1.2.3.4.1
digests = sha256, sha512
signer_digest = sha256
ess_cert_id_alg = {alg}
tsa_name = no
"""


def openssl_token(keys: Path, folder: Path, content: bytes, alg: str) -> bytes:
    """A token by OpenSSL's authority, whose certificate reference is of the given kind."""
    (folder / "content").write_bytes(content)
    (folder / "serial").write_text("01\n")
    (folder / "ts.cnf").write_text(CONFIG.format(folder=folder, alg=alg))
    ask = [program("openssl"), "ts", "-query", "-data", str(folder / "content"), "-sha256", "-cert", "-out"]
    subprocess.run([*ask, str(folder / "ask")], check=True, capture_output=True)
    answer = [program("openssl"), "ts", "-reply", "-config", str(folder / "ts.cnf"), "-queryfile", str(folder / "ask")]
    answer += ["-signer", str(keys / "tsa.pem"), "-inkey", str(keys / "tsa.key"), "-token_out"]
    subprocess.run([*answer, "-out", str(folder / "token")], check=True, capture_output=True)
    return (folder / "token").read_bytes()


def judge(token: bytes, content: bytes, keys: Path, known: bool = True) -> verify.Verifier:
    roots = x509.load_pem_x509_certificates((keys / "root.pem").read_bytes())
    verifier = verify.Verifier(Path(), verify.Trust(roots, roots), utc_now())
    verifier.known = list(x509.load_pem_x509_certificates((keys / "tsa.pem").read_bytes())) if known else []
    verifier.line(5, "token", lambda: str(verifier.token_time(token, verify._over(content), "content")))
    return verifier


@pytest.mark.parametrize("alg", ["sha1", "sha256", "sha512"])
def test_tokens_of_openssl_are_read(keys_now: Path, tmp_path: Path, alg: str) -> None:
    token = openssl_token(keys_now, tmp_path, b"content", alg)
    assert verify.verdict_of(judge(token, b"content", keys_now).checks) == "intact"
    assert verify.verdict_of(judge(token, b"other", keys_now).checks) == "altered"
    assert verify.verdict_of(judge(token + b"\0", b"content", keys_now).checks) == "altered"


def test_every_flipped_bit_that_a_signature_covers_is_refused(keys_now: Path, tmp_path: Path) -> None:
    """Statement, signed attributes, signature, certificate.

    The rest of the envelope is the manifest's to keep.
    """
    token = openssl_token(keys_now, tmp_path, b"content", "sha256")
    certificate = x509.load_pem_x509_certificate((keys_now / "tsa.pem").read_bytes())
    signed = verify.open_cms(token, verify.TST_INFO, None, [])
    covered: set[int] = set()
    for part in (certificate.public_bytes(Encoding.DER), signed.content, signed.signature):
        covered |= set(range(token.index(part), token.index(part) + len(part)))
    digest = hashlib.sha256(signed.content).digest()  # in the signed attributes
    covered |= set(range(token.index(digest), token.index(digest) + 32))
    assert len(covered) > len(token) * 0.7
    for at in covered:
        flipped = token[:at] + bytes([token[at] ^ 4]) + token[at + 1 :]
        verdict = verify.verdict_of(judge(flipped, b"content", keys_now, known=False).checks)
        assert verdict == "altered", at


def test_seals_on_elliptic_curves(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Cachet sur courbe")])
    now = utc_now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.KeyUsage(True, *[False] * 8), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    seal = detached(PemSigner(certificate.public_bytes(Encoding.PEM), pem), b"content")
    signed = verify.open_cms(seal, verify.DATA, verify._over(b"content"), [])
    assert signed.certificate == certificate
    assert verify.chain_fault(certificate, [], now, [certificate], verify.DOCUMENTS) == ""
    later = now + timedelta(days=2)
    assert verify.chain_fault(certificate, [], later, [certificate], verify.DOCUMENTS) == "expired"
    assert verify.chain_fault(certificate, [certificate], now, [], verify.DOCUMENTS) == "untrusted_chain"
    with pytest.raises(ValueError, match="not what was signed"):
        verify.open_cms(seal, verify.DATA, verify._over(b"other"), [])
    with pytest.raises((InvalidSignature, *verify.FAULTS)):
        verify.open_cms(seal[:-1] + bytes([seal[-1] ^ 1]), verify.DATA, verify._over(b"content"), [])


@pytest.mark.parametrize(
    "raw",
    ["3080", "30810100", "3082000100", "0401", "048201", "1f0100", "04020", "0400ff"],
)
def test_what_is_not_der_is_refused(raw: str) -> None:
    with pytest.raises(verify.FAULTS):
        verify._element(bytes.fromhex(raw))


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":2}', '{"b":1,"a":2}', '{"a": 1}', '{"a":1.50}', '{"a":"\\u00e9"}', '{"a":01}', '{"a":1}\n', "{"],
)
def test_what_is_not_canonical_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        verify.strict_json(text.encode())


def test_it_may_be_run_by_itself() -> None:
    """One file, under 900 lines, nothing of ours imported, no word of where it was made."""
    text = Path(verify.__file__).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 900
    modules = {node.module for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    assert not {m for m in modules if m and m.split(".")[0] in {"archive", "signing", "ingestion", "api", "search"}}
