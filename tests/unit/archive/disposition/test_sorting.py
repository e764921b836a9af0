"""Populations are frozen, samples drawn once and recomputed by anybody, units decided about."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.catalogue.sortings import decision_about
from archive.catalogue.standing import standing_of
from archive.database.retention_counters import miscounted
from archive.database.retention_tables import RecordNodeRow
from archive.database.sorting_tables import PopulationRow
from archive.database.tables import JournalEntryRow, RecordRow, RetentionRuleRow
from archive.disposition import sorting
from archive.disposition.act import Act
from archive.disposition.due_counts import analyse
from archive.disposition.due_lines import lines
from archive.disposition.due_query import DueQuery
from archive.disposition.sorting_units import due_units, population_of
from archive.evidence import verify_sample
from archive.model.identifiers import new_id
from archive.retention.states import DueList, DueState, state_of
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from signing.ground.errors import Refused
from tests.holdings import keep, lose_database, opened, rows, system_at
from tests.statements import state

RANDOM = {"method": "random", "rate": "1/10"}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with opened(tmp_path_factory.mktemp("sorting") / "home") as made:
        yield made


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[System]:
    """A system of the test's own, whose database it may lose."""
    with opened(tmp_path / "home") as made:
        yield made


@contextmanager
def acting(system: System) -> Iterator[Act]:
    with system.database.write() as session:
        yield Act(session, system.ledger, "demo", "user:1", system.clock())


def files(system: System, years: list[int]) -> tuple[str, list[str]]:
    """A class with one closed file a year; its id and theirs."""
    top = new_id()
    nodes: list[tuple[str, dict[str, Any]]] = [(top, {"kind": "class", "code": top, "title": "Aide sociale"})]
    for n, year in enumerate(years):
        file = {"kind": "file", "code": f"{top}-{n}", "title": f"Dossier {n}", "parent_id": top}
        nodes.append((new_id(), file | {"closed_on": f"{year}-12-31"}))
    with system.database.write() as session:
        for subject, body in nodes:
            state(session, system, subject, body)
    return top, [subject for subject, _ in nodes[1:]]


def freeze(system: System, node: str | None = None, units: list[str] | None = None, **criterion: Any) -> str:
    with acting(system) as act:
        return sorting.freeze(act, title="Tri", unit="file", units=units, node=node, criterion=criterion or RANDOM)


def withdraw(system: System, unit: str) -> None:
    with acting(system) as act:
        sorting.withdraw(act, unit)


def draw(system: System, population: str) -> list[str]:
    with acting(system) as act:
        row = sorting.draw(act, population)
        assert row.draw is not None
        return list(row.draw["kept"])


def to_sort(session: Session, day: date) -> list[str]:
    return due_units(session, "demo", "record", day, DueQuery(), 50)


def code(act: Any) -> str:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.code


def decisions(system: System, units: list[str]) -> dict[str, str]:
    with system.database.read() as session:
        return {unit: str(row.decision) for unit, row in sorting.decisions(session, units).items()}


