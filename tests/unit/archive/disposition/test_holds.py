"""What is held stays held: in the catalogue at once, in the store once it answers, on files and on
a real MinIO.
"""

from __future__ import annotations

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from minio.deleteobjects import DeleteObject
from minio.error import S3Error
from sqlalchemy import select

from archive.catalogue import rows as catalogue
from archive.database.tables import HoldRow, JournalEntryRow, RecordRow
from archive.disposition.holds import listing as holds
from archive.disposition.holds import statements as hold_statements
from archive.disposition.holds.decisions import Holds, Settled
from archive.disposition.holds.statements import PLACED
from archive.holdings import describe as holdings
from archive.holdings.checks import Aspect
from archive.holdings.verify import verify
from archive.model.days import DEFAULT_ZONE
from archive.model.identifiers import new_id
from archive.model.settings import S3Store
from archive.objects import layout
from archive.objects.fixity import Fixity
from archive.objects.layout import HoldKey
from archive.objects.local import LocalObjectStore
from archive.objects.minio import MinioObjectStore
from archive.objects.port import ObjectStore, read_all, unreadable
from archive.retention.civil import civil_day
from signing.ground.clock import utc_now
from signing.ground.errors import Refused, Unavailable
from tests.servers.buckets import S3Server
from tests.unit.archive.evidence.test_bundle import run as checked
from tests.unit.archive.world import Make, Watch, World

REASON = "Contentieux du marché 2026-12, dossier DUPOND"


@pytest.fixture(params=["files", pytest.param("minio", marks=pytest.mark.services)])
def somewhere(request: pytest.FixtureRequest, make: Make) -> World:
    """A world on files, and one on a real store with Object Lock."""
    if request.param == "files":
        return make()
    server: S3Server = request.getfixturevalue("minio")
    return make(store=MinioObjectStore(server.settings(), utc_now))


def on(world: World, store: ObjectStore | None = None) -> Holds:
    return Holds(world.database, world.ledger, store or world.store, world.clock, world.horizon)


def place(world: World, *records: str, **given: Any) -> str:
    return on(world).place("demo", records, **({"reason": REASON, "until": None, "agent": "user:1"} | given))


def today(world: World) -> date:
    return civil_day(world.clock(), DEFAULT_ZONE)


def release(world: World, hold: str) -> None:
    on(world).release("demo", hold, reason="Jugement définitif", agent="user:2")


def run(world: World, store: ObjectStore | None = None) -> Settled:
    return on(world, store).run()


def in_store(world: World, record: str) -> set[bool]:
    """Legal hold of every version of every object of a record, as the store states each."""
    root = layout.record_folder("demo", record).root
    return {world.store.stat(item.key, item.version).legal_hold for item in world.store.list(f"{root}/")}


def in_catalogue(world: World, record: str) -> set[bool]:
    with world.database.read() as session:
        return {row.legal_hold for row in catalogue.rows(session, record)}


def told(world: World, record: str) -> list[tuple[str, dict[str, Any], str | None]]:
    """Entries about holds of a record: type, facts, agent."""
    with world.database.read() as session:
        query = select(JournalEntryRow.type, JournalEntryRow.body).where(JournalEntryRow.subject == f"record:{record}")
        rows = session.execute(query.order_by(JournalEntryRow.n)).all()
    read = [(kind, json.loads(body)) for kind, body in rows if kind.startswith(("Hold", "Release"))]
    return [(kind, body["facts"], body["agent"]) for kind, body in read]


def row_of(world: World, hold: str) -> HoldRow:
    with world.database.read() as session:
        return session.get_one(HoldRow, hold)


def describe(world: World, record: str, title: str, revision: int = 1) -> None:
    holdings.describe(world.stores, "demo", record, {"title": title}, agent="user:1", expected_revision=revision)


class Away:
    """A store that goes away after so many holds were set or lifted."""

    def __init__(self, store: ObjectStore, left: int) -> None:
        self._store = store
        self._left = left

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def hold(self, key: str, version: str, *, on: bool) -> Any:
        if self._left == 0:
            raise Unavailable("store_away", "Le magasin ne répond pas.")
        self._left -= 1
        return self._store.hold(key, version, on=on)


# -- placed and released


