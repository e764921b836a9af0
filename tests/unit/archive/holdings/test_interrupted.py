"""A change that dies between store and database: begun, not claimed, and nothing more."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import archive.objects.begun
from archive.catalogue import rows as catalogue
from archive.database.tables import JournalEntryRow, RecordRow, VerificationRow
from archive.disposition.holds.settling import turn_of
from archive.holdings.abandon import abandon
from archive.holdings.correct import accused, correct
from archive.holdings.describe import describe
from archive.holdings.verify import BEGUN, INVENTORY, look, verify
from archive.objects import ocfl
from archive.objects.fixity import Fixity
from archive.objects.layout import record_folder
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from tests.holdings import alter, keep, opened, stored_file
from tests.steps import Steps


@pytest.fixture
def system(tmp_path: Path, keys: Path) -> Iterator[System]:
    with opened(tmp_path / "home", keys) as system:
        yield system


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(monkeypatch)


def change(system: System, record: str, title: str = "Jamais") -> None:
    describe(system.stores, "demo", record, {"title": title}, agent="user:1", expected_revision=1)


def interrupted(system: System, steps: Steps, folder: Path, last: str = "before commit") -> str:
    """A record whose change died before the step of this name."""
    record = keep(system, folder, 2)
    assert steps.run(lambda: change(system, record), last)
    return record


def entries(system: System, record: str) -> list[dict[str, Any]]:
    with system.database.read() as session:
        query = select(JournalEntryRow.body).where(JournalEntryRow.subject == f"record:{record}")
        return [json.loads(body) for body in session.scalars(query.order_by(JournalEntryRow.n))]


def reconcile(system: System, *, repair: bool = False) -> dict[str, Any]:
    return Custody(system).reconcile(repair=repair, pause=lambda _seconds: None)


def head(system: System, record: str) -> dict[str, Any]:
    path = stored_file(system, record, ocfl.DECLARATION).parent / ocfl.INVENTORY
    assert (path.parent / ocfl.SIDECAR).read_bytes() == ocfl.sidecar(path.read_bytes())
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program can claim any more what was begun a moment ago."""
    monkeypatch.setattr(archive.objects.begun, "CLAIMED_WITHIN", -archive.objects.begun.CLAIMED_WITHIN)


def test_a_change_that_died_before_its_commit_does_not_make_the_record_altered(
    system: System, steps: Steps, tmp_path: Path
) -> None:
    record = interrupted(system, steps, tmp_path)
    assert head(system, record)["head"] == "v2", "the store is ahead of the database"
    found = look(system.stores, "demo", record)
    assert found.verdict is Fixity.INTACT
    assert next(check.detail for check in found.checks if check.name == INVENTORY).endswith(BEGUN)
    report = reconcile(system)
    assert (report["findings"], report["unfinished"]) == ([], 1)
    system.evidence.checked_bundle("demo", record, tmp_path / "evidence.zip")


