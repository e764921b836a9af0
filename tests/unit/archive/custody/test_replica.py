"""The second copy: in step, locked, found damaged where it is, and what a damaged original is
restored from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

import api.access.tables  # noqa: F401 - so that every table exists
from archive.catalogue import rows as catalogue
from archive.custody.replica.restore import Restoring
from archive.custody.replica.status import status
from archive.database.tables import CopyRow, JournalEntryRow, RecordRow, RepresentationRow, StoredFileRow
from archive.disposition.holds.statements import PLACED
from archive.holdings.describe import describe
from archive.holdings.verify import verify
from archive.objects import layout
from archive.objects.layout import HoldKey
from archive.objects.port import Assurance, ObjectStore, read_all
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from ingestion.operations.exclusive_jobs import ExclusiveJob
from signing.ground.errors import Corrupt, Refused
from tests.holdings import (
    PowerCut,
    alter,
    filled,
    flipped,
    guard_pinned,
    keep,
    lose_database,
    opened,
    receive,
    rows,
    stored_file,
    system_at,
    titles,
)


@pytest.fixture
def paired(tmp_path: Path, keys: Path) -> Iterator[System]:
    with opened(tmp_path / "home", keys, CHARTRIER_COPY_PATH=str(tmp_path / "nas")) as system:
        yield system


def contents(store: ObjectStore, prefix: str) -> dict[str, list[tuple[bytes, Any, bool]]]:
    """Everything under a prefix: each version's bytes, lock and hold, oldest first."""
    found: dict[str, list[tuple[bytes, Any, bool]]] = {}
    for item in store.list(prefix):
        state = store.stat(item.key, item.version)
        found.setdefault(item.key, []).append(
            (read_all(store, item.key, item.version), state.locked_until, state.legal_hold)
        )
    return found


def in_step(system: System) -> None:
    for prefix in ("layout.json", "tenants/", "register/", "journal/"):
        assert contents(system.copy_store, prefix) == contents(system.store, prefix), prefix


def found(report: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(f["kind"], f["place"], f["detail"]) for f in report["findings"]}


def test_everything_is_there_with_its_locks_and_in_the_sequence_of_its_versions(paired: System, tmp_path: Path) -> None:
    filled(paired, tmp_path)
    report = Custody(paired).copy_everything(check=True)
    assert report["findings"] == []
    in_step(paired)


def test_it_follows_the_journal(paired: System, tmp_path: Path) -> None:
    ids = filled(paired, tmp_path)
    Custody(paired).follow_copies()
    in_step(paired)
    keep(paired, tmp_path, 60)
    describe(paired.stores, "demo", ids[0], {"title": "Troisième"}, agent="user:1", expected_revision=3)
    paired.publisher.publish()
    Custody(paired).follow_copies()
    in_step(paired)
    copied = rows(paired, "copies")
    assert Custody(paired).copy_everything()["records_behind"] == 0, "nothing was missed"
    assert rows(paired, "copies") == copied


def test_a_lock_or_hold_that_changes_is_followed(paired: System, tmp_path: Path) -> None:
    ids = filled(paired, tmp_path)
    Custody(paired).copy_everything()
    with paired.database.read() as session:
        form = session.get_one(RepresentationRow, (ids[0], "original"))
    later = form.locked_until + timedelta(days=30)
    guard_pinned(paired.database, [form], partial(paired.store.extend_lock, until=later))
    guard_pinned(paired.database, [form], partial(paired.store.hold, on=True))
    assert Custody(paired).copy_everything()["records_behind"] == 1
    state = paired.copy_store.stat(form.key)
    assert (state.locked_until, state.legal_hold) == (later, True)


def test_what_waits_is_copied_unlocked_and_goes_when_it_is_a_record(paired: System, tmp_path: Path) -> None:
    deposit = receive(paired, b"waiting", "k1")
    Custody(paired).copy_everything()
    assert read_all(paired.copy_store, deposit.staging_key) == b"waiting"
    assert paired.copy_store.stat(deposit.staging_key).locked_until is None
    for item in list(paired.store.list("staging/")):
        paired.store.delete(item.key, item.version)
    Custody(paired).copy_everything()
    assert list(paired.copy_store.list("staging/")) == []