def test_a_hold_is_set_on_every_object_and_lifted_again(somewhere: World, tmp_path: Path) -> None:
    world = somewhere
    record, other = world.keep(tmp_path), world.keep(tmp_path)
    describe(world, record, "Deuxième fiche")  # a second version: heads of the first lie under it
    assert in_store(world, record) == {False}
    hold = place(world, record)
    assert in_store(world, record) == {False}, "the decision comes first"
    assert run(world) == Settled(settled=1)
    assert in_store(world, record) == in_catalogue(world, record) == {True}
    assert in_store(world, other) == in_catalogue(world, other) == {False}
    assert verify(world.stores, "demo", record).verdict is Fixity.INTACT
    with world.database.read() as session:
        view = catalogue.view(session, "demo", record)
    assert [(one["id"], one["reason"], one["until"]) for one in view["holds"]] == [(hold, REASON, None)]
    assert {form["store"]["legal_hold"] for form in view["representations"]} == {True}
    assert run(world) == Settled()

    release(world, hold)
    assert in_catalogue(world, record) == {False}, "nothing is claimed that the store may be about to end"
    assert verify(world.stores, "demo", record).verdict is Fixity.INTACT
    assert run(world) == Settled(settled=1)
    assert in_store(world, record) == {False}
    assert verify(world.stores, "demo", record).verdict is Fixity.INTACT
    with world.database.read() as session:
        assert catalogue.view(session, "demo", record)["holds"] == []


def test_the_journal_tells_both_and_never_why(world: World, tmp_path: Path) -> None:
    record, second = sorted((world.keep(tmp_path), world.keep(tmp_path)))
    hold = place(world, record, second, until=world.clock().date() + timedelta(30))
    release(world, hold)
    run(world)
    for one in (record, second):
        (first, placed, who), (last, released, whom) = told(world, one)
        assert (first, last) == ("HoldPlaced", "HoldReleased")
        assert placed["until"] == (world.clock().date() + timedelta(30)).isoformat()
        assert released["ended"] == "released"
        assert None not in (who, whom)
        for what, facts in (("placed", placed), ("released", released)):
            key = HoldKey("demo", hold, what).key
            content = read_all(world.store, key)
            assert facts["statement"] == hold_statements.digest_of(content)
            assert world.store.stat(key).locked_until is not None
    statement = hold_statements.read(
        HoldKey("demo", hold, "placed").key,
        read_all(world.store, HoldKey("demo", hold, "placed").key),
    )
    assert (statement.reason, statement.records) == (REASON, (record, second))
    with world.database.read() as session:
        bodies = b"".join(session.scalars(select(JournalEntryRow.body)))
    assert b"DUPOND" not in bodies
    assert b"Jugement" not in bodies
    assert b"user:" not in bodies


def test_two_holds_on_one_record_end_with_the_second(world: World, tmp_path: Path) -> None:
    record = world.keep(tmp_path)
    first, second = place(world, record), place(world, record)
    run(world)
    release(world, first)
    assert run(world) == Settled(settled=1)
    assert in_store(world, record) == in_catalogue(world, record) == {True}
    release(world, second)
    run(world)
    assert in_store(world, record) == in_catalogue(world, record) == {False}


def test_what_is_added_while_it_is_held_is_held_at_once(somewhere: World, tmp_path: Path) -> None:
    world = somewhere
    record = world.keep(tmp_path)
    place(world, record)
    run(world)
    describe(world, record, "Pendant le gel")
    assert in_store(world, record) == in_catalogue(world, record) == {True}
    assert verify(world.stores, "demo", record).verdict is Fixity.INTACT


def test_a_description_between_decision_and_store_is_held_too(world: World, tmp_path: Path) -> None:
    record = world.keep(tmp_path)
    place(world, record)
    describe(world, record, "Entre les deux")
    run(world)
    assert in_store(world, record) == in_catalogue(world, record) == {True}


# -- refused


