"""A bundle is compared with an older proof: a journal rewritten by its own keys is noticed."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from archive.evidence import verify
from archive.holdings.describe import describe
from archive.journal import merkle
from signing.authority import ensure_generated
from signing.ground.clock import utc_now
from signing.ground.errors import Refused
from tests.servers.postgres import Databases
from tests.unit.archive.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, keys_now: Path, databases: Databases) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"), keys_now, databases)
    yield made
    made.database.dispose()


@pytest.fixture(scope="module")
def story(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Bundles of one record before and after a change, and one that proves what lies between."""
    folder = tmp_path_factory.mktemp("story")
    record = world.keep(folder)
    made = {"old": folder / "old.zip"}
    made["old"].write_bytes(world.bundle(record))
    describe(world.stores, "demo", record, {"title": "Autre titre"}, agent="user:1", expected_revision=1)
    size, _ = verify.head_of(note_of(made["old"]))
    for name, since in (("new", None), ("linked", size)):
        made[name] = folder / f"{name}.zip"
        with made[name].open("wb") as out:
            world.evidence.bundle("demo", record, out, since=since)
    with zipfile.ZipFile(made["old"]) as old:
        made["receipt"] = folder / "receipt.json"
        made["receipt"].write_bytes(old.read("receipt.json"))
    made["trust"] = folder / "trust.json"
    made["trust"].write_bytes(world.trust())
    return made


def note_of(bundle: Path) -> str:
    with zipfile.ZipFile(bundle) as opened:
        proof = next(name for name in opened.namelist() if name.endswith(".tlog-proof"))
        return opened.read(proof).decode().partition("\n\n")[2]


def judged(new: Path, old: Path, trust: Path) -> tuple[str, str]:
    """Verdict of the whole, and what the comparison says."""
    verifier = verify.Verifier(new, verify.read_trust(trust.read_bytes()), utc_now(), old)
    checks = verifier.run()
    (told,) = (check for check in checks if check.number == 9)
    return verify.verdict_of(checks), told.detail


def test_a_journal_that_only_grew_is_said_to_be_one(story: dict[str, Path]) -> None:
    for new, old in (("linked", "old"), ("old", "linked"), ("old", "old"), ("linked", "new")):
        verdict, detail = judged(story[new], story[old], story["trust"])
        assert verdict == "intact", (new, old, detail)
        assert "the same in both" in detail


def test_two_sizes_without_a_proof_of_what_lies_between_are_not_a_pass(story: dict[str, Path]) -> None:
    size, _ = verify.head_of(note_of(story["old"]))
    for new, old in (("new", "old"), ("old", "new")):
        verdict, detail = judged(story[new], story[old], story["trust"])
        assert verdict == "unverifiable", detail
        assert f"?since={size}" in detail


