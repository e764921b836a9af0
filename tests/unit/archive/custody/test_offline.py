"""A copy of the store is enough to say whether it is whole."""

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archive.__main__ import main
from signing.authority import ensure_generated
from signing.settings import SigningSettings
from signing.signers.pem import load_signer
from tests.servers.postgres import Databases
from tests.unit.archive.world import World


@pytest.fixture(scope="module")
def keys_now(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    ensure_generated(folder, organisation="Commune de Test")
    return folder


@pytest.fixture
def place(tmp_path: Path, keys_now: Path, databases: Databases) -> Iterator[Path]:
    world = World(tmp_path, keys_now, databases)
    for _ in range(2):
        world.keep(tmp_path)
        world.publisher.publish(force_token=True)
    yield tmp_path / "store"
    world.database.dispose()


def verify(place: Path, keys: Path) -> int:
    return main(["verify", str(place), "--root", str(keys / "root.pem")])


def test_a_whole_store(place: Path, keys_now: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(place, keys_now) == 0, capsys.readouterr().out
    assert capsys.readouterr().out.endswith("INTACT\n")
    assert main(["verify", str(place)]) == 4


def change(path: Path, edit: Callable[[bytes], bytes]) -> None:
    path.chmod(0o600)
    path.write_bytes(edit(path.read_bytes()))


def flip(content: bytes) -> bytes:
    return content[:10] + bytes([content[10] ^ 1]) + content[11:]


@pytest.mark.parametrize(
    "pattern",
    [
        "journal/checkpoint",
        "journal/checkpoints/*",
        "journal/tile/0/000.p/5",
        "journal/tile/entries/000.p/5",
        "journal/log-key.p7s",
        "layout.json",
        "tenants/*/*/*/*/*/inventory.json",
        "tenants/*/*/*/*/*/v1/content/original/*",
        "tenants/*/*/*/*/*/v1/content/metadata/record.json",
    ],
)
@pytest.mark.parametrize("how", ["flipped", "removed"])
def test_damage_is_named(place: Path, keys_now: Path, pattern: str, how: str) -> None:
    path = max(place.glob(pattern))
    if how == "flipped":
        change(path, flip)
    else:
        path.unlink()
    assert verify(place, keys_now) == 3


def test_each_seal_that_vouched_is_judged_and_the_present_one_goes_into_evidence(
    tmp_path: Path, keys_now: Path, tmp_path_factory: pytest.TempPathFactory, databases: Databases
) -> None:
    renewed = tmp_path_factory.mktemp("renewed")
    ensure_generated(renewed, organisation="Commune de Test")
    world = World(tmp_path, keys_now, databases)
    world.seal_with(load_signer(SigningSettings(keys=renewed)))
    record = world.keep(tmp_path)
    world.publisher.publish(force_token=True)
    place = tmp_path / "store"
    roots = [f"--root={folder / 'root.pem'}" for folder in (keys_now, renewed)]
    assert main(["verify", str(place), *roots]) == 0
    later = next(place.glob("journal/log-key-*.p7s"))
    with zipfile.ZipFile(io.BytesIO(world.bundle(record))) as bundle:
        assert bundle.read("journal/log-key.p7s") == later.read_bytes()
    world.database.dispose()
    change(later, flip)
    assert main(["verify", str(place), *roots]) == 3


def test_a_record_that_vanished_is_missed(place: Path, keys_now: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = next(place.glob("tenants/*/*/*/*/*/inventory.json")).parent
    folder.rename(place / "elsewhere")
    assert verify(place, keys_now) == 3
    assert "MISSING" in capsys.readouterr().out
