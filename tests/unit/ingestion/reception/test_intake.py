"""Receiving: acknowledged once, durable, and never half."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from archive.catalogue.producers import enter_agreement
from archive.database.tables import JournalEntryRow
from archive.journal.receipts import salted_digest
from archive.objects.port import read_all
from ingestion.reception import intake as intake_module
from ingestion.reception.agreed import Agreed
from ingestion.tables import DepositRow, OutboxRow
from signing.ground.clock import stamp
from signing.ground.errors import ChartrierError, Refused, Unavailable

CONTENT = b"%PDF-1.7 un courrier"


def spooled(home: Path) -> list[Path]:
    folder = home / "spool"
    return list(folder.iterdir()) if folder.exists() else []


def test_received_bytes_are_in_staging_with_the_statement_beside_them(bench: Any) -> None:
    received = bench.receive(CONTENT, fields={"title": "Été"})
    row = received.deposit
    assert row is not None
    assert not received.replayed
    assert row.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert row.sha512 == hashlib.sha512(CONTENT).hexdigest()
    assert read_all(bench.store, row.staging_key, row.staging_version) == CONTENT
    statement = json.loads(read_all(bench.store, f"staging/demo/{row.id}/deposit.json"))
    assert statement["sha-256"] == row.sha256
    assert statement["fields"] == {"title": "Été"}
    assert spooled(bench.home) == []


def test_row_journal_entry_and_wake_up_are_one_commit(bench: Any) -> None:
    row = bench.receive(CONTENT).deposit
    with bench.database.read() as session:
        entry = session.get_one(JournalEntryRow, row.entry)
        body = json.loads(entry.body)
        assert (entry.type, entry.subject, entry.leaf_hash) == (
            "DepositReceived",
            f"deposit:{row.id}",
            row.leaf_hash,
        )
        assert body["facts"] == {
            "sha-256": row.sha256,
            "sha-512": row.sha512,
            "size": len(CONTENT),
            "received_at": stamp(row.received_at),
            "filename": salted_digest("filename", row.filename, row.salts["filename"]),
            "tenant_name": salted_digest("tenant_name", row.tenant_name, row.salts["tenant_name"]),
        }
        assert "lettre" not in entry.body.decode()
        wake_ups = session.scalars(select(OutboxRow)).all()
    assert [(w.kind, w.subject, w.sent_at) for w in wake_ups] == [("advance", row.id, None)]


def test_the_same_request_gets_the_same_answer(bench: Any) -> None:
    first = bench.receive(CONTENT, key="k")
    again = bench.receive(CONTENT, key="k")
    assert again.replayed
    assert again.deposit.id == first.deposit.id
    assert len(bench.deposits()) == 1


@pytest.mark.parametrize(
    "fields",
    [{"title": "t" * 900}, {"document_date": "0024-03-05"}, {"document_date": "20260312"}, {"closed_on": "2399-01-01"}],
    ids=str,
)
def test_a_deposit_that_todays_limits_refuse_still_gets_its_old_answer(
    bench: Any, monkeypatch: pytest.MonkeyPatch, fields: dict[str, str]
) -> None:
    """A client that repeats what an earlier version received must learn that it was received."""
    with monkeypatch.context() as patch:
        patch.setattr(intake_module.Intake, "_check_new", lambda *_: Agreed())
        first = bench.receive(CONTENT, key="k", fields=fields)
    again = bench.receive(CONTENT, key="k", fields=fields)
    assert again.replayed
    assert again.deposit.id == first.deposit.id
    with pytest.raises(Refused) as refused:
        bench.receive(CONTENT, key="other", fields=fields)
    assert (refused.value.code, refused.value.pointer) == ("bad_field", f"/{next(iter(fields))}")
    with pytest.raises(Refused) as reused:
        bench.receive(b"other bytes", key="k", fields=fields)
    assert reused.value.code == "idempotency_key_reused"
    assert len(bench.deposits()) == 1


@pytest.mark.parametrize(
    "other", [{"content": b"autre"}, {"filename": "autre.pdf"}, {"fields": {"title": "autre"}}], ids=str
)
def test_another_request_under_the_same_key_is_refused_and_changes_nothing(bench: Any, other: dict[str, Any]) -> None:
    bench.receive(CONTENT, key="k")
    with pytest.raises(Refused) as refused:
        bench.receive(**{"content": CONTENT, "key": "k"} | other)
    assert refused.value.code == "idempotency_key_reused"
    assert len(bench.deposits()) == 1


def test_keys_belong_to_their_tenant(bench: Any) -> None:
    first = bench.receive(CONTENT, key="k", tenant="demo")
    second = bench.receive(b"autre", key="k", tenant="autre")
    assert {first.deposit.tenant_id, second.deposit.tenant_id} == {"demo", "autre"}


def test_fifty_at_once_make_one_deposit(bench: Any) -> None:
    gate = threading.Barrier(50)

    def post(_: int) -> tuple[str, bool]:
        gate.wait()
        received = bench.receive(CONTENT, key="once")
        return received.deposit.id, received.replayed

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(post, range(50)))
    assert len({deposit_id for deposit_id, _ in answers}) == 1
    assert sum(not replayed for _, replayed in answers) == 1
    with bench.database.read() as session:
        assert len(session.scalars(select(DepositRow)).all()) == 1
        assert len(session.scalars(select(JournalEntryRow)).all()) == 1
        assert len(session.scalars(select(OutboxRow)).all()) == 1
    staged = {item.key.split("/")[2] for item in bench.store.list("staging/")}
    assert staged == {answers[0][0]}, "what the others staged is gone"
    assert spooled(bench.home) == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"content": b""}, "empty_file"),
        ({"content": b"x" * (1 << 20) + b"x"}, "too_large"),
        ({"expected_sha256": "0" * 64}, "digest_mismatch"),
        ({"key": ""}, "bad_idempotency_key"),
        ({"key": "a\nb"}, "bad_idempotency_key"),
        ({"key": "k" * 256}, "bad_idempotency_key"),
        ({"fields": {"colour": "red"}}, "bad_field"),
        ({"fields": {"document_date": "12/03/2026"}}, "bad_field"),
        ({"fields": {"title": "t" * 1001}}, "bad_field"),
        ({"fields": {"title": "\ud800"}}, "bad_field"),
        ({"filename": " "}, "bad_filename"),
        ({"tenant": "inconnue"}, "tenant_unknown"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_received_leaves_nothing(bench: Any, given: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        bench.receive(**{"content": CONTENT} | given)
    assert refused.value.code == code
    assert bench.deposits() == []
    assert list(bench.store.list("staging/")) == []
    assert spooled(bench.home) == []


def test_an_announced_digest_may_be_in_capitals(bench: Any) -> None:
    assert bench.receive(CONTENT, expected_sha256=hashlib.sha256(CONTENT).hexdigest().upper()).deposit


def test_a_connection_cut_while_sending_leaves_nothing(bench: Any) -> None:
    def cut() -> Iterator[bytes]:
        yield CONTENT
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        bench.intake.receive(
            cut(), tenant="demo", agent="key:1", idempotency_key="k", filename="f", media_type="", fields={}
        )
    assert spooled(bench.home) == []
    assert bench.deposits() == []


def test_a_dry_run_keeps_nothing(bench: Any) -> None:
    bench.intake = intake_module.Intake(
        bench.database,
        bench.ledger,
        bench.store,
        bench.home / "spool",
        bench.intake._clock,
        1 << 20,
        dry_runner=lambda path, _submission, digests: {"read": path.read_bytes() == CONTENT},
    )
    received = bench.receive(CONTENT, dry_run=True)
    assert received.deposit is None
    assert received.plan["read"] is True
    assert received.plan["size"] == len(CONTENT)
    assert bench.deposits() == []
    assert list(bench.store.list("staging/")) == []


class PowerCutError(Exception):
    """The power went."""


BOUNDARIES = ["spooled", "bytes staged", "statement staged", "before commit"]


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_crash_before_the_commit_acknowledges_nothing_and_a_retry_succeeds(
    bench: Any, boundary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    puts = 0
    real_put, real_append = bench.store.put, bench.ledger.append

    def put(key: str, *rest: Any, **named: Any) -> Any:
        nonlocal puts
        puts += 1
        if boundary == "spooled" and puts == 1:
            raise PowerCutError
        if boundary == "bytes staged" and puts == 2:
            raise PowerCutError
        return real_put(key, *rest, **named)

    def append(*rest: Any, **named: Any) -> Any:
        if boundary == "statement staged":
            raise PowerCutError
        entry = real_append(*rest, **named)
        if boundary == "before commit":
            raise PowerCutError
        return entry

    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "put", put)
        patched.setattr(bench.ledger, "append", append)
        with pytest.raises(PowerCutError):
            bench.receive(CONTENT, key="k")
    assert bench.deposits() == []
    with bench.database.read() as session:
        assert session.scalars(select(JournalEntryRow)).all() == []
    received = bench.receive(CONTENT, key="k")
    assert not received.replayed
    assert len(bench.deposits()) == 1


def test_a_store_that_is_away_acknowledges_nothing(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise Unavailable("store_away", "Le magasin ne répond pas.")

    monkeypatch.setattr(bench.store, "put", away)
    with pytest.raises(ChartrierError) as error:
        bench.receive(CONTENT)
    assert error.value.code == "store_away"
    assert bench.deposits() == []


def test_bytes_that_the_store_changed_are_not_acknowledged(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = bench.store.read

    def read(*given: Any, **named: Any) -> Iterator[bytes]:
        for chunk in real(*given, **named):
            yield chunk[:-1] + b"!"

    monkeypatch.setattr(bench.store, "read", read)
    with pytest.raises(ChartrierError) as error:
        bench.receive(CONTENT)
    assert error.value.code == "altered"
    assert bench.deposits() == []


def test_of_many_at_once_an_agreement_takes_as_many_as_agreed_on_each_database(bench: Any) -> None:
    with bench.database.write() as session:
        terms = {"code": "C-1", "title": "Lot", "depositors": ["key:1"], "max_per_month": 2}
        enter_agreement(session, "demo", terms | {"number": 1})
    gate = threading.Barrier(6)

    def go(number: int) -> str:
        gate.wait()
        try:
            return str(bench.receive(CONTENT, key=f"k{number}").deposit.agreement)
        except Refused as error:
            return error.code

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(go, range(6)))
    assert answers == ["C-1"] * 2 + ["agreement_month_full"] * 4
    assert len(bench.deposits()) == 2
    assert len([item for item in bench.store.list("staging/") if not item.marker]) == 4