def test_damaged_bytes_are_never_copied(paired: System, tmp_path: Path) -> None:
    ids = filled(paired, tmp_path)
    alter(stored_file(paired, ids[1], "original.pdf"), flipped)
    report = Custody(paired).copy_everything()
    assert found(report) == {("changed", "store", "bytes")}
    assert {f["record_id"] for f in report["findings"]} == {ids[1]}
    keys = {item.key for item in paired.copy_store.list("tenants/")}
    assert not any("original.pdf" in key and ids[1] in key for key in keys)


@pytest.mark.parametrize("damage", ["flipped", "gone"])
@pytest.mark.parametrize("name", ["original.pdf", "alto.xml", "record.json", "inventory.json"])
def test_a_damaged_object_is_restored_under_an_entry(paired: System, tmp_path: Path, name: str, damage: str) -> None:
    ids = filled(paired, tmp_path)
    Custody(paired).copy_everything()
    victim = stored_file(paired, ids[2], name)
    before = victim.read_bytes()
    if damage == "gone":
        victim.unlink()
    else:
        alter(victim, flipped)
    assert verify(paired.stores, "demo", ids[2]).verdict in {"altered", "missing"}
    done = Custody(paired).restore("demo", ids[2], agent="service:cli")
    assert [one.store for one in done] == ["first"]
    assert victim.read_bytes() == before
    assert verify(paired.stores, "demo", ids[2]).verdict == "intact"
    with paired.database.read() as session:
        entry = session.scalars(select(JournalEntryRow).where(JournalEntryRow.type == "ObjectRestored")).one()
    facts = json.loads(entry.body)["facts"]
    assert (entry.subject, facts["store"]) == (f"record:{ids[2]}", "first")
    assert facts["damaged"] == ("v1" if damage == "flipped" else None)
    if damage == "flipped":
        damaged = next(
            p for p in (paired.settings.home / "store" / "superseded").rglob(f"{name}/v1") if ids[2] in str(p)
        )
        assert damaged.read_bytes() == flipped(before), "what was found is kept beside"
    assert Custody(paired).restore("demo", ids[2], agent="service:cli") == []
    assert Custody(paired).reconcile(pause=lambda _: None)["findings"] == []
    assert Custody(paired).copy_everything(check=True)["findings"] == []
    paired.publisher.publish(force_token=True)
    lose_database(paired)
    after = system_at(paired.settings.home)
    after.prepare_rebuild()
    report = Custody(after).rebuild()
    assert (report["equal"], report["findings"]) == (True, [])
    assert verify(after.stores, "demo", ids[2]).verdict == "intact"
    after.close()


def test_a_damaged_copy_is_found_and_copied_anew(paired: System, tmp_path: Path) -> None:
    ids = filled(paired, tmp_path)
    Custody(paired).copy_everything()
    copied = next(p for p in (tmp_path / "nas" / "tenants").rglob("original.pdf") if ids[1] in str(p))
    alter(copied, flipped)
    report = Custody(paired).copy_everything(check=True)
    assert found(report) == {("changed", "copy", "bytes")}
    with paired.database.read() as session:
        query = select(CopyRow.key, CopyRow.verdict).where(CopyRow.record_id == ids[1])
        wrong = {key.rpartition("/")[2] for key, verdict in session.execute(query) if verdict != "intact"}
    assert wrong == {"original.pdf"}
    assert [one.store for one in Custody(paired).restore("autre", ids[1], agent="service:cli")] == ["second"]
    assert Custody(paired).copy_everything(check=True)["findings"] == []


@pytest.mark.parametrize("again", [1, 2])
def test_a_head_that_was_put_back_in_the_copy_is_no_alarm_when_it_moves_on(
    paired: System, tmp_path: Path, again: int
) -> None:
    """A damaged version lies among those that are in sequence.

    One more that nobody tells of is still told.
    """
    record_id = keep(paired, tmp_path, 1)
    Custody(paired).copy_everything()
    head = next(p for p in (tmp_path / "nas" / "tenants").rglob("inventory.json") if p.parent.name.endswith(record_id))
    for _ in range(again):
        alter(head, flipped)
        done = Custody(paired).restore("demo", record_id, agent="service:cli")
        assert [one.store for one in done] == ["second"]
    for revision in (1, 2):
        title = {"title": f"Titre {revision}"}
        describe(paired.stores, "demo", record_id, title, agent="user:1", expected_revision=revision)
        assert Custody(paired).copy_everything(check=True)["findings"] == []
    alter(head, flipped)
    describe(paired.stores, "demo", record_id, {"title": "Autre"}, agent="user:1", expected_revision=3)
    assert ("changed", "copy", "sequence") in found(Custody(paired).copy_everything())


