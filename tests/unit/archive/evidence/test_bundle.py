"""The bundle is checked by a stranger's Python, without network, product or trust in its maker."""

import hashlib
import io
import json
import random
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from archive.evidence import verify
from archive.evidence.bundle import looks_like_bundle, verify_bundle
from archive.holdings.describe import describe
from archive.model.identifiers import new_id
from signing.authority import ensure_generated
from signing.ground.canonical import canonical
from signing.ground.clock import stamp, utc_now
from signing.ground.errors import Corrupt, Refused
from signing.note import LogKey
from signing.seal import detached
from tests.servers.postgres import Databases
from tests.servers.presence import program
from tests.unit.archive.world import World

HERE = Path(verify.__file__)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, keys_now: Path, databases: Databases) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"), keys_now, databases)
    yield made
    made.database.dispose()


@pytest.fixture(scope="module")
def record(world: World, tmp_path_factory: pytest.TempPathFactory) -> str:
    return world.keep(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def bundle(world: World, record: str) -> bytes:
    return world.bundle(record)


@pytest.fixture
def folder(bundle: bytes, tmp_path: Path) -> Path:
    target = tmp_path / "bundle"
    zipfile.ZipFile(io.BytesIO(bundle)).extractall(target)
    return target


@pytest.fixture(scope="module")
def trust(world: World, bundle: bytes) -> bytes:
    return world.trust()


@pytest.fixture(scope="module")
def trust_path(trust: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("elsewhere") / "trust.json"
    path.write_bytes(trust)
    return path


def run(folder: Path, *arguments: str, python: str = sys.executable, before: tuple[str, ...] = ()) -> Any:
    command = [*before, python, "-I", str(folder / "verify.py"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_names_are_in_the_order_of_the_format(bundle: bytes, record: str) -> None:
    names = zipfile.ZipFile(io.BytesIO(bundle)).namelist()
    assert names[:5] == ["LISEZMOI.txt", "README.txt", "verify.py", "manifest.json", "manifest.note"]
    assert names[5:9] == ["record.json", "premis.json", "premis.xml", "inventory.json"]
    assert names[-1] == "receipt.json"
    assert {
        "representations/original.pdf",
        "representations/archival.pdf",
        "representations/text.xml",
    } <= set(names)
    assert all(item.compress_type == zipfile.ZIP_STORED for item in zipfile.ZipFile(io.BytesIO(bundle)).infolist())
    assert (HERE.read_bytes()) == zipfile.ZipFile(io.BytesIO(bundle)).read("verify.py")


def test_a_stranger_says_intact(folder: Path, trust_path: Path) -> None:
    done = run(folder, "--trust", str(trust_path))
    assert done.returncode == 0, done.stdout + done.stderr
    for number in range(1, 9):
        assert f" {number} " in done.stdout
    assert "UNVERIFIABLE" not in done.stdout
    assert "not probative" in done.stdout
    assert re.search(r"^As of [0-9-]{10} [0-9:]{8} UTC, [0-9]+ entries of the journal: ", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("option", ["--root", "--trust"])
@pytest.mark.parametrize("content", [None, b"no certificate", b"{}", b"[]", b'{"v":1,"type":"trust"}'])
def test_trust_that_cannot_be_read_is_a_wrong_argument(
    folder: Path, tmp_path: Path, content: bytes | None, option: str
) -> None:
    if content is not None:
        (tmp_path / "given").write_bytes(content)
    done = run(folder, option, str(tmp_path / "given"))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"error: argument {option}: " in done.stderr
    assert "Traceback" not in done.stderr


def doubts(done: Any) -> list[str]:
    return [line for line in done.stdout.splitlines() if line.startswith("UNVERIFIABLE ") and "/" not in line[:16]]


def test_who_names_nobody_is_told_who_sealed_and_asked(folder: Path, world: World, keys_now: Path) -> None:
    """A root says who issued a seal, not whose it is: never a plain intact, also for our own."""
    seal = x509.load_der_x509_certificate(world.signer.certificate)
    digest = seal.fingerprint(hashes.SHA256()).hex()
    for arguments in ([], ["--root", str(keys_now / "root.pem")]):
        done = run(folder, *arguments)
        assert done.returncode == 4, done.stdout + done.stderr
        assert "ALTERED" not in done.stdout
        (line,) = doubts(done)
        assert seal.subject.rfc4514_string() in line
        assert digest in line
        assert ("Is that whom you expect?" in line) == bool(arguments)
        assert f"--signer {digest}" in line if arguments else "--trust trust.json" in line


def test_a_root_and_whose_the_seal_must_be_are_enough(folder: Path, world: World, keys_now: Path) -> None:
    seal = x509.load_der_x509_certificate(world.signer.certificate)
    digest = seal.fingerprint(hashes.SHA256())
    root = ["--root", str(keys_now / "root.pem")]
    for who in (digest.hex(), digest.hex(":").upper(), seal.subject.rfc4514_string()):
        done = run(folder, *root, "--signer", who)
        assert done.returncode == 0, done.stdout + done.stderr
    for who in (digest.hex()[::-1], "Commune de Test", seal.subject.rfc4514_string() + " ", ""):
        expected = 0 if who.strip() == seal.subject.rfc4514_string() else 4
        done = run(folder, *root, "--signer", who)
        assert done.returncode == expected, who + done.stdout
    assert run(folder, "--signer", seal.subject.rfc4514_string()).returncode == 4, "a name alone is no chain"


def test_it_needs_only_cryptography_and_no_network(folder: Path, trust_path: Path, tmp_path: Path) -> None:
    """A fresh environment holding nothing but ``cryptography`` and what that needs, in an empty
    network.
    """
    import _cffi_backend
    import cffi
    import cryptography
    import pycparser

    place = tmp_path / "venv"
    venv.create(place, with_pip=False, symlinks=True)
    packages = next(place.glob("lib/python*/site-packages"))
    for module in (cryptography, cffi, pycparser):
        shutil.copytree(Path(module.__file__ or "").parent, packages / module.__name__)
    shutil.copy(_cffi_backend.__file__, packages)
    python = str(place / "bin" / "python")
    alone = ("unshare", "-n") if subprocess.run(["unshare", "-n", "true"], check=False).returncode == 0 else ()
    done = run(folder, "--trust", str(trust_path), python=python, before=alone)
    assert done.returncode == 0, done.stdout + done.stderr
    imports = [line for line in HERE.read_text().splitlines() if line.strip().startswith(("import ", "from "))]
    roots = {line.split()[1].split(".")[0] for line in imports}
    assert roots - set(sys.stdlib_module_names) == {"cryptography"}


def test_two_hundred_flipped_bits_are_refused(folder: Path, trust: bytes) -> None:
    """Any file, readmes and the verifier's own copy included."""
    chance = random.Random(20260312)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    accepted = []
    for turn in range(200):
        path = files[turn % len(files)] if turn < len(files) else chance.choice(files)
        before = path.read_bytes()
        at, bit = chance.randrange(len(before)), chance.randrange(8)
        path.write_bytes(before[:at] + bytes([before[at] ^ 1 << bit]) + before[at + 1 :])
        if verify_bundle(folder, trust=trust)["verdict"] != "altered":
            accepted.append(f"{path.relative_to(folder)} byte {at} bit {bit}")
        path.write_bytes(before)
    assert accepted == []
    assert verify_bundle(folder, trust=trust)["verdict"] == "intact"


def test_every_last_bit_of_the_note_counts(folder: Path, trust: bytes) -> None:
    path = folder / "manifest.note"
    before = path.read_bytes()
    for at in range(len(before)):
        for bit in range(8):
            path.write_bytes(before[:at] + bytes([before[at] ^ 1 << bit]) + before[at + 1 :])
            assert verify_bundle(folder, trust=trust)["verdict"] == "altered", (at, bit)


@pytest.mark.parametrize("change", ["added", "removed", "longer", "empty", "linked"])
def test_other_changes_of_the_folder_are_refused(folder: Path, trust: bytes, change: str) -> None:
    path = folder / "journal" / "checkpoint.tsr"
    if change == "added":
        (folder / "note.txt").write_text("de plus")
    elif change == "removed":
        path.unlink()
    elif change == "longer":
        path.write_bytes(path.read_bytes() + b"\0")
    elif change == "empty":
        path.write_bytes(b"")
    else:
        path.rename(folder.parent / "elsewhere")
        path.symlink_to(folder.parent / "elsewhere")
    assert verify_bundle(folder, trust=trust)["verdict"] == "altered"


def test_a_forger_with_the_log_key_is_refused(folder: Path, world: World, trust: bytes) -> None:
    """Who can sign a new list still can't change the record: journal, seal and token contradict
    him.

    Each forgery is caught by the check that is there for it, not only by some other.
    """
    expected = verify.read_trust(trust)

    def caught(name: str, change: Callable[[bytes], bytes]) -> set[int]:
        before = {p: (folder / p).read_bytes() for p in (name, "manifest.json", "manifest.note")}
        content = change(before[name])
        assert content != before[name]
        (folder / name).write_bytes(content)
        manifest = json.loads(before["manifest.json"])
        manifest["files"][name] = {"sha-256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        signed = canonical(manifest)
        statement = {"v": 1, "type": "evidence", "record": manifest["record"]}
        statement["sha-256"] = hashlib.sha256(signed).hexdigest()
        (folder / "manifest.json").write_bytes(signed)
        (folder / "manifest.note").write_text(world.log_key.sign_note(canonical(statement).decode() + "\n"))
        checks = verify.Verifier(folder, expected, utc_now()).run()
        for path, old in before.items():
            (folder / path).write_bytes(old)
        assert verify.verdict_of(checks) == "altered", name
        return {check.number for check in checks if check.verdict == "altered"}

    def flip(at: float) -> Callable[[bytes], bytes]:
        return lambda content: (
            content[: int(len(content) * at)]
            + bytes([content[int(len(content) * at)] ^ 1])
            + content[int(len(content) * at) + 1 :]
        )

    def later_entry(content: bytes) -> bytes:
        return re.sub(rb'"entry":([0-9]+)', lambda found: b'"entry":%d' % (int(found[1]) + 1), content, count=1)

    assert 3 in caught("record.json", lambda content: content.replace(b"12", b"13", 1))
    assert 3 in caught("premis.json", later_entry)
    assert 4 in caught("premis.json", lambda content: content.replace(b"ingestion", b"digestion", 1))
    assert 3 in caught("inventory.json", flip(0.5))
    assert caught("reports/pdfa.json", flip(0.5)) == {4}
    assert caught("representations/original.pdf", flip(0.5)) == {4}
    assert caught("representations/text.xml", flip(0.5)) == {4}
    assert caught("representations/archival.pdf", flip(0.1)) == {4, 6}
    assert caught("representations/archival.pdf", lambda content: content + b"% added") == {4, 6}
    assert caught("receipt.json", lambda content: content.replace(b"12", b"13", 1)) == {7}
    n = json.loads((folder / "record.json").read_bytes())["deposit"]["entry"]
    assert caught(f"journal/{n}.json", lambda content: content.replace(b'"n":%d' % n, b'"n":%d' % (n + 1))) >= {3}
    assert caught(f"journal/{n}.tlog-proof", lambda c: c.replace(b"index %d" % n, b"index %d" % (n + 1))) >= {3}
    for at in (0.2, 0.5, 0.97):
        assert 5 in caught("journal/checkpoint.tsr", flip(at)), at
        assert 3 in caught(f"journal/{n}.tlog-proof", flip(at)), at
    assert caught("journal/log-key.p7s", flip(0.35)) == {2}
    other = detached(world.signer, b"another key\n")
    assert caught("journal/log-key.p7s", lambda _: other) == {2}
    other = world.timestamper.token(bytes(32))
    assert 5 in caught("journal/checkpoint.tsr", lambda _: other)
    assert verify.verdict_of(verify.Verifier(folder, expected, utc_now()).run()) == "intact"


def test_times_that_can_not_be_are_refused(folder: Path, trust: bytes) -> None:
    expected = verify.read_trust(trust)
    early = utc_now() - timedelta(hours=2)
    checks = verify.Verifier(folder, expected, early).run()
    assert any(check.number == 5 and "future" in check.detail for check in checks)


def test_somebody_elses_whole_bundle_is_not_whom_the_reader_named(
    tmp_path: Path, trust: bytes, record: str, databases: Databases
) -> None:
    """The forger makes every key anew: everything agrees with itself, and nothing with the reader's
    trust file. So it is nobody's evidence here; that bytes were altered would be a claim too many.
    """
    keys = tmp_path / "keys"
    ensure_generated(keys, organisation="Commune de Test")
    forger = World(tmp_path, keys, databases)
    target = tmp_path / "forged.zip"
    target.write_bytes(forger.bundle(forger.keep(tmp_path)))
    assert verify_bundle(target, trust=forger.trust())["verdict"] == "intact"
    result = verify_bundle(target, trust=trust)
    assert result["verdict"] == "unverifiable"
    told = " ".join(check["detail"] for check in result["checks"] if check["verdict"] == "unverifiable")
    assert "another key than in your trust file" in told
    assert "does not lead to a root that you gave" in told
    forger.database.dispose()


def test_zip_is_checked_as_it_is(bundle: bytes, tmp_path: Path, trust: bytes) -> None:
    path = tmp_path / "preuve.zip"
    path.write_bytes(bundle)
    assert looks_like_bundle(path)
    result = verify_bundle(path, trust=trust)
    assert result["verdict"] == "intact", result
    chance = random.Random(7)
    start = bundle.index(b"record.json")
    for _ in range(60):  # any content byte; unused bytes of the container apart
        at = chance.randrange(start, len(bundle) - 4000)
        path.write_bytes(bundle[:at] + bytes([bundle[at] ^ 0x10]) + bundle[at + 1 :])
        verdict = verify_bundle(path, trust=trust)["verdict"]
        with zipfile.ZipFile(io.BytesIO(bundle)) as good:
            try:
                with zipfile.ZipFile(path) as flipped:
                    same = all(flipped.read(n) == good.read(n) for n in good.namelist())
            except (zipfile.BadZipFile, KeyError, NotImplementedError):
                same = False
        assert verdict == ("intact" if same else "altered"), at
    for cut in (100, 5000, len(bundle) // 2, len(bundle) - 1):
        path.write_bytes(bundle[:cut])
        assert verify_bundle(path, trust=trust)["verdict"] == "altered"


def test_digests_only(world: World, record: str, tmp_path: Path, trust: bytes) -> None:
    path = tmp_path / "preuve.zip"
    path.write_bytes(world.bundle(record, content=False))
    assert not [n for n in zipfile.ZipFile(path).namelist() if n.startswith("representations/")]
    assert verify_bundle(path, trust=trust)["verdict"] == "intact"
    checks = verify.Verifier(path, verify.Trust(), utc_now()).run()
    assert any(check.number == 4 and "content=digests" in check.detail for check in checks)


def test_a_described_record_and_one_without_pdf(world: World, tmp_path: Path, trust: bytes) -> None:
    bare = world.keep(tmp_path, archival=False)
    describe(world.stores, "demo", bare, {"title": "Autre titre"}, agent="user:1", expected_revision=1)
    path = tmp_path / "preuve.zip"
    path.write_bytes(world.bundle(bare))
    result = verify_bundle(path, trust=trust)
    assert result["verdict"] == "intact", result


def test_altered_bytes_make_no_evidence(world: World, tmp_path: Path) -> None:
    record = world.keep(tmp_path)
    with world.database.read() as session:
        from archive.catalogue import rows as catalogue

        key = next(item.key for item in catalogue.placed(session, record) if item.kind == "original")
    path = next(p for p in tmp_path.parent.parent.rglob("*") if str(p).endswith(key))
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(Corrupt):
        world.bundle(record)


def test_unknown_record(world: World) -> None:
    with pytest.raises(Refused) as caught:
        world.bundle(new_id())
    assert caught.value.code == "record_not_found"


def test_openssl_agrees_on_the_token_and_the_voucher(folder: Path, keys_now: Path) -> None:
    proof = next((folder / "journal").glob("*.tlog-proof")).read_bytes()
    (folder.parent / "checkpoint").write_bytes(proof.partition(b"\n\n")[2])
    command = [program("openssl"), "ts", "-verify", "-token_in", "-in", str(folder / "journal/checkpoint.tsr")]
    command += ["-data", str(folder.parent / "checkpoint"), "-CAfile", str(keys_now / "root.pem")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Verification: OK" in done.stdout + done.stderr
    (folder.parent / "vkey").write_text(json.loads((folder / "manifest.json").read_bytes())["log"]["vkey"] + "\n")
    command = [
        "openssl",
        "cms",
        "-verify",
        "-inform",
        "DER",
        "-binary",
        "-purpose",
        "any",
        "-out",
        "/dev/null",
    ]
    command += ["-content", str(folder.parent / "vkey"), "-in", str(folder / "journal/log-key.p7s")]
    done = subprocess.run([*command, "-CAfile", str(keys_now / "root.pem")], capture_output=True, check=False)
    assert done.returncode == 0


def test_receipt_by_itself(folder: Path, world: World, trust_path: Path, tmp_path: Path) -> None:
    original = folder / "representations" / "original.pdf"
    receipt = tmp_path / "receipt.json"
    receipt.write_bytes((folder / "receipt.json").read_bytes())
    named = ("--trust", str(trust_path), "--receipt", str(receipt))
    assert run(folder, *named, "--original", str(original)).returncode == 0
    assert run(folder, *named, "--original", str(folder / "README.txt")).returncode == 3
    own = run(folder, "--receipt", str(receipt), "--original", str(original))
    assert own.returncode == 4, "the key that a bundle names vouches for nobody"
    assert "--trust trust.json" in own.stdout
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(HERE, alone)
    assert run(alone, "--receipt", str(receipt)).returncode == 4
    (tmp_path / "vkey").write_text(world.log_key.vkey + "\n")
    assert run(alone, "--receipt", str(receipt), "--key", str(tmp_path / "vkey")).returncode == 0
    assert run(alone, *named).returncode == 0
    receipt.write_bytes(receipt.read_bytes().replace(b"demo", b"damo").replace(b"2026", b"2025", 1))
    assert run(alone, "--receipt", str(receipt), "--key", str(tmp_path / "vkey")).returncode == 3


def test_a_receipt_of_another_service_or_a_wrong_path_is_no_altered_receipt(
    tmp_path: Path, folder: Path, trust_path: Path, keys_now: Path
) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    other = LogKey(Ed25519PrivateKey.generate(), "ailleurs.test")
    told = json.loads((folder / "receipt.json").read_bytes())["receipt"]
    theirs = tmp_path / "theirs.json"
    theirs.write_bytes(canonical({"receipt": told, "note": other.sign_note(canonical(told).decode() + "\n")}))
    (tmp_path / "vkey").write_text(other.vkey + "\n")
    named = ("--trust", str(trust_path), "--receipt")
    assert run(folder, "--receipt", str(theirs), "--key", str(tmp_path / "vkey")).returncode == 0
    assert run(folder, *named, str(theirs)).returncode == 4
    against = (*named[:2], "--against", "none.zip")
    for wrong in ((*named, "none.json"), (*named, str(folder / "receipt.json"), "--original", "none.pdf"), against):
        done = run(folder, *wrong)
        assert (done.returncode, done.stdout) == (2, "")
        assert "no such file: none" in done.stderr
    done = run(folder, str(tmp_path / "none.zip"), *named[:2])
    assert (done.returncode, done.stdout) == (2, "")
    assert f"no such file: {tmp_path / 'none.zip'}" in done.stderr
    assert run(folder, str(tmp_path / "theirs.json"), *named[:2]).returncode == 3, (
        "what is there and no bundle is judged"
    )
    assert run(folder, *named, str(tmp_path)).returncode == 2, "a folder is no receipt"


def test_forged_receipt_of_another_key_is_refused(tmp_path: Path, folder: Path, keys_now: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    forger = LogKey(Ed25519PrivateKey.generate(), "chartrier.test")
    true = json.loads((folder / "receipt.json").read_bytes())["receipt"]
    told = true | {"received_at": stamp(utc_now())}
    forged = {"receipt": told, "note": forger.sign_note(canonical(told).decode() + "\n")}
    (tmp_path / "forged.json").write_bytes(canonical(forged))
    assert run(folder, "--receipt", str(tmp_path / "forged.json")).returncode == 3
