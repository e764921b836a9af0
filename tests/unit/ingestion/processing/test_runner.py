"""From deposit to record: what is committed, what is done again, what a failure leaves."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from api.web.progress import badge
from archive.database.tables import JournalEntryRow, RecordRow, RepresentationRow
from archive.holdings.verify import verify
from archive.model.records import Remark
from ingestion.processing.retry import retry
from ingestion.stages.port import Detail, StageInput, StageResult
from ingestion.tables import DepositRow, OutboxRow, PageTaskRow, StageRunRow
from signing.ground.clock import utc_now
from signing.ground.errors import Corrupt, Refused, Unavailable
from signing.settings import SigningSettings
from signing.signers.pem import load_signer
from signing.validity import Validity, require_valid_seal
from tests.unit.ingestion.processing.making import Made, Works, leaves, made, ordinary, says


@pytest.fixture
def works(bench: Any) -> Works:
    return Works(bench)


def test_a_deposit_becomes_a_record(works: Works) -> None:
    stages = ordinary()
    deposit_id = works.bench.receive(b"received").deposit.id
    works.drain(works.runner(list(stages.values())))
    shown = works.shown(deposit_id)
    assert shown["state"] == "kept"
    assert set(works.states(deposit_id).values()) == {"done"}
    assert [stage["name"] for stage in shown["stages"]] == [*stages, "keep", "index"]
    with works.bench.database.read() as session:
        record = session.get_one(RecordRow, shown["record_id"])
        kinds = {r.kind: r.sha256 for r in session.scalars(select(RepresentationRow))}
    assert record.deposit_id == deposit_id
    assert record.words == 1
    assert record.title == "lettre"
    assert set(kinds) == {"original", "archival", "text"}
    assert works.journal() == ["DepositReceived", *["StageCompleted"] * 7, "RecordKept"]
    assert list((works.bench.home / "work").glob("job-*")) == []


def test_a_one_page_letter_needs_few_transactions(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    writes = 0
    real = works.bench.database.write

    def counted() -> Any:
        nonlocal writes
        writes += 1
        return real()

    monkeypatch.setattr(works.bench.database, "write", counted)
    works.bench.receive(b"received")
    works.drain(works.runner(list(ordinary().values())))
    assert writes <= 8


def test_a_long_document_fans_out_and_comes_together(works: Works) -> None:
    stages = ordinary(pages=7)
    deposit_id = works.bench.receive(b"received").deposit.id
    runner = works.runner(list(stages.values()))
    runner.advance(deposit_id)
    assert works.count(PageTaskRow) == 4
    assert works.shown(deposit_id)["stages"][3] | {"started_at": ""} == {
        "name": "recognise",
        "state": "running",
        "done": 0,
        "total": 7,
        "started_at": "",
        "ended_at": None,
        "detail": None,
    }
    assert not runner.advance(deposit_id), "nothing to do until the pages are there"
    runner.pages(deposit_id, 1)
    assert works.shown(deposit_id)["stages"][3]["done"] == 2
    assert not runner.pages(deposit_id, 1), "done is done"
    works.drain(runner)
    assert works.shown(deposit_id)["state"] == "kept"
    assert sorted(stages["recognise"].chunks_run) == [1, 3, 5, 7]
    assert stages["recognise"].runs == 1
    with works.bench.database.read() as session:
        text = session.scalar(select(RepresentationRow).where(RepresentationRow.kind == "text"))
    assert b"".join(works.bench.store.read(text.key, text.version)) == b"1-2;3-4;5-6;7-7;"


def test_pages_of_a_long_document_step_aside_for_letters(works: Works) -> None:
    long = works.bench.receive(b"register", key="a").deposit.id
    works.runner(list(ordinary(pages=60).values())).advance(long)
    works.bench.receive(b"letter", key="b")
    with works.bench.database.read() as session:
        rows = session.execute(select(OutboxRow.kind, OutboxRow.priority)).all()
    assert {priority for kind, priority in rows if kind == "pages"} == {6}
    assert {priority for kind, priority in rows if kind == "advance"} == {0}


@pytest.mark.parametrize("broken", ["recognise", "convert", "validate", "seal", "identify", "normalise"])
def test_a_stage_that_breaks_leaves_the_record_kept(works: Works, broken: str) -> None:
    def breaks(given: StageInput) -> StageResult:
        raise ValueError("a bug of ours")

    stages = ordinary() | {broken: made(broken, breaks)}
    deposit_id = works.bench.receive(b"received").deposit.id
    works.drain(works.runner(list(stages.values())))
    assert works.shown(deposit_id)["state"] == "kept"
    assert works.states(deposit_id)[broken] == "failed"
    with works.bench.database.read() as session:
        kinds = set(session.scalars(select(RepresentationRow.kind)))
        record = session.scalars(select(RecordRow)).one()
    assert "original" in kinds
    assert any(warning["stage"] == broken for warning in record.warnings)


def test_stages_that_miss_a_file_are_skipped(works: Works) -> None:
    stages = ordinary() | {"convert": Made("convert", lambda given: StageResult("failed", detail=Detail("no", "Non.")))}
    deposit_id = works.bench.receive(b"received").deposit.id
    works.drain(works.runner(list(stages.values())))
    states = works.states(deposit_id)
    assert (states["convert"], states["validate"], states["seal"]) == ("failed", "skipped", "skipped")
    assert states["recognise"] == "done"


def test_a_failed_chunk_fails_recognition_only(works: Works) -> None:
    stages = ordinary(pages=5)
    stages["recognise"].broken = {3}
    deposit_id = works.bench.receive(b"received").deposit.id
    works.drain(works.runner(list(stages.values())))
    assert works.shown(deposit_id)["state"] == "kept"
    assert works.states(deposit_id)["recognise"] == "failed"


def test_remarks_become_warnings(works: Works) -> None:
    remark = Remark("extension_mismatch", "Le nom ne dit pas le vrai format.", "identify")
    stages = ordinary() | {"identify": Made("identify", lambda given: StageResult("done", remarks=(remark,)))}
    works.bench.receive(b"received")
    works.drain(works.runner(list(stages.values())))
    with works.bench.database.read() as session:
        warnings = session.scalars(select(RecordRow)).one().warnings
    assert remark.as_json() in warnings


def test_what_is_away_is_tried_again_and_costs_no_attempt(works: Works) -> None:
    def away(given: StageInput) -> StageResult:
        raise Unavailable("tsa_away", "L’horodatage ne répond pas.")

    stages = ordinary()
    deposit_id = works.bench.receive(b"received").deposit.id
    works.runner([*list(stages.values())[:-1], Made("seal", away)]).advance(deposit_id)
    row = works.bench.deposit(deposit_id)
    assert (row.state, row.lease_owner, row.attempts) == ("working", None, 0)
    assert row.lease_until is not None
    assert row.lease_until > utc_now()
    assert not works.runner(list(stages.values())).advance(deposit_id), "it rests"


def test_a_seal_outside_its_validity_lets_a_deposit_wait_and_its_page_says_why(works: Works, keys: Path) -> None:
    signer = load_signer(SigningSettings(keys=keys))
    after = Validity.of(signer.certificate).ends + timedelta(days=1)

    def expired(given: StageInput) -> StageResult:
        require_valid_seal(signer, after)
        raise AssertionError("sealed outside validity")

    stages = ordinary()
    deposit_id = works.bench.receive(b"received").deposit.id
    works.runner([*list(stages.values())[:-1], Made("seal", expired)]).advance(deposit_id)
    row, shown = works.bench.deposit(deposit_id), works.shown(deposit_id)
    assert (row.state, row.attempts, row.problem) == ("working", 0, None)
    assert row.lease_until is not None
    assert row.lease_until > utc_now() + timedelta(seconds=30), "it does not ask again at once"
    seal = next(stage for stage in shown["stages"] if stage["name"] == "seal")
    assert seal["state"] == "waiting"
    assert "rien n’est scellé en dehors" in seal["detail"]
    assert badge(shown).kind == "warn"
    assert "rien n’est scellé en dehors" in badge(shown).reason
    assert {stage["state"] for stage in shown["stages"]} == {"done", "waiting"}
    assert "StageFailed" not in works.journal()

    with works.bench.database.write() as session:
        session.get_one(DepositRow, deposit_id).lease_until = None
    works.drain(works.runner(list(stages.values())))
    shown = works.shown(deposit_id)
    assert shown["state"] == "kept"
    assert [stage["detail"] for stage in shown["stages"] if stage["name"] == "seal"] == [None]


def test_costly_work_is_not_done_twice(works: Works) -> None:
    tries = 0

    def at_second_try(given: StageInput) -> StageResult:
        nonlocal tries
        tries += 1
        if tries == 1:
            error = Unavailable("tsa_away", "L’horodatage ne répond pas.")
            error.retry_after = 0
            raise error
        return leaves("sealed.pdf", b"sealed", needs="archival.pdf")(given)

    stages = ordinary() | {"seal": Made("seal", at_second_try)}
    deposit_id = works.bench.receive(b"received").deposit.id
    runner = works.runner(list(stages.values()))
    runner.advance(deposit_id)
    runner.advance(deposit_id)
    assert works.shown(deposit_id)["state"] == "kept"
    assert stages["recognise"].chunks_run == [1]


def test_malware_is_set_aside_and_never_kept(works: Works) -> None:
    found = {
        "virus": {
            "verdict": "infected",
            "tool": "t",
            "at": "2026-01-01T00:00:00.000Z",
            "detail": "Test.EICAR",
        }
    }
    stages = ordinary() | {"screen": Made("screen", says(found))}
    deposit_id = works.bench.receive(b"received").deposit.id
    works.drain(works.runner(list(stages.values())))
    shown = works.shown(deposit_id)
    assert shown["state"] == "quarantined"
    assert shown["record_id"] is None
    assert "Test.EICAR" in shown["problem"]["detail"]
    assert stages["identify"].runs == 0
    assert works.count(RecordRow) == 0


def test_altered_staging_is_set_aside(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    received = works.bench.receive(b"received").deposit
    path = works.bench.home / "store" / received.staging_key
    path.chmod(0o644)
    path.write_bytes(b"recEived")
    works.drain(works.runner(list(ordinary().values())))
    shown = works.shown(received.id)
    assert shown["state"] == "quarantined"
    assert shown["problem"]["code"] in {"altered", "missing"}  # the local store may notice by the file alone


def test_a_quarantined_deposit_can_be_tried_again(works: Works) -> None:
    found = {"virus": {"verdict": "infected", "tool": "t", "at": "2026-01-01T00:00:00.000Z", "detail": "?"}}
    deposit_id = works.bench.receive(b"received").deposit.id
    works.drain(works.runner(list((ordinary() | {"screen": Made("screen", says(found))}).values())))
    b = works.bench
    retry(b.database, b.ledger, utc_now, lambda: None, tenant="demo", deposit_id=deposit_id, agent="user:1")
    works.drain(works.runner(list(ordinary().values())))
    assert works.shown(deposit_id)["state"] == "kept"
    assert works.shown(deposit_id)["problem"] is None


def test_what_went_well_is_not_tried_again(works: Works) -> None:
    deposit_id = works.bench.receive(b"received").deposit.id
    works.drain(works.runner(list(ordinary().values())))
    b = works.bench
    with pytest.raises(Refused) as refused:
        retry(b.database, b.ledger, utc_now, lambda: None, tenant="demo", deposit_id=deposit_id, agent="user:1")
    assert refused.value.code == "nothing_to_retry"
    with pytest.raises(Refused) as refused:
        retry(b.database, b.ledger, utc_now, lambda: None, tenant="autre", deposit_id=deposit_id, agent="user:1")
    assert refused.value.code == "deposit_not_found"


def test_a_stage_run_says_what_it_did(works: Works) -> None:
    deposit_id = works.bench.receive(b"received").deposit.id
    works.drain(works.runner(list(ordinary().values())))
    with works.bench.database.read() as session:
        run = session.get_one(StageRunRow, (deposit_id, "convert"))
        entries = [
            json.loads(body)["facts"]
            for body in session.scalars(select(JournalEntryRow.body).where(JournalEntryRow.type == "StageCompleted"))
        ]
    assert (run.tool, run.tool_version) == ("maker", "2")
    assert set(run.inputs) == {"alto.xml"}
    assert set(run.outputs) == {"archival.pdf"}
    assert {
        "stage": "convert",
        "state": "done",
        "tool": "maker 2",
        "outputs": {"archival.pdf": run.outputs["archival.pdf"]["sha256"]},
    } in entries


def test_corruption_is_not_retried(works: Works) -> None:
    def corrupt(given: StageInput) -> StageResult:
        raise Corrupt("altered", "Des octets ont changé.")

    deposit_id = works.bench.receive(b"received").deposit.id
    works.drain(works.runner(list((ordinary() | {"identify": Made("identify", corrupt)}).values())))
    assert works.shown(deposit_id)["state"] == "quarantined"


def again(works: Works, deposit_id: str) -> None:
    b = works.bench
    retry(b.database, b.ledger, utc_now, lambda: None, tenant="demo", deposit_id=deposit_id, agent="user:1")


@pytest.mark.parametrize("broken", ["recognise", "convert", "seal"])
def test_a_kept_record_gains_what_had_failed(works: Works, broken: str) -> None:
    fails = made(broken, lambda given: StageResult("failed", detail=Detail("no", "Non.")))
    deposit_id = works.bench.receive(b"received").deposit.id
    works.drain(works.runner(list((ordinary() | {broken: fails}).values())))
    before = works.shown(deposit_id)
    again(works, deposit_id)
    assert works.shown(deposit_id)["record_id"] == before["record_id"], "the record stays what it is meanwhile"
    stages = ordinary()
    works.drain(works.runner(list(stages.values())))
    shown = works.shown(deposit_id)
    assert shown["state"] == "kept"
    assert set(works.states(deposit_id).values()) == {"done"}
    assert stages["identify"].runs == 0, "what went well is not run again"
    with works.bench.database.read() as session:
        record = session.scalars(select(RecordRow)).one()
        forms = {
            r.kind: b"".join(works.bench.store.read(r.key, r.version))
            for r in session.scalars(select(RepresentationRow))
        }
    assert forms["original"] == b"received"
    assert forms["text"] == b"1-1;"
    assert forms["archival"] == b"sealed"
    assert (record.revision, record.ocfl_version) == (2, 2)
    assert works.journal()[-1] == "RecordCompleted"
    assert not any(warning["stage"] == broken for warning in record.warnings)
    assert verify(works.stores, "demo", record.id).verdict == "intact"


def test_a_retry_that_fails_again_leaves_the_record_as_it_is(works: Works) -> None:
    stages = ordinary() | {"convert": Made("convert", lambda given: StageResult("failed", detail=Detail("no", "Non.")))}
    deposit_id = works.bench.receive(b"received").deposit.id
    works.drain(works.runner(list(stages.values())))
    again(works, deposit_id)
    works.drain(works.runner(list(stages.values())))
    assert works.shown(deposit_id)["state"] == "kept"
    with works.bench.database.read() as session:
        assert session.scalars(select(RecordRow)).one().revision == 1


def test_a_record_whose_staging_is_gone_is_made_again_from_its_original(works: Works) -> None:
    fails = Made("seal", lambda given: StageResult("failed", detail=Detail("no", "Non.")))
    deposit_id = works.bench.receive(b"received").deposit.id
    works.drain(works.runner(list((ordinary(5) | {"seal": fails}).values())))
    for item in list(works.bench.store.list("staging/")):
        works.bench.store.delete(item.key, item.version)
    with works.bench.database.write() as session:
        session.get_one(DepositRow, deposit_id).updated_at -= timedelta(days=3)
    again(works, deposit_id)
    works.drain(works.runner(list(ordinary(5).values())))
    assert works.shown(deposit_id)["state"] == "kept"
    assert works.shown(deposit_id)["problem"] is None
    assert works.journal()[-1] == "RecordCompleted"
