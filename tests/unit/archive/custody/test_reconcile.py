"""Database, journal, store, index beside each other: every drift is found, only views are put
right.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

import api.access.tables  # noqa: F401 - so that every table exists
from archive.catalogue import tenant_register as register
from archive.database.tables import (
    CustodyReportRow,
    JournalEntryRow,
    RecordRow,
    TenantRow,
)
from archive.holdings.describe import describe
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from search.engines.tantivy_schema import documents
from search.port import Remove, Upsert
from signing.ground.canonical import canonical
from tests.holdings import (
    PowerCut,
    alter,
    filled,
    forget_record,
    keep,
    lose_database,
    receive,
    rows,
    stored_file,
    system_at,
    titles,
)


def reconcile(system: System, *, repair: bool = False) -> dict[str, Any]:
    return Custody(system).reconcile(repair=repair, pause=lambda _seconds: None)


def found(report: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(f["kind"], f["place"], f["detail"]) for f in report["findings"]}


def put(store: Any, key: str, content: bytes, **given: Any) -> Any:
    return store.put(key, content, sha256=hashlib.sha256(content).hexdigest(), **given)


def test_nothing_is_found_where_nothing_is_wrong(system: System, tmp_path: Path) -> None:
    ids = filled(system, tmp_path)
    receive(system, b"waiting", "k1")
    system.publisher.publish()
    report = reconcile(system)
    assert report["findings"] == []
    assert report["records"] == {"database": len(ids), "store": len(ids), "index": len(ids)}
    with system.database.read() as session:
        row = session.get_one(CustodyReportRow, "reconcile")
    assert (row.verdict, row.facts["open"]) == ("agreed", 0)


def test_what_the_follower_has_not_come_to_is_no_drift(system: System, tmp_path: Path) -> None:
    ids = filled(system, tmp_path)
    keep(system, tmp_path, 50)
    describe(system.stores, "demo", ids[2], {"title": "Plus tard"}, agent="user:1", expected_revision=1)
    assert reconcile(system)["findings"] == []


def test_a_hundred_drifts_of_the_index_are_found_and_put_right(system: System, tmp_path: Path) -> None:
    """25 of each: taken out, unknown, as it was before a change, there twice."""
    ids = [keep(system, tmp_path, n) for n in range(75)]
    for record_id in ids[25:50]:
        describe(system.stores, "demo", record_id, {"title": "Changé"}, agent="user:1", expected_revision=1)
    system.follower.catch_up()
    before = titles(system, "commune")
    entries = {}
    with system.database.read() as session:
        for record_id in ids:
            entries[record_id] = system.record_reader.entry(session, "demo", record_id)
    position = system.index.position("demo")
    strangers = [replace(entries[ids[0]], record_id=f"{n:08d}-0000-7000-8000-000000000000") for n in range(25)]
    system.index.apply("demo", [Remove(one) for one in ids[:50]], position)
    system.index.apply(
        "demo", [Upsert(replace(entries[one], revision=1, title="Ancien")) for one in ids[25:50]], position
    )
    system.index.apply("demo", [Upsert(one) for one in strangers], position)
    system.index.release()
    index_files = system.index._index_files("demo")  # type: ignore[attr-defined]
    writer = index_files._index.writer(20_000_000, 1)
    for record_id in ids[50:]:
        for document in documents(entries[record_id]):
            writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()

    report = reconcile(system)
    assert Counter(f["kind"] for f in report["findings"]) == {
        "missing": 25,
        "untracked": 25,
        "stale": 25,
        "duplicate": 25,
    }
    assert report["open"] == 100
    report = reconcile(system, repair=True)
    assert (report["open"], report["repaired"]) == (0, 100)
    assert reconcile(system)["findings"] == []
    assert titles(system, "commune") == before


def test_an_entry_that_claims_to_be_newer_is_put_right(system: System, tmp_path: Path) -> None:
    ids = filled(system, tmp_path)
    with system.database.read() as session:
        entry = system.record_reader.entry(session, "demo", ids[0])
    system.index.apply("demo", [Upsert(replace(entry, revision=99))], system.index.position("demo"))
    assert found(reconcile(system, repair=True)) == {("stale", "index", "demo")}
    assert reconcile(system)["findings"] == []


@pytest.mark.parametrize("repair", [False, True])
def test_every_injected_drift_of_the_store_is_found_and_none_is_touched(
    system: System, tmp_path: Path, repair: bool
) -> None:
    ids = filled(system, tmp_path)
    store = system.store
    # a missing object, an unknown one, bytes of another size, a stranger beside the records, an
    # unknown record
    stored_file(system, ids[1], "alto.xml").unlink()
    original = stored_file(system, ids[2], "original.pdf")
    put(store, str(original.parent.relative_to(system.settings.home / "store") / "autre.bin"), b"unknown")
    alter(stored_file(system, ids[3], "original.pdf"), lambda content: content + b"more")
    put(store, "tenants/demo/oublie.txt", b"stranger")
    put(store, "tenants/demo/abc/abc/abc/urn%3auuid%3a01900000-0000-7000-8000-000000000000/x", b"record")
    put(store, "journal/intrus", b"stranger")
    report = reconcile(system, repair=repair)
    told = {(f["kind"], f["place"], f["detail"], f["record_id"]) for f in report["findings"]}
    assert told == {
        ("missing", "store", "object", ids[1]),
        ("untracked", "store", "object", ids[2]),
        ("changed", "store", "size", ids[3]),
        ("untracked", "store", "object", None),
        ("untracked", "store", "record", "01900000-0000-7000-8000-000000000000"),
        ("untracked", "journal", "object", None),
    }
    assert report["open"] == 6, "evidence is never repaired"


def test_one_version_too_many_of_a_head_is_an_alarm(system: System, tmp_path: Path) -> None:
    """A key's head replaced past us: the root inventory has one version for each OCFL version and
    no other.
    """
    ids = filled(system, tmp_path)
    root = next(p for p in stored_file(system, ids[0], "record.json").parents if ids[0] in p.name)
    key = str((root / "inventory.json").relative_to(system.settings.home / "store"))
    put(system.store, key, b"{}", replace=True, retain_until=system.store.stat(key).locked_until)
    report = reconcile(system)
    assert ("untracked", "store", "version") in found(report)
    assert {f["record_id"] for f in report["findings"]} == {ids[0]}


def test_a_published_file_that_is_gone_is_missed(system: System, tmp_path: Path) -> None:
    filled(system, tmp_path)
    journal = system.settings.home / "store" / "journal"
    last = max((journal / "tile/0/000.p").iterdir(), key=lambda p: int(p.name))
    last.unlink()
    assert found(reconcile(system)) == {("missing", "journal", "object")}


def test_a_head_of_the_journal_that_is_not_ours_is_told(system: System, tmp_path: Path) -> None:
    filled(system, tmp_path)
    put(system.store, "journal/checkpoint", b"chartrier.local\n1\nx\n", replace=True)
    assert ("changed", "journal", "checkpoint") in found(reconcile(system))


def test_what_lies_in_the_register_and_is_not_of_it_is_told_and_stops_nothing(system: System, tmp_path: Path) -> None:
    filled(system, tmp_path)
    strays = ["register/oublie.txt", "register/demo/lisez-moi.json", "register/demo/anciens/000009.json"]
    for key in strays:
        put(system.store, key, b"x")
    assert not system.register.change("demo"), "nothing changed"
    report = reconcile(system)
    assert {f["what"] for f in report["findings"]} == set(strays)
    assert found(report) == {("untracked", "journal", "object")}
    system.publisher.publish(force_token=True)
    lose_database(system)
    after = system_at(system.settings.home)
    after.prepare_rebuild()
    assert Custody(after).rebuild()["equal"]
    after.close()


def test_a_register_that_the_journal_does_not_claim_is_told_and_never_taken_over(
    system: System, tmp_path: Path
) -> None:
    """Somebody with the store's credential names a commune anew: the file is there, whole, and
    nobody's.
    """
    filled(system, tmp_path)
    before = rows(system, "tenants", "document_types", "retention_rules")
    ((_, content),) = [(n, c) for _, n, c in register.files(system.store, "demo")]
    forged = json.loads(content) | {"name": "Autre Nom", "number": 2}
    put(system.store, "register/demo/000002.json", canonical(forged))
    put(system.store, "register/autre/000009.json", content)
    report = reconcile(system)
    assert {(f["kind"], f["what"], f["detail"]) for f in report["findings"]} == {
        ("untracked", "register/demo/000002.json", "register"),
        ("untracked", "register/autre/000009.json", "register"),
    }
    system.publisher.publish(force_token=True)
    lose_database(system)
    after = system_at(system.settings.home)
    after.prepare_rebuild()
    report = Custody(after).rebuild()
    assert report["equal"]
    assert found(report) == {("untracked", "store", "register")}
    assert rows(after, "tenants", "document_types", "retention_rules") == before
    after.initialise()
    assert [n for _, n, _ in register.files(after.store, "demo")] == [1, 2, 3], "what the tables say is in force again"
    assert reconcile(after)["findings"] == []
    after.close()


@pytest.mark.parametrize(("damage", "kind"), [("flipped", "changed"), ("gone", "missing")])
def test_a_register_that_is_not_what_the_journal_claims_is_told(
    system: System, tmp_path: Path, damage: str, kind: str
) -> None:
    filled(system, tmp_path)
    path = system.settings.home / "store/register/demo/000001.json"
    if damage == "gone":
        path.unlink()
    else:
        alter(path, lambda content: content.replace(b"Commune", b"commune"))
    assert found(reconcile(system)) == {(kind, "journal", "register")}
    lose_database(system)
    after = system_at(system.settings.home)
    after.prepare_rebuild()
    report = Custody(after).rebuild()
    assert (kind, "store", "register") in found(report)
    assert report["nameless_tenants"] == ["demo"]
    after.close()


@pytest.mark.parametrize("content", [b"\xff", b"[]", b'{"tenant":', b""])
def test_a_register_file_that_says_nothing_stops_no_start(system: System, content: bytes) -> None:
    put(system.store, "register/demo/000002.json", content)
    system.initialise()
    assert [n for _, n, _ in register.files(system.store, "demo")] == [1, 2, 3]
    assert reconcile(system)["findings"] == [], "what is in force stands over it"
    system.initialise()
    assert [n for _, n, _ in register.files(system.store, "demo")] == [1, 2, 3]


def test_a_register_file_of_a_change_that_was_cut_off_is_no_fault_once_overtaken(system: System) -> None:
    tried: list[str] = []

    def renamed(session: Session) -> None:
        if tried:  # the file is written by now
            raise PowerCut
        tried.append("once")
        session.get_one(TenantRow, "demo").name = "Jamais"

    with pytest.raises(PowerCut):
        system.register.change("demo", renamed)
    assert found(reconcile(system)) == {("untracked", "journal", "register")}, "it may be in force to a reader"
    assert system.register.change("demo", lambda s: setattr(s.get_one(TenantRow, "demo"), "name", "Nouveau Nom"))
    assert reconcile(system)["findings"] == []


def test_rows_that_were_changed_or_lost_are_told(system: System, tmp_path: Path) -> None:
    ids = filled(system, tmp_path)
    with system.database.write() as session:
        session.execute(update(RecordRow).where(RecordRow.id == ids[0]).values(inventory_sha512="0" * 128))
        session.execute(update(RecordRow).where(RecordRow.id == ids[2]).values(last_entry=0))
    report = reconcile(system)
    assert {(f["kind"], f["place"], f["detail"], f["record_id"]) for f in report["findings"]} == {
        ("changed", "database", "digest", ids[0]),
        ("changed", "database", "entry", ids[2]),
    }
    with system.database.write() as session:
        forget_record(session, ids[4])
    assert ("missing", "database", "record") in found(reconcile(system))


def test_a_waiting_deposit_without_its_bytes_is_an_alarm(system: System, tmp_path: Path) -> None:
    deposit = receive(system, b"waiting", "k1")
    system.store.delete(deposit.staging_key, deposit.staging_version)
    assert found(reconcile(system)) == {("missing", "staging", "bytes")}


def test_staging_that_nobody_needs_is_swept_on_repair(system: System, tmp_path: Path) -> None:
    import os
    import time

    item = put(system.store, "staging/demo/0190-nobody/bytes", b"left")
    path = system.settings.home / "store" / item.key
    assert reconcile(system)["findings"] == [], "it may be a deposit that is being received"
    old = time.time() - 2 * 86400 - 1.5
    os.utime(path, (old, old))
    assert found(reconcile(system)) == {("untracked", "staging", "deposit")}
    assert reconcile(system, repair=True)["open"] == 0
    assert not path.exists()


def test_a_change_that_was_begun_and_never_claimed_is_no_alarm(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = filled(system, tmp_path)
    before = rows(system, "records")

    def cut(*_given: Any, **_named: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(type(system.ledger), "append", cut)
    with pytest.raises(RuntimeError):
        describe(system.stores, "demo", ids[2], {"title": "Jamais"}, agent="user:1", expected_revision=1)
    monkeypatch.undo()
    assert rows(system, "records") == before
    report = reconcile(system)
    assert report["findings"] == []
    assert report["unfinished"] == 1
    describe(system.stores, "demo", ids[2], {"title": "Après"}, agent="user:1", expected_revision=1)
    system.follower.catch_up()
    report = reconcile(system)
    assert (report["findings"], report["unfinished"]) == ([], 0)


def test_one_entry_too_many_is_told(system: System, tmp_path: Path) -> None:
    ids = filled(system, tmp_path)
    with system.database.read() as session:
        kept = session.get_one(JournalEntryRow, session.get_one(RecordRow, ids[4]).kept_entry)
    with system.database.write() as session:
        system.ledger.append(
            session, type="RecordKept", tenant="demo", subject=kept.subject, agent=None, facts={"inventory": ""}
        )
    assert ("duplicate", "journal", "entry") in found(reconcile(system))