def test_what_makes_no_sense_is_refused_and_leaves_nothing(world: World, tmp_path: Path) -> None:
    record = world.keep(tmp_path)
    hold = place(world, record)
    before = len(told(world, record))

    def code(records: list[str], tenant: str = "demo", **given: Any) -> tuple[str, str | None]:
        with pytest.raises(Refused) as refused:
            on(world).place(tenant, records, **({"reason": "x", "until": None, "agent": "user:1"} | given))
        return refused.value.code, refused.value.pointer

    today = world.clock().date()
    assert code([]) == ("bad_hold", "/records")
    assert code([new_id() for _ in range(501)]) == ("record_not_found", "/records")
    assert code([record], reason="  ") == ("bad_hold", "/reason")
    assert code([record], reason="x" * 2001) == ("bad_hold", "/reason")
    assert code([record], until=today - timedelta(1)) == ("bad_hold", "/until")
    assert code([record, new_id()])[0] == "record_not_found"
    assert code([record], tenant="autre")[0] == "record_not_found"
    for tenant, which, expected in (
        ("demo", new_id(), "hold_not_found"),
        ("demo", "x", "hold_not_found"),
        ("autre", hold, "hold_not_found"),
    ):
        with pytest.raises(Refused) as refused:
            on(world).release(tenant, which, reason="x", agent="user:1")
        assert refused.value.code == expected
    assert len(told(world, record)) == before
    release(world, hold)
    with pytest.raises(Refused) as again:
        release(world, hold)
    assert again.value.code == "hold_released"
    assert len(told(world, record)) == before + 1


def test_what_is_gone_is_not_held(world: World, tmp_path: Path) -> None:
    record = world.keep(tmp_path)
    with world.database.write() as session:
        session.get_one(RecordRow, record).state = "disposed"
    with pytest.raises(Refused) as refused:
        place(world, record)
    assert refused.value.code == "record_not_kept"


# -- cut short


@pytest.mark.parametrize("left", [0, 1, 5])
def test_a_store_that_goes_away_is_brought_in_step_later(world: World, tmp_path: Path, left: int) -> None:
    record = world.keep(tmp_path)
    hold = place(world, record)
    with pytest.raises(Unavailable):
        run(world, Away(world.store, left))  # type: ignore[arg-type]
    assert row_of(world, hold).settled_at is None
    assert in_catalogue(world, record) == {False}, "nothing is claimed yet"
    assert verify(world.stores, "demo", record).verdict is Fixity.INTACT
    assert run(world) == Settled(settled=1)
    assert in_store(world, record) == in_catalogue(world, record) == {True}

    release(world, hold)
    with pytest.raises(Unavailable):
        run(world, Away(world.store, left))  # type: ignore[arg-type]
    assert row_of(world, hold).settled_at is None
    assert verify(world.stores, "demo", record).verdict is Fixity.INTACT
    assert run(world) == Settled(settled=1)
    assert in_store(world, record) == in_catalogue(world, record) == {False}


def test_a_hold_released_before_the_store_knew_of_it_leaves_nothing_held(world: World, tmp_path: Path) -> None:
    record = world.keep(tmp_path)
    hold = place(world, record)
    with pytest.raises(Unavailable):
        run(world, Away(world.store, 4))  # type: ignore[arg-type]
    release(world, hold)
    assert run(world) == Settled(settled=1)
    assert in_store(world, record) == {False}


def test_a_hold_that_the_store_ignores_is_an_alarm(world: World, watch: Watch, tmp_path: Path) -> None:
    class Deaf(Away):
        def hold(self, key: str, version: str, *, on: bool) -> Any:
            return self._store.stat(key, version)

    record = world.keep(tmp_path)
    hold = place(world, record)
    done = run(world, Deaf(world.store, 0))  # type: ignore[arg-type]
    assert done == Settled(failed={record: "hold_missing"})
    row = row_of(world, hold)
    assert (row.settled_at, row.problem) == (None, "hold_missing")
    watch.days = 1
    with world.database.read() as session:
        assert holds.overdue(session, world.clock()) == 1
    run(world)
    row = row_of(world, hold)
    assert row.settled_at is not None
    assert row.problem is None
    with world.database.read() as session:
        assert holds.overdue(session, world.clock()) == 0


def test_one_damaged_record_does_not_keep_the_others_from_being_held(world: World, tmp_path: Path) -> None:
    record, other = world.keep(tmp_path), world.keep(tmp_path)
    with world.database.read() as session:
        lost = catalogue.representation(session, "demo", record, "text")
    assert isinstance(world.store, LocalObjectStore)
    (tmp_path / "store" / lost.key).unlink()
    place(world, record, other)
    assert run(world) == Settled(failed={record: "object_missing"})
    assert in_store(world, other) == in_catalogue(world, other) == {True}
    assert True in in_store(world, record)