def test_bytes_that_are_damaged_in_both_are_said_and_left(paired: System, tmp_path: Path) -> None:
    ids = filled(paired, tmp_path)
    Custody(paired).copy_everything()
    alter(stored_file(paired, ids[1], "original.pdf"), flipped)
    alter(next(p for p in (tmp_path / "nas" / "tenants").rglob("original.pdf") if ids[1] in str(p)), flipped)
    done = Custody(paired).restore("autre", ids[1], agent="service:cli")
    assert [(one.path, one.store) for one in done] == [("v1/content/original/original.pdf", "")]


def test_a_catalogue_that_was_changed_is_no_reason_to_restore(paired: System, tmp_path: Path) -> None:
    """Somebody changes bytes in the copy and the digest in the database: the journal says no."""
    ids = filled(paired, tmp_path)
    Custody(paired).copy_everything()
    with paired.database.write() as session:
        session.execute(
            update(RepresentationRow)
            .where(RepresentationRow.record_id == ids[0], RepresentationRow.kind == "original")
            .values(sha256="0" * 64)
        )
    with pytest.raises(Corrupt, check=lambda error: error.code == "catalogue_differs"):
        Custody(paired).restore("demo", ids[0], agent="service:cli")


@pytest.mark.parametrize("path", ["v1/content/autre.bin", "v1/inventory.json", "v1/inventory.json.sha512"])
def test_what_no_inventory_accounts_for_is_no_reason_to_restore(paired: System, tmp_path: Path, path: str) -> None:
    """Somebody has the catalogue pin other bytes, and lays them into both stores: nobody vouches
    for them.
    """
    ids = filled(paired, tmp_path)
    Custody(paired).copy_everything()
    assert Custody(paired).restore("demo", ids[0], agent="service:cli") == []
    root = f"{layout.record_folder('demo', ids[0]).root}/"
    digest = hashlib.sha256(b"forged").hexdigest()
    made = [s.put(f"{root}{path}", b"forged", sha256=digest, replace=True) for s in (paired.store, paired.copy_store)]
    with paired.database.write() as session:
        for table in (StoredFileRow, CopyRow):
            session.execute(delete(table).where(table.key == f"{root}{path}"))
        pinned = {"record_id": ids[0], "key": f"{root}{path}", "version": made[0].version, "size": 6, "sha256": digest}
        session.add(StoredFileRow(**pinned, legal_hold=False))
        now = paired.clock()
        session.add(
            CopyRow(
                **pinned,
                copy_version=made[1].version,
                copied_at=now,
                checked_at=now,
                verdict="intact",
                legal_hold=False,
            )
        )
    with pytest.raises(Corrupt, check=lambda error: error.code == "catalogue_differs"):
        Custody(paired).restore("demo", ids[0], agent="service:cli")


def test_a_copy_that_is_gone_stops_nothing_else(paired: System, tmp_path: Path) -> None:
    """Its lock can't follow: that is told, and the records after it are copied all the same."""
    ids = sorted(filled(paired, tmp_path))
    Custody(paired).copy_everything()
    with paired.database.read() as session:
        form = session.get_one(RepresentationRow, (ids[0], "original"))
    later = form.locked_until + timedelta(days=30)
    guard_pinned(paired.database, [form], partial(paired.store.extend_lock, until=later))
    (tmp_path / "nas" / form.key).unlink()
    keep(paired, tmp_path, 60)
    report = Custody(paired).copy_everything()
    assert found(report) == {("missing", "copy", "bytes")}
    assert {f["record_id"] for f in report["findings"]} == {ids[0]}
    kept = {item.key for item in paired.store.list("tenants/")}
    assert kept - {item.key for item in paired.copy_store.list("tenants/")} == {form.key}


def test_an_inventory_that_is_gone_stops_nothing_else(paired: System, tmp_path: Path) -> None:
    first = keep(paired, tmp_path, 1)
    second = keep(paired, tmp_path, 2)
    next(p for p in (paired.settings.home / "store").rglob("v1/inventory.json") if first in str(p)).unlink()
    report = Custody(paired).copy_everything()
    assert {(f["kind"], f["place"], f["record_id"]) for f in report["findings"]} == {("missing", "store", first)}
    copied = {item.key for item in paired.copy_store.list("tenants/") if second in item.key}
    assert copied == {item.key for item in paired.store.list("tenants/") if second in item.key}


