"""The sequencer: no gaps, nothing rewritten, nothing without its change."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from archive.database.engine import Database
from archive.journal.merkle import leaf_hash
from archive.journal.sequencer import Entry, Ledger
from archive.journal.types import EntryType
from tests.servers.postgres import owned

OPENED = EntryType.LOG_OPENED
KEPT = EntryType.RECORD_KEPT


def append(database: Database, ledger: Ledger, subject: str = "record:1", tenant: str | None = "brest") -> Entry:
    with database.write() as session:
        return ledger.append(session, type=KEPT, tenant=tenant, subject=subject, agent="user:7", facts={"x": 1})


def test_entries_are_numbered_without_gaps(database: Database, ledger: Ledger) -> None:
    def fail() -> None:
        with database.write() as session:
            ledger.append(session, type=OPENED, tenant=None, subject="log", agent=None, facts={})
            raise RuntimeError("the change failed, so its entry must not be there")

    with pytest.raises(RuntimeError):
        fail()
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: append(database, ledger), range(40)))
    assert sorted(entry.n for entry in made) == list(range(40))
    with database.read() as session:
        kept = ledger.entries(session, limit=100)
        assert [entry.n for entry in kept] == list(range(40))
        assert ledger.head(session) == kept[-1]
        assert [json.loads(entry.body)["n"] for entry in kept] == list(range(40))
        assert all(leaf_hash(entry.body).hex() == entry.leaf_hash for entry in kept)


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("RecordBurnt", "record:1"),
        ("recordkept", "record:1"),
        ("RecordKept", "deposit:1"),
        ("RecordKept", "record"),
        ("DepositReceived", "record:1"),
        ("LogOpened", "log:1"),
        ("TenantOpened", "register:a"),
    ],
)
def test_nothing_is_written_under_a_type_that_nobody_registered_or_about_something_else(
    database: Database, ledger: Ledger, name: Any, subject: str
) -> None:
    with pytest.raises(ValueError), database.write() as session:
        ledger.append(session, type=name, tenant="brest", subject=subject, agent=None, facts={})
    with database.read() as session:
        assert ledger.head(session) is None


def test_bodies_carry_pseudonyms_only(database: Database, ledger: Ledger) -> None:
    first, second = append(database, ledger), append(database, ledger)
    other = append(database, ledger, tenant="quimper")
    assert b"brest" not in first.body
    assert b"user:7" not in first.body
    a, b, c = (json.loads(entry.body) for entry in (first, second, other))
    assert (a["tenant"], a["agent"]) == (b["tenant"], b["agent"])
    assert a["tenant"] != c["tenant"]
    assert a["agent"] != c["agent"]
    assert (first.tenant, other.tenant) == ("brest", "quimper")


def test_a_destroyed_pseudonym_is_not_found_again(database: Database, ledger: Ledger) -> None:
    before = json.loads(append(database, ledger).body)["agent"]
    with database.write() as session:
        session.execute(text("DELETE FROM pseudonyms WHERE kind = 'agent'"))
    assert json.loads(append(database, ledger).body)["agent"] != before


def test_reading_by_tenant_subject_and_position(database: Database, ledger: Ledger) -> None:
    for subject, tenant in (("record:1", "brest"), ("record:2", "quimper"), ("record:1", "brest")):
        append(database, ledger, subject, tenant)
    with database.read() as session:
        assert [entry.n for entry in ledger.entries(session, tenant="brest")] == [0, 2]
        assert [entry.n for entry in ledger.entries(session, subject="record:2")] == [1]
        assert [entry.n for entry in ledger.entries(session, after=0, limit=1)] == [1]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal_entries SET leaf_hash = 'x'",
        "DELETE FROM journal_entries",
        (
            "INSERT INTO journal_entries SELECT n, at, type, tenant_id, 'x', body, leaf_hash"
            " FROM journal_entries WHERE n = 0 ON CONFLICT (n) DO UPDATE SET subject = 'x'"
        ),
        (
            "INSERT INTO journal_entries SELECT 7, at, type, tenant_id, subject, body, leaf_hash"
            " FROM journal_entries WHERE n = 0"
        ),
    ],
)
def test_the_database_refuses_to_rewrite(database: Database, ledger: Ledger, statement: str) -> None:
    kept = append(database, ledger)
    with pytest.raises(DBAPIError), database.write() as session:
        session.execute(text(statement))
    with pytest.raises(DBAPIError), owned(database) as session:  # not even the owner, as long as the guard stands
        session.execute(text(statement))
    with database.read() as session:
        assert ledger.entries(session) == [kept]


def test_the_log_is_opened_once(database: Database, ledger: Ledger) -> None:
    for _ in range(2):
        with database.write() as session:
            entry = ledger.open_log(session, vkey="log+1+x", certificate=b"\x30\x00")
    assert entry.n == 0
    assert json.loads(entry.body)["facts"] == {"seal_certificate": "MAA=", "vkey": "log+1+x"}
    with database.read() as session:
        assert len(ledger.entries(session)) == 1