# -- ended


def test_a_hold_ends_by_itself_after_its_last_day(world: World, watch: Watch, tmp_path: Path) -> None:
    record = world.keep(tmp_path)
    last = today(world) + timedelta(10)
    hold = place(world, record, until=last)
    run(world)
    watch.days = 10
    assert run(world) == Settled()
    assert in_store(world, record) == {True}, "its last day is one of its days"
    watch.days = 11
    assert run(world) == Settled(ended=1, settled=1)
    assert in_store(world, record) == in_catalogue(world, record) == {False}
    kind, facts, agent = told(world, record)[-1]
    assert (kind, facts["hold"], facts["ended"], agent) == ("HoldReleased", hold, "expired", None)
    row = row_of(world, hold)
    assert (row.released_by, row.release_reason) == (None, None)
    assert run(world) == Settled()


def test_a_hold_that_should_have_ended_days_ago_is_an_alarm(world: World, watch: Watch, tmp_path: Path) -> None:
    place(world, world.keep(tmp_path), until=today(world))
    run(world)
    watch.days = 3
    with world.database.read() as session:
        assert holds.overdue(session, world.clock()) == 1


# -- what the store itself says


def test_the_store_destroys_nothing_that_is_held(world: World, watch: Watch, tmp_path: Path) -> None:
    record = world.keep(tmp_path)
    hold = place(world, record)
    run(world)
    with world.database.read() as session:
        row = catalogue.representation(session, "demo", record, "original")
    watch.days = 20_000  # every lock has ended
    with pytest.raises(Refused) as refused:
        world.store.delete(row.key, row.version)
    assert refused.value.code == "object_locked"
    release(world, hold)
    run(world)
    world.store.delete(row.key, row.version)


@pytest.mark.services
def test_minio_itself_refuses_and_says_on_for_each_version(
    make: Make, minio: S3Server, tmp_path: Path, watch: Watch
) -> None:
    """Asked past our adapter, with the vendor's client and the owner's own rights."""
    settings = minio.settings()
    world = make(store=MinioObjectStore(settings, utc_now))
    record = world.keep(tmp_path)
    describe(world, record, "Deuxième fiche")
    root = layout.record_folder("demo", record).root
    versions = [(item.key, item.version) for item in world.store.list(f"{root}/")]
    client = minio.client()

    def states() -> set[bool]:
        return {client.is_object_legal_hold_enabled(settings.bucket, key, version_id=v) for key, v in versions}

    assert states() == {False}
    hold = place(world, record)
    run(world)
    assert len(versions) > 10
    assert states() == {True}
    release(world, hold)
    run(world)
    assert states() == {False}


@pytest.mark.services
def test_minio_refuses_what_is_held_and_has_no_lock_left(make: Make, minio: S3Server, tmp_path: Path) -> None:
    """A lock can't be waited for: an object that never had one is held, as all are once theirs has
    ended.
    """
    settings = minio.settings()
    world = make(store=MinioObjectStore(settings, utc_now))
    record = world.keep(tmp_path)
    root = layout.record_folder("demo", record).root
    client = minio.client()
    unlocked = f"{root}/unlocked"
    put = world.store.put(unlocked, b"x", sha256=hold_statements.digest_of(b"x"))
    hold = place(world, record)
    run(world)
    refused = list(client.remove_objects(settings.bucket, [DeleteObject(unlocked, put.version)], True))
    assert [error.code for error in refused] != []
    with pytest.raises(S3Error, match=r"WORM|legal"):
        client.remove_object(settings.bucket, unlocked, version_id=put.version)
    release(world, hold)
    run(world)
    client.remove_object(settings.bucket, unlocked, version_id=put.version)
    assert "unlocked" not in " ".join(item.key for item in world.store.list(f"{root}/"))


