"""Database and index lost: everything that the store knows comes back, and what it does not is
said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import api.access.tables  # noqa: F401 - so that every table exists
from api.views.history import history_of
from archive.catalogue import record_json as metadata
from archive.custody.external_sort import Sorter
from archive.custody.rebuild import run as rebuild
from archive.custody.rebuild.records import LOST
from archive.database.tables import (
    CheckpointRow,
    CustodyReportRow,
    JournalEntryRow,
    RecordRow,
    RepresentationRow,
    RetentionRuleRow,
    TenantRow,
)
from archive.holdings import describe as describing
from archive.holdings.describe import describe
from archive.holdings.verify import verify
from archive.journal.merkle import checkpoint_text, entry_body, leaf_hash
from archive.journal.sequencer import size
from archive.model.records import Kind
from archive.objects import layout
from archive.objects.ocfl_versions import Planned
from archive.objects.port import read_all
from ingestion.assembly import System
from ingestion.deposits.outbox import ADVANCE
from ingestion.operations.custody import Custody
from ingestion.tables import DepositRow, OutboxRow
from signing.ground.clock import utc_now
from signing.ground.errors import Corrupt, Refused
from tests.holdings import (
    SAME,
    PowerCut,
    alter,
    filled,
    flipped,
    keep,
    lose_database,
    opened,
    receive,
    rows,
    stored_file,
    system_at,
    titles,
)


def again(system: System, **given: Any) -> tuple[System, dict[str, Any]]:
    """The same home after its database and index were lost and made again."""
    lose_database(system)
    after = system_at(system.settings.home)
    after.prepare_rebuild()
    return after, Custody(after).rebuild(**given)


def test_everything_comes_back_row_for_row(system: System, tmp_path: Path) -> None:
    ids = filled(system, tmp_path)
    before, found = rows(system, *SAME), titles(system, "commune")
    with system.database.read() as session:
        last = session.scalars(select(CheckpointRow).order_by(CheckpointRow.size.desc())).first()
        revisions = rows(system, "revisions")["revisions"]
    after, report = again(system)
    assert rows(after, *SAME) == before
    assert [line[:3] + line[4:] for line in rows(after, "revisions")["revisions"]] == [
        line[:3] + line[4:] for line in revisions
    ], "but for the author, who is a pseudonym now"
    assert report["equal"]
    assert {one["count"] for one in report["sets"].values()} == {5}
    assert report["journal"]["root"] == last.root
    assert not any(report["counts"].values())
    assert report["recovered"]["count"] == 0
    assert titles(after, "commune") == found
    assert (ids[0], "Second titre") in found
    for record_id in ids:
        tenant = "autre" if ids.index(record_id) % 2 else "demo"
        assert verify(after.stores, tenant, record_id).verdict == "intact"
    after.close()


def test_the_service_goes_on_from_there(system: System, tmp_path: Path) -> None:
    ids = filled(system, tmp_path)
    old = system.publisher.latest()
    after, _ = again(system)
    after.initialise()
    later = keep(after, tmp_path, 77)
    describe(after.stores, "demo", ids[0], {"title": "Après"}, agent="user:2", expected_revision=3)
    new = after.publisher.publish(force_token=True)
    from archive.journal.merkle import verify_consistency
    from archive.journal.tiles import StoredTree

    proof = StoredTree(after.store, new.size).consistency(old.size)
    assert verify_consistency(old.size, new.size, bytes.fromhex(old.root), bytes.fromhex(new.root), proof)
    after.follower.catch_up()
    assert {(later, "Acte 77"), (ids[0], "Après")} <= set(titles(after, "commune"))
    # and a second loss is survived like the first
    third, report = again(after)
    assert report["equal"]
    assert not any(report["counts"].values())
    third.close()


def of_a_later_version(system: System, record_id: str) -> bytes:
    """Write an entry about a record under a type that this version does not know."""
    with system.database.write() as session:
        told = select(JournalEntryRow).where(JournalEntryRow.subject == f"record:{record_id}")
        tenant, n = json.loads(session.scalars(told).first().body)["tenant"], size(session)
        now, subject = utc_now(), f"record:{record_id}"
        body = entry_body(n, now, "RecordBurnt", tenant, subject, None, {"stage": "burn", "state": "done"})
        leaf = leaf_hash(body).hex()
        session.add(
            JournalEntryRow(
                n=n, at=now, type="RecordBurnt", tenant_id="demo", subject=subject, body=body, leaf_hash=leaf
            )
        )
    return body


def test_entries_of_a_later_version_come_back_and_nothing_is_invented_about_them(
    system: System, tmp_path: Path
) -> None:
    ids = filled(system, tmp_path)
    body = of_a_later_version(system, ids[0])
    system.publisher.publish(force_token=True)
    after, report = again(system)
    assert report["equal"]
    assert not any(report["counts"].values())
    with after.database.read() as session:
        assert session.scalar(select(JournalEntryRow.body).where(JournalEntryRow.type == "RecordBurnt")) == body
    assert verify(after.stores, "demo", ids[0]).verdict == "intact"
    after.follower.catch_up()
    assert (ids[0], "Second titre") in titles(after, "commune")
    row = describe(after.stores, "demo", ids[0], {"title": "Après"}, agent="user:2", expected_revision=3)
    key = next(one for one in stored(after, row) if one.endswith(f"v{row.ocfl_version}/content/metadata/premis.json"))
    (told,) = (e for e in json.loads(read_all(after.store, key))["events"] if e["journal_type"] == "RecordBurnt")
    assert (told["type"], told["outcome"], told["stage"]) == (None, None, None)
    with after.database.read() as session:
        (shown,) = (e for e in history_of(session, row, str) if e["type"] == "RecordBurnt")
    assert "RecordBurnt" in shown["sentence"]
    assert "ne sait pas" in shown["sentence"]
    after.close()


def stored(system: System, row: RecordRow) -> list[str]:
    return [item.key for item in system.store.list(layout.record_folder(row.tenant_id, row.id).root)]


def test_waiting_deposits_are_on_their_way_again(system: System, tmp_path: Path) -> None:
    """Acknowledged, published or not, not yet a record: under the same key and the same record to
    be.
    """
    filled(system, tmp_path)
    told = receive(system, b"published", "k1", title="Un")
    system.publisher.publish(force_token=True)
    untold = receive(system, b"not published", "k2", title="Deux")
    after, report = again(system)
    with after.database.read() as session:
        waiting = {row.id: row for row in session.scalars(select(DepositRow).where(DepositRow.state == "received"))}
        woken = set(session.scalars(select(OutboxRow.subject).where(OutboxRow.kind == ADVANCE)))
    assert woken == waiting.keys() == {told.id, untold.id}
    for before in (told, untold):
        row = waiting[before.id]
        for name in ("idempotency_key", "request_digest", "filename", "size", "sha256", "sha512", "fields", "agent"):
            assert getattr(row, name) == getattr(before, name), name
        assert (row.record_id, row.staging_key, row.received_at) == (
            before.record_id,
            before.staging_key,
            before.received_at,
        )
    assert (waiting[told.id].entry, waiting[told.id].leaf_hash) == (told.entry, told.leaf_hash)
    assert report["recovered"] == {"count": 1, "subjects": [f"deposit:{untold.id}"]}
    assert report["waiting_deposits"] == 2
    assert receive(after, b"not published", "k2", title="Deux").id == untold.id, "the same request is answered again"
    after.close()


def test_what_was_not_published_is_told_again(system: System, tmp_path: Path) -> None:
    """Kept and acknowledged a moment before the database was lost: made again, named, findable,
    provable.
    """
    filled(system, tmp_path)
    lost = keep(system, tmp_path, 42)
    after, report = again(system)
    deposit = f"deposit:{_record(after, lost).deposit_id}"
    assert sorted(report["recovered"]["subjects"]) == sorted([f"record:{lost}", deposit])
    assert report["equal"]
    after.initialise()
    after.publisher.publish(force_token=True)
    assert verify(after.stores, "demo", lost).verdict == "intact"
    assert lost in {one for one, _ in titles(after, "cimetière assainissement") + titles(after, "commune")}
    assert _bundle_verdict(after, lost, tmp_path) == "intact"
    after.close()


def test_a_change_that_was_not_published_is_told_again(system: System, tmp_path: Path) -> None:
    ids = filled(system, tmp_path)
    describe(system.stores, "demo", ids[2], {"title": "Juste avant"}, agent="user:1", expected_revision=1)
    after, report = again(system)
    row = _record(after, ids[2])
    assert (row.title, row.revision, row.ocfl_version) == ("Juste avant", 2, 2)
    assert report["recovered"]["subjects"] == [f"record:{ids[2]}"]
    assert verify(after.stores, "demo", ids[2]).verdict == "intact"
    assert (ids[2], "Juste avant") in titles(after, "commune")
    after.close()


def test_old_receipts_and_bundles_hold(system: System, tmp_path: Path) -> None:
    ids = filled(system, tmp_path)
    from api.views.receipts import receipt_json

    deposit = receive(system, b"receipt", "k9")
    system.publisher.publish(force_token=True)
    before = receipt_json(system, "demo", deposit.id)
    after, _ = again(system)
    assert receipt_json(after, "demo", deposit.id) == before
    assert _bundle_verdict(after, ids[0], tmp_path) == "intact"
    kept = _record(after, ids[0]).deposit_id
    assert receipt_json(after, "demo", kept)["state"] == "published"
    after.close()


def test_rules_and_types_of_a_tenant_come_back_as_they_were_changed(system: System, tmp_path: Path) -> None:
    with system.database.read() as session:
        rule = session.scalars(select(RetentionRuleRow).limit(1)).one()
        values = {c.key: getattr(rule, c.key) for c in RetentionRuleRow.__table__.columns}
    values |= {"version": 2, "validated_at": utc_now()}
    assert system.register.change("demo", lambda session: session.add(RetentionRuleRow(**values)))
    assert not system.register.change("demo"), "nothing new: nothing written"
    before = rows(system, "retention_rules", "document_types", "tenants")
    system.publisher.publish()
    after, _ = again(system)
    assert rows(after, "retention_rules", "document_types", "tenants") == before
    after.close()


def test_a_home_of_before_the_register_gets_one_at_its_next_start(tmp_path: Path, keys: Path) -> None:
    system = system_at(tmp_path / "home", keys)
    system.initialise()
    with system.database.write() as session:
        session.add(TenantRow(id="vieux", name="Vieille Commune", created_at=utc_now()))
    system.initialise()
    keep(system, tmp_path, 1, "vieux")
    system.publisher.publish()
    after, report = again(system)
    with after.database.read() as session:
        assert session.get_one(TenantRow, "vieux").name == "Vieille Commune"
    assert report["nameless_tenants"] == []
    after.close()


def test_a_store_without_register_gives_its_records_all_the_same(tmp_path: Path, keys: Path) -> None:
    system = system_at(tmp_path / "home", keys)
    system.initialise()
    with system.database.write() as session:
        session.add(TenantRow(id="vieux", name="Vieille Commune", created_at=utc_now()))
    kept = keep(system, tmp_path, 1, "vieux")
    system.publisher.publish()
    after, report = again(system)
    assert report["nameless_tenants"] == ["vieux"]
    assert report["counts"]["missing"] == 1, "the register"
    assert report["equal"]
    with after.database.read() as session:
        told = session.scalars(select(JournalEntryRow.tenant_id).where(JournalEntryRow.subject == f"record:{kept}"))
        assert set(told) == {"vieux"}, "whose entry it is was found from the record's place"
    after.close()


def test_a_database_that_is_not_empty_is_refused(system: System, tmp_path: Path) -> None:
    filled(system, tmp_path, 1)
    before = rows(system, *SAME)
    with pytest.raises(Refused, check=lambda error: error.code == "database_not_empty"):
        Custody(system).rebuild()
    assert rows(system, *SAME) == before


def test_a_start_over_an_empty_database_is_refused_and_writes_nothing(system: System, tmp_path: Path) -> None:
    filled(system, tmp_path, 1)
    lose_database(system)
    after = system_at(system.settings.home)
    with pytest.raises(Refused, check=lambda error: error.code == "database_lost"):
        after.initialise()
    after.close()
    after = system_at(system.settings.home)
    after.prepare_rebuild()
    assert Custody(after).rebuild()["equal"], "the refused start left the database empty"
    after.close()


@pytest.mark.parametrize("where", ["tile/entries/000.p", "tile/0/000.p", "checkpoint"])
def test_a_damaged_journal_claims_nothing(system: System, tmp_path: Path, where: str) -> None:
    filled(system, tmp_path, 2)
    lose_database(system)
    place = system.settings.home / "store" / "journal" / where
    path = max(place.iterdir(), key=lambda p: int(p.name)) if place.is_dir() else place
    alter(path, flipped)
    after = system_at(system.settings.home)
    after.prepare_rebuild()
    with pytest.raises(Corrupt, check=lambda error: error.code == "journal_damaged"):
        Custody(after).rebuild()
    assert not any(rows(after, *SAME).values())
    after.close()


@pytest.mark.parametrize(
    ("name", "kind", "whole"),
    [
        ("record.json", "changed", False),
        ("alto.xml", "changed", True),
        ("original.pdf", "missing", True),
        ("inventory.json", "changed", True),
    ],
)
def test_what_is_damaged_is_listed_and_the_rest_comes_back(
    system: System, tmp_path: Path, name: str, kind: str, whole: bool
) -> None:
    ids = filled(system, tmp_path)
    victim = ids[1]
    path = stored_file(system, victim, name)
    if name == "inventory.json":
        path = next(p for p in path.parents if victim in p.name) / name
    if kind == "missing":
        path.unlink()
    else:
        alter(path, flipped)
    after, report = again(system, thorough=True)
    assert report["counts"][kind] >= 1
    assert {finding["record_id"] for finding in report["findings"]} == {victim}
    with after.database.read() as session:
        known = set(session.scalars(select(RecordRow.id)))
    assert known == set(ids) - (set() if whole else {victim})
    if whole:
        assert verify(after.stores, "autre", victim).verdict != "intact"
    if kind == "missing":
        with after.database.read() as session:
            assert session.get_one(RepresentationRow, (victim, Kind.ORIGINAL)).version == LOST
    after.close()


def test_a_forgery_that_is_whole_in_itself_is_not_believed(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later version with another original, its inventory and sidecars right: the journal knows
    the true one.
    """
    ids = filled(system, tmp_path)
    forged = b"%PDF forged"
    planned = Planned.of("original/original.pdf", forged)
    real_next, real_revised = metadata.next_record, describing.write_version

    def next_record(*given: Any) -> dict[str, Any]:
        record = json.loads(json.dumps(real_next(*given)))
        record["representations"][0] |= {
            "size": len(forged),
            "digests": {"sha-256": planned.sha256, "sha-512": planned.sha512},
        }
        return record

    monkeypatch.setattr(metadata, "next_record", next_record)
    monkeypatch.setattr(
        describing, "write_version", lambda *given, **named: real_revised(*given, **named, added=[planned])
    )
    describe(system.stores, "demo", ids[2], {"title": "Faux"}, agent="user:1", expected_revision=1)
    monkeypatch.undo()
    after, report = again(system)
    assert report["counts"]["changed"] >= 1
    row = _record(after, ids[2])
    assert (row.title, row.ocfl_version) == ("Acte 2", 1), "what the journal vouches for"
    with after.database.read() as session:
        form = session.get_one(RepresentationRow, (ids[2], Kind.ORIGINAL))
    assert read_all(after.store, form.key, form.version) == b"%PDF original 2"
    assert report["recovered"]["count"] == 0
    after.close()


