"""Rebuild, reconciliation and second copy on real buckets: MinIO first, SeaweedFS second."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import api.access.tables  # noqa: F401 - so that every table exists
from archive.database.tables import CopyRow, JournalEntryRow, RepresentationRow
from archive.holdings.describe import describe
from archive.holdings.verify import UNREAD, verify
from archive.model.settings import S3Store
from archive.objects import layout
from archive.objects.port import ObjectStore, read_all
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from signing.ground.errors import Refused
from tests.holdings import (
    SAME,
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
from tests.servers.buckets import S3Server

pytestmark = pytest.mark.services


def names(server: S3Server, group: str) -> dict[str, str]:
    given = server.settings()
    return {
        f"CHARTRIER_{group}_ENDPOINT": given.endpoint,
        f"CHARTRIER_{group}_BUCKET": given.bucket,
        f"CHARTRIER_{group}_ACCESS_KEY": given.access_key.get_secret_value(),
        f"CHARTRIER_{group}_SECRET_KEY": given.secret_key.get_secret_value(),
    }


@pytest.fixture
def environment(minio: S3Server, seaweedfs: S3Server) -> dict[str, str]:
    return names(minio, "S3") | names(seaweedfs, "COPY_S3")


@pytest.fixture
def bucket(tmp_path: Path, keys: Path, environment: dict[str, str]) -> Iterator[System]:
    with opened(tmp_path / "home", keys, **environment) as system:
        yield system


def found(report: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(f["kind"], f["place"], f["detail"]) for f in report["findings"]}


def test_everything_comes_back_from_a_bucket(bucket: System, tmp_path: Path, environment: dict[str, str]) -> None:
    ids = filled(bucket, tmp_path)
    receive(bucket, b"waiting", "k1")
    bucket.publisher.publish(force_token=True)
    before, shown = rows(bucket, *SAME), titles(bucket, "commune")
    lose_database(bucket)
    after = system_at(bucket.settings.home, **environment)
    after.prepare_rebuild()
    report = Custody(after).rebuild()
    assert (report["equal"], report["findings"], report["waiting_deposits"]) == (True, [], 1)
    assert rows(after, *SAME) == before
    assert titles(after, "commune") == shown
    assert verify(after.stores, "demo", ids[0]).verdict == "intact"
    assert Custody(after).reconcile(pause=lambda _: None)["findings"] == []
    after.close()


def test_a_version_too_many_and_a_marker_are_alarms(bucket: System, tmp_path: Path, minio: S3Server) -> None:
    """Somebody with the credential writes past us: a bucket takes more versions and hides what it
    can't lose.
    """
    ids = filled(bucket, tmp_path)
    client, name = minio.client(), bucket.settings.archive.store.bucket  # type: ignore[union-attr]
    listed = [item.key for item in bucket.store.list("tenants/")]
    original = next(key for key in listed if ids[1] in key and key.endswith("original.pdf"))
    text = next(key for key in listed if ids[2] in key and key.endswith("alto.xml"))
    head = next(key for key in listed if ids[3] in key and key.endswith("%3a" + ids[3] + "/inventory.json"))
    for key in (original, head):
        client.put_object(name, key, io.BytesIO(b"forged"), 6)
    client.remove_object(name, text)
    client.put_object(name, "tenants/demo/oublie.txt", io.BytesIO(b"x"), 1)
    report = Custody(bucket).reconcile(repair=True, pause=lambda _: None)
    assert {(f["kind"], f["detail"], f["record_id"]) for f in report["findings"]} == {
        ("untracked", "version", ids[1]),
        ("changed", "marker", ids[2]),
        ("untracked", "version", ids[3]),
        ("untracked", "object", None),
    }
    assert report["open"] == 4
    # a rebuild is not misled either
    lose_database(bucket)
    after = system_at(bucket.settings.home, **_again(bucket))
    after.prepare_rebuild()
    report = Custody(after).rebuild()
    assert report["equal"], "each record is there, from the versions that the journal vouches for"
    assert report["counts"]["untracked"] + report["counts"]["changed"] >= 3
    with after.database.read() as session:
        assert after.record_reader.entry(session, "demo", ids[2]) is not None
    after.close()


def decay(server: S3Server, settings: S3Store | None, store: ObjectStore, record_id: str, name: str) -> str:
    """Let the newest version of a record's object rot under the server; its version."""
    assert settings is not None
    items = [item for item in store.list("tenants/") if record_id in item.key and item.key.endswith(name)]
    newest = [item for item in items if item.key == min((item.key for item in items), key=len)][-1]
    content = read_all(store, newest.key, newest.version)
    # Small objects lie in it, all their versions in one file.
    path = server.process.folder / "objects" / settings.bucket / newest.key / "xl.meta"
    written = path.read_bytes()
    at = written.find(content)
    assert at > 0
    path.write_bytes(written[:at] + flipped(content) + written[at + len(content) :])
    return newest.version


