from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
import pytest

from signing.ground.errors import Corrupt, Refused, Unavailable
from signing.pdf import PreparedSeal, complete, prepare, seal_file, validate
from signing.signers.pem import KeySigner, PemSigner
from signing.timestampers.local import LocalAuthority
from signing.timestampers.rfc3161 import Rfc3161Timestamper
from signing.verdict import Verdict
from tests.corpus.make_pki import Pki, encrypted, sign
from tests.servers.presence import program, verapdf

NOW = datetime.now(UTC)


@pytest.fixture
def sealed(archival: Path, signer: KeySigner, timestamper: Rfc3161Timestamper, tmp_path: Path) -> Path:
    target = tmp_path / "sealed.pdf"
    facts = seal_file(archival, target, signer, timestamper)
    assert (facts.level, facts.probative) == ("B-T", False)
    return target


def test_the_original_is_a_prefix_and_the_seal_is_valid(sealed: Path, archival: Path, root: bytes) -> None:
    assert sealed.read_bytes().startswith(archival.read_bytes())
    report = validate(sealed, [root], datetime.now(UTC))
    (finding,) = report.findings
    assert (report.verdict, finding.reason, finding.level) == (Verdict.VALID, "ok", "B-T")
    assert finding.covers_whole_file
    assert finding.field == "ChartrierSeal"


def test_without_its_root_the_seal_is_a_doubt(sealed: Path, foreign: Pki) -> None:
    for roots in ([], [foreign.root.der]):
        report = validate(sealed, roots, datetime.now(UTC))
        assert (report.verdict, report.findings[0].reason) == (Verdict.INDETERMINATE, "untrusted_chain")


def test_no_altered_byte_is_valid(sealed: Path, root: bytes, tmp_path: Path) -> None:
    content = sealed.read_bytes()
    altered = tmp_path / "altered.pdf"
    for position in range(11, len(content), len(content) // 60):
        altered.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        verdict = validate(altered, [root], datetime.now(UTC)).verdict
        assert verdict is not Verdict.VALID, f"byte {position}"


def test_pdfsig_agrees(sealed: Path) -> None:
    told = subprocess.run([program("pdfsig"), sealed], capture_output=True, text=True, check=True).stdout
    assert "Signature is Valid." in told
    assert "Total document signed" in told
    assert "ETSI.CAdES.detached" in told


def test_a_sealed_pdfa_is_still_pdfa(sealed: Path) -> None:
    (report,) = verapdf([sealed])
    assert report["compliant"], report


def test_the_field_shows_nothing_and_prints(sealed: Path) -> None:
    with pikepdf.open(sealed) as pdf:
        (field,) = pdf.Root.AcroForm.Fields
        assert [float(n) for n in field.Rect] == [0, 0, 0, 0]
        flags = int(field.F)
    assert flags & 4, "print"
    assert not flags & (1 | 2 | 32), "neither invisible, hidden nor no-view"


def test_a_preparation_survives_json(archival: Path, signer: KeySigner, tmp_path: Path, root: bytes) -> None:
    target = tmp_path / "prepared.pdf"
    prepared = prepare(archival, target, certificate=signer.certificate, chain=signer.chain, at=NOW)
    again = PreparedSeal.from_json(json.loads(json.dumps(prepared.as_json())))
    assert again == prepared
    assert complete(target, again, signer, None, source=archival).level == "B-B"
    assert validate(target, [root], datetime.now(UTC)).verdict is Verdict.VALID
    for wrong in ({}, prepared.as_json() | {"more": 1}, prepared.as_json() | {"size": "1"}):
        with pytest.raises(ValueError):
            PreparedSeal.from_json(wrong)


def test_a_sandbox_that_lies_gets_no_seal(archival: Path, signer: KeySigner, foreign: Pki, tmp_path: Path) -> None:
    target = tmp_path / "prepared.pdf"
    prepared = prepare(archival, target, certificate=signer.certificate, chain=signer.chain, at=NOW)
    before = target.read_bytes()
    other = tmp_path / "other.pdf"
    other.write_bytes(b"%PDF-1.7\nother")
    lies = [
        (replace(prepared, digest="00" * 32), archival),
        (replace(prepared, hole_start=prepared.hole_start - 2), archival),
        (replace(prepared, hole_end=prepared.hole_end + 2), archival),
        (replace(prepared, size=prepared.size + 1), archival),
        (replace(prepared, hole_start=0), archival),
        (prepared, other),
    ]
    for lie, source in lies:
        with pytest.raises(Corrupt):
            complete(target, lie, signer, None, source=source)
    stranger = PemSigner(foreign.signer.pem, foreign.signer.key_pem)
    with pytest.raises(Corrupt):
        complete(target, prepared, stranger, None)
    assert target.read_bytes() == before


def test_a_hole_that_is_not_empty_gets_no_seal(archival: Path, signer: KeySigner, tmp_path: Path) -> None:
    """The digest leaves the hole out, so what a sandbox hides there must be looked for."""
    target = tmp_path / "prepared.pdf"
    prepared = prepare(archival, target, certificate=signer.certificate, chain=signer.chain, at=NOW)
    content = bytearray(target.read_bytes())
    content[prepared.hole_end - 9 : prepared.hole_end - 1] = b">/Contents"[:8]
    target.write_bytes(content)
    with pytest.raises(Corrupt):
        complete(target, prepared, signer, None, source=archival)


def test_without_an_authority_nothing_is_written(archival: Path, signer: KeySigner, tmp_path: Path) -> None:
    target = tmp_path / "prepared.pdf"
    prepared = prepare(archival, target, certificate=signer.certificate, chain=signer.chain, at=NOW)
    before = target.read_bytes()
    with pytest.raises(Unavailable):
        complete(target, prepared, signer, Rfc3161Timestamper([], [], name="—", probative=True))
    assert target.read_bytes() == before


def test_signed_encrypted_and_broken_files_are_refused(
    plain: Path, foreign: Pki, signer: KeySigner, tmp_path: Path
) -> None:
    for content, code in (
        (sign(plain.read_bytes(), foreign), "pdf_signed"),
        (encrypted(plain.read_bytes()), "pdf_encrypted"),
        (b"%PDF-1.7 garbage", "pdf_unreadable"),
        (b"", "pdf_unreadable"),
    ):
        source = tmp_path / "source.pdf"
        source.write_bytes(content)
        with pytest.raises(Refused) as refusal:
            prepare(source, tmp_path / "target.pdf", certificate=signer.certificate, at=NOW)
        assert refusal.value.code == code
        assert source.read_bytes() == content


def test_a_time_stamp_outlives_the_certificate(archival: Path, foreign: Pki, tmp_path: Path) -> None:
    then = NOW - timedelta(days=2 * 365)
    old = PemSigner(foreign.expired.pem, foreign.expired.key_pem, [foreign.issuing.pem, foreign.root.pem])
    authority = LocalAuthority(foreign.tsa.pem, foreign.tsa.key_pem, foreign.root.pem, lambda: then)
    stamper = Rfc3161Timestamper(
        [authority.respond], [foreign.root.der], name="essai", probative=True, clock=lambda: then
    )
    for name, timestamper, verdict, reason in (
        ("stamped.pdf", stamper, Verdict.VALID, "ok"),
        ("bare.pdf", None, Verdict.INDETERMINATE, "expired"),
    ):
        seal_file(archival, tmp_path / name, old, timestamper, clock=lambda: then)
        report = validate(tmp_path / name, [foreign.root.der], NOW)
        assert (report.verdict, report.findings[0].reason) == (verdict, reason)
