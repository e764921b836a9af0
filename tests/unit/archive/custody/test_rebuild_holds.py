"""Holds come back from the store alone, and in doubt a record is held."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import api.access.tables  # noqa: F401 - so that every table exists
from archive.catalogue import rows as catalogue
from archive.database.tables import HeldRecordRow, HoldRow, JournalEntryRow
from archive.disposition.holds.statements import PLACED, RELEASED, released
from archive.holdings.verify import verify
from archive.objects import layout
from archive.objects.layout import HoldKey
from archive.retention.civil import civil_day
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from tests.holdings import PowerCut, alter, keep, lose_database, opened, rows, system_at
from tests.servers.buckets import S3Server


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with opened(tmp_path / "home") as made:
        yield made


def again(system: System, **environment: str) -> tuple[System, dict[str, Any]]:
    lose_database(system)
    after = system_at(system.settings.home, **environment)
    after.prepare_rebuild()
    return after, Custody(after).rebuild()


def hold(system: System, *records: str, until: Any = None, tell: bool = True) -> str:
    made = system.holds.place("demo", records, reason="Contentieux", until=until, agent="user:1")
    if tell:
        assert system.holds.settle(made) == {}
    return made


def release(system: System, which: str, *, tell: bool = True) -> None:
    system.holds.release("demo", which, reason="Jugé", agent="user:1")
    if tell:
        assert system.holds.settle(which) == {}


def held(system: System) -> dict[str, tuple[Any, ...]]:
    """Every hold, but for who and for what the store was seen to do."""
    with system.database.read() as session:
        return {
            row.id: (
                row.tenant_id,
                row.reason,
                row.until,
                row.placed_at.replace(microsecond=row.placed_at.microsecond // 1000 * 1000),
                row.placed_salt,
                row.released_at and row.released_at.replace(microsecond=row.released_at.microsecond // 1000 * 1000),
                row.release_reason,
                row.release_salt,
                row.released_by is None,
            )
            for row in session.scalars(select(HoldRow))
        }


def covered(system: System) -> list[tuple[Any, ...]]:
    """Every record of a hold, but for what the store was seen to do."""
    with system.database.read() as session:
        return sorted((row.hold_id, row.record_id, row.since) for row in session.scalars(select(HeldRecordRow)))


def in_store(system: System, record: str) -> set[bool]:
    root = layout.record_folder("demo", record).root
    return {system.store.stat(item.key, item.version).legal_hold for item in system.store.list(f"{root}/")}


def types(system: System, record: str) -> list[str]:
    with system.database.read() as session:
        query = select(JournalEntryRow.type).where(JournalEntryRow.subject == f"record:{record}")
        return list(session.scalars(query.order_by(JournalEntryRow.n)))


def test_holds_come_back_as_they_were(system: System, tmp_path: Path) -> None:
    one, two, free = (keep(system, tmp_path, n) for n in range(3))
    first = hold(system, one, two, until=system.clock().date() + timedelta(90))
    second = hold(system, one)
    release(system, second)
    third = hold(system, free, until=civil_day(system.clock(), "Europe/Paris"))
    release(system, third)
    system.publisher.publish(force_token=True)
    before, pairs, forms = held(system), covered(system), rows(system, "representations", "stored_files")
    after, report = again(system)
    assert held(after) == before
    assert covered(after) == pairs
    assert rows(after, "representations", "stored_files") == forms
    assert (report["equal"], report["recovered"]["count"]) == (True, 0)
    assert not any(report["counts"].values())
    after.initialise()
    assert after.holds.run().failed == {}
    assert in_store(after, one) == in_store(after, two) == {True}
    assert in_store(after, free) == {False}
    with after.database.read() as session:
        assert [row.id for row in catalogue.holds_on(session, one)] == [first]
    assert verify(after.stores, "demo", one).verdict == "intact"
    assert Custody(after).reconcile()["open"] == 0, "statements are no strangers in the register"
    after.close()


def test_what_was_decided_in_the_last_minute_is_told_again(system: System, tmp_path: Path) -> None:
    one, two = keep(system, tmp_path, 1), keep(system, tmp_path, 2)
    old = hold(system, two)
    system.publisher.publish(force_token=True)
    new = hold(system, one)  # neither of these two was published
    release(system, old)
    after, report = again(system)
    assert report["recovered"]["count"] == 2
    assert set(report["recovered"]["subjects"]) == {f"hold:{old}", f"hold:{new}"}
    assert types(after, one)[-1] == "HoldRecovered"
    assert types(after, two)[-1] == "ReleaseRecovered"
    with after.database.read() as session:
        assert [row.reason for row in catalogue.holds_on(session, one)] == ["Contentieux"]
        assert catalogue.holds_on(session, two) == []
    after.initialise()
    assert after.holds.run().failed == {}
    assert (in_store(after, one), in_store(after, two)) == ({True}, {False})
    third, report = again(after)
    assert report["recovered"]["count"] == 2, "not published either"
    third.close()


def test_a_decision_that_the_store_never_heard_of_comes_back_from_the_journal(system: System, tmp_path: Path) -> None:
    one, two = keep(system, tmp_path, 1), keep(system, tmp_path, 2)
    until = system.clock().date() + timedelta(5)
    placed = hold(system, one, until=until, tell=False)
    released = hold(system, two)
    release(system, released, tell=False)
    system.publisher.publish(force_token=True)
    after, report = again(system)
    missing = {item["what"] for item in report["findings"]}
    assert missing == {HoldKey("demo", placed, PLACED).key, HoldKey("demo", released, RELEASED).key}
    with after.database.read() as session:
        (row,) = catalogue.holds_on(session, one)
        assert row.until == until
        assert "perdu" in row.reason
        assert catalogue.holds_on(session, two) == []
    after.initialise()
    assert after.holds.run().failed == {}
    assert (in_store(after, one), in_store(after, two)) == ({True}, {False})
    after.publisher.publish(force_token=True)
    third, report = again(after)
    assert not any(report["counts"].values()), "what is written down now agrees with the journal"
    third.close()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content.replace(b"Contentieux", b"Rien de tel"),
        lambda content: content[:-1],
        lambda content: b"{}",
    ],
)
def test_a_statement_that_was_altered_is_not_believed(system: System, tmp_path: Path, spoil: Any) -> None:
    one = keep(system, tmp_path, 1)
    which = hold(system, one)
    system.publisher.publish(force_token=True)
    key = HoldKey("demo", which, PLACED).key
    alter(system.settings.home / "store" / key, spoil)
    after, report = again(system)
    assert {item["what"] for item in report["findings"] if item["kind"] == "changed"} == {key}
    with after.database.read() as session:
        (row,) = catalogue.holds_on(session, one)
        assert "perdu" in row.reason
    after.close()


def test_a_release_forged_in_the_store_frees_nothing(system: System, tmp_path: Path) -> None:
    """The journal knows another one: the record was held again, and then somebody put the old words
    back.
    """
    one = keep(system, tmp_path, 1)
    which = hold(system, one)
    release(system, which)
    system.publisher.publish(force_token=True)
    key = HoldKey("demo", which, RELEASED).key
    alter(system.settings.home / "store" / key, lambda content: content.replace(b"Jug", b"Jog"))
    after, report = again(system)
    assert {item["what"] for item in report["findings"] if item["kind"] == "changed"} == {key}
    with after.database.read() as session:
        assert "perdu" in (session.get_one(HoldRow, which).release_reason or "")
    after.close()


def test_a_release_that_the_journal_would_know_of_frees_nothing(system: System, tmp_path: Path) -> None:
    one = keep(system, tmp_path, 1)
    which = hold(system, one)
    system.publisher.publish(force_token=True)
    with system.database.read() as session:
        row = session.get_one(HoldRow, which)
    row.released_at, row.release_reason, row.release_salt = system.clock() - timedelta(hours=1), "Jugé", "0" * 32
    forged, key = released(row), HoldKey("demo", which, RELEASED).key
    system.store.put(key, forged, sha256=hashlib.sha256(forged).hexdigest())
    after, report = again(system)
    assert [(f["kind"], f["what"], f["detail"]) for f in report["findings"]] == [("untracked", key, "hold")]
    with after.database.read() as session:
        assert [row.id for row in catalogue.holds_on(session, one)] == [which]
    after.close()


def test_a_rebuild_killed_among_the_holds_goes_on(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [keep(system, tmp_path, n) for n in range(3)]
    for record in ids:
        hold(system, record)
    before = held(system)
    lose_database(system)
    after = system_at(system.settings.home)
    after.prepare_rebuild()
    from archive.custody.rebuild.holds import HoldsAgain

    real, entered = HoldsAgain._enter, []

    def enter(self: HoldsAgain, *given: Any) -> None:
        if len(entered) == 1:
            raise PowerCut
        entered.append(1)
        real(self, *given)

    monkeypatch.setattr(HoldsAgain, "_enter", enter)
    with suppress(PowerCut):
        Custody(after).rebuild()
    assert len(held(after)) == 1
    monkeypatch.setattr(HoldsAgain, "_enter", real)
    assert Custody(after).rebuild()["equal"]
    assert held(after) == before
    after.close()


@pytest.mark.services
def test_holds_come_back_from_a_bucket_into_postgresql(tmp_path: Path, minio: S3Server, postgres: Any) -> None:
    store = minio.settings()
    environment = {
        "CHARTRIER_S3_ENDPOINT": store.endpoint,
        "CHARTRIER_S3_BUCKET": store.bucket,
        "CHARTRIER_S3_ACCESS_KEY": store.access_key.get_secret_value(),
        "CHARTRIER_S3_SECRET_KEY": store.secret_key.get_secret_value(),
    }
    with opened(tmp_path / "home", **environment, **postgres.fresh().settings) as system:
        one, two = keep(system, tmp_path, 1), keep(system, tmp_path, 2)
        hold(system, one)
        released = hold(system, two)
        release(system, released)
        system.publisher.publish(force_token=True)
        before = held(system)
    after = system_at(tmp_path / "home", **environment, **postgres.fresh().settings)
    after.prepare_rebuild()
    report = Custody(after).rebuild()
    assert (report["equal"], report["recovered"]["count"]) == (True, 0)
    assert held(after) == before
    after.initialise()
    assert after.holds.run().failed == {}
    assert (in_store(after, one), in_store(after, two)) == ({True}, {False})
    client = minio.client()
    with after.database.read() as session:
        for item in catalogue.placed(session, one):
            assert client.is_object_legal_hold_enabled(store.bucket, item.key, version_id=item.version)
    after.close()


def test_a_record_that_is_lost_does_not_take_the_hold_of_the_others(system: System, tmp_path: Path) -> None:
    one, lost = keep(system, tmp_path, 1), keep(system, tmp_path, 2)
    which = hold(system, one, lost)
    system.publisher.publish(force_token=True)
    shutil.rmtree(system.settings.home / "store" / layout.record_folder("demo", lost).root)
    after, report = again(system)
    assert report["counts"]["missing"] == 1
    after.initialise()
    assert after.holds.run().failed == {}, "the statement names more records than there are, as the journal does"
    assert in_store(after, one) == {True}
    key = HoldKey("demo", which, PLACED).key
    alter(after.settings.home / "store" / key, lambda content: content.replace(b"Contentieux", b"Autre chose"))
    assert after.holds.settle(which) == {which: "object_exists"}, "and what nobody told is an alarm"
    after.close()


def test_a_statement_that_nobody_decided_or_that_is_not_as_it_was_is_told(system: System, tmp_path: Path) -> None:
    """Somebody with the store's credential writes that a hold has ended: it is found long before a
    rebuild reads it.
    """
    one, two, three = (keep(system, tmp_path, n) for n in range(3))
    forged, altered, gone = hold(system, one), hold(system, two), hold(system, three)
    hold(system, one, tell=False)
    system.publisher.publish(force_token=True)
    system.follower.catch_up()

    def found() -> set[tuple[str, str, str]]:
        report = Custody(system).reconcile(pause=lambda _: None)
        return {(item["kind"], item["what"], item["detail"]) for item in report["findings"]}

    assert found() == set(), "what the store was not told yet is not missed"
    content = json.dumps({"v": 1, "type": "release", "hold": forged, "tenant": "demo"}).encode()
    release_key = HoldKey("demo", forged, RELEASED).key
    system.store.put(release_key, content, sha256=hashlib.sha256(content).hexdigest())
    alter(
        system.settings.home / "store" / HoldKey("demo", altered, PLACED).key, lambda was: was.replace(b"Cont", b"cont")
    )
    (system.settings.home / "store" / HoldKey("demo", gone, PLACED).key).unlink()
    assert found() == {
        ("untracked", release_key, "hold"),
        ("changed", HoldKey("demo", altered, PLACED).key, "hold"),
        ("missing", HoldKey("demo", gone, PLACED).key, "hold"),
    }
