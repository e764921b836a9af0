"""Rebuild, reconciliation and second copy on real buckets: MinIO first, SeaweedFS second."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import api.tables  # noqa: F401 - so that every table exists
from archive.tables import CopyRow, RepresentationRow
from ingestion.assembly import System
from ingestion.custody import Custody
from tests.holdings import (
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
from tests.servers.buckets import S3Server
from tests.unit.ingestion.test_rebuild import SAME

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
    assert after.holdings.verify("demo", ids[0]).verdict == "intact"
    assert Custody(after).reconcile(pause=lambda _: None)["findings"] == []
    after.close()


def test_a_version_too_many_and_a_marker_are_alarms(bucket: System, tmp_path: Path, minio: S3Server) -> None:
    """Somebody with the credential writes past us: a bucket takes more versions and hides what it can't lose."""
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
        assert after.search_entry(session, "demo", ids[2]) is not None
    after.close()


def test_a_bucket_is_kept_twice_and_one_restores_the_other(bucket: System, tmp_path: Path) -> None:
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
    _lose(bucket, ids[0])
    assert bucket.holdings.verify("demo", ids[0]).verdict in {"altered", "missing"}
    done = Custody(bucket).restore("demo", ids[0], agent="service:cli")
    assert [one.store for one in done] == ["first"]
    assert bucket.holdings.verify("demo", ids[0]).verdict == "intact"
    assert Custody(bucket).reconcile(pause=lambda _: None)["findings"] == []


def test_what_awaits_disposal_is_copied_though_its_lock_has_ended(tmp_path: Path, keys: Path, minio: S3Server) -> None:
    """No S3 takes a lock in the past: the copy is made without, and restored without."""
    with opened(tmp_path / "home", keys, **names(minio, "COPY_S3")) as system:
        record_id = keep(system, tmp_path, 1)
        past = system.clock().date() - timedelta(days=3)
        ended = datetime.combine(past, time(), UTC).timestamp()
        with system.database.write() as session:
            form = session.get_one(RepresentationRow, (record_id, "original"))
            os.utime(stored_file(system, record_id, "original.pdf"), (ended, ended))
            form.locked_until = system.store.stat(form.key, form.version).locked_until
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


def _lose(system: System, record_id: str) -> None:
    """The catalogue's pin is pointed at a version that the bucket does not have: gone, as far as anybody can see."""
    from sqlalchemy import update

    from archive.tables import CopyRow, RepresentationRow

    lost = "00000000-0000-0000-0000-000000000000"
    with system.database.write() as session:
        form = session.get_one(RepresentationRow, (record_id, "text"))
        session.execute(update(CopyRow).where(CopyRow.key == form.key).values(version=lost))
        form.version = lost
