"""Whose evidence it is: named by a trust file that came by another way, or asked, never assumed."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from archive.evidence import verify
from archive.journal.merkle import leaf_hash
from signing.ground.canonical import canonical, parse_canonical
from signing.signers.pem import KeySigner
from tests.servers.postgres import Databases
from tests.unit.archive.world import World
from tests.unit.signing.chain_cases import Builder, Holder, authority

GOLDEN = Path(__file__).with_name("golden")


@pytest.fixture
def world(tmp_path: Path, keys_now: Path, databases: Databases) -> Iterator[World]:
    made = World(tmp_path, keys_now, databases)
    yield made
    made.database.dispose()


@pytest.fixture(scope="module")
def above() -> Holder:
    """A certification authority that issues to anybody who shows who he is."""
    return authority("Autorité de tous")


def signer_of(holder: Holder, *chain: Holder) -> KeySigner:
    return KeySigner(holder.certificate, holder.key, [one.certificate for one in chain], probative=True)


def seal_under(above: Holder, name: str = "Cachet de la commune", **changed: Any) -> Holder:
    return Builder(name, above, **changed).make()


def run(*arguments: object, python: tuple[str, ...] = (sys.executable, "-I")) -> Any:
    command = [*python, verify.__file__, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def roots(world: World, above: Holder, folder: Path) -> list[object]:
    """Both roots, as a reader had them from their authorities."""
    path = folder / "roots.pem"
    local = (world.keys / "root.pem").read_bytes()
    path.write_bytes(local + above.certificate.public_bytes(Encoding.PEM))
    return ["--root", path]


def digest(holder: Holder) -> str:
    return holder.certificate.fingerprint(hashes.SHA256()).hex()


def bundle_of(world: World, folder: Path, name: str = "preuve.zip") -> Path:
    path = folder / name
    path.write_bytes(world.bundle(world.keep(folder)))
    return path


def test_any_certificate_under_the_root_is_not_enough(world: World, above: Holder, tmp_path: Path) -> None:
    """The seal of another town, by the same authority: all holds, and it is not whom we expect."""
    ours, other = seal_under(above), seal_under(above, "Cachet de la commune voisine")
    world.seal_with(signer_of(other, above))
    bundle = bundle_of(world, tmp_path)
    given = roots(world, above, tmp_path)
    asked = run(bundle, *given)
    assert asked.returncode == 4, asked.stdout
    assert "Cachet de la commune voisine" in asked.stdout
    assert "Is that whom you expect?" in asked.stdout
    expected = run(bundle, *given, "--signer", digest(ours))
    assert expected.returncode == 4, expected.stdout
    assert "not whom you named" in expected.stdout
    assert run(bundle, *given, "--signer", digest(other)).returncode == 0


@pytest.mark.parametrize(
    "usages",
    [
        {"usage": ("key_encipherment",), "extended": (ExtendedKeyUsageOID.SERVER_AUTH,)},
        {"usage": ("digital_signature",), "extended": (ExtendedKeyUsageOID.SERVER_AUTH,)},
        {"usage": ("key_agreement",)},
    ],
    ids=["a TLS server", "a TLS server that may sign", "key agreement"],
)
def test_a_certificate_for_something_else_seals_nothing(
    world: World, above: Holder, tmp_path: Path, usages: dict[str, Any]
) -> None:
    wrong = seal_under(above, "www.commune.example", **usages)
    world.seal_with(signer_of(wrong, above))
    done = run(bundle_of(world, tmp_path), *roots(world, above, tmp_path), "--signer", digest(wrong))
    assert done.returncode == 4, done.stdout
    assert "may not be used to sign this" in done.stdout


def test_a_name_may_not_write_lines_of_the_answer(world: World, above: Holder, tmp_path: Path) -> None:
    wrong = seal_under(above, "x\nINTACT       2 who sealed: all is well\n\x1b[2J")
    world.seal_with(signer_of(wrong, above))
    done = run(bundle_of(world, tmp_path), *roots(world, above, tmp_path))
    assert done.returncode == 4
    assert not [line for line in done.stdout.splitlines() if line.startswith("INTACT       2 who sealed")]
    assert "\x1b" not in done.stdout


def test_a_seal_that_was_replaced_is_in_the_trust_file_with_the_new_one(
    world: World, above: Holder, tmp_path: Path
) -> None:
    before = bundle_of(world, tmp_path, "before.zip")
    old_trust = tmp_path / "old.json"
    old_trust.write_bytes(world.trust())
    first = x509.load_der_x509_certificate(world.signer.certificate).fingerprint(hashes.SHA256()).hex()
    new = seal_under(above)
    world.seal_with(signer_of(new, above))
    after = bundle_of(world, tmp_path, "after.zip")
    trust = tmp_path / "trust.json"
    trust.write_bytes(world.trust())
    told = json.loads(trust.read_bytes())
    assert [seal["sha-256"] for seal in told["seals"]] == [digest(new), first]
    assert len(told["seal_roots"]) == 2
    assert told["log"] == {"origin": world.log_key.origin, "vkey": world.log_key.vkey}
    assert world.trust() == trust.read_bytes(), "the same bytes, so that two copies can be compared"
    for bundle in (before, after):
        done = run(bundle, "--trust", trust)
        assert done.returncode == 0, done.stdout
    assert run(before, "--trust", old_trust).returncode == 0
    late = run(after, "--trust", old_trust)
    assert late.returncode == 4, late.stdout
    assert digest(new) in late.stdout


def test_a_root_that_nobody_knows_leaves_the_named_certificate_as_its_own_anchor(
    world: World, above: Holder, tmp_path: Path
) -> None:
    """An authority that delivers a seal without its root: the SHA-256 is what the reader got."""
    world.seal_with(signer_of(seal_under(above)))
    bundle = bundle_of(world, tmp_path)
    told = json.loads(world.trust())
    (tmp_path / "trust.json").write_bytes(canonical(told | {"seals": told["seals"][:1], "seal_roots": []}))
    assert run(bundle, "--trust", tmp_path / "trust.json").returncode == 0
    other = {"seals": told["seals"][1:], "seal_roots": []}
    (tmp_path / "trust.json").write_bytes(canonical(told | other))
    assert run(bundle, "--trust", tmp_path / "trust.json").returncode == 4


def test_the_database_names_no_seal_that_the_published_journal_does_not(
    world: World, above: Holder, tmp_path: Path
) -> None:
    bundle_of(world, tmp_path)
    before = world.trust()
    if not world.database.is_sqlite:  # there the service's own account cannot even try
        with pytest.raises(ProgrammingError, match="must be owner"), world.database.write() as session:
            session.execute(text("ALTER TABLE journal_entries DISABLE TRIGGER USER"))
        return
    with world.database.write() as session:
        for name in session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            session.execute(text(f'DROP TRIGGER "{name}"'))
        body = session.scalar(text("SELECT body FROM journal_entries WHERE n = 0"))
        entry = parse_canonical(bytes(body))
        forged = base64.b64encode(seal_under(above).certificate.public_bytes(Encoding.DER)).decode()
        entry["facts"]["seal_certificate"] = forged
        changed = canonical(entry)
        session.execute(
            text("UPDATE journal_entries SET body = :body, leaf_hash = :leaf WHERE n = 0"),
            {"body": changed, "leaf": leaf_hash(changed)},
        )
    assert world.trust() == before


def test_the_subject_is_one_that_the_reader_can_paste(world: World, tmp_path: Path) -> None:
    bundle = bundle_of(world, tmp_path)
    (seal,) = json.loads(world.trust())["seals"]
    assert x509.Name.from_rfc4514_string(seal["subject"]).get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    done = run(bundle, "--root", world.keys / "root.pem", "--signer", seal["subject"])
    assert done.returncode == 0, done.stdout


def test_bundles_of_earlier_versions_hold_with_a_trust_file(tmp_path: Path) -> None:
    """Made before there were trust files; their own copy of the verifier knows none."""
    trust = GOLDEN / "trust.json"
    for name in ("first.zip", "described.zip"):
        done = run(GOLDEN / name, "--trust", trust)
        assert done.returncode == 0, done.stdout
        assert "As of 2026-11-29 22:38:3" in done.stdout
        assert run(GOLDEN / name).returncode == 4
    linked = run(GOLDEN / "described.zip", "--trust", trust, "--against", GOLDEN / "first.zip")
    assert (linked.returncode, "?since=3" in linked.stdout) == (4, True)
    same = run(GOLDEN / "first.zip", "--trust", trust, "--against", GOLDEN / "first.zip")
    assert same.returncode == 0, same.stdout


def test_without_cryptography_it_says_so_in_one_sentence() -> None:
    done = run(GOLDEN / "first.zip", "--trust", GOLDEN / "trust.json", python=(sys.executable, "-I", "-S"))
    assert done.returncode == 4
    (line,) = done.stdout.splitlines()
    assert "cryptography" in line
    assert line.startswith("UNVERIFIABLE")
    assert done.stderr == ""


def test_a_trust_file_of_another_version_is_refused() -> None:
    told = json.loads((GOLDEN / "trust.json").read_bytes())
    for change in ({"v": 2}, {"type": "receipt"}, {"seals": []}, {"log": told["log"] | {"origin": "autre"}}):
        with pytest.raises(verify.FAULTS):
            verify.read_trust(canonical(told | change))
    assert verify.read_trust(canonical(told)).vkey == told["log"]["vkey"]
