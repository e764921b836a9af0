"""The seal of a record that outlives its certificates: judged as of its entry in the journal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
import pytest

from api.views.verification import seal_check
from archive.objects.fixity import Fixity
from signing.authority import ensure_generated
from signing.pdf import seal_file
from tests.holdings import system_at

BORN = datetime(2026, 3, 12, 8, 15, 30, tzinfo=UTC)
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
        found = seal_check(system, sealed, kept_at=BORN + timedelta(hours=1))
        assert found.verdict is Fixity.INTACT
        assert "quand le journal a inscrit" in found.detail
        assert seal_check(system, sealed, kept_at=LATER).verdict is Fixity.UNVERIFIABLE
        content = bytearray(sealed.read_bytes())
        content[content.index(b"/MediaBox") + 12] ^= 1
        sealed.write_bytes(content)
        assert seal_check(system, sealed, kept_at=BORN + timedelta(hours=1)).verdict is Fixity.ALTERED
    finally:
        system.close()