def test_strays_in_the_copy_are_told(paired: System, tmp_path: Path) -> None:
    ids = filled(paired, tmp_path)
    Custody(paired).copy_everything()
    original = next(p for p in (tmp_path / "nas" / "tenants").rglob("original.pdf") if ids[1] in str(p))
    key = str(original.parent.relative_to(tmp_path / "nas") / "autre.bin")
    paired.copy_store.put(key, b"x", sha256=hashlib.sha256(b"x").hexdigest())
    assert found(Custody(paired).copy_everything(check=True)) == {("untracked", "copy", "object")}


def test_without_a_second_store_it_says_so(system: System) -> None:
    assert Custody(system).follow_copies() is False
    with pytest.raises(Refused, check=lambda error: error.code == "no_second_copy"):
        Custody(system).copy_everything()


def test_from_the_copy_alone_everything_comes_back(paired: System, tmp_path: Path, keys: Path) -> None:
    """First store, database and index are lost: the copy is an archive."""
    ids = filled(paired, tmp_path)
    deposit = receive(paired, b"waiting", "k1")
    paired.publisher.publish(force_token=True)
    Custody(paired).copy_everything()
    before = titles(paired, "commune")
    moved = tmp_path / "other"
    moved.mkdir()
    (tmp_path / "nas").rename(moved / "store")
    after = system_at(moved, keys)
    after.prepare_rebuild()
    report = Custody(after).rebuild(thorough=True)
    assert (report["equal"], report["findings"], report["waiting_deposits"]) == (True, [], 1)
    assert titles(after, "commune") == before
    with after.database.read() as session:
        assert set(session.scalars(select(RecordRow.id))) == set(ids)
    assert deposit is not None
    after.close()


class Fuse:
    """Cuts the power just before, or just after, the n-th write to the second store."""

    def __init__(self, system: System, patch: pytest.MonkeyPatch, left: int, *, after: bool) -> None:
        self.blown = False
        real, self._left = system.copy_store.put, left

        def put(*given: Any, **named: Any) -> Any:
            self._left -= 1
            last = self._left < 0 and not self.blown
            self.blown = self.blown or last
            if last and not after:
                raise PowerCut
            made = real(*given, **named)
            if last:
                raise PowerCut
            return made

        patch.setattr(system.copy_store, "put", put)


