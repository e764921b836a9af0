"""Nothing is sealed or stamped outside the validity of seal, authority and root."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signing.authority import ensure_generated
from signing.ground.errors import Unavailable
from signing.pdf import seal_file
from signing.seal import detached
from signing.settings import SigningSettings
from signing.signers.pem import load_signer
from signing.timestampers.local import LocalAuthority
from signing.timestampers.rfc3161 import Rfc3161Timestamper, load_timestamper
from signing.validity import Validity, require_valid_authority, require_valid_seal

BORN = datetime(2026, 3, 12, 8, 15, 30, tzinfo=UTC)
YEAR = timedelta(days=365)
CLOCKS = {
    "0": BORN,
    "+1": BORN + YEAR,
    "+4": BORN + 4 * YEAR,
    "+9.75": BORN + 9.75 * YEAR,
    "+10.1": BORN + 10.1 * YEAR,
    "+19.8": BORN + 19.8 * YEAR,
    "+21": BORN + 21 * YEAR,
    "+31": BORN + 31 * YEAR,
    "2050": datetime(2050, 1, 1, tzinfo=UTC),
    "-10": BORN - 10 * YEAR,
}
"""Moments at which a service whose keys were never renewed may find itself."""
SEALS = {"0", "+1", "+4", "+9.75"}
STAMPS = SEALS | {"+10.1", "+19.8"}


@pytest.fixture(scope="module")
def old_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("validity") / "keys"
    ensure_generated(folder, organisation="Commune", clock=lambda: BORN)
    return folder


@pytest.mark.parametrize("name", CLOCKS)
def test_a_detached_seal_is_made_inside_the_validity_alone(old_keys: Path, name: str) -> None:
    signer, at = load_signer(SigningSettings(keys=old_keys)), CLOCKS[name]
    if name in SEALS:
        assert detached(signer, b"octets", at=at)
        return
    with pytest.raises(Unavailable) as waits:
        detached(signer, b"octets", at=at)
    assert waits.value.code == "seal_outside_validity"
    assert "Cachet local" in str(waits.value)
    assert str(Validity.of(signer.certificate).ends.date()) in str(waits.value)


@pytest.mark.parametrize("name", CLOCKS)
def test_a_pdf_is_sealed_inside_the_validity_alone(old_keys: Path, archival: Path, tmp_path: Path, name: str) -> None:
    signer, target = load_signer(SigningSettings(keys=old_keys)), tmp_path / "sealed.pdf"
    if name in SEALS:
        assert seal_file(archival, target, signer, None, clock=lambda: CLOCKS[name]).level == "B-B"
        return
    with pytest.raises(Unavailable) as waits:
        seal_file(archival, target, signer, None, clock=lambda: CLOCKS[name])
    assert waits.value.code == "seal_outside_validity"


@pytest.mark.parametrize("name", CLOCKS)
def test_a_token_is_given_inside_the_validity_alone(old_keys: Path, name: str) -> None:
    stamper = load_timestamper(SigningSettings(keys=old_keys), lambda: CLOCKS[name])
    digest = hashlib.sha256(b"octets").digest()
    if name in STAMPS:
        assert stamper.token(digest)
        return
    with pytest.raises(Unavailable) as waits:
        stamper.token(digest)
    assert waits.value.code == "timestamp_outside_validity"


def test_the_local_authority_itself_refuses_to_stamp_once_it_has_ended(old_keys: Path) -> None:
    certificate, key, root = ((old_keys / name).read_bytes() for name in ("tsa.pem", "tsa.key", "root.pem"))
    authority = LocalAuthority(certificate, key, root, lambda: CLOCKS["+21"])
    asks = Rfc3161Timestamper([authority.respond], [], name="", probative=False, clock=lambda: CLOCKS["+21"])
    with pytest.raises(Unavailable, match="rejection"):
        asks.token(bytes(32))


def test_an_issuer_that_ended_before_its_seal_counts(old_keys: Path) -> None:
    signer = load_signer(SigningSettings(keys=old_keys))
    root = Validity.of(signer.chain[-1])
    require_valid_authority([signer.chain[-1]], root.ends)
    with pytest.raises(Unavailable):
        require_valid_authority([signer.chain[-1]], root.ends + timedelta(seconds=1))
    require_valid_seal(signer, Validity.of(signer.certificate).ends)


def test_days_left_are_whole_and_negative_once_over() -> None:
    span = Validity("x", BORN, BORN + timedelta(days=30))
    assert [span.days_left(BORN + timedelta(days=days)) for days in (0, 29.5, 30.5)] == [30, 0, -1]