def test_a_random_sample_waits_for_a_checkpoint_and_is_drawn_once(system: System, tmp_path: Path) -> None:
    """T1: 95 files, one in ten by chance: 10 are kept, 85 go; the same set from the seed."""
    top, units = files(system, [2015] * 95)
    system.publisher.publish(force_token=True)
    population = freeze(system, top)
    assert code(lambda: draw(system, population)) == "sample_not_ready", "that checkpoint was known before"
    system.publisher.publish(force_token=True)
    kept = draw(system, population)
    assert (len(kept), set(kept) < set(units)) == (10, True)
    decided = decisions(system, units)
    assert [unit for unit in sorted(units) if decided[unit] == "keep"] == sorted(kept)
    assert list(decided.values()).count("destroy") == 85
    assert code(lambda: draw(system, population)) == "sample_drawn"
    assert code(lambda: freeze(system, units=units[:3])) == "unit_in_a_population", "no second try"
    assert code(lambda: freeze(system, top)) == "bad_sample", "all of them are sorted"

    with system.database.read() as session:
        told = sorting.sample_file(session, session.get_one(PopulationRow, population))
    path = tmp_path / "sample.json"
    path.write_text(json.dumps(told))
    alone = run(
        [sys.executable, "-I", verify_sample.__file__, str(path)], capture_output=True, text=True, check=False, cwd="/"
    )
    assert (alone.returncode, alone.stdout.splitlines()[-1]) == (0, "INTACT")
    note = str(told["checkpoint"]["note"])
    for name, other in (
        ("seed", "00" * 32),
        ("kept", [*told["kept"][1:], next(unit for unit in units if unit not in kept)]),
        ("kept", told["kept"][1:]),
        ("units", told["units"][1:]),
        ("rate", "1/9"),
        ("frozen_entry", told["checkpoint"]["size"]),
        ("checkpoint", {**told["checkpoint"], "token": note}),
    ):
        path.write_text(json.dumps({**told, name: other}))
        assert verify_sample.main([str(path)]) == 3, name
    path.write_text("{}")
    assert verify_sample.main([str(path)]) == 4


def test_years_and_initials_need_no_chance(system: System) -> None:
    """T2: years ending in 0 and 5, files of 2010 to 2019: 2010 and 2015 are kept."""
    _, units = files(system, list(range(2010, 2020)))
    assert draw(system, freeze(system, units=units, method="years", endings=[0, 5])) == sorted([units[0], units[5]])


def test_initials_are_those_of_the_field(system: System) -> None:
    _, units = files(system, [2010, 2011])
    assert draw(system, freeze(system, units=units, method="initials", letters=["D"])) == sorted(units)


def test_a_person_decides_otherwise_with_a_reason(system: System) -> None:
    _, units = files(system, [2010, 2011])
    draw(system, freeze(system, units=units, method="years", endings=[0]))
    with acting(system) as act:
        row = sorting.decide(act, "file", units[1], decision="keep", reason="Affaire célèbre")
        assert (row.decision, row.number, row.population_id) == ("keep", 2, None)
    for wrong in ({"decision": "burn", "reason": "x"}, {"decision": "keep", "reason": " "}):
        with acting(system) as act:
            assert code(lambda act=act, wrong=wrong: sorting.decide(act, "file", units[0], **wrong)) == "bad_sample"
    with acting(system) as act:
        assert code(lambda: sorting.decide(act, "record", units[0], decision="keep", reason="x")) == "unit_not_found"
    with system.database.read() as session:
        bodies = b"".join(session.scalars(select(JournalEntryRow.body)))
    assert "célèbre".encode() not in bodies


def test_what_a_person_decided_first_stays_when_the_sample_is_drawn(system: System) -> None:
    _, units = files(system, [2010, 2011])
    population = freeze(system, units=units, method="years", endings=[0])
    with acting(system) as act:
        sorting.decide(act, "file", units[1], decision="keep", reason="Affaire célèbre")
    draw(system, population)
    assert decisions(system, units) == dict.fromkeys(units, "keep")


@pytest.mark.parametrize(
    "criterion",
    [
        {"method": "dice"},
        {"method": "random", "rate": "2"},
        {"method": "years", "endings": [10]},
        {"method": "years", "endings": []},
        {"method": "initials", "letters": ["abc"]},
        {"method": "initials", "letters": ["a"], "field": "salt"},
        {"method": "specimen", "count": 0},
        {"method": "specimen", "count": "3"},
        {"method": "selection", "words": " "},
    ],
)
def test_a_criterion_that_makes_no_sense_freezes_nothing(system: System, criterion: dict[str, Any]) -> None:
    _, units = files(system, [2010])
    assert code(lambda: freeze(system, units=units, **criterion)) == "bad_sample"
    assert code(lambda: freeze(system, units=[new_id()])) == "unit_not_found"
    with system.database.read() as session:
        assert population_of(session, "demo", units) is None


