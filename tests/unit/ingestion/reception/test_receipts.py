"""A receipt says what the journal says: no change of the database makes us sign another one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from archive.database.alarms import open_alarms
from archive.database.tables import AlarmRow, ClockRow, JournalEntryRow, TenantRow
from archive.journal.merkle import leaf_hash
from archive.journal.promises import Promises
from archive.journal.receipts import salted_digest
from archive.objects.layout import PROMISES, DepositFolder
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from ingestion.reception.receipts import Receipts
from ingestion.tables import DepositRow
from signing.ground.canonical import canonical, parse_canonical
from signing.ground.errors import Corrupt, Unavailable
from signing.note import verify_note
from tests.e2e.schemas import strict
from tests.holdings import START, alter, keep, lose_database, receive, system_at

LIES: list[tuple[str, Any]] = [
    ("received_at", START.replace(year=2020)),
    ("filename", "Un autre.pdf"),
    ("sha256", "0" * 64),
    ("sha512", "0" * 128),
    ("size", 12),
    ("tenant_name", "Autre Commune"),
    ("salts", None),
    ("salts", {"filename": "00" * 16, "tenant_name": "00" * 16}),
    ("entry", 1),
    ("entry", 10_000),
    ("leaf_hash", "0" * 64),
]


def receipt(system: System, deposit: str) -> dict[str, Any]:
    return Receipts(system.stores, system.log_key).of("demo", deposit)


def change(system: System, deposit: str, values: Mapping[str, Any]) -> None:
    with system.database.write() as session:
        session.execute(update(DepositRow).where(DepositRow.id == deposit).values(**values))


def rewrite(system: System, n: int, body: bytes) -> None:
    """Change an entry as somebody who owns the database could, with leaf hash and row."""
    with system.database.write() as session:
        session.execute(text("DROP TRIGGER IF EXISTS journal_entries_no_update"))
        row = {"body": body, "leaf_hash": leaf_hash(body).hex()}
        session.execute(update(JournalEntryRow).where(JournalEntryRow.n == n).values(**row))
        session.execute(update(DepositRow).where(DepositRow.entry == n).values(leaf_hash=row["leaf_hash"]))


def lie_everywhere(system: System, deposit: DepositRow) -> None:
    """Another name and time of receipt, the same in row and entry, with digests that fit."""
    with system.database.read() as session:
        entry = parse_canonical(session.get_one(JournalEntryRow, deposit.entry).body)
        salts = session.get_one(DepositRow, deposit.id).salts or {}
    told = {"received_at": "2020-01-01T00:00:00.000Z"}
    told["filename"] = salted_digest("filename", "Un autre.pdf", salts["filename"])
    change(system, deposit.id, {"filename": "Un autre.pdf", "received_at": START.replace(2020, 1, 1, 0, 0, 0, 0)})
    rewrite(system, deposit.entry, canonical(entry | {"facts": entry["facts"] | told}))


def refused(system: System, deposit: str) -> Corrupt:
    with pytest.raises(Corrupt) as caught:
        receipt(system, deposit)
    assert caught.value.code == "journal_contradicts"
    return caught.value


def old_entry(system: System, deposit: DepositRow, *, statement: bool = True) -> None:
    """Make a deposit one of an earlier version, which salted no names."""
    with system.database.read() as session:
        entry = parse_canonical(session.get_one(JournalEntryRow, deposit.entry).body)
    facts = {name: entry["facts"][name] for name in ("sha-256", "sha-512", "size")}
    rewrite(system, deposit.entry, canonical(entry | {"facts": facts}))
    change(system, deposit.id, {"salts": None, "tenant_name": None})
    path = system.settings.home / "store" / DepositFolder("demo", deposit.id).statement
    stated = json.loads(path.read_bytes())
    del stated["salts"]
    alter(path, lambda _: canonical(stated))
    if not statement:
        path.unlink()


def lied(system: System, deposit: DepositRow, lies: list[tuple[str, Any]]) -> None:
    """Tell each lie once, be refused, and take it back."""
    good = receipt(system, deposit.id)
    with system.database.read() as session:
        row = session.get_one(DepositRow, deposit.id)
        true = {column: getattr(row, column) for column, _ in lies}
    for times, (column, value) in enumerate(lies, 1):
        change(system, deposit.id, {column: value})
        refused(system, deposit.id)
        with system.database.read() as session:
            (alarm,) = open_alarms(session)
        assert (alarm.code, alarm.subject) == ("journal_contradicts", f"deposit:{deposit.id}")
        assert alarm.times == times
        change(system, deposit.id, {column: true[column]})
        assert receipt(system, deposit.id) == good
        with system.database.read() as session:
            assert open_alarms(session) == [], "put right: the alarm ends"


@pytest.mark.parametrize("published", [False, True])
def test_a_changed_row_gets_no_receipt(system: System, published: bool) -> None:
    deposit = receive(system, b"%PDF one", "k1")
    if published:
        system.publisher.publish()
    lied(system, deposit, LIES)


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize("asked", [False, True], ids=["never asked", "asked before"])
def test_a_changed_entry_gets_no_receipt(system: System, published: bool, asked: bool) -> None:
    deposit = receive(system, b"%PDF one", "k1")
    if published:
        system.publisher.publish()
    if asked:
        receipt(system, deposit.id)
    lie_everywhere(system, deposit)
    refused(system, deposit.id)


def test_another_deposit_s_entry_makes_no_receipt(system: System) -> None:
    first, second = receive(system, b"%PDF one", "k1"), receive(system, b"%PDF one", "k2")
    change(system, first.id, {name: getattr(second, name) for name in ("entry", "leaf_hash", "salts", "received_at")})
    change(system, first.id, {"filename": second.filename})
    refused(system, first.id)
    with system.database.write() as session:
        session.execute(text("DROP TRIGGER IF EXISTS journal_entries_no_update"))
        session.execute(update(JournalEntryRow).where(JournalEntryRow.n == second.entry).values(body=b"{"))
    refused(system, second.id)


def test_a_second_leaf_of_a_number_is_never_signed(system: System) -> None:
    """Row, entry and statement agree on a lie, but the first leaf was given to somebody."""
    deposit = receive(system, b"%PDF one", "k1")
    receipt(system, deposit.id)
    lie_everywhere(system, deposit)
    path = system.settings.home / "store" / DepositFolder("demo", deposit.id).statement
    stated = json.loads(path.read_bytes()) | {"filename": "Un autre.pdf", "received_at": "2020-01-01T00:00:00.000Z"}
    alter(path, lambda _: canonical(stated))
    assert refused(system, deposit.id).values["what"] == "leaf"
    with pytest.raises(Corrupt) as caught:
        system.publisher.publish()
    assert caught.value.code == "journal_contradicts", "nor a head over it"
    with system.database.read() as session:
        assert {alarm.subject for alarm in open_alarms(session)} == {f"deposit:{deposit.id}", "log"}


def test_a_promise_is_kept_by_the_next_checkpoint(system: System) -> None:
    deposit = receive(system, b"%PDF one", "k1")
    before = receipt(system, deposit.id)
    assert (before["state"], before["proof"]) == ("sequenced", None)
    assert [item.key for item in system.store.list(PROMISES)] == [f"promised/{deposit.entry}"]
    assert receipt(system, deposit.id) == before
    head = system.publisher.publish()
    assert head is not None
    assert list(system.store.list(PROMISES)) == []
    after = receipt(system, deposit.id)
    assert [fault.message for told in (before, after) for fault in strict("receipt").iter_errors(told)] == []
    assert after["state"] == "published"
    assert head.note in after["proof"]
    assert {name: before[name] for name in ("receipt", "note", "key", "entry")} == {
        name: after[name] for name in ("receipt", "note", "key", "entry")
    }
    assert json.loads(verify_note(after["note"], after["key"])) == after["receipt"]
    assert leaf_hash(after["entry"].encode()).hex() == after["receipt"]["leaf"]


def test_nothing_but_the_database_is_no_witness(system: System) -> None:
    deposit = receive(system, b"%PDF one", "k1")
    (system.settings.home / "store" / DepositFolder("demo", deposit.id).statement).unlink()
    with pytest.raises(Unavailable) as caught:
        receipt(system, deposit.id)
    assert caught.value.code == "receipt_waits"
    system.publisher.publish()
    assert receipt(system, deposit.id)["state"] == "published"


def test_a_deposit_of_an_earlier_version_is_checked_against_the_store(system: System) -> None:
    deposit = receive(system, b"%PDF one", "k1")
    old_entry(system, deposit)
    system.publisher.publish()
    assert "salts" not in receipt(system, deposit.id)["receipt"]
    lied(system, deposit, [lie for lie in LIES if lie[0] not in {"salts", "tenant_name"}])
    with system.database.write() as session:
        session.get_one(TenantRow, "demo").name = "Ville de Paris"
    refused(system, deposit.id)


def test_an_older_record_s_name_is_checked_against_record_json(system: System, tmp_path: Path) -> None:
    record = keep(system, tmp_path, 1)
    system.publisher.publish()
    store = system.settings.home / "store"
    system.close()
    lose_database(system)
    again = system_at(system.settings.home)
    again.prepare_rebuild()
    Custody(again).rebuild()
    with again.database.read() as session:
        row = session.query(DepositRow).where(DepositRow.record_id == record).one()
    assert receipt(again, row.id)["receipt"]["filename"] == row.filename == "acte-1.pdf"
    assert not list((store / "staging").rglob("deposit.json")), "record.json alone has the name"
    change(again, row.id, {"filename": "Un autre.pdf"})
    refused(again, row.id)
    again.close()


def test_promises_of_lost_entries_are_withdrawn_by_a_rebuild(system: System) -> None:
    system.publisher.publish()
    deposit = receive(system, b"%PDF one", "k1")
    lost = receipt(system, deposit.id)
    lose_database(system)
    again = system_at(system.settings.home)
    again.prepare_rebuild()
    now = again.clock()
    with again.database.write() as session:  # what a refused start leaves: nothing that a rebuild would lose
        session.add(AlarmRow(code="x", subject="log", detail="leaf", first_at=now, last_at=now, times=1))
        session.merge(ClockRow(id=1, seen_at=now, certain_at=now, gaps=0, ran=0))
    Custody(again).rebuild()
    again.publisher.publish()
    made = receipt(again, deposit.id)
    assert json.loads(made["entry"])["type"] == "DepositRecovered"
    same = set(lost["receipt"]) - {"entry", "leaf"}
    assert {name: made["receipt"][name] for name in same} == {name: lost["receipt"][name] for name in same}
    assert Promises(again.store).withdraw() == 0
    again.close()
