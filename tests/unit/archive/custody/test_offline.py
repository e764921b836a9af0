"""A copy of the store is enough to say whether it is whole."""

import errno
import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from archive.__main__ import main
from archive.custody.findings import Findings
from archive.custody.offline import check_store, unstamped
from archive.custody.offline_log import Anchors
from archive.objects.fixity import Fixity
from ingestion.assembly import System
from ingestion.operations.agreement import Agreement
from signing.authority import ensure_generated
from signing.settings import SigningSettings
from signing.signers.pem import load_signer
from tests.holdings import filled
from tests.servers.postgres import Databases
from tests.unit.archive.world import World


@pytest.fixture
def place(tmp_path: Path, keys_now: Path, databases: Databases) -> Iterator[Path]:
    world = World(tmp_path, keys_now, databases)
    for _ in range(2):
        world.keep(tmp_path)
        world.publisher.publish(force_token=True)
    (tmp_path / "trust.json").write_bytes(world.trust())
    yield tmp_path / "store"
    world.database.dispose()


def verify(place: Path, keys: Path) -> int:
    return main(["verify", str(place), "--trust", str(place.parent / "trust.json")])


def test_a_root_alone_is_answered_with_a_question(
    place: Path, keys_now: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = ["--root", str(keys_now / "root.pem")]
    assert main(["verify", str(place), *root]) == 4
    said = capsys.readouterr().out
    assert "Est-ce bien celui que vous attendez ?" in said
    assert "ALTERED" not in said
    digest = said.partition("--signer ")[2][:64]
    assert main(["verify", str(place), *root, "--signer", digest]) == 0
    assert main(["verify", str(place), *root, "--signer", "0" * 64]) == 4


def test_no_store_says_nothing_of_one(tmp_path: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is not there, or empty as a disk that is not mounted, accuses nobody."""
    (tmp_path / "empty").mkdir()
    for absent in (tmp_path / "nowhere", tmp_path / "empty"):
        assert verify(absent, tmp_path) == 4
        first, last = capsys.readouterr().out.splitlines()
        assert (first.endswith("Il n’y a pas de magasin à cet endroit : rien n’a été contrôlé."), last) == (
            True,
            "UNVERIFIABLE",
        )


def test_a_disk_that_does_not_read_accuses_nobody(
    place: Path, keys_now: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read, failing = Path.read_bytes, place

    def bad(path: Path) -> bytes:
        if path.is_relative_to(failing) and not path.is_relative_to(place / "layout.json"):
            raise OSError(errno.EIO, "Input/output error")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", bad)
    assert verify(place, keys_now) == 4
    assert "ALTERED" not in capsys.readouterr().out
    failing = place / "tenants"
    assert verify(place, keys_now) == 4


def test_a_bad_trust_file_or_root_is_a_wrong_argument(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contents = (b"", b"{}", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", None)
    for option, content in product(("--trust", "--root"), contents):
        bad = tmp_path / f"bad{content!r:.5}"
        if content is not None:
            bad.write_bytes(content)
        with pytest.raises(SystemExit) as ended:
            main(["verify", str(tmp_path), option, str(bad)])
        assert ended.value.code == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert f"{bad} n’est pas" in said.err


def test_roots_of_seals_and_of_time_stamps_each_count_for_their_own_kind(place: Path, keys_now: Path) -> None:
    root = x509.load_pem_x509_certificate((keys_now / "root.pem").read_bytes()).public_bytes(Encoding.DER)

    def doubted(anchors: Anchors) -> set[str]:
        found = check_store(place, anchors)
        return {f.name.partition("/")[2][:10] for f in found if f.verdict is Fixity.UNVERIFIABLE}

    assert doubted(Anchors((root,), (root,))) == set()
    assert doubted(Anchors(seals=(root,))) == {"checkpoint"}
    assert doubted(Anchors(stamps=(root,))) == {"log-key.p7"}


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
    for folder in (keys_now, renewed):
        seal = x509.load_pem_x509_certificate((folder / "seal.pem").read_bytes())
        roots.append(f"--signer={seal.fingerprint(hashes.SHA256()).hex()}")
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


# -- the register, and stamps that vanished


@pytest.fixture
def registered(system: System, tmp_path: Path) -> Path:
    """A store with registers of two tenants, and a hold that was placed and released."""
    ids = filled(system, tmp_path, 2)
    hold = system.holds.place("demo", [ids[0]], reason="Contentieux", until=None, agent="user:1")
    assert system.holds.settle(hold) == {}
    system.holds.release("demo", hold, reason="Fin", agent="user:1")
    assert system.holds.settle(hold) == {}
    system.publisher.publish(force_token=True)
    return system.settings.home / "store"


def of_register(place: Path) -> list[tuple[str, str]]:
    """Verdicts on the register and on stamps, by name."""
    found = check_store(place, Anchors())
    return [(f.verdict.value, f.name) for f in found if f.name.startswith(("register", "journal/checkpoints"))]


def test_the_register_is_read_and_is_what_the_journal_announces(registered: Path) -> None:
    assert ("intact", "register") in of_register(registered)


@pytest.mark.parametrize(
    ("pattern", "how", "verdict"),
    [
        ("register/demo/000001.json", "flipped", "altered"),
        ("register/demo/000001.json", "removed", "missing"),
        ("register/demo/holds/*/placed.json", "flipped", "altered"),
        ("register/demo/holds/*/released.json", "flipped", "altered"),
        ("register/autre/000007.json", "added", "unverifiable"),
        ("register/autre/lisez-moi.txt", "added", "altered"),
    ],
)
def test_a_register_that_was_changed_is_named(registered: Path, pattern: str, how: str, verdict: str) -> None:
    path = registered / pattern if how == "added" else next(registered.glob(pattern))
    if how == "flipped":
        change(path, flip)
    elif how == "removed":
        path.unlink()
    else:
        path.write_bytes(b"{}")
    wrong = [one for one in of_register(registered) if one[0] not in {"intact", "unverifiable"} or "register" in one[1]]
    told = {kind for kind, name in wrong if name != "register"}
    assert told == {verdict}
    assert ("intact", "register") not in of_register(registered) or verdict == "unverifiable" or how == "added"


def test_a_stray_file_beside_stamps_is_named_and_ends_no_check(registered: Path) -> None:
    (registered / "journal/checkpoints/.DS_Store").write_bytes(b"x")
    found = of_register(registered)
    assert ("altered", "journal/checkpoints/.DS_Store") in found
    assert ("intact", "register") in found, "the checks after it ran"


def test_a_stamp_that_vanished_with_its_token_is_noticed_where_days_went_by() -> None:
    start = datetime(2026, 3, 12, tzinfo=UTC)
    hours = [(n, start + timedelta(hours=n)) for n in range(96)]
    daily = [(n + 1, start + timedelta(hours=n, minutes=1)) for n in (0, 24, 48, 72)]
    assert list(unstamped(hours, daily)) == []
    for gone in range(1, 4):
        (gap,) = unstamped(hours, [*daily[:gone], *daily[gone + 1 :]])
        assert gap[0] == start + timedelta(hours=24 * gone + 1)
    assert unstamped(hours, []) is not None
    assert len(list(unstamped(hours, []))) == 1
    closed = [*hours[:26], (26, start + timedelta(hours=80))]
    reopened = [*daily[:2], (27, start + timedelta(hours=80, minutes=1))]
    assert list(unstamped(closed, reopened)) == [], "nothing was entered while the service was stopped"
    assert list(unstamped([hours[0], (1, start + timedelta(days=9))], daily[:1])) == [], "one entry waits"


def test_a_stamped_checkpoint_that_vanished_is_missed_by_the_catalogue_too(system: System, tmp_path: Path) -> None:
    filled(system, tmp_path)
    stamped = sorted((system.settings.home / "store/journal/checkpoints").glob("*"))
    for path in stamped[:2]:
        path.unlink()
    findings = Findings()
    Agreement(system).check(findings, {}, routine=False)
    assert {(f.kind.value, f.place, f.detail) for f in findings.listed} == {("missing", "journal", "object")}
    assert len(findings.listed) == 2