def test_an_unsorted_record_is_said_so_until_somebody_decides(lone: System, tmp_path: Path) -> None:
    """T3, the state's part: to be sorted until it is decided about."""
    system = lone
    record = keep(system, tmp_path, 1)
    today = date(2040, 1, 1)
    with system.database.write() as session:
        row = session.get_one(RecordRow, record)
        row.final_action, row.due_on, row.basis = "sort", date(2030, 1, 1), "dated"
        rule = session.scalars(select(RetentionRuleRow).where(RetentionRuleRow.tenant_id == "demo")).first()
        assert rule is not None
        rule.validated_at = system.clock()
        row.rule_code, row.rule_version, row.retention_parts, row.other_rules = rule.code, rule.version, None, None
    agreed(system, today, record, DueList.TO_SORT, DueState.TO_SORT)
    for decision, which in (("destroy", DueList.TO_ELIMINATE), ("keep", DueList.TO_TRANSFER)):
        with acting(system) as act:
            sorting.decide(act, "record", record, decision=decision, reason="Double de la série B")
        agreed(system, today, record, which, DueState.READY)
    with acting(system) as act:
        assert sorting.withdraw(act, record).decision is None
    agreed(system, today, record, DueList.TO_SORT, DueState.TO_SORT)
    assert code(lambda: withdraw(system, record)) == "sorting_not_found"


def test_a_record_follows_the_decision_about_its_file_wherever_it_lies(system: System, tmp_path: Path) -> None:
    """By triggers: also what comes in or goes out later; its own decision goes first."""
    record = keep(system, tmp_path, 2)
    _, units = files(system, [2010, 2011])

    def placed(*files: str) -> str | None:
        with system.database.write() as session:
            session.execute(delete(RecordNodeRow).where(RecordNodeRow.record_id == record))
            for one in files:
                session.add(RecordNodeRow(record_id=record, node_id=one, bytes=0))
        return decided()

    def decided() -> str | None:
        with system.database.read() as session:
            row = session.get_one(RecordRow, record)
            assert row.sorted == decision_about(session, record)
            return row.sorted

    def decide(unit: str, one: str, decision: str) -> str | None:
        with acting(system) as act:
            sorting.decide(act, unit, one, decision=decision, reason="Motif")
        return decided()

    assert decide("file", units[0], "destroy") is None
    assert placed(units[0]) == "destroy"
    assert decide("file", units[1], "keep") == "destroy"
    assert placed(*units) == "keep", "kept, where one of its files is"
    assert decide("record", record, "destroy") == "destroy"
    withdraw(system, record)
    assert decided() == "keep"
    assert placed(units[0]) == "destroy"
    withdraw(system, units[0])
    assert decided() is None
    with system.database.write() as session:
        assert miscounted(session.connection()) == 0


def test_a_decision_of_the_draw_is_not_withdrawn_one_of_a_person_is(system: System) -> None:
    _, units = files(system, [2010, 2011])
    draw(system, freeze(system, units=units, method="years", endings=[0]))
    assert code(lambda: withdraw(system, units[1])) == "sorting_drawn"
    with acting(system) as act:
        assert sorting.decide_all(act, "file", units, decision="keep", reason="Fonds menacé") == 2
    withdraw(system, units[1])
    assert decisions(system, units) == {units[0]: "keep", units[1]: "destroy"}, "as it was drawn"


def test_what_is_being_eliminated_is_not_decided_about_again(system: System, tmp_path: Path) -> None:
    record = keep(system, tmp_path, 3)
    with acting(system) as act:
        sorting.decide(act, "record", record, decision="destroy", reason="Double")
    with system.database.write() as session:
        session.get_one(RecordRow, record).state = "in_disposal"
    assert code(lambda: withdraw(system, record)) == "unit_in_disposal"
    with acting(system) as act:
        again = {"decision": "keep", "reason": "Non"}
        assert code(lambda: sorting.decide(act, "record", record, **again)) == "unit_in_disposal"