def test_the_command_says_so_with_its_exit_status(story: dict[str, Path]) -> None:
    for new, status in (("linked", 0), ("new", 4)):
        command = [sys.executable, "-I", verify.__file__, str(story[new]), "--against", str(story["old"])]
        done = subprocess.run([*command, "--trust", str(story["trust"])], capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr


def test_an_older_receipt_is_honoured(story: dict[str, Path]) -> None:
    verdict, detail = judged(story["linked"], story["receipt"], story["trust"])
    assert verdict == "intact", detail


@pytest.mark.parametrize("broken", ["bundle", "receipt", "nothing"])
def test_an_older_proof_that_does_not_hold_proves_nothing(story: dict[str, Path], tmp_path: Path, broken: str) -> None:
    given = tmp_path / "given"
    if broken == "bundle":
        content = story["old"].read_bytes()
        at = content.index(b"DepositReceived")
        given.write_bytes(content[:at] + b"d" + content[at + 1 :])
    elif broken == "receipt":
        given.write_bytes(story["receipt"].read_bytes().replace(b"2026", b"2025").replace(b"demo", b"damo"))
        given.write_bytes(given.read_bytes().replace(b'"entry":', b'"entry":1', 1))
    verdict, detail = judged(story["linked"], given, story["trust"])
    assert verdict == "unverifiable", detail
    assert "can't be used" in detail


def test_a_journal_rewritten_by_its_own_keys_is_shouted(
    tmp_path: Path, keys_now: Path, story: dict[str, Path], databases: Databases
) -> None:
    """Whoever holds every key of the service writes another history: all of it holds by itself."""
    forger = World(tmp_path, keys_now, databases)
    size, _ = verify.head_of(note_of(story["old"]))
    record = forger.keep(tmp_path)
    describe(forger.stores, "demo", record, {"title": "Un tout autre titre"}, agent="user:1", expected_revision=1)
    bundle = tmp_path / "forged.zip"
    with bundle.open("wb") as out:
        forger.evidence.bundle("demo", record, out, since=size)
    trust = verify.read_trust(forger.trust())
    assert verify.verdict_of(verify.Verifier(bundle, trust, utc_now()).run()) == "intact", "by itself it is perfect"
    for older in ("old", "new", "linked", "receipt"):
        verdict, detail = judged(bundle, story[older], story["trust"])
        assert verdict == "altered", (older, detail)
        assert "THE JOURNAL WAS REWRITTEN" in detail
    forger.database.dispose()


def test_another_root_of_the_same_size_is_enough(
    tmp_path: Path, keys_now: Path, story: dict[str, Path], databases: Databases
) -> None:
    """Also where the two bundles have no entry in common."""
    size, _ = verify.head_of(note_of(story["old"]))
    forger = World(tmp_path, keys_now, databases)
    with forger.database.write() as session:
        for n in range(size - 1):
            forger.ledger.append(
                session, type="DepositReceived", tenant="demo", subject=f"deposit:{n}", agent=None, facts={}
            )
    record = forger.keep(tmp_path)
    bundle = tmp_path / "forged.zip"
    with bundle.open("wb") as out:
        forger.evidence.bundle("demo", record, out, since=size)
    verdict, detail = judged(bundle, story["old"], story["trust"])
    assert verdict == "altered", detail
    assert "two roots of" in detail
    forger.database.dispose()


def test_another_key_is_another_journal(tmp_path: Path, story: dict[str, Path], databases: Databases) -> None:
    keys = tmp_path / "keys"
    ensure_generated(keys, organisation="Commune de Test")
    other = World(tmp_path, keys, databases)
    bundle = tmp_path / "other.zip"
    bundle.write_bytes(other.bundle(other.keep(tmp_path)))
    verdict, detail = judged(story["linked"], bundle, story["trust"])
    assert verdict == "unverifiable"
    assert "another key" in detail
    other.database.dispose()


@pytest.mark.parametrize("size", [0, -1, 10**6])
def test_a_size_that_the_journal_never_had_is_refused(
    world: World, story: dict[str, Path], tmp_path: Path, size: int
) -> None:
    assert story, "made before, so that its numbers are always the same"
    record = world.keep(tmp_path)
    with pytest.raises(Refused) as caught:
        world.evidence.bundle("demo", record, io.BytesIO(), since=size)
    assert caught.value.code == "bad_journal_size"


def test_every_consistency_proof_of_small_journals_is_judged_as_the_service_does() -> None:
    """All pairs of sizes up to 40: the true proof holds, a changed, cut or longer one does not."""
    leaves = [merkle.leaf_hash(b"%d" % n) for n in range(40)]
    nodes = merkle.nodes_of(leaves)
    roots = {size: merkle.root_hash(size, nodes) for size in range(1, 41)}
    for new in range(2, 41):
        for old in range(1, new):
            proof = merkle.consistency_proof(old, new, nodes)
            pair = (roots[old], roots[new])
            verify.require_consistent((old, new), pair, proof)
            wrong = [proof[:-1], [*proof, bytes(32)], [bytes([proof[0][0] ^ 1]) + proof[0][1:], *proof[1:]]]
            for given in wrong:
                with pytest.raises(ValueError):
                    verify.require_consistent((old, new), pair, given)
            with pytest.raises(ValueError):
                verify.require_consistent((old, new), (roots[new], roots[new]), proof)
            with pytest.raises(ValueError):
                verify.require_consistent((old, new), (roots[old], roots[old]), proof)


def test_a_proof_that_shows_nothing_is_a_contradiction(world: World, story: dict[str, Path], tmp_path: Path) -> None:
    """The bundle's own consistency proof is one of its checks, also without an older bundle."""
    folder = tmp_path / "bundle"
    with zipfile.ZipFile(story["linked"]) as opened:
        opened.extractall(folder)
    told = json.loads((folder / verify.EARLIER).read_bytes())
    told["root"] = base64.b64encode(bytes(32)).decode()
    verifier = verify.Verifier(folder, verify.Trust(), utc_now() + timedelta(minutes=1))
    verifier.check_manifest()
    verifier.check_entries()
    assert verifier.line(3, "earlier", verifier.check_earlier)
    (folder / verify.EARLIER).write_text(json.dumps(told, sort_keys=True, separators=(",", ":")))
    assert not verifier.line(3, "earlier", verifier.check_earlier)
