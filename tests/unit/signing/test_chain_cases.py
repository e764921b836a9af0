"""Both our chain checks give each chain the one verdict that it must get; OpenSSL beside them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from archive.evidence import verify
from signing.chains import Purpose, chain_fault
from signing.pdf import seal_file, validate
from signing.seal import detached, verify_detached
from signing.signers.pem import KeySigner
from signing.verdict import Verdict
from tests.servers.presence import program
from tests.unit.signing.chain_cases import CASES, NOW, Case, Holder, root

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")


class _Made(dict[str, Case]):
    """Cases, each made when it is first asked for."""

    def __missing__(self, name: str) -> Case:
        return self.setdefault(name, CASES[name]())


@pytest.fixture(scope="module")
def made() -> dict[str, Case]:
    return _Made()


def top(case: Case) -> Holder:
    return case.root or root()


def pem(*holders: Holder) -> bytes:
    return b"".join(one.certificate.public_bytes(Encoding.PEM) for one in holders)


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 24


@pytest.mark.parametrize("name", CASES)
def test_the_service_and_the_bundles_verifier_say_the_same(made: dict[str, Case], name: str) -> None:
    case = made[name]
    leaf, others = case.leaf.certificate, [one.certificate for one in case.others]
    roots = [top(case).certificate]
    purpose = Purpose.TIME_STAMPS if case.stamps else Purpose.DOCUMENTS
    wanted = verify.STAMPS if case.stamps else verify.DOCUMENTS
    for offered in (others, others[::-1]):
        assert chain_fault(leaf, offered, roots, case.at, purpose=purpose) == (case.expected or None)
        assert verify.chain_fault(leaf, offered, case.at, roots, wanted) == case.expected


@pytest.mark.parametrize("name", CASES)
def test_openssl_says_what_is_expected_of_it(made: dict[str, Case], name: str, tmp_path: Path) -> None:
    case = made[name]
    for file, holders in (("leaf", (case.leaf,)), ("root", (top(case),)), ("others", case.others)):
        (tmp_path / file).write_bytes(pem(*holders))
    purpose = "timestampsign" if case.stamps else "smimesign"
    command = [program("openssl"), "verify", "-purpose", purpose, "-auth_level", "2", "-no-CApath", "-no-CAstore"]
    command += ["-attime", str(int(case.at.timestamp())), "-CAfile", str(tmp_path / "root")]
    command += ["-untrusted", str(tmp_path / "others")] if case.others else []
    done = subprocess.run([*command, str(tmp_path / "leaf")], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is case.openssl, done.stdout + done.stderr
    assert bool(case.why) == (case.openssl != (case.expected == "")), "a difference has its reason, and only that"


MESSAGE = b"example+00000000+key\n"
SEALED = ("a seal under an authority, non-repudiation", "a seal on a German curve", "a TLS server that may sign")
SEALED += ("key agreement only", "e-mail and TLS server", "RSA of 1,024 bits")


@pytest.mark.parametrize("name", SEALED)
def test_whole_seals_get_the_verdict_of_their_chain(made: dict[str, Case], name: str, tmp_path: Path) -> None:
    case = made[name]
    signer = KeySigner(case.leaf.certificate, case.leaf.key, [one.certificate for one in case.others], probative=False)
    judged(detached(signer, MESSAGE, at=NOW), case, tmp_path)


def test_whole_seals_with_rsa_pss_as_openssl_makes_them(made: dict[str, Case], tmp_path: Path) -> None:
    case = made["RSA-PSS from top to bottom"]
    (tmp_path / "message").write_bytes(MESSAGE)
    (tmp_path / "leaf").write_bytes(pem(case.leaf))
    key = case.leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key").write_bytes(key)
    command = [program("openssl"), "cms", "-sign", "-cades", "-binary", "-md", "sha256", "-outform", "DER"]
    command += ["-in", str(tmp_path / "message"), "-signer", str(tmp_path / "leaf"), "-inkey", str(tmp_path / "key")]
    for options in (["rsa_padding_mode:pss"], ["rsa_padding_mode:pss", "rsa_pss_saltlen:20"]):
        chosen = [part for option in options for part in ("-keyopt", option)]
        subprocess.run([*command, *chosen, "-out", str(tmp_path / "seal")], check=True, capture_output=True)
        seal = (tmp_path / "seal").read_bytes()
        judged(seal, case, tmp_path)
        flipped = seal[:-1] + bytes([seal[-1] ^ 1])
        assert verify_detached(flipped, MESSAGE, [], at=NOW).verdict is Verdict.INVALID


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a seal under an authority, non-repudiation", "ok"),
        ("a seal for digital signature only", "ok"),
        ("e-mail and client beside each other", "ok"),
        ("document signing, RFC 9336", "ok"),
        ("a TLS server", "key_usage"),
        ("a TLS server that may sign", "key_usage"),
        ("e-mail and TLS server", "key_usage"),
        ("code signing", "key_usage"),
        ("a time-stamping authority that seals", "key_usage"),
        ("another root of the same name", "untrusted_chain"),
    ],
)
def test_signatures_in_pdf_files_are_held_to_the_same_usages(
    made: dict[str, Case], name: str, reason: str, archival: Path, tmp_path: Path
) -> None:
    case = made[name]
    signer = KeySigner(case.leaf.certificate, case.leaf.key, [one.certificate for one in case.others], probative=False)
    seal_file(archival, tmp_path / "sealed.pdf", signer, None, clock=lambda: NOW)
    der = top(case).certificate.public_bytes(Encoding.DER)
    (finding,) = validate(tmp_path / "sealed.pdf", [der], NOW).findings
    assert (finding.reason, finding.verdict is Verdict.VALID) == (reason, reason == "ok")


def judged(seal: bytes, case: Case, folder: Path) -> None:
    """Judge a seal with both our readers and with OpenSSL."""
    der = top(case).certificate.public_bytes(Encoding.DER)
    finding = verify_detached(seal, MESSAGE, [der], at=case.at)
    assert finding.reason == (case.expected or "ok")
    assert finding.verdict is (Verdict.INDETERMINATE if case.expected else Verdict.VALID)
    signed = verify.open_cms(seal, verify.DATA, verify._over(MESSAGE), [])
    roots = [top(case).certificate]
    assert verify.chain_fault(signed.certificate, signed.others, case.at, roots, verify.DOCUMENTS) == case.expected
    for name, content in (("message", MESSAGE), ("seal", seal), ("root", pem(top(case)))):
        (folder / name).write_bytes(content)
    command = [program("openssl"), "cms", "-verify", "-inform", "DER", "-binary", "-purpose", "smimesign"]
    command += [
        "-auth_level",
        "2",
        "-in",
        str(folder / "seal"),
        "-content",
        str(folder / "message"),
        "-out",
        "/dev/null",
    ]
    command += ["-CAfile", str(folder / "root"), "-attime", str(int(case.at.timestamp()))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is case.openssl, done.stderr
