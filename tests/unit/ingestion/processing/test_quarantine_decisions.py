"""Decisions on what was set aside: kept as received, refused, taken back, destroyed."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from archive.catalogue import rows as catalogue
from archive.custody.findings import Findings
from archive.database.tables import JournalEntryRow, RecordRow, RepresentationRow
from archive.holdings.verify import verify
from archive.objects.fixity import Fixity
from archive.objects.layout import DepositFolder
from ingestion.processing import quarantine_decisions as decisions
from ingestion.processing.retry import retry
from ingestion.reception.agreement import DepositReconciliation
from ingestion.reception.staging import Staging
from ingestion.stages.port import Detail, StageResult
from ingestion.tables import DepositRow, PageTaskRow
from signing.ground.clock import utc_now
from signing.ground.errors import Refused
from tests.unit.ingestion.processing.making import Made, Works, ordinary, says

VIRUS = {"verdict": "infected", "tool": "t", "at": "2026-01-01T00:00:00.000Z", "detail": "Test.EICAR"}


@pytest.fixture
def works(bench: Any) -> Works:
    return Works(bench)


@pytest.fixture
def aside(works: Works) -> str:
    """A deposit in which a virus was found."""
    deposit_id = works.bench.receive(b"received").deposit.id
    works.drain(works.runner(list(infected().values())))
    assert works.shown(deposit_id)["state"] == "quarantined"
    return str(deposit_id)


def infected() -> dict[str, Made]:
    return ordinary() | {"screen": Made("screen", says({"virus": VIRUS}))}


def accept(works: Works, deposit_id: str, tenant: str = "demo") -> None:
    b = works.bench
    decisions.accept(b.database, b.ledger, utc_now, lambda: None, tenant, deposit_id, "user:1")


def refuse(works: Works, deposit_id: str, reason: str = "Fichier piégé") -> None:
    b = works.bench
    decisions.refuse(b.database, b.ledger, utc_now, "demo", deposit_id, "user:1", reason=reason)


def destroy(works: Works, days: int, store: Any = None) -> int:
    b = works.bench
    return decisions.destroy_refused(b.database, b.ledger, store or b.store, lambda: utc_now() + timedelta(days=days))


def staged(works: Works, deposit_id: str) -> list[str]:
    return [item.key for item in works.bench.store.list(DepositFolder("demo", deposit_id).prefix)]


def told(works: Works, kind: str) -> list[dict[str, Any]]:
    with works.bench.database.read() as session:
        query = select(JournalEntryRow.body).where(JournalEntryRow.type == kind)
        return [json.loads(body) for body in session.scalars(query)]


def findings(works: Works) -> list[str]:
    found = Findings()
    b = works.bench
    Staging(b.database, b.store, lambda: utc_now() + timedelta(days=2)).check(found)
    DepositReconciliation(b.database, b.store).check(found)
    return [one.detail for one in found.listed]


def test_what_is_accepted_is_kept_as_received_and_keeps_its_verdict(works: Works, aside: str) -> None:
    accept(works, aside)
    stages = infected()
    works.drain(works.runner(list(stages.values())))
    shown = works.shown(aside)
    assert shown["state"] == "kept"
    assert shown["problem"] is None
    assert {name: works.states(aside)[name] for name in ("screen", "identify", "convert", "seal", "keep")} == {
        "screen": "done",
        "identify": "skipped",
        "convert": "skipped",
        "seal": "skipped",
        "keep": "done",
    }
    assert [stage.runs for stage in stages.values()] == [0] * len(stages), "nothing opens it again"
    with works.bench.database.read() as session:
        record = session.get_one(RecordRow, shown["record_id"])
        kinds = list(session.scalars(select(RepresentationRow.kind)))
    assert record.verdicts["virus"]["verdict"] == "infected"
    assert kinds == ["original"]
    assert [one["facts"] for one in told(works, "DepositAccepted")] == [{"reason": "malware"}]
    assert findings(works) == []


def test_what_killed_its_workers_is_not_given_to_another(works: Works) -> None:
    deposit_id = works.bench.receive(b"received").deposit.id
    works.runner(list(ordinary(pages=7).values())).advance(deposit_id)
    assert works.count(PageTaskRow) == 4
    with works.bench.database.write() as session:
        row = session.get_one(DepositRow, deposit_id)
        row.state, row.problem = "quarantined", {"code": "workers_killed", "detail": "", "action": "", "values": {}}
    accept(works, deposit_id)
    assert works.count(PageTaskRow) == 0
    works.drain(works.runner(list(ordinary(pages=7).values())))
    assert works.shown(deposit_id)["state"] == "kept"


def test_what_is_refused_keeps_its_bytes_and_tells_its_producer_why(works: Works, aside: str) -> None:
    before = staged(works, aside)
    refuse(works, aside)
    shown = works.shown(aside)
    assert shown["state"] == "refused"
    assert "Fichier piégé" in shown["problem"]["detail"]
    until = (utc_now() + timedelta(days=30)).date().isoformat()[:7]
    assert until in shown["problem"]["action"]
    assert destroy(works, 29) == 0
    assert staged(works, aside) == before
    (entry,) = told(works, "DepositRefused")
    assert entry["facts"]["reason"] == "malware"
    assert "piégé" not in json.dumps(entry, ensure_ascii=False)
    assert findings(works) == []


def test_a_refusal_is_taken_back_while_the_bytes_are_there(works: Works, aside: str) -> None:
    refuse(works, aside)
    accept(works, aside)
    works.drain(works.runner(list(infected().values())))
    assert works.shown(aside)["state"] == "kept"
    assert destroy(works, 400) == 0
    assert works.count(RecordRow) == 1


def test_after_its_days_the_bytes_go_once_and_the_journal_says_so(works: Works, aside: str) -> None:
    refuse(works, aside)
    assert destroy(works, 32) == 1
    assert staged(works, aside) == []
    assert len(told(works, "DepositDestroyed")) == 1
    assert destroy(works, 33) == 0
    assert len(told(works, "DepositDestroyed")) == 1
    with pytest.raises(Refused) as refused:
        accept(works, aside)
    assert refused.value.code == "deposit_not_quarantined"
    assert findings(works) == []


def test_a_destruction_that_was_cut_is_finished_and_not_taken_back(works: Works, aside: str) -> None:
    class Cut(Exception):
        pass

    class CutStore:
        def __getattr__(self, name: str) -> Any:
            return getattr(works.bench.store, name)

        def delete(self, key: str, version: str) -> None:
            raise Cut

    refuse(works, aside)
    with pytest.raises(Cut):
        destroy(works, 32, CutStore())
    with pytest.raises(Refused):
        accept(works, aside)  # decided already: a part of the bytes may be gone
    assert told(works, "DepositDestroyed") == []
    assert destroy(works, 0) == 1, "also when the clock was put back meanwhile"
    assert staged(works, aside) == []
    assert len(told(works, "DepositDestroyed")) == 1


@pytest.mark.parametrize("reason", ["", "  ", "x" * 2001, "a\0b"])
def test_a_refusal_without_a_reason_changes_nothing(works: Works, aside: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        refuse(works, aside, reason)
    assert refused.value.code == "bad_refusal"
    assert works.shown(aside)["state"] == "quarantined"


def test_nothing_is_decided_on_what_does_not_wait_or_lies_elsewhere(works: Works, aside: str) -> None:
    kept = works.bench.receive(b"other", key="b").deposit.id
    for decide in (accept, refuse):
        with pytest.raises(Refused) as refused:
            decide(works, kept)
        assert refused.value.code == "deposit_not_quarantined"
    with pytest.raises(Refused) as refused:
        accept(works, aside, "autre")
    assert refused.value.code == "deposit_not_found"


def test_a_day_is_one_of_the_tenant(works: Works, aside: str) -> None:
    refuse(works, aside)
    until = datetime.fromisoformat(works.bench.deposit(aside).problem["values"]["until"] + "T22:59:00+00:00")
    b = works.bench
    winter = until.month in {11, 12, 1, 2, 3}
    before = until if winter else until - timedelta(hours=1)
    assert decisions.destroy_refused(b.database, b.ledger, b.store, lambda: before) == 0
    assert decisions.destroy_refused(b.database, b.ledger, b.store, lambda: before + timedelta(minutes=2)) == 1


def test_a_virus_found_in_what_was_kept_is_told_to_the_record(works: Works) -> None:
    b = works.bench
    deposit_id = b.receive(b"received").deposit.id
    unsealed = Made("seal", lambda _: StageResult("failed", detail=Detail("x", "Pas de clé.")))
    works.drain(works.runner(list((ordinary() | {"seal": unsealed}).values())))
    record_id = works.shown(deposit_id)["record_id"]
    assert works.shown(deposit_id)["state"] == "kept"
    with b.database.read() as session:
        catalogue.require_harmless(session, record_id, confirmed=False)

    with b.database.write() as session:  # long ago: every stage runs again
        session.get_one(DepositRow, deposit_id).updated_at = utc_now() - timedelta(days=9)
    retry(b.database, b.ledger, utc_now, lambda: None, "demo", deposit_id, "user:1")
    works.drain(works.runner(list(infected().values())))
    assert works.shown(deposit_id)["state"] == "quarantined"
    only_on_confirmation(works, record_id)

    accept(works, deposit_id)
    assert works.shown(deposit_id)["state"] == "kept"
    only_on_confirmation(works, record_id)
    assert len(told(works, "MalwareFound")) == 1
    assert findings(works) == []
    assert verify(works.stores, "demo", record_id).verdict is Fixity.INTACT


def only_on_confirmation(works: Works, record_id: str) -> None:
    with works.bench.database.read() as session:
        catalogue.require_harmless(session, record_id, confirmed=True)
        with pytest.raises(Refused) as refused:
            catalogue.require_harmless(session, record_id, confirmed=False)
    assert refused.value.code == "infected"