@pytest.mark.parametrize("cut_after", [False, True], ids=["before", "after"])
def test_a_power_cut_at_any_write_ends_in_step(
    tmp_path: Path, keys: Path, cut_after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive.custody.replica.sync._WRITERS", 1)
    with opened(tmp_path / "home", keys) as system:
        ids = [keep(system, tmp_path, 1)]
        describe(system.stores, "demo", ids[0], {"title": "Changé"}, agent="user:1", expected_revision=1)
        system.publisher.publish(force_token=True)
    boundary, blown = 0, True
    while blown:
        environment = {"CHARTRIER_COPY_PATH": str(tmp_path / f"nas{boundary}")}
        with pytest.MonkeyPatch.context() as patch:
            cut = system_at(tmp_path / "home", **environment)
            with cut.database.write() as session:
                session.execute(delete(CopyRow))
            fuse = Fuse(cut, patch, boundary, after=cut_after)
            with suppress(PowerCut):
                Custody(cut).copy_everything()
            blown = fuse.blown
            cut.close()
        after = system_at(tmp_path / "home", **environment)
        assert Custody(after).copy_everything(check=True)["findings"] == []
        in_step(after)
        after.close()
        boundary += 1
    assert boundary >= 20


def states(system: System, record_id: str) -> list[tuple[str, bool]]:
    """What is said of a record in each store, and whether it says when it was read."""
    with system.database.read() as session:
        row = session.get_one(RecordRow, record_id)
        kind = ("files", Assurance.ADVISORY)
        return [(one["state"], one["checked_at"] is not None) for one in status(session, row, kind, kind)]


def test_the_copy_takes_the_place_of_the_store(paired: System, tmp_path: Path) -> None:
    ids = filled(paired, tmp_path)
    describe(paired.stores, "demo", ids[2], {"title": "Avant"}, agent="user:1", expected_revision=1)
    with paired.database.read() as session:
        form = session.get_one(RepresentationRow, (ids[0], "original"))
        pinned = catalogue.rows(session, ids[0])
    guard_pinned(paired.database, pinned, partial(paired.store.hold, on=True))
    assert verify(paired.stores, "demo", ids[0]).verdict == "intact"
    Custody(paired).copy_everything()
    later = form.locked_until + timedelta(days=9)
    paired.copy_store.extend_lock(form.key, paired.copy_store.stat(form.key).version, later)
    with paired.database.write() as session:
        session.execute(update(CopyRow).where(CopyRow.key == form.key).values(locked_until=later))
    assert states(paired, ids[0]) == [("intact", True), ("intact", True)]
    assert Custody(paired).promote() > 0
    assert states(paired, ids[0]) == [("unverified", False), ("unverified", False)]
    home = paired.settings.home
    paired.close()
    (home / "store").rename(tmp_path / "old")
    (tmp_path / "nas").rename(home / "store")
    after = system_at(home, CHARTRIER_COPY_PATH=str(tmp_path / "old"))
    after.initialise()
    for number, record_id in enumerate(ids):
        assert verify(after.stores, ("demo", "autre")[number % 2], record_id).verdict == "intact"
    assert states(after, ids[0]) == [("intact", True), ("unverified", False)], "nobody has read the copy yet"
    Custody(after).copy_everything()
    assert states(after, ids[0])[1] == ("unverified", False), "bringing it in step is not reading it"
    with pytest.raises(Refused, check=lambda error: error.code == "copy_incomplete"):
        Custody(after).promote()
    with after.database.read() as session:
        for row in session.scalars(select(CopyRow).where(CopyRow.record_id.is_not(None))):
            there = after.copy_store.stat(row.key, row.copy_version)
            assert (row.locked_until, row.legal_hold) == (there.locked_until, there.legal_hold)
        for form in (*session.scalars(select(RepresentationRow)), *session.scalars(select(StoredFileRow))):
            here = after.store.stat(form.key, form.version)
            assert (form.locked_until, form.legal_hold) == (here.locked_until, here.legal_hold)
    assert Custody(after).copy_everything(check=True)["findings"] == []
    assert states(after, ids[0]) == [("intact", True), ("intact", True)]
    describe(after.stores, "demo", ids[0], {"title": "Après"}, agent="user:1", expected_revision=3)
    after.publisher.publish()
    assert Custody(after).copy_everything(check=True)["findings"] == []
    after.follower.catch_up()
    assert Custody(after).reconcile(pause=lambda _: None)["findings"] == []
    after.close()


def test_a_store_is_not_left_while_something_waits_or_is_damaged(paired: System, tmp_path: Path) -> None:
    ids = filled(paired, tmp_path)
    before = rows(paired, "representations", "stored_files")
    alter(stored_file(paired, ids[1], "original.pdf"), flipped)
    with pytest.raises(Refused, check=lambda error: error.code == "copy_incomplete"):
        Custody(paired).promote()
    receive(paired, b"waiting", "k1")
    with pytest.raises(Refused, check=lambda error: error.code == "deposits_waiting"):
        Custody(paired).promote()
    assert rows(paired, "representations", "stored_files") == before


def test_a_store_is_not_left_while_a_service_runs_anywhere(paired: System, tmp_path: Path) -> None:
    filled(paired, tmp_path)
    before = rows(paired, "representations", "stored_files")
    elsewhere = ExclusiveJob(paired.database, "sweeper", paired.clock, holder=lambda: "another-machine:7:1:1:1")
    assert elsewhere.hold()
    with pytest.raises(Refused, check=lambda error: error.code == "service_running"):
        Custody(paired).promote()
    assert rows(paired, "representations", "stored_files") == before
    elsewhere.release()
    assert Custody(paired).promote() > 0


def test_a_hold_and_its_release_are_followed_to_the_second_store(paired: System, tmp_path: Path) -> None:
    ids = filled(paired, tmp_path)
    Custody(paired).copy_everything()

    def held(store: Any, record: str) -> set[bool]:
        root = layout.record_folder("demo", record).root
        return {store.stat(item.key, item.version).legal_hold for item in store.list(f"{root}/")}

    hold = paired.holds.place("demo", [ids[0]], reason="Contentieux", until=None, agent="user:1")
    Custody(paired).follow_copies()
    assert held(paired.store, ids[0]) == {False}
    assert True in held(paired.copy_store, ids[0]), "the decision counts, not what the first store was told"
    paired.holds.run()
    describe(paired.stores, "demo", ids[0], {"title": "Pendant"}, agent="user:1", expected_revision=3)
    Custody(paired).follow_copies()
    in_step(paired)
    assert Custody(paired).copy_everything()["records_behind"] == 0
    assert held(paired.copy_store, ids[2]) == {False}
    statement = HoldKey("demo", hold, PLACED).key
    assert read_all(paired.copy_store, statement) == read_all(paired.store, statement)
    paired.holds.release("demo", hold, reason="Jugé", agent="user:1")
    paired.holds.run()
    Custody(paired).follow_copies()
    in_step(paired)
    assert Custody(paired).copy_everything()["records_behind"] == 0
    assert held(paired.copy_store, ids[0]) == {False}


def held_in(store: Any, record: str) -> set[bool]:
    """Legal hold of every version of every object of a record."""
    root = layout.record_folder("demo", record).root
    return {store.stat(item.key, item.version).legal_hold for item in store.list(f"{root}/")}


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Something happens after a record that is to be restored was read, and before anything is put
    back.
    """
    real = Restoring._require_agreement

    def agree(self: Restoring, *given: Any) -> None:
        real(self, *given)
        happens()

    monkeypatch.setattr(Restoring, "_require_agreement", agree)


def test_a_hold_that_crosses_a_restoration_holds_what_is_put_back(
    paired: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (record, *_) = filled(paired, tmp_path)
    Custody(paired).copy_everything()
    alter(stored_file(paired, record, "original.pdf"), flipped)
    placed = []

    def hold() -> None:
        placed.append(paired.holds.place("demo", [record], reason="Contentieux", until=None, agent="user:1"))
        assert paired.holds.settle(placed[0]) == {}

    meanwhile(monkeypatch, hold)
    assert [one.store for one in Custody(paired).restore("demo", record, agent="service:cli")] == ["first"]
    assert held_in(paired.store, record) == {True}
    assert verify(paired.stores, "demo", record).verdict == "intact"
    paired.holds.release("demo", placed[0], reason="Jugé", agent="user:1")
    assert paired.holds.run().failed == {}
    assert held_in(paired.store, record) == {False}, "what is damaged is let go like what stands in its place"


def test_what_was_released_is_not_held_again_because_its_copy_still_is(paired: System, tmp_path: Path) -> None:
    (record, *_) = filled(paired, tmp_path)
    hold = paired.holds.place("demo", [record], reason="Contentieux", until=None, agent="user:1")
    paired.holds.run()
    Custody(paired).copy_everything()
    paired.holds.release("demo", hold, reason="Jugé", agent="user:1")
    paired.holds.run()
    assert held_in(paired.copy_store, record) == {True}
    alter(stored_file(paired, record, "original.pdf"), flipped)
    assert [one.store for one in Custody(paired).restore("demo", record, agent="service:cli")] == ["first"]
    assert held_in(paired.store, record) == {False}
    Custody(paired).copy_everything()
    assert held_in(paired.copy_store, record) == {False}


def test_a_description_that_crosses_a_restoration_is_not_overwritten(
    paired: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = filled(paired, tmp_path)[2]
    Custody(paired).copy_everything()
    alter(stored_file(paired, record, "inventory.json"), flipped)

    def meddle() -> None:
        describe(paired.stores, "demo", record, {"title": "Entre-temps"}, agent="user:1", expected_revision=1)

    meanwhile(monkeypatch, meddle)
    assert Custody(paired).restore("demo", record, agent="service:cli") == [], "it is an object of the record no more"
    assert verify(paired.stores, "demo", record).verdict == "intact"


def test_a_store_that_is_left_before_it_was_told_of_a_release_lets_go_as_the_copy(
    paired: System, tmp_path: Path
) -> None:
    (record, *_) = filled(paired, tmp_path)
    hold = paired.holds.place("demo", [record], reason="Contentieux", until=None, agent="user:1")
    paired.holds.run()
    Custody(paired).copy_everything()
    paired.holds.release("demo", hold, reason="Jugé", agent="user:1")
    assert Custody(paired).promote() > 0
    assert (held_in(paired.store, record), held_in(paired.copy_store, record)) == ({True}, {False})
    home = paired.settings.home
    paired.close()
    (home / "store").rename(tmp_path / "old")
    (tmp_path / "nas").rename(home / "store")
    after = system_at(home, CHARTRIER_COPY_PATH=str(tmp_path / "old"))
    after.initialise()
    assert after.holds.run().failed == {}
    Custody(after).copy_everything()
    assert held_in(after.store, record) == held_in(after.copy_store, record) == {False}
    assert Custody(after).copy_everything(check=True)["findings"] == []
    after.close()
