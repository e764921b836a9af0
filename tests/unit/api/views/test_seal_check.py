"""The seal of a record that outlives its certificates: judged as of its entry in the journal."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
import pytest

from api.views.verification import VALID_THEN, judge, seal_check, verify
from archive.holdings import keep as holdings
from archive.model.records import Digests, Kind
from archive.objects.fixity import Fixity
from signing.authority import ensure_generated
from signing.pdf import seal_file
from tests.holdings import opened, package, system_at

BORN = datetime(2026, 3, 12, 8, 15, 30, tzinfo=UTC)
EXPIRED = "Le certificat du signataire avait expiré, et rien ne prouve que la signature est antérieure."
LATER = BORN + timedelta(days=21 * 365)


@pytest.fixture
def sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("signing.authority.BITS", 2048)
    ensure_generated(tmp_path / "home" / "keys", organisation="Commune", clock=lambda: BORN)
    system = system_at(tmp_path / "home", clock=lambda: BORN)
    system.proofs.publish()
    plain, made = tmp_path / "plain.pdf", tmp_path / "sealed.pdf"
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(plain)
    seal_file(plain, made, system.signer, system._authority, clock=lambda: BORN)
    system.close()
    return made


def test_a_seal_whose_certificates_ended_counts_from_its_entry(sealed: Path, tmp_path: Path) -> None:
    system = system_at(tmp_path / "home", clock=lambda: LATER)
    try:
        assert seal_check(system, sealed).verdict is Fixity.UNVERIFIABLE
        found = seal_check(system, sealed, proven_at=lambda: BORN + timedelta(hours=1))
        assert found.verdict is Fixity.INTACT
        assert "quand le journal a inscrit" in found.detail
        assert seal_check(system, sealed, proven_at=lambda: LATER).verdict is Fixity.UNVERIFIABLE
        content = bytearray(sealed.read_bytes())
        content[content.index(b"/MediaBox") + 12] ^= 1
        sealed.write_bytes(content)
        assert seal_check(system, sealed, proven_at=lambda: BORN + timedelta(hours=1)).verdict is Fixity.ALTERED
    finally:
        system.close()


def kept_sealed(sealed: Path, folder: Path, *, published: bool) -> str:
    """A record whose archival form is the sealed file."""
    with opened(folder / "home", clock=lambda: BORN) as system:
        content = sealed.read_bytes()
        digests = Digests(hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest())
        given = package(system, folder, 1, forms=(Kind.ORIGINAL, Kind.ARCHIVAL, Kind.TEXT))
        files = [
            replace(file, path=sealed, size=len(content), digests=digests) if file.kind is Kind.ARCHIVAL else file
            for file in given.files
        ]
        kept = holdings.keep(system.stores, replace(given, files=tuple(files)), lambda _session, _kept: None)
        if published:
            system.publisher.publish(force_token=True)
        return kept.record_id


@pytest.mark.parametrize("published", [True, False])
def test_the_public_page_and_the_verification_judge_a_seal_by_one_rule(
    sealed: Path, tmp_path: Path, published: bool
) -> None:
    record = kept_sealed(sealed, tmp_path, published=published)
    digest = hashlib.sha256(sealed.read_bytes()).hexdigest()
    system = system_at(tmp_path / "home", clock=lambda: LATER)
    try:
        inside = {one["name"]: one["verdict"] for one in verify(system, "demo", record)["checks"]}
        assert inside["Cachet"] == ("intact" if published else "unverifiable")
        found = judge(system, sealed, digest, None)
        (seal,) = (one for one in found["checks"] if one["about"] == "signature")
        expected = ("intact", VALID_THEN) if published else ("unverifiable", EXPIRED)
        assert (seal["verdict"], seal["detail"]) == expected, "an unpublished entry proves no time"
        strange = judge(system, sealed, "0" * 64, None)
        assert strange["verdict"] == "unverifiable", "bytes that no entry states are judged as of today"
    finally:
        system.close()
