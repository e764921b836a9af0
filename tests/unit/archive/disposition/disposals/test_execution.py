"""Execution: each line judged again, destroyed in every copy, shown gone; once only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from archive.database.disposal_tables import DisposalLineRow, DisposalVisaRow
from archive.database.tables import JournalEntryRow
from archive.disposition.disposals import bordereau
from archive.holdings import dispose
from archive.holdings.describe import describe
from archive.holdings.dispose import Executed
from archive.journal.types import EntryType
from archive.model.disposals import DisposalAction, VisaStep
from archive.model.statement_kinds import StatementKind
from ingestion.operations.custody import Custody
from signing.ground.errors import Refused
from tests.bordereaux import ANNE, BRUNO, CLAIRE, DENIS, Town, Watch
from tests.holdings import lose_database, opened, rows, system_at, titles


@pytest.fixture
def town(tmp_path: Path, keys: Path) -> Iterator[Town]:
    watch = Watch()
    copy = {"CHARTRIER_COPY_PATH": str(tmp_path / "copy")}
    with opened(tmp_path / "home", keys, clock=watch, **copy) as system:
        made = Town(system, tmp_path, watch)
        made.rule("BON", 10)
        yield made


def publish(town: Town) -> None:
    town.system.statements.settle()
    town.system.publisher.publish(force_token=True)
    town.system.follower.catch_up()


def ready(town: Town, disposal: str) -> None:
    """The bordereau confirmed, and the first day on which it may be executed."""
    with town.acting(ANNE) as act:
        dispose.confirm(act, disposal, None)
    publish(town)
    town.at("2026-06-17")


def execute(town: Town) -> Executed:
    """A run that states that it begins, a checkpoint over that, and a run that destroys."""
    town.system.disposer.run()
    publish(town)
    return town.system.disposer.run()


def entries(town: Town, record: str) -> list[str]:
    with town.system.database.read() as session:
        asked = select(JournalEntryRow.type).where(JournalEntryRow.subject == f"record:{record}")
        return [one for one in session.scalars(asked.order_by(JournalEntryRow.n)) if "Dis" in one or "Dest" in one]


def files_of(home: Path, record: str) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file() and record in str(path)]


def test_what_is_approved_is_destroyed_in_every_copy_and_the_rest_stays(town: Town, tmp_path: Path) -> None:
    one, other = town.due(2)
    kept = town.keep("2020-01-01")
    publish(town)
    Custody(town.system).copy_everything()
    assert files_of(tmp_path / "copy", one)
    disposal = town.approved([one, other])
    ready(town, disposal)
    done = execute(town)
    assert (done.destroyed, done.failed) == (2, {})
    for record in (one, other):
        assert files_of(tmp_path, record) == [], "in store and copy"
        assert entries(town, record) == ["DestructionDecided", "RecordDisposed"]
        assert (town.record(record).state, town.record(record).title) == ("disposed", "")
    assert town.row(disposal).state == "executed"
    assert files_of(tmp_path, kept)
    assert execute(town).destroyed == 0, "nothing twice"
    publish(town)
    assert [record for record, _ in titles(town.system, "acte")] == [kept]
    found = Custody(town.system).reconcile(pause=lambda _s: None)
    assert found["findings"] == [], found


def test_a_rare_word_of_what_is_gone_is_nowhere(town: Town, tmp_path: Path) -> None:
    rare = "xylophonequadrature"
    one = town.keep(title=f"Bon {rare}", description=f"Objet {rare}", external_reference=rare)
    town.keep("2020-01-01")
    publish(town)
    Custody(town.system).copy_everything()
    town.at("2026-06-01")
    assert containing(tmp_path, rare)
    disposal = town.approved([one])
    ready(town, disposal)
    town.system.dispose()
    publish(town)
    assert town.system.dispose().destroyed == 1
    assert containing(tmp_path, rare) == []


def containing(folder: Path, word: str) -> list[str]:
    """Files in which a word stands, byte for byte."""
    wanted = (word.encode(), word.title().encode())
    paths = (path for path in folder.rglob("*") if path.is_file())
    return [str(path.relative_to(folder)) for path in paths if any(one in path.read_bytes() for one in wanted)]


def test_it_waits_for_confirmation_and_for_the_end_of_the_last_day(town: Town) -> None:
    (one,) = town.due(1)
    disposal = town.approved([one])
    publish(town)
    town.at("2026-06-17")
    assert execute(town).destroyed == 0, "nobody has confirmed it"
    with town.acting(ANNE) as act:
        dispose.confirm(act, disposal, None)
    publish(town)
    town.at("2026-06-16", 21)  # 23:00 in Paris, its last day
    assert execute(town).destroyed == 0
    town.at("2026-06-16", 22)  # midnight has passed there
    assert execute(town).destroyed == 1


def test_h4_a_hold_on_the_last_day_blocks_its_lines_until_its_release(town: Town) -> None:
    records = town.due(5)
    held = records[:2]
    disposal = town.approved(records)
    ready(town, disposal)
    hold = town.system.holds.place("demo", held, reason="Contentieux", until=None, agent="user:1")
    assert execute(town).destroyed == 3
    lines = town.lines(disposal)
    assert {lines[one] for one in held} == {("blocked", "held")}
    assert town.row(disposal).state == "executing"
    town.system.holds.release("demo", hold, reason="Jugé", agent="user:1")
    town.system.holds.run()
    assert town.system.disposer.run().destroyed == 2
    with town.system.database.read() as session:
        line = DisposalLineRow
        numbers = dict(session.execute(select(line.record_id, line.supplement)).all())
    assert {numbers[one] for one in held} == {2}
    assert town.row(disposal).state == "executed"


def test_a_hold_after_the_decision_is_refused_with_the_instant(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = town.due(1)
    ready(town, town.approved([one]))
    monkeypatch.setattr(dispose, "erase", _cut)
    with pytest.raises(PowerCut):
        execute(town)
    with pytest.raises(Refused) as refused:
        town.system.holds.place("demo", [one], reason="Trop tard", until=None, agent="user:1")
    assert refused.value.code == "disposal_committed"
    monkeypatch.undo()
    assert town.system.disposer.run().destroyed == 1
    assert entries(town, one) == ["DestructionDecided", "RecordDisposed"]


class PowerCut(BaseException):
    """The power goes."""


def _cut(*_args: Any) -> Any:
    raise PowerCut


def test_a_changed_record_is_blocked_and_the_others_go_on(town: Town) -> None:
    one, other = town.due(2)
    disposal = town.approved([one, other])
    ready(town, disposal)
    describe(town.system.stores, "demo", one, {"title": "Autre titre"}, agent="user:1", expected_revision=1)
    assert execute(town).destroyed == 1
    assert town.lines(disposal)[one] == ("blocked", "changed")


def test_r5_a_rule_that_keeps_longer_blocks_the_line(town: Town) -> None:
    (one,) = town.due(1)
    disposal = town.approved([one])
    ready(town, disposal)
    town.amend("BON", 15)
    assert execute(town).destroyed == 0
    assert town.lines(disposal)[one] == ("blocked", "changed")


def test_v10_a_visa_of_more_than_a_year_is_asked_for_again(town: Town) -> None:
    (one,) = town.due(1)
    disposal = town.approved([one])
    ready(town, disposal)
    town.at("2027-06-02")
    assert execute(town).destroyed == 0
    assert town.lines(disposal)[one] == ("blocked", "visa_stale")


def test_false_rows_obtain_no_destruction(town: Town) -> None:
    one, other = town.due(2)
    disposal = town.draft([one, other])
    with town.acting() as act:
        bordereau.exclude(act, disposal, None, {other: "À garder"})
    town.submit(disposal)
    publish(town)
    with town.system.database.write() as session:
        state = {"state": "cooling_off", "last_visa_on": "2026-06-01", "stop_until": "2026-06-16", "confirmed_by": ANNE}
        row = bordereau.get(session, "demo", disposal)
        row.content = row.content | state
        row.state, row.stop_until = "executing", None
        session.execute(update(DisposalLineRow).values(state="included", decision="approve"))
    town.at("2026-06-17")
    done = execute(town)
    assert (done.destroyed, done.failed) == (0, {disposal: "disposal_contradicted"})
    with town.system.database.read() as session:
        assert session.scalars(select(DisposalVisaRow)).all() == []


def test_two_visas_under_one_name_obtain_nothing(town: Town) -> None:
    town.due(1)
    disposal = town.approved()
    with town.acting(DENIS) as act:
        asked = select(DisposalVisaRow).where(DisposalVisaRow.disposal_id == disposal)
        visa = act.session.scalars(asked.where(DisposalVisaRow.step == "controller")).one()
        body = visa.content | {"person": " BRUNÓ "}
        act.state(StatementKind.VISA, visa.id, visa.number, "given", body, EntryType.VISA_STATED)
    ready(town, disposal)
    done = execute(town)
    assert (done.destroyed, done.failed) == (0, {disposal: "disposal_contradicted"})


@pytest.mark.parametrize("lacking", [{"confirmed_by": ANNE}, {"evidence": None}], ids=str)
def test_a_paper_visa_without_a_second_person_or_a_scan_obtains_nothing(town: Town, lacking: dict[str, Any]) -> None:
    town.due(1)
    disposal = town.approved()
    paper = {"means": "paper", "recorded_by": ANNE, "confirmed_by": DENIS, "evidence": "a" * 64}
    with town.acting(DENIS) as act:
        asked = select(DisposalVisaRow).where(DisposalVisaRow.disposal_id == disposal)
        visa = act.session.scalars(asked.where(DisposalVisaRow.step == "controller")).one()
        body = visa.content | paper | lacking
        act.state(StatementKind.VISA, visa.id, visa.number, "given", body, EntryType.VISA_STATED)
    ready(town, disposal)
    done = execute(town)
    assert (done.destroyed, done.failed) == (0, {disposal: "disposal_contradicted"})


def test_a_distrusted_clock_destroys_nothing(town: Town) -> None:
    (one,) = town.due(1)
    ready(town, town.approved([one]))
    town.watch.at("2036-06-17")
    town.system.time_sense.look()
    with pytest.raises(Exception, match="horloge"):
        execute(town)
    assert town.record(one).state == "in_disposal"


def test_a_rebuild_knows_what_is_gone(town: Town, tmp_path: Path) -> None:
    one, other = town.due(2)
    disposal = town.approved([one])
    ready(town, disposal)
    assert execute(town).destroyed == 1
    publish(town)
    tables = ("records", "disposals", "disposal_lines")
    before = rows(town.system, *tables)
    lose_database(town.system)
    again = system_at(town.system.settings.home, clock=town.watch)
    again.prepare_rebuild()
    report = Custody(again).rebuild()
    assert (report["findings"], report["equal"]) == ([], True), report
    assert rows(again, *tables) == before
    town.system = again
    assert (town.record(one).state, town.record(other).state) == ("disposed", "kept")
    again.close()


def test_what_was_entered_by_mistake_goes_when_the_lock_of_the_store_ends(town: Town) -> None:
    twin = town.keep("2020-03-20")
    town.made -= 1
    mistaken = town.keep("2020-03-20")
    town.at("2026-06-01")
    disposal = town.draft([mistaken], action=DisposalAction.REMOVE, reason="Mauvais document", readers=(ANNE, DENIS))
    town.submit(disposal)
    town.visa(disposal, VisaStep.PRODUCER, BRUNO)
    town.visa(disposal, VisaStep.CONTROLLER, CLAIRE)
    ready(town, disposal)
    assert execute(town).destroyed == 0
    assert town.lines(disposal)[mistaken] == ("waiting", None)
    town.at("2030-03-22")
    assert town.system.disposer.run().destroyed == 1
    assert town.lines(disposal)[mistaken] == ("destroyed", None)
    with town.system.database.read() as session:
        line = session.get_one(DisposalLineRow, (disposal, mistaken))
    assert line.result is not None
    assert line.result["detached"] == [twin], "the same bytes, in a folder of its own"
    assert files_of(town.folder, twin)
