"""Custody passes to another archives service: packages, its reply, two visas, and no other way."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from archive.custody.rebuild.disposed import hand_over_again
from archive.database.disposal_tables import DisposalLineRow
from archive.database.seda_tables import SedaDeliveryRow
from archive.database.tables import JournalEntryRow
from archive.disposition.disposals import confirmation
from archive.disposition.transfers import outgoing
from archive.disposition.transfers.outgoing import Receiver
from archive.exchange.seda.entry import examine
from archive.exchange.seda.findings import Outcome
from archive.exchange.seda.replies import ReadReply, reply_to, write_reply
from archive.exchange.seda.reply_reader import read_reply
from archive.exchange.seda.transfer import Digest
from archive.exchange.seda.versions import Version
from archive.holdings.deliver import deliver
from archive.holdings.verify import verify
from archive.model.disposals import Direction, DisposalAction, VisaStep
from archive.objects.fixity import Fixity
from signing.ground.errors import Refused
from tests.bordereaux import ANNE, BRUNO, CLAIRE, Town, Watch
from tests.holdings import opened, titles

RECEIVER = Receiver(archival_agency="AD35", transferring_agency="VILLE", originating_agency="VOIRIE")


@pytest.fixture
def town(tmp_path: Path, keys: Path) -> Iterator[Town]:
    watch = Watch()
    with opened(tmp_path / "home", keys, clock=watch) as system:
        made = Town(system, tmp_path, watch)
        made.rule("GARDE", 10, action="keep")
        made.rule("BON", 10)
        yield made


def publish(town: Town) -> None:
    town.system.statements.settle()
    town.system.publisher.publish(force_token=True)
    town.system.follower.catch_up()


def drafted(town: Town, count: int) -> tuple[str, list[str]]:
    """A bordereau of records whose rule keeps them for ever, submitted."""
    records = [town.keep(document_type="garde") for _ in range(count)]
    town.at("2026-06-01")
    disposal = town.draft(records, action=DisposalAction.TRANSFER, title="Versement")
    town.submit(disposal)
    return disposal, records


def sent(town: Town, disposal: str, version: Version = Version.V2_2) -> SedaDeliveryRow:
    receiver = Receiver(**{**RECEIVER.__dict__, "version": version})
    with town.acting(ANNE) as act:
        records = outgoing.sendable(act.session, "demo", disposal)
        prepared = outgoing.prepare(act.session, "demo", records, receiver, "P2026-0001", "2026-06-01T08:00:00Z")
        return outgoing.state_delivery(act, prepared, receiver, disposal_id=disposal, purpose="transfer")


def zipped(town: Town, row: SedaDeliveryRow, number: int = 1) -> bytes:
    out = io.BytesIO()
    deliver(town.system.stores, row, number, out)
    return out.getvalue()


def replied(town: Town, row: SedaDeliveryRow, code: str, *, missing: bool = False) -> SedaDeliveryRow:
    """The receiver examines the package and answers; the answer is entered."""
    examined = examine(io.BytesIO(zipped(town, row)))
    assert examined.outcome is not Outcome.KO, examined.findings
    transfer = examined.transfer
    assert transfer is not None
    told = reply_to(
        transfer,
        identifier="R-1",
        at="2026-06-02T08:00:00Z",
        outcomes=examined.outcomes,
        findings=(),
        units={name: f"AD-{name}" for name in list(transfer.units)[1 if missing else 0 :]},
        objects={name: (f"AD-{name}", Digest("SHA-512", one.sha512)) for name, one in examined.received.items()},
    )
    message = write_reply(told).replace(b"<ReplyCode>OK<", f"<ReplyCode>{code}<".encode())
    with town.acting(ANNE) as act:
        now = act.session.get_one(SedaDeliveryRow, row.id)
        package = outgoing.again(act.session, now, 1)
        return outgoing.enter_reply(act, now, package, 1, read_reply(message), message)


def visaed(town: Town, disposal: str) -> None:
    town.visa(disposal, VisaStep.PRODUCER, BRUNO)
    town.visa(disposal, VisaStep.CONTROLLER, CLAIRE)
    with town.acting(ANNE) as act:
        confirmation.confirm(act, disposal, None)


def execute(town: Town) -> int:
    town.at("2026-06-17")
    publish(town)
    town.system.disposer.run()
    publish(town)
    return town.system.disposer.run().transferred


def states(town: Town, records: list[str]) -> set[str]:
    return {town.record(one).state for one in records}


def test_x1_a_reply_that_is_ok_and_both_visas_end_custody(town: Town) -> None:
    disposal, records = drafted(town, 2)
    row = replied(town, sent(town, disposal), "OK")
    assert row.content["packages"][0]["state"] == "accepted"
    assert execute(town) == 0  # no visa yet
    assert states(town, records) == {"in_disposal"}
    town.at("2026-06-01")
    visaed(town, disposal)
    town.at("2026-06-17")
    publish(town)
    town.system.disposer.run()
    publish(town)
    town.system.disposer.run()
    assert states(town, records) == {"transferred"}
    assert town.row(disposal).state == "executed"
    assert {state for state, _ in town.lines(disposal).values()} == {"destroyed"}
    with town.system.database.read() as session:
        asked = select(JournalEntryRow.subject).where(JournalEntryRow.type == "RecordTransferred")
        assert set(session.scalars(asked)) == {f"record:{one}" for one in records}


def test_what_was_handed_over_is_still_read_and_found(town: Town) -> None:
    disposal, (record,) = drafted(town, 1)
    replied(town, sent(town, disposal), "OK")
    visaed(town, disposal)
    execute(town)
    publish(town)
    assert town.record(record).state == "transferred"
    assert verify(town.system.stores, "demo", record, agent="user:1").verdict is Fixity.INTACT
    assert record in {found for found, _ in titles(town.system, town.record(record).title)}


@pytest.mark.parametrize(("code", "state"), [("KO", "refused"), ("WARNING", "doubtful")])
def test_x1_nothing_leaves_by_a_ko_or_by_a_warning_that_nobody_decided(town: Town, code: str, state: str) -> None:
    disposal, records = drafted(town, 1)
    row = replied(town, sent(town, disposal), code)
    assert row.content["packages"][0]["state"] == state
    visaed(town, disposal)
    assert execute(town) == 0
    assert states(town, records) == {"in_disposal"}
    why = "not_taken_over" if code == "KO" else "reply_awaited"
    assert set(town.lines(disposal).values()) == {("blocked", why)}
    if code == "WARNING":
        with town.acting(ANNE) as act:
            outgoing.decide(act, act.session.get_one(SedaDeliveryRow, row.id), 1, accept=True, reason="Vu avec eux")
        publish(town)
        assert town.system.disposer.run().transferred == 1
        assert states(town, records) == {"transferred"}


def test_x1_silence_leaves_everything_ours(town: Town) -> None:
    disposal, records = drafted(town, 1)
    sent(town, disposal)
    visaed(town, disposal)
    assert execute(town) == 0
    assert set(town.lines(disposal).values()) == {("blocked", "reply_awaited")}
    assert states(town, records) == {"in_disposal"}


def test_a_reply_that_misses_a_unit_is_never_an_ok(town: Town) -> None:
    disposal, _ = drafted(town, 2)
    row = replied(town, sent(town, disposal), "OK", missing=True)
    (one,) = row.content["packages"]
    assert (one["state"], one["reply"]["findings"][0]["code"]) == ("doubtful", "seda_reply_unit_missing")


def test_a_reply_to_something_else_or_to_nothing_is_none(town: Town) -> None:
    disposal, _ = drafted(town, 1)
    row = sent(town, disposal)
    with town.acting(ANNE) as act, pytest.raises(Refused) as refused:
        package = outgoing.again(act.session, row, 1)
        outgoing.enter_reply(act, row, package, 1, ReadReply(None), b"")
    assert refused.value.code == "bad_reply"


def test_what_was_taken_over_is_answered_once(town: Town) -> None:
    disposal, _ = drafted(town, 1)
    row = replied(town, sent(town, disposal), "OK")
    with pytest.raises(Refused) as refused:
        replied(town, row, "KO")
    assert refused.value.code == "delivery_answered"


def test_a_false_row_that_says_accepted_ends_nothing(town: Town) -> None:
    disposal, records = drafted(town, 1)
    row = sent(town, disposal)
    visaed(town, disposal)
    with town.system.database.write() as session:
        body: dict[str, Any] = dict(row.content)
        body["packages"] = [{**body["packages"][0], "state": "accepted"}]
        session.get_one(SedaDeliveryRow, row.id).content = body
    assert execute(town) == 0
    assert states(town, records) == {"in_disposal"}


@pytest.mark.parametrize("version", list(Version))
def test_packages_are_valid_in_each_version_and_the_same_each_time(town: Town, version: Version) -> None:
    disposal, records = drafted(town, 2)
    row = sent(town, disposal, version)
    first, second = zipped(town, row), zipped(town, row)
    assert first == second
    examined = examine(io.BytesIO(first))
    assert [one.code for one in examined.findings] == ["seda_agreement_missing"]
    assert examined.transfer is not None
    told = [one.content.originating_system_ids for one in examined.transfer.units.values()]
    assert [one for some in told for one in some] == sorted(records, key=lambda one: told.index((one,)))
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert len(archive.namelist()) == 1 + 2 * len(records)


def test_a_record_described_anew_is_not_sent_as_it_was_not(town: Town) -> None:
    from archive.holdings.describe import describe

    disposal, (record,) = drafted(town, 1)
    row = sent(town, disposal)
    revision = town.record(record).revision
    describe(town.system.stores, "demo", record, {"title": "Autre"}, agent=ANNE, expected_revision=revision)
    with pytest.raises(Refused) as refused:
        zipped(town, row)
    assert refused.value.code == "delivery_changed"


def test_only_a_bordereau_of_transfer_that_is_submitted_is_sent(town: Town) -> None:
    records = town.due(1)
    disposal = town.draft(records)
    town.submit(disposal)
    with town.acting(ANNE) as act, pytest.raises(Refused) as refused:
        outgoing.sendable(act.session, "demo", disposal)
    assert refused.value.code == "delivery_not_expected"


def handed_over(town: Town) -> str:
    disposal, (record,) = drafted(town, 1)
    replied(town, sent(town, disposal), "OK")
    visaed(town, disposal)
    execute(town)
    assert town.record(record).state == "transferred"
    return record


def test_an_original_that_was_handed_over_goes_only_where_the_archives_propose_it(town: Town) -> None:
    record = handed_over(town)
    with pytest.raises(Refused) as refused:
        town.draft([record])
    assert refused.value.code == "record_not_kept"
    proposed = town.draft([record], direction=Direction.ARCHIVES_PROPOSE)
    assert town.record(record).state == "in_disposal"
    assert {state for state, _ in town.lines(proposed).values()} <= {"included", "waiting"}
    from archive.disposition.disposals import bordereau

    with town.acting(ANNE) as act:
        bordereau.withdraw(act, proposed, None, "Erreur")
    assert town.record(record).state == "transferred"


def test_a_record_whose_rule_keeps_it_is_not_destroyed_by_naming_it(town: Town) -> None:
    record = town.keep(document_type="garde")
    town.at("2026-06-01")
    disposal = town.draft([record])
    assert set(town.lines(disposal).values()) == {("blocked", "other_action")}


def test_a_rebuild_knows_what_was_handed_over(town: Town) -> None:
    record = handed_over(town)
    with town.system.database.write() as session:
        from archive.database.tables import RecordRow

        session.get_one(RecordRow, record).state = "kept"
        line = session.scalars(select(DisposalLineRow).where(DisposalLineRow.record_id == record)).one()
        line.state, line.done_at = "included", None
    hand_over_again(town.system.database)
    assert town.record(record).state == "transferred"
    with town.system.database.read() as session:
        done = select(func.count()).where(DisposalLineRow.record_id == record, DisposalLineRow.done_at.is_not(None))
        assert session.scalar(done) == 1