def test_what_was_begun_is_superseded_by_the_state_in_force(
    system: System, steps: Steps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = interrupted(system, steps, tmp_path)
    before = head(system, record)["versions"]["v1"]["state"]
    assert not abandon(system.stores, "demo", record), "its program may still claim it"
    later(monkeypatch)
    report = reconcile(system, repair=True)
    assert (report["findings"], report["abandoned"], report["unfinished"]) == ([], 1, 0)
    now = head(system, record)
    assert (now["head"], now["versions"]["v3"]["state"]) == ("v3", before)
    with system.database.read() as session:
        shown = catalogue.view(session, "demo", record)
    assert (shown["title"], shown["revision"]) == ("Acte 2", 1)
    last = entries(system, record)[-1]
    assert (last["type"], last["facts"]["version"], last["facts"]["revision"]) == ("ChangeAbandoned", 3, 1)
    assert last["facts"]["abandoned"] == [
        hashlib.sha512(
            (stored_file(system, record, ocfl.DECLARATION).parent / "v2/inventory.json").read_bytes()
        ).hexdigest()
    ]
    assert verify(system.stores, "demo", record).verdict is Fixity.INTACT
    assert not abandon(system.stores, "demo", record, at_once=True)
    change(system, record, "Enfin")
    assert look(system.stores, "demo", record).verdict is Fixity.INTACT
    report = reconcile(system)
    assert (report["findings"], report["unfinished"]) == ([], 0)


def test_content_without_an_inventory_is_superseded_too(system: System, steps: Steps, tmp_path: Path) -> None:
    """The power went between two files of the new version."""
    for again in (False, True):  # the first time only to learn where the second file is named
        record = keep(system, tmp_path, 1)
        at = [n for n, name in enumerate(steps.told) if name == "link"][1] if again else None
        steps.run(lambda record=record: change(system, record), at)  # type: ignore[misc]
    folder = stored_file(system, record, ocfl.DECLARATION).parent
    assert [path.name for path in (folder / "v2").rglob("*") if path.is_file()] == ["record.json"]
    assert look(system.stores, "demo", record).verdict is Fixity.INTACT
    before = head(system, record)["versions"]["v1"]["state"]
    assert abandon(system.stores, "demo", record, at_once=True)
    now = head(system, record)
    assert now["versions"][now["head"]]["state"] == before
    listed = {path for paths in now["manifest"].values() for path in paths}
    assert "v2/content/metadata/record.json" in listed, "an OCFL validator finds no stray file"
    assert look(system.stores, "demo", record).verdict is Fixity.INTACT


def test_superseding_may_die_at_every_step(system: System, steps: Steps, tmp_path: Path) -> None:
    record, at = interrupted(system, steps, tmp_path), 0
    while steps.run(lambda: abandon(system.stores, "demo", record, at_once=True), at):
        found = look(system.stores, "demo", record)
        assert found.verdict is Fixity.INTACT, (at, steps.told[-1], found.as_json())
        at += 1
        if steps.told[-1] == "committed":  # it was claimed, and only then did the power go
            break
    report = reconcile(system)
    assert (report["findings"], report["unfinished"]) == ([], 0)
    assert [entry["type"] for entry in entries(system, record)].count("ChangeAbandoned") == 1
    now = head(system, record)
    assert now["versions"][now["head"]]["state"] == now["versions"]["v1"]["state"]
    assert int(now["head"][1:]) == 3, "an interrupted attempt is claimed, not repeated"


def test_a_record_on_which_another_program_works_does_not_stop_the_others(
    system: System, steps: Steps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, other = interrupted(system, steps, tmp_path), keep(system, tmp_path, 3)
    assert steps.run(lambda: change(system, other), "before commit")
    later(monkeypatch)
    monkeypatch.setattr("archive.database.turns.WAIT", 0.1)
    with system.database.turn(turn_of(busy)):
        report = reconcile(system, repair=True)
    assert (report["abandoned"], report["unfinished"]) == (1, 1)
    assert reconcile(system, repair=True)["abandoned"] == 1


@pytest.mark.parametrize("damage", ["head", "sidecar", "inventory"])
def test_what_only_looks_begun_is_altered(system: System, steps: Steps, tmp_path: Path, damage: str) -> None:
    """Files that no change of ours would leave."""
    record = interrupted(system, steps, tmp_path)
    folder = stored_file(system, record, ocfl.DECLARATION).parent
    path = {"head": folder / "inventory.json", "sidecar": folder / "v2/inventory.json.sha512"}.get(
        damage, folder / "v2/inventory.json"
    )
    alter(path, lambda content: content.replace(b'"v1"', b'"v9"') if damage != "sidecar" else content[::-1])
    found = look(system.stores, "demo", record)
    assert found.verdict is Fixity.ALTERED
    assert not abandon(system.stores, "demo", record, at_once=True)


def test_a_whole_version_that_rewrites_the_one_in_force_is_altered(
    system: System, steps: Steps, tmp_path: Path
) -> None:
    """Inventory, sidecars and heads agree with each other; they don't add, they replace."""
    record = interrupted(system, steps, tmp_path)
    folder = stored_file(system, record, ocfl.DECLARATION).parent
    forged = (folder / "v2/inventory.json").read_bytes().replace(b'"message": "Keep"', b'"message": "Jamais"')
    for path in (folder / "v2", folder):
        alter(path / ocfl.INVENTORY, lambda _: forged)
        alter(path / ocfl.SIDECAR, lambda _: ocfl.sidecar(forged))
    assert look(system.stores, "demo", record).verdict is Fixity.ALTERED
    assert not abandon(system.stores, "demo", record, at_once=True)


def test_a_stranger_in_the_folder_is_no_change(system: System, steps: Steps, tmp_path: Path) -> None:
    record = interrupted(system, steps, tmp_path)
    key = record_folder("demo", record).key("v4/content/intrus.txt")
    system.store.put(key, b"x", sha256=hashlib.sha256(b"x").hexdigest())
    assert look(system.stores, "demo", record).verdict is Fixity.ALTERED
    assert {one["kind"] for one in reconcile(system)["findings"]} == {"untracked"}


def test_a_false_accusation_is_answered(
    system: System, steps: Steps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = interrupted(system, steps, tmp_path)
    accuse(system, record, INVENTORY)
    later(monkeypatch)
    report = reconcile(system, repair=True)
    assert (report["abandoned"], report["corrected"]) == (1, 1)
    told = entries(system, record)
    accusation = next(entry for entry in told if entry["type"] == "FixityChecked")
    answer = told[-1]
    assert answer["type"] == "VerdictCorrected"
    assert (answer["facts"]["entry"], answer["facts"]["accused"]) == (accusation["n"], "altered")
    assert answer["facts"]["verdict"] == "intact"
    assert reconcile(system, repair=True)["corrected"] == 0, "once"
    with system.database.read() as session:
        assert accused(session) == []


@pytest.mark.parametrize("why", ["bytes", "no detail", "no change", "damaged now"])
def test_no_other_accusation_is_answered(system: System, steps: Steps, tmp_path: Path, why: str) -> None:
    record = keep(system, tmp_path, 3) if why == "no change" else interrupted(system, steps, tmp_path)
    accuse(system, record, "Original" if why == "bytes" else INVENTORY)
    if why == "no detail":
        with system.database.write() as session:
            session.query(VerificationRow).delete()
    if why == "damaged now":
        alter(stored_file(system, record, "original.pdf"), lambda content: content[::-1])
    assert correct(system.stores, "demo", record) == 0


def test_a_true_accusation_of_a_record_once_interrupted_is_not_answered(
    system: System, steps: Steps, tmp_path: Path
) -> None:
    """A stranger's file appears after the change was put aside, and is taken away again."""
    record = interrupted(system, steps, tmp_path)
    assert abandon(system.stores, "demo", record, at_once=True)
    stranger = stored_file(system, record, ocfl.DECLARATION).parent / "intrus.txt"
    stranger.write_bytes(b"x")
    assert verify(system.stores, "demo", record).verdict is Fixity.ALTERED
    stranger.unlink()
    assert look(system.stores, "demo", record).verdict is Fixity.INTACT
    assert correct(system.stores, "demo", record) == 0


@pytest.mark.parametrize(
    ("named", "answered"),
    [
        ("v2/content/metadata/premis.json, v2/inventory.json …", 1),
        ("inventory.json.sha512", 1),
        ("intrus.txt, v2/inventory.json", 0),
        ("v1/content/original.pdf", 0),
    ],
)
def test_an_accusation_is_answered_only_if_all_that_it_names_was_begun(
    system: System, steps: Steps, tmp_path: Path, named: str, answered: int
) -> None:
    record = interrupted(system, steps, tmp_path)
    accuse(system, record, INVENTORY, f"Des fichiers inconnus sont apparus : {named}.")
    assert correct(system.stores, "demo", record) == answered


def test_an_accusation_after_the_change_was_superseded_is_not_answered(
    system: System, steps: Steps, tmp_path: Path
) -> None:
    record = interrupted(system, steps, tmp_path)
    assert abandon(system.stores, "demo", record, at_once=True)
    accuse(system, record, INVENTORY)
    assert correct(system.stores, "demo", record) == 0


def accuse(
    system: System, record: str, check: str, detail: str = "L’inventaire n’est pas celui que le catalogue connaît."
) -> None:
    """What an earlier version wrote about such a record."""
    with system.database.write() as session:
        tenant = session.get_one(RecordRow, record).tenant_id
        checks = [{"name": "Original", "verdict": "intact", "detail": ""}] if check != "Original" else []
        checks.append({"name": check, "verdict": "altered", "detail": detail})
        at = system.clock()
        session.add(VerificationRow(record_id=record, at=at, verdict="altered", checks=checks))
        facts = {"verdict": "altered", "checks": len(checks)}
        subject = f"record:{record}"
        system.ledger.append(session, type="FixityChecked", tenant=tenant, subject=subject, agent=None, facts=facts)