def test_specimens_are_drawn_like_a_sample_and_recomputed(system: System, tmp_path: Path) -> None:
    _, units = files(system, [2015] * 8)
    population = freeze(system, units=units, method="specimen", count=3)
    system.publisher.publish(force_token=True)
    kept = draw(system, population)
    assert len(kept) == 3
    with system.database.read() as session:
        told = sorting.sample_file(session, session.get_one(PopulationRow, population))
    path = tmp_path / "sample.json"
    path.write_text(json.dumps(told))
    assert verify_sample.main([str(path)]) == 0
    path.write_text(json.dumps({**told, "count": 4}))
    assert verify_sample.main([str(path)]) == 3


def test_a_selection_keeps_what_a_person_chose_and_the_rest_goes(system: System) -> None:
    _, units = files(system, [2010, 2011, 2012])
    population = freeze(system, units=units, method="selection", words="Affaires connues du public")
    with acting(system) as act:
        sorting.decide(act, "file", units[2], decision="keep", reason="Affaire célèbre")
    assert draw(system, population) == [units[2]]
    assert decisions(system, units) == {units[0]: "destroy", units[1]: "destroy", units[2]: "keep"}


def test_a_population_that_changed_since_it_was_seen_is_not_frozen(system: System) -> None:
    _, units = files(system, [2010, 2011])
    with acting(system) as act:
        seen = {"title": "Tri", "unit": "file", "units": units, "criterion": RANDOM}
        assert code(lambda: sorting.freeze(act, **seen, expected=3)) == "population_changed"
        assert sorting.freeze(act, **seen, expected=2)


def test_samples_and_decisions_come_back_from_the_store(lone: System, tmp_path: Path) -> None:
    system = lone
    top, _ = files(system, [2015] * 12)
    system.publisher.publish(force_token=True)
    population = freeze(system, top)
    system.publisher.publish()  # never time-stamped: no store has it, and later ones are numbered anew
    keep(system, tmp_path, 1)
    system.publisher.publish(force_token=True)
    draw(system, population)
    proof = proof_of(system, population)
    assert system.statements.settle().failed == {}
    assert Custody(system).reconcile(pause=lambda _s: None)["open"] == 0
    system.publisher.publish(force_token=True)
    before = rows(system, "populations", "sortings")
    lose_database(system)
    after = system_at(system.settings.home)
    after.prepare_rebuild()
    report = Custody(after).rebuild()
    assert report["findings"] == []
    assert rows(after, "populations", "sortings") == before
    again = proof_of(after, population)
    assert again["checkpoint"].pop("number") < proof["checkpoint"].pop("number")
    assert again == proof
    after.close()


def proof_of(system: System, population: str) -> dict[str, Any]:
    with system.database.read() as session:
        return sorting.sample_file(session, sorting.get(session, "demo", population))


def agreed(system: System, day: date, record: str, which: DueList, state: DueState) -> None:
    """Check that a record's own state, the lists and both ways of counting say the same."""
    with system.database.read() as session:
        row = session.get_one(RecordRow, record)
        assert state_of(standing_of(session, row, day), day) is state
        assert to_sort(session, day) == ([record] if state is DueState.TO_SORT else [])
        for one in DueList:
            found = lines(session, "demo", day, DueQuery(action=one.final_action))
            assert [(line.record.id, line.state) for line in found] == ([(record, state)] if one is which else [])
            kept, counted = (analyse(session, "demo", day, DueQuery(text=text)) for text in (None, row.title))
            for analysis in (kept, counted):
                assert analysis.states[state].records == 1
                assert analysis.of(one).records == (1 if one is which else 0), one
        assert miscounted(session.connection()) == 0