def test_an_earlier_checkpoint_that_contradicts_the_log_claims_nothing(system: System, tmp_path: Path) -> None:
    """Signed with our key, over another tree: somebody forked the journal once."""
    filled(system, tmp_path, 2)
    first = min(item.key for item in system.store.list("journal/checkpoints/") if not item.key.endswith(".tsr"))
    size = int(first.rpartition("/")[2])
    other = system.log_key.sign_note(checkpoint_text(system.log_key.origin, size, b"\1" * 32))
    lose_database(system)
    alter(system.settings.home / "store" / first, lambda _: other.encode())
    after = system_at(system.settings.home)
    after.prepare_rebuild()
    with pytest.raises(Corrupt, check=lambda error: error.code == "journal_damaged"):
        Custody(after).rebuild()
    after.close()


def test_a_forged_later_version_is_never_taken_for_the_original(system: System, tmp_path: Path) -> None:
    """Somebody with the store adds a version whose record tells of other bytes: listed, and not
    believed.
    """
    ids = filled(system, tmp_path)
    forged = describe(system.stores, "demo", ids[2], {"title": "Faux"}, agent="user:1", expected_revision=1)
    content = stored_file(system, ids[2], "record.json")
    paths = [p for p in (system.settings.home / "store" / "tenants").rglob("record.json") if ids[2] in str(p)]
    later = next(p for p in paths if "/v2/" in str(p))
    told = json.loads(later.read_bytes())
    told["representations"][0]["digests"]["sha-256"] = "0" * 64
    alter(later, lambda _: json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
    assert forged.revision == 2
    assert content.exists()
    after, report = again(system)
    assert report["counts"]["changed"] >= 1
    assert (_record(after, ids[2]).title, report["recovered"]["count"]) == ("Acte 2", 0)
    assert ids[2] in {finding["record_id"] for finding in report["findings"]}
    after.close()


class Fuse:
    """Cuts the power just before, or just after, the n-th commit."""

    def __init__(self, system: System, patch: pytest.MonkeyPatch, left: int, *, after: bool) -> None:
        self.blown = False
        real = system.database.write
        state = {"left": left}

        @contextmanager
        def write() -> Iterator[Any]:
            state["left"] -= 1
            last = state["left"] < 0 and not self.blown
            self.blown = self.blown or last
            with real() as session:
                yield session
                if last and not after:
                    raise PowerCut
            if last:
                raise PowerCut

        patch.setattr(system.database, "write", write)


@pytest.mark.parametrize("cut_after", [False, True], ids=["before", "after"])
def test_a_power_cut_at_any_commit_ends_the_same(
    tmp_path: Path, keys: Path, cut_after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "_BATCH", 2)
    monkeypatch.setattr(rebuild, "_ENTRIES", 1)
    with opened(tmp_path / "home", keys) as system:
        filled(system, tmp_path)
        receive(system, b"waiting", "k1")
        keep(system, tmp_path, 43)
    before: dict[str, Any] | None = None
    boundary = 0
    while True:
        lose_database(system)
        with pytest.MonkeyPatch.context() as patch:
            cut = system_at(tmp_path / "home")
            cut.prepare_rebuild()
            fuse = Fuse(cut, patch, boundary, after=cut_after)
            with suppress(PowerCut):
                Custody(cut).rebuild()
            cut.close()
        after = system_at(tmp_path / "home")
        after.prepare_rebuild()
        with after.database.read() as session:
            ended = session.get(CustodyReportRow, "rebuild")
        if ended is None or ended.ended_at is None:
            Custody(after).rebuild()
        now = rows(after, *SAME[:-1])
        with after.database.read() as session:
            told = list(session.execute(select(JournalEntryRow.type, JournalEntryRow.subject)))
            assert len(set(told)) == len({(t, s) for t, s in told if s != "x"})
            assert session.get_one(CustodyReportRow, "rebuild").ended_at is not None
        assert sum(kind == "RecordRecovered" for kind, _ in told) == 1
        assert sum(kind == "DepositRecovered" for kind, _ in told) == 2
        comparable = {name: lines for name, lines in now.items() if name != "records"}
        before = before or comparable
        assert comparable == before
        after.close()
        if not fuse.blown:
            break
        boundary += 1
    assert boundary >= 8


def test_an_unfinished_rebuild_lets_no_service_start(system: System, tmp_path: Path) -> None:
    filled(system, tmp_path, 1)
    lose_database(system)
    after = system_at(system.settings.home)
    after.prepare_rebuild()
    with after.database.write() as session:
        session.add(CustodyReportRow(name="rebuild", started_at=utc_now(), verdict="running", facts={}))
    with pytest.raises(Refused, check=lambda error: error.code == "rebuild_unfinished"):
        after.initialise()
    Custody(after).rebuild()
    after.initialise()
    after.close()


def test_many_ids_are_sorted_within_bounded_memory() -> None:
    sorter = Sorter(run=100)
    lines = [f"{(n * 7919) % 1009:05d}" for n in range(1009)]
    for line in lines:
        sorter.add(line)
    assert list(sorter) == sorted(lines)
    sorter.close()


def _record(system: System, record_id: str) -> RecordRow:
    with system.database.read() as session:
        return session.get_one(RecordRow, record_id)


def _bundle_verdict(system: System, record_id: str, folder: Path) -> str:
    from api.views.trust import trust_file_of
    from archive.evidence.bundle import verify_bundle

    with system.database.read() as session:
        tenant = session.get_one(RecordRow, record_id).tenant_id
    path = folder / "bundle.zip"
    with path.open("wb") as out:
        system.evidence.bundle(tenant, record_id, out, content=True)
    result = verify_bundle(path, trust=trust_file_of(system))
    assert result["verdict"] == "intact", result
    return str(result["verdict"])
