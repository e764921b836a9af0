"""What we sign can be read by programs in Go, whose object identifiers end at 2^31 an arc."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signing.authority import ensure_generated
from signing.seal import detached
from signing.settings import SigningSettings
from signing.signers.pem import load_signer
from signing.timestampers.local import POLICY
from signing.timestampers.rfc3161 import load_timestamper
from tests.servers.presence import program

SOURCE = Path(__file__).with_name("go_identifiers")
EARLIER_POLICY = "2.25.207473613908187213586021563841170231049"


def arcs(identifier: str) -> list[int]:
    return [int(arc) for arc in identifier.split(".")]


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A token, a seal with one, and the certificates above them, as DER files."""
    folder = tmp_path_factory.mktemp("signed")
    ensure_generated(folder / "keys", organisation="Commune de Test")
    settings = SigningSettings(keys=folder / "keys")
    signer, timestamper = load_signer(settings), load_timestamper(settings)
    made = {"token": timestamper.token(hashlib.sha256(b"x").digest()), "message": detached(signer, b"x", timestamper)}
    for path in sorted((folder / "keys").glob("*.pem")):
        made[path.stem] = x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)
    for name, content in made.items():
        (folder / f"{name}.der").write_bytes(content)
    return [folder / f"{name}.der" for name in made]


def test_no_arc_of_our_policy_is_too_large() -> None:
    assert max(arcs(POLICY)) < 2**31


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader built from Go's standard library alone; the network is not needed."""
    built = tmp_path_factory.mktemp("go") / "identifiers"
    environment = os.environ | {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    command = [program("go"), "build", "-o", str(built), "."]
    done = subprocess.run(command, cwd=SOURCE, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return built


@pytest.mark.services
def test_a_program_in_go_reads_every_identifier(reader: Path, signed: list[Path]) -> None:
    done = subprocess.run([str(reader), *map(str, signed)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counts = {path.stem: int(line) for path, line in zip(signed, done.stdout.splitlines(), strict=True)}
    assert counts["token"] > 10
    assert counts["message"] > counts["token"], "the seal holds a token"
    assert all(counts.values())


@pytest.mark.services
def test_it_would_have_refused_the_earlier_policy(reader: Path, tmp_path: Path) -> None:
    (tmp_path / "old.der").write_bytes(core.ObjectIdentifier(EARLIER_POLICY).dump())
    done = subprocess.run([str(reader), str(tmp_path / "old.der")], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "object identifier" in done.stderr