def test_a_bucket_is_kept_twice_and_one_restores_the_other(bucket: System, tmp_path: Path, minio: S3Server) -> None:
    ids = filled(bucket, tmp_path)
    assert Custody(bucket).copy_everything(check=True)["findings"] == []
    copied = {item.key for item in bucket.copy_store.list("tenants/")}
    assert copied == {item.key for item in bucket.store.list("tenants/")}
    for item in bucket.copy_store.list("tenants/"):
        if "/content/" in item.key:
            first = next(iter(bucket.store.list(item.key)))
            here = bucket.store.stat(first.key, first.version).locked_until
            assert bucket.copy_store.stat(item.key, item.version).locked_until >= here
    assert Custody(bucket).restore("demo", ids[0], agent="service:cli") == []
    for name in ("alto.xml", "record.json", "/inventory.json"):
        damaged = decay(minio, bucket.settings.archive.store, bucket.store, ids[0], name)
        result = verify(bucket.stores, "demo", ids[0])
        assert result.verdict == "unverifiable", "bytes that nobody can read are neither intact nor altered"
        assert UNREAD in " ".join(check.detail for check in result.checks)
        assert verify(bucket.stores, "demo", ids[2]).verdict == "intact"
        done = Custody(bucket).restore("demo", ids[0], agent="service:cli")
        assert [one.store for one in done] == ["first"]
        assert verify(bucket.stores, "demo", ids[0]).verdict == "intact"
        with bucket.database.read() as session:
            told = select(JournalEntryRow.body).where(JournalEntryRow.type == "ObjectRestored")
            last = session.scalars(told.order_by(JournalEntryRow.n.desc()).limit(1)).one()
        assert json.loads(last)["facts"]["damaged"] == damaged
    assert Custody(bucket).reconcile(pause=lambda _: None)["findings"] == []
    assert Custody(bucket).copy_everything(check=True)["findings"] == []
    bucket.publisher.publish(force_token=True)
    lose_database(bucket)
    after = system_at(bucket.settings.home, **_again(bucket))
    after.prepare_rebuild()
    report = Custody(after).rebuild(thorough=True)
    assert (report["equal"], report["findings"]) == (True, [])
    assert verify(after.stores, "demo", ids[0]).verdict == "intact"
    after.close()


