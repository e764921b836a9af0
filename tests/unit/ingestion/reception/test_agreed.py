"""Deposit agreements at the door: what they refuse leaves nothing, what they give is kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archive.catalogue import producer_changes
from archive.catalogue.producer_changes import ProducerChange
from archive.database.tables import JournalEntryRow, RecordRow
from archive.model.agreement_terms import read_agreement
from archive.model.services import read_service
from archive.objects.port import read_all
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from ingestion.processing.packaging import describe, told_of
from ingestion.reception import agreed as agreed_module
from ingestion.reception.intake import Received
from ingestion.tables import DepositRow
from signing.ground.errors import Refused, Unavailable
from tests.holdings import lose_database, opened, system_at

PDF = b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"
PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000")


class Clock:
    now = datetime(2026, 3, 12, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, keys: Path, clock: Clock) -> Iterator[System]:
    with opened(tmp_path_factory.mktemp("agreed") / "home", keys, clock=clock) as system:
        for code, name in (("FIN", "Direction des finances"), ("RH", "Ressources humaines")):
            change = ProducerChange(system.register, "demo", "user:anne")
            producer_changes.create_service(change, read_service({"code": code, "names": [{"name": name}]}))
        yield system


@pytest.fixture(autouse=True)
def march(clock: Clock) -> None:
    clock.now = datetime(2026, 3, 12, 8, tzinfo=UTC)


def agree(system: System, code: str, **terms: Any) -> None:
    change = ProducerChange(system.register, "demo", "user:anne")
    given = {"code": code, "title": code, "depositors": [f"key:{code}"]} | terms
    producer_changes.create_agreement(change, read_agreement(given))


def hand_in(system: System, code: str, key: str, content: bytes = PDF, **given: Any) -> Received:
    return system.intake.receive(
        [content],
        tenant="demo",
        agent=f"key:{code}",
        idempotency_key=f"{code}-{key}",
        filename="facture.pdf",
        media_type="application/pdf",
        fields={str(name): str(value) for name, value in given.pop("fields", {}).items()},
        **given,
    )


def traces(system: System) -> tuple[int, int, list[str], list[Path]]:
    with system.database.read() as session:
        counts = session.query(DepositRow).count(), session.query(JournalEntryRow).count()
    staged = sorted(item.key for item in system.store.list("staging/") if not item.marker)
    spool = system.settings.home / "spool"
    return *counts, staged, list(spool.iterdir()) if spool.exists() else []


def refused(system: System, code: str, key: str, content: bytes = PDF, **given: Any) -> Refused:
    """What the door says against it; nothing is left of it anywhere."""
    before = traces(system)
    with pytest.raises(Refused) as caught:
        hand_in(system, code, key, content, **given)
    assert traces(system) == before
    return caught.value


def test_a_tenant_or_a_depositor_without_an_agreement_deposits_as_ever(system: System) -> None:
    row = hand_in(system, "free", "1").deposit
    assert row is not None
    assert (row.agreement, row.agreed) == (None, None)
    with system.database.read() as session:
        assert "agreement" not in json.loads(session.get_one(JournalEntryRow, row.entry).body)["facts"]


def test_the_agreement_is_told_by_journal_row_and_staging_and_gives_what_was_not_given(system: System) -> None:
    agree(system, "A", services=["FIN"], defaults={"document_type": "facture", "classification": "2.3"})
    row = hand_in(system, "A", "1", fields={"title": "Juin", "classification": "7"}).deposit
    assert row is not None
    given = {"document_type": "facture", "producer": "Direction des finances"}
    assert (row.agreement, row.agreed) == ("A", given)
    assert row.fields == {"title": "Juin", "classification": "7"}, "as given, so that a repeated request is the same"
    with system.database.read() as session:
        assert json.loads(session.get_one(JournalEntryRow, row.entry).body)["facts"]["agreement"] == "A"
    told = json.loads(read_all(system.store, f"staging/demo/{row.id}/deposit.json"))
    assert (told["agreement"], told["agreed"], told["fields"]) == ("A", given, row.fields)
    described = describe(told_of(row), row.filename)
    assert (described.document_type, described.classification, described.producer) == (
        "facture",
        "7",
        "Direction des finances",
    )
    assert hand_in(system, "A", "1", fields={"title": "Juin", "classification": "7"}).replayed


@pytest.mark.parametrize(
    ("terms", "admitted", "against", "code"),
    [
        (
            {"document_types": ["facture"]},
            {"fields": {"document_type": "facture"}},
            {"fields": {"document_type": "marche"}},
            "agreement_document_type",
        ),
        ({"max_bytes": len(PDF)}, {}, {"content": PDF + b"\n"}, "agreement_size"),
        ({"formats": ["application/pdf"]}, {}, {"content": PNG}, "agreement_format"),
        ({"formats": ["image/*"]}, {"content": PNG}, {}, "agreement_format"),
        (
            {"services": ["FIN"]},
            {"fields": {"producer": "FIN"}},
            {"fields": {"producer": "Ressources humaines"}},
            "agreement_of_another",
        ),
    ],
    ids=["type", "size", "pdf", "image", "service"],
)
def test_each_limit_holds_at_the_door_on_both_sides(
    request: pytest.FixtureRequest,
    system: System,
    terms: dict[str, Any],
    admitted: dict[str, Any],
    against: dict[str, Any],
    code: str,
) -> None:
    name = f"L-{request.node.callspec.id}"
    agree(system, name, **terms)
    deposit = hand_in(system, name, "in", **admitted).deposit
    assert deposit is not None
    assert deposit.agreement == name
    assert refused(system, name, "out", **against).code == code
    with pytest.raises(Refused) as tried:
        hand_in(system, name, "try", dry_run=True, **against)
    assert tried.value.code == code


def test_the_content_counts_and_not_what_the_depositor_says_of_it(system: System) -> None:
    agree(system, "FORGED", formats=["application/pdf"])
    error = refused(system, "FORGED", "1", PNG)
    assert error.code == "agreement_format"
    assert "image/png" in str(error.values["format"])


def test_a_month_takes_as_many_as_agreed_and_the_next_one_begins_anew(system: System, clock: Clock) -> None:
    agree(system, "M", max_per_month=2)
    clock.now = datetime(2026, 3, 31, 21, 59, tzinfo=UTC)  # 23:59 in Paris
    for key in ("1", "2"):
        assert hand_in(system, "M", key).deposit is not None
    assert hand_in(system, "M", "2").replayed, "a repeated request has its answer"
    assert refused(system, "M", "3").code == "agreement_month_full"
    clock.now = datetime(2026, 3, 31, 22, 0, tzinfo=UTC)
    assert hand_in(system, "M", "3").deposit is not None


def test_of_many_at_once_only_as_many_as_agreed_come_in(system: System) -> None:
    agree(system, "RACE", max_per_month=3)
    gate = threading.Barrier(8)
    before = traces(system)

    def go(number: int) -> str:
        gate.wait()
        try:
            hand_in(system, "RACE", str(number))
        except Refused as error:
            return error.code
        return "received"

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(go, range(8)))
    assert answers == ["agreement_month_full"] * 5 + ["received"] * 3
    after = traces(system)
    assert (after[0] - before[0], after[1] - before[1]) == (3, 3)
    assert len(after[2]) - len(before[2]) == 6, "bytes and statement of those that were received, of no other"


def test_an_agreement_changed_while_a_deposit_comes_in_asks_to_try_again(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(system, "MOVED", max_bytes=10_000)
    real = agreed_module.terms_of

    def read_then_changed(*args: Any) -> Any:
        found = real(*args)
        monkeypatch.setattr("ingestion.reception.intake.terms_of", real)
        change = ProducerChange(system.register, "demo", "user:anne")
        smaller = read_agreement({"code": "MOVED", "title": "m", "depositors": ["key:MOVED"], "max_bytes": 5})
        threads = ThreadPoolExecutor(1)
        threads.submit(producer_changes.change_agreement, change, 1, smaller).result()
        return found

    monkeypatch.setattr("ingestion.reception.intake.terms_of", read_then_changed)
    staged = traces(system)[2]
    with pytest.raises(Unavailable) as caught:
        hand_in(system, "MOVED", "1")
    assert caught.value.code == "agreement_changed"
    assert traces(system)[2] == staged
    assert refused(system, "MOVED", "1").code == "agreement_size"


def test_where_an_agreement_is_required_a_stranger_is_refused(system: System) -> None:
    change = ProducerChange(system.register, "demo", "user:anne")
    producer_changes.require_agreements(change, required=True)
    try:
        assert refused(system, "stranger", "1").code == "agreement_missing"
    finally:
        producer_changes.require_agreements(change, required=False)
    assert hand_in(system, "stranger", "1").deposit is not None


def test_all_of_it_comes_back_from_the_store_alone(tmp_path: Path, keys: Path) -> None:
    with opened(tmp_path / "home", keys) as system:
        change = ProducerChange(system.register, "demo", "user:anne")
        producer_changes.create_service(change, read_service({"code": "FIN", "names": [{"name": "Finances"}]}))
        agree(system, "A", services=["FIN"], max_per_month=2, defaults={"document_type": "facture"})
        first = hand_in(system, "A", "1").deposit
        assert first is not None
        producer_changes.require_agreements(change, required=True)
        system.publisher.publish(force_token=True)
        lose_database(system)
    after = system_at(tmp_path / "home")
    try:
        after.prepare_rebuild()
        Custody(after).rebuild()
        assert Custody(after).reconcile()["findings"] == []
        with after.database.read() as session:
            row = session.get_one(DepositRow, first.id)
            assert (row.agreement, row.agreed) == (first.agreement, first.agreed)
            assert session.query(RecordRow).count() == 0
        assert hand_in(after, "A", "1").replayed
        assert hand_in(after, "A", "2").deposit is not None
        assert refused(after, "A", "3").code == "agreement_month_full"
        assert refused(after, "B", "1").code == "agreement_missing"
    finally:
        after.close()
