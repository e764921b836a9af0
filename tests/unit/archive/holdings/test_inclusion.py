"""The database is not its own witness: what it says is compared with what was published."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from archive.custody.rebuild.records import folder_of
from archive.database.tables import RecordRow, StoredFileRow
from archive.holdings.checks import Aspect
from archive.holdings.verify import verify
from archive.journal import published
from archive.journal.merkle import Tile, leaf_hash
from archive.objects import ocfl
from archive.objects.fixity import Fixity
from archive.objects.layout import CHECKPOINT
from archive.objects.port import Unreadable
from signing.ground.canonical import canonical
from signing.ground.errors import Corrupt
from tests.holdings import alter, flipped
from tests.servers.postgres import unguarded
from tests.unit.archive.world import Watch, World


def verdicts(world: World, record: str) -> dict[str, Fixity]:
    return {check.name: check.verdict for check in verify(world.stores, "demo", record).checks}


def in_store(tmp_path: Path, key: str) -> Path:
    return tmp_path / "store" / key


@pytest.fixture
def record(world: World, tmp_path: Path) -> str:
    record = world.keep(tmp_path)
    world.publisher.publish()
    return record


def falsify(world: World, tmp_path: Path, record: str, title: str) -> None:
    """Change a title as somebody could who has the store and the database: all of it agrees."""
    with world.database.read() as session:
        row = session.get_one(RecordRow, record)
        files = {f.key: f for f in session.query(StoredFileRow).filter_by(record_id=record)}
    folder = folder_of(next(iter(files)))
    assert folder is not None
    changed: dict[str, bytes] = {}

    def write(path: str, content: bytes) -> None:
        alter(in_store(tmp_path, folder.key(path)), lambda _before: content)
        changed[folder.key(path)] = content

    told = json.loads(in_store(tmp_path, folder.key("v1/content/metadata/record.json")).read_bytes())
    told["description"]["title"] = title
    before = in_store(tmp_path, folder.key("v1/content/metadata/record.json")).read_bytes()
    after = canonical(told)
    write("v1/content/metadata/record.json", after)
    inventory = in_store(tmp_path, folder.inventory).read_bytes()
    for name in ("sha256", "sha512"):
        old, new = (hashlib.new(name, content).hexdigest().encode() for content in (before, after))
        inventory = inventory.replace(old, new)
    for path in ("inventory.json", "v1/inventory.json"):
        write(path, inventory)
        write(f"{path}.sha512", ocfl.sidecar(inventory))
    entry_body = next(b for _, b, _ in entries(world, record))
    body = entry_body.replace(hashlib.sha256(before).hexdigest().encode(), hashlib.sha256(after).hexdigest().encode())
    body = body.replace(row.inventory_sha512.encode(), ocfl.sha512(inventory).encode())
    with unguarded(world.database) as session:
        session.execute(
            text("UPDATE records SET title=:title, record_json_sha256=:r, inventory_sha512=:i WHERE id=:id"),
            {"title": title, "r": hashlib.sha256(after).hexdigest(), "i": ocfl.sha512(inventory), "id": record},
        )
        for key, content in changed.items():
            session.execute(
                text("UPDATE stored_files SET sha256=:s, size=:n WHERE key=:k"),
                {"s": hashlib.sha256(content).hexdigest(), "n": len(content), "k": key},
            )
        session.execute(
            text("UPDATE journal_entries SET body=:b, leaf_hash=:l WHERE n=:n"),
            {"b": body, "l": leaf_hash(body).hex(), "n": row.kept_entry},
        )


def entries(world: World, record: str) -> list[tuple[int, bytes, str]]:
    with world.database.read() as session:
        found = session.execute(
            text("SELECT n, body, leaf_hash FROM journal_entries WHERE subject=:s ORDER BY n"),
            {"s": f"record:{record}"},
        )
        return [(n, bytes(body), leaf) for n, body, leaf in found]


def test_a_title_falsified_in_store_catalogue_and_entry_at_once_is_found(
    world: World, tmp_path: Path, record: str
) -> None:
    assert set(verdicts(world, record).values()) == {Fixity.INTACT}
    falsify(world, tmp_path, record, "Délibération n° 13")
    found = verdicts(world, record)
    assert {name for name, verdict in found.items() if verdict is not Fixity.INTACT} == {"Journal publié"}
    assert found["Journal publié"] is Fixity.ALTERED
    assert verify(world.stores, "demo", record).verdict is Fixity.ALTERED, "this is about what is kept"


def test_no_bundle_is_delivered_that_our_own_verifier_calls_altered(world: World, tmp_path: Path, record: str) -> None:
    target = tmp_path / "preuve.zip"
    world.evidence.checked_bundle("demo", record, target)
    falsify(world, tmp_path, record, "Délibération n° 13")
    with pytest.raises(Corrupt) as caught:
        world.evidence.checked_bundle("demo", record, target)
    assert caught.value.code == "evidence_contradicts"
    assert "Journal : " in caught.value.values["what"]


def test_a_falsified_receipt_of_the_deposit_is_found(world: World, record: str) -> None:
    with unguarded(world.database) as session:
        (n, body), *_ = session.execute(
            text("SELECT n, body FROM journal_entries WHERE type='DepositReceived' ORDER BY n")
        ).all()
        forged = bytes(body).replace(b'"agent":"a:', b'"agent":"a:0')
        session.execute(
            text("UPDATE journal_entries SET body=:b, leaf_hash=:l WHERE n=:n"),
            {"b": forged, "l": leaf_hash(forged).hex(), "n": n},
        )
    assert verdicts(world, record)["Journal publié"] is Fixity.ALTERED


@pytest.mark.parametrize("damage", [flipped, None, "shortened"])
@pytest.mark.parametrize("which", ["tile", "checkpoint"])
def test_a_published_journal_that_was_changed_or_cut_accuses_no_bytes(
    world: World, tmp_path: Path, record: str, which: str, damage: Callable[[bytes], bytes] | str | None
) -> None:
    """It is altered itself, and that is said; of the bytes their digests speak alone."""
    earlier = in_store(tmp_path, CHECKPOINT).read_bytes()
    world.keep(tmp_path)
    latest = world.publisher.publish()
    assert latest is not None
    path = in_store(tmp_path, CHECKPOINT if which == "checkpoint" else Tile(0, 0, latest.size).key)
    if damage == "shortened" and which == "checkpoint":
        alter(path, lambda _content: earlier)
    elif callable(damage):
        alter(path, damage)
    else:
        path.unlink()
    result = verify(world.stores, "demo", record)
    assert (result.verdict, result.of(Aspect.JOURNAL)) == (Fixity.INTACT, Fixity.ALTERED)
    assert not result.is_whole
    assert [check.name for check in result.checks if check.verdict is not Fixity.INTACT] == ["Journal publié"]
    told = json.loads(entries(world, record)[-1][1])
    assert told["type"] == "FixityChecked"
    assert (told["facts"]["verdict"], told["facts"]["journal"]) == ("intact", "altered")


def test_a_published_journal_out_of_reach_leaves_the_bytes_intact(
    world: World, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = type(world.store).read

    def refused(store: Any, key: str, *given: Any, **named: Any) -> Any:
        if key.startswith("journal/"):
            raise Unreadable("object_unreadable", "…")
        return real(store, key, *given, **named)

    monkeypatch.setattr(type(world.store), "read", refused)
    result = verify(world.stores, "demo", record)
    assert (result.verdict, result.of(Aspect.JOURNAL)) == (Fixity.INTACT, Fixity.UNVERIFIABLE)


def test_a_shortened_journal_still_convicts_an_entry_that_it_holds(world: World, tmp_path: Path, record: str) -> None:
    earlier = in_store(tmp_path, CHECKPOINT).read_bytes()
    world.keep(tmp_path)
    world.publisher.publish()
    alter(in_store(tmp_path, CHECKPOINT), lambda _content: earlier)
    falsify(world, tmp_path, record, "Délibération n° 13")
    assert verify(world.stores, "demo", record).verdict is Fixity.ALTERED


def test_many_records_open_the_published_journal_once_and_read_their_entries_once(
    world: World, tmp_path: Path, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [record, world.keep(tmp_path), world.keep(tmp_path)]
    world.publisher.publish()
    opened: list[int] = []
    asked: list[str] = []
    head = published.stored_head

    def counted(store: Any, vkey: str) -> published.Head:
        opened.append(1)
        return head(store, vkey)

    def executed(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    monkeypatch.setattr(published, "stored_head", counted)
    event.listen(world.database.engine, "before_cursor_execute", executed)
    log = published.SharedLog(world.store, world.log_key.vkey)
    for one in records:
        assert verify(world.stores, "demo", one, published=log).is_whole
    event.remove(world.database.engine, "before_cursor_execute", executed)
    assert len(opened) == 1
    readings = [said for said in asked if said.lstrip().startswith("SELECT") and "body" in said.partition("FROM")[0]]
    assert len(readings) == len(records)


def test_a_published_journal_that_was_opened_before_is_read_again_before_anything_is_held_against_it(
    world: World, tmp_path: Path, record: str, watch: Watch
) -> None:
    """It grew meanwhile; or it was damaged, and made whole again."""
    log = published.SharedLog(world.store, world.log_key.vkey)
    assert verify(world.stores, "demo", record, published=log).is_whole
    later = world.keep(tmp_path)
    watch.days = 1
    assert verify(world.stores, "demo", later, published=log).of(Aspect.JOURNAL) is Fixity.UNVERIFIABLE
    world.publisher.publish()
    assert verify(world.stores, "demo", later, published=log).is_whole


def test_what_waits_for_its_checkpoint_is_intact_at_first_and_doubtful_later(
    world: World, tmp_path: Path, watch: Watch
) -> None:
    record = world.keep(tmp_path)
    assert verdicts(world, record)["Journal publié"] is Fixity.INTACT
    watch.days = 1
    assert verdicts(world, record)["Journal publié"] is Fixity.UNVERIFIABLE
    world.publisher.publish()
    assert verdicts(world, record)["Journal publié"] is Fixity.INTACT


def test_without_the_key_of_the_journal_nothing_published_is_believed(world: World, record: str) -> None:
    from dataclasses import replace

    stores = replace(world.stores, vkey=None)
    found: dict[str, Any] = {check.name: check.verdict for check in verify(stores, "demo", record).checks}
    assert found["Journal publié"] is Fixity.UNVERIFIABLE