def test_what_is_held_and_rots_is_restored_held_and_let_go_whole(
    bucket: System, tmp_path: Path, minio: S3Server
) -> None:
    """The version that can't be read and the one that stands beside it are held and released
    together.
    """
    (record, *_) = filled(bucket, tmp_path)
    Custody(bucket).copy_everything()
    root = layout.record_folder("demo", record).root

    def held() -> dict[str, set[bool]]:
        stores = {"first": bucket.store, "second": bucket.copy_store}
        return {
            name: {store.stat(item.key, item.version).legal_hold for item in store.list(f"{root}/")}
            for name, store in stores.items()
        }

    def decayed(name: str) -> None:
        rotten = decay(minio, bucket.settings.archive.store, bucket.store, record, name)
        (key,) = {item.key for item in bucket.store.list(f"{root}/") if item.version == rotten}
        assert verify(bucket.stores, "demo", record).verdict == "unverifiable"
        kept.append((key, rotten))

    kept: list[tuple[str, str]] = []
    decayed("alto.xml")
    hold = bucket.holds.place("demo", [record], reason="Contentieux", until=None, agent="user:1")
    assert bucket.holds.settle(hold) == {}, "what can't be read is held like the rest"
    decayed("record.json")
    assert {one.store for one in Custody(bucket).restore("demo", record, agent="service:cli")} == {"first"}
    assert verify(bucket.stores, "demo", record).verdict == "intact"
    Custody(bucket).copy_everything()
    assert held() == {"first": {True}, "second": {True}}
    for key, version in kept:
        assert bucket.store.stat(key, version).legal_hold
    bucket.holds.release("demo", hold, reason="Jugé", agent="user:1")
    assert bucket.holds.run().failed == {}
    assert Custody(bucket).copy_everything(check=True)["findings"] == []
    assert held() == {"first": {False}, "second": {False}}
    assert Custody(bucket).reconcile(pause=lambda _: None)["findings"] == []


def test_what_rots_before_it_is_copied_or_rebuilt_is_told_and_stops_nothing(
    tmp_path: Path, keys: Path, minio: S3Server
) -> None:
    environment = names(minio, "S3") | {"CHARTRIER_COPY_PATH": str(tmp_path / "nas")}
    with opened(tmp_path / "home", keys, **environment) as system:
        ids = [keep(system, tmp_path, n) for n in range(3)]
        system.publisher.publish(force_token=True)
        first = system.settings.archive.store
        decay(minio, first, system.store, ids[0], "original.pdf")
        decay(minio, first, system.store, ids[1], "record.json")
        report = Custody(system).copy_everything()
        assert found(report) == {("unreadable", "store", "bytes")}
        assert {f["record_id"] for f in report["findings"]} == {ids[0], ids[1]}
        copied = {item.key for item in system.copy_store.list("tenants/") if ids[2] in item.key}
        assert copied == {item.key for item in system.store.list("tenants/") if ids[2] in item.key}
        system.follower.catch_up()
        lose_database(system)
        after = system_at(system.settings.home, **environment)
        after.prepare_rebuild()
        report = Custody(after).rebuild(thorough=True)
        assert {(f["kind"], f["detail"], f["record_id"]) for f in report["findings"]} == {
            ("unreadable", "bytes", ids[0]),
            ("unreadable", "record", ids[1]),
        }
        assert (report["records"], report["equal"]) == (2, False)
        after.close()


def test_what_rots_in_the_second_store_is_told_and_written_anew(tmp_path: Path, keys: Path, minio: S3Server) -> None:
    with opened(tmp_path / "home", keys, **names(minio, "COPY_S3")) as system:
        ids = [keep(system, tmp_path, n) for n in range(2)]
        system.publisher.publish()
        assert Custody(system).copy_everything(check=True)["findings"] == []
        second = system.settings.archive.copy_store
        for name in ("original.pdf", "/inventory.json"):
            decay(minio, second, system.copy_store, ids[0], name)
            report = Custody(system).copy_everything(check=True)
            assert found(report) == {("unreadable", "copy", "bytes")}
            assert {f["record_id"] for f in report["findings"]} == {ids[0]}
            with system.database.read() as session:
                assert "unverifiable" in set(session.scalars(select(CopyRow.verdict)))
            with pytest.raises(Refused, check=lambda error: error.code == "copy_incomplete"):
                Custody(system).promote()
            done = Custody(system).restore("demo", ids[0], agent="service:cli")
            assert [one.store for one in done] == ["second"]
            assert Custody(system).copy_everything(check=True)["findings"] == []
        describe(system.stores, "demo", ids[0], {"title": "Ensuite"}, agent="user:1", expected_revision=1)
        assert Custody(system).copy_everything(check=True)["findings"] == [], "a head that was put back is in sequence"
        alter(stored_file(system, ids[1], "original.pdf"), flipped)
        decay(minio, second, system.copy_store, ids[1], "original.pdf")
        done = Custody(system).restore("demo", ids[1], agent="service:cli")
        assert [one.store for one in done] == [""], "damaged here, unreadable there"