@pytest.mark.services
def test_a_hold_that_somebody_lifted_in_the_store_is_found_out(make: Make, minio: S3Server, tmp_path: Path) -> None:
    settings: S3Store = minio.settings()
    world = make(store=MinioObjectStore(settings, utc_now))
    record = world.keep(tmp_path)
    place(world, record)
    run(world)
    assert verify(world.stores, "demo", record).verdict is Fixity.INTACT
    with world.database.read() as session:
        pinned = catalogue.placed(session, record)
    for item in (pinned[0], pinned[-1]):  # a form, and one of the small files
        minio.client().disable_object_legal_hold(settings.bucket, item.key, version_id=item.version)
        found = verify(world.stores, "demo", record)
        assert (found.verdict, found.of(Aspect.HOLD)) == (Fixity.INTACT, Fixity.MISSING)
        assert "gel" in " ".join(check.detail for check in found.checks)
        minio.client().enable_object_legal_hold(settings.bucket, item.key, version_id=item.version)
    assert verify(world.stores, "demo", record).verdict is Fixity.INTACT


def test_a_check_that_crosses_a_decision_tells_nothing_wrong(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Released and lifted between what was promised and what was read."""
    record = world.keep(tmp_path)
    hold = place(world, record)
    run(world)
    real, crossed = world.store.stat, []

    def stat(key: str, version: str | None = None) -> Any:
        if not crossed:
            crossed.append(key)
            release(world, hold)
            run(world)
        return real(key, version)

    monkeypatch.setattr(world.store, "stat", stat)
    assert verify(world.stores, "demo", record).verdict is Fixity.INTACT
    assert crossed


def test_evidence_carries_the_hold_and_its_checker_agrees(world: World, tmp_path: Path) -> None:
    record = world.keep(tmp_path)
    hold = place(world, record)
    run(world)
    release(world, hold)
    run(world)
    folder = tmp_path / "bundle"
    with zipfile.ZipFile(io.BytesIO(world.bundle(record))) as bundle:
        bundle.extractall(folder)
    told = [json.loads(path.read_bytes())["type"] for path in sorted(folder.glob("journal/*.json"))]
    assert {"HoldPlaced", "HoldReleased"} <= set(told)
    assert not [path for path in folder.rglob("*") if path.is_file() and b"DUPOND" in path.read_bytes()]
    (tmp_path / "trust.json").write_bytes(world.trust())
    done = checked(folder, "--trust", str(tmp_path / "trust.json"))
    assert done.returncode == 0, done.stdout


def test_decisions_that_cross_leave_what_was_decided_last(world: World, tmp_path: Path) -> None:
    """Held and released by several at once, and described meanwhile: no wait without end, nothing
    lifted too much.
    """
    records = [world.keep(tmp_path), world.keep(tmp_path)]
    last: list[str] = []

    def hold_and_release(turn: int) -> None:
        for round_ in range(3):
            hold = place(world, *records[:: 1 if turn else -1])
            on(world).settle(hold)
            if (turn, round_) == (1, 2):
                last.append(hold)
            else:
                release(world, hold)
                on(world).settle(hold)

    def tell() -> None:
        for revision in range(1, 5):
            describe(world, records[0], f"Fiche {revision}", revision)

    with ThreadPoolExecutor(3) as people:
        for done in [people.submit(hold_and_release, 0), people.submit(hold_and_release, 1), people.submit(tell)]:
            done.result(120)
    assert run(world).failed == {}
    for record in records:
        assert in_store(world, record) == in_catalogue(world, record) == {True}
        assert verify(world.stores, "demo", record).verdict is Fixity.INTACT
    release(world, last[0])
    run(world)
    for record in records:
        assert in_store(world, record) == in_catalogue(world, record) == {False}


class Rotten:
    """A store that answers and can't read what lies at one key."""

    def __init__(self, store: ObjectStore, key: str) -> None:
        self._store = store
        self._key = key

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, key: str, *given: Any, **options: Any) -> Any:
        if key == self._key:
            raise unreadable(key)
        return self._store.put(key, *given, **options)


def test_a_statement_that_cannot_be_read_stops_no_other_hold(world: World, tmp_path: Path) -> None:
    one, two = world.keep(tmp_path), world.keep(tmp_path)
    first, second = place(world, one), place(world, two)
    store: Any = Rotten(world.store, HoldKey("demo", first, PLACED).key)
    done = run(world, store)
    assert (done.settled, done.failed) == (1, {first: "object_unreadable"})
    assert in_store(world, one) == in_store(world, two) == {True}, "the statement is lost, the hold is not"
    assert (row_of(world, first).settled_at, row_of(world, first).problem) == (None, "object_unreadable")
    assert row_of(world, second).settled_at is not None