def test_what_awaits_disposal_is_copied_though_its_lock_has_ended(tmp_path: Path, keys: Path, minio: S3Server) -> None:
    """No S3 takes a lock in the past: the copy is made without, and restored without."""
    with opened(tmp_path / "home", keys, **names(minio, "COPY_S3")) as system:
        record_id = keep(system, tmp_path, 1)
        past = system.clock().date() - timedelta(days=3)
        ended = datetime.combine(past, time(), UTC).timestamp()
        with system.database.read() as session:
            form = session.get_one(RepresentationRow, (record_id, "original"))
        os.utime(stored_file(system, record_id, "original.pdf"), (ended, ended))
        guard_pinned(system.database, [form], system.store.stat)
        assert form.locked_until == past
        assert Custody(system).copy_everything(check=True)["findings"] == []
        assert Custody(system).copy_everything()["records_behind"] == 0
        alter(stored_file(system, record_id, "original.pdf"), flipped)
        done = Custody(system).restore("demo", record_id, agent="service:cli")
        assert [one.store for one in done] == ["first"]
        with system.database.write() as session:
            copied = session.scalars(select(CopyRow).where(CopyRow.key == form.key)).one()
            copied.copy_version = "00000000-0000-0000-0000-000000000000"
        done = Custody(system).restore("demo", record_id, agent="service:cli")
        assert [one.store for one in done] == ["second"]


def _again(system: System) -> dict[str, str]:
    given = system.settings.archive.store
    return {
        "CHARTRIER_S3_ENDPOINT": given.endpoint,  # type: ignore[union-attr]
        "CHARTRIER_S3_BUCKET": given.bucket,  # type: ignore[union-attr]
        "CHARTRIER_S3_ACCESS_KEY": given.access_key.get_secret_value(),  # type: ignore[union-attr]
        "CHARTRIER_S3_SECRET_KEY": given.secret_key.get_secret_value(),  # type: ignore[union-attr]
    }


def test_a_bucket_copied_object_by_object_is_whole_after_a_rebuild(tmp_path: Path, keys: Path, minio: S3Server) -> None:
    """Such a copy has other version ids and no locks: the catalogue finds none of its versions."""
    with opened(tmp_path / "home", keys, **names(minio, "S3")) as system:
        ids = filled(system, tmp_path)
        system.holds.settle(system.holds.place("demo", [ids[0]], reason="Contentieux", agent="user:1"))
        system.publisher.publish(force_token=True)
        environment = names(minio, "S3")
        client = minio.client()
        client.make_bucket(environment["CHARTRIER_S3_BUCKET"], object_lock=True)
        for item in system.store.list(""):
            content = read_all(system.store, item.key, item.version)
            client.put_object(environment["CHARTRIER_S3_BUCKET"], item.key, io.BytesIO(content), len(content))
        lose_database(system)
    after = system_at(tmp_path / "home", **environment)
    after.prepare_rebuild()
    assert Custody(after).rebuild()["equal"]
    assert not any(verify(after.stores, "demo", one).is_whole for one in ids[::2]), "the locks are missing"
    report = Custody(after).reconcile(repair=True, ask_locks=True, pause=lambda _: None)
    assert {(f["kind"], f["detail"], f["repaired"]) for f in report["findings"]} == {("unguarded", "lock", True)}
    assert all(verify(after.stores, "demo", one).is_whole for one in ids[::2])
    newest = {item.key: item.version for item in after.store.list("tenants/") if ids[0] in item.key}
    assert newest
    for key, version in newest.items():
        state = after.store.stat(key, version)
        assert state.legal_hold
        assert state.locked_until is not None
    after.close()
