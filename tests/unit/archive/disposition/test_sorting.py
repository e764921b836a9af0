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
from sqlalchemy import select

from archive.catalogue.standing import standing_of
from archive.database.sorting_tables import PopulationRow, SortingRow
from archive.database.tables import JournalEntryRow, RecordRow
from archive.disposition import sorting
from archive.disposition.sorting import SortingAct
from archive.evidence import verify_sample
from archive.model.identifiers import new_id
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from signing.ground.errors import Refused
from tests.holdings import keep, lose_database, opened, rows, system_at
from tests.statements import state

RANDOM = {"method": "random", "rate": "1/10"}


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with opened(tmp_path / "home") as made:
        yield made


@contextmanager
def acting(system: System) -> Iterator[SortingAct]:
    with system.database.write() as session:
        yield SortingAct(session, system.ledger, "demo", "user:1", system.clock())


def files(system: System, years: list[int]) -> tuple[str, list[str]]:
    """A class with one closed file a year; its id and theirs."""
    top = new_id()
    nodes: list[tuple[str, dict[str, Any]]] = [(top, {"kind": "class", "code": "7", "title": "Aide sociale"})]
    for n, year in enumerate(years):
        file = {"kind": "file", "code": f"AS-{n}", "title": f"Dossier {n}", "parent_id": top}
        nodes.append((new_id(), file | {"closed_on": f"{year}-12-31"}))
    with system.database.write() as session:
        for subject, body in nodes:
            state(session, system, subject, body)
    return top, [subject for subject, _ in nodes[1:]]


def freeze(system: System, node: str | None = None, units: list[str] | None = None, **criterion: Any) -> str:
    with acting(system) as act:
        return sorting.freeze(act, title="Tri", unit="file", units=units, node=node, criterion=criterion or RANDOM)


def draw(system: System, population: str) -> list[str]:
    with acting(system) as act:
        row = sorting.draw(act, population)
        assert row.draw is not None
        return list(row.draw["kept"])


def code(act: Any) -> str:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.code


def decisions(system: System) -> dict[str, str]:
    with system.database.read() as session:
        return {row.id: row.decision for row in session.scalars(select(SortingRow))}


def test_a_random_sample_waits_for_a_checkpoint_and_is_drawn_once(system: System, tmp_path: Path) -> None:
    """T1: 95 files, one in ten by chance: 10 are kept, 85 go; the same set from the seed."""
    top, units = files(system, [2015] * 95)
    system.publisher.publish(force_token=True)
    population = freeze(system, top)
    assert code(lambda: draw(system, population)) == "sample_not_ready", "that checkpoint was known before"
    system.publisher.publish(force_token=True)
    kept = draw(system, population)
    assert (len(kept), set(kept) < set(units)) == (10, True)
    decided = decisions(system)
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
    assert decisions(system) == dict.fromkeys(units, "keep")


@pytest.mark.parametrize(
    "criterion",
    [
        {"method": "dice"},
        {"method": "random", "rate": "2"},
        {"method": "years", "endings": [10]},
        {"method": "years", "endings": []},
        {"method": "initials", "letters": ["abc"]},
        {"method": "initials", "letters": ["a"], "field": "salt"},
    ],
)
def test_a_criterion_that_makes_no_sense_freezes_nothing(system: System, criterion: dict[str, Any]) -> None:
    _, units = files(system, [2010])
    assert code(lambda: freeze(system, units=units, **criterion)) == "bad_sample"
    assert code(lambda: freeze(system, units=[new_id()])) == "unit_not_found"
    with system.database.read() as session:
        assert session.scalars(select(PopulationRow)).all() == []


def test_an_unsorted_record_is_said_so_until_somebody_decides(system: System, tmp_path: Path) -> None:
    """T3, the state's part: to be sorted until it is decided about."""
    record = keep(system, tmp_path, 1)
    today = date(2040, 1, 1)
    with system.database.write() as session:
        row = session.get_one(RecordRow, record)
        row.final_action, row.due_on, row.basis = "sort", date(2030, 1, 1), "dated"
    with system.database.read() as session:
        assert [row.id for row in sorting.to_sort(session, "demo", today)] == [record]
        assert not standing_of(session, session.get_one(RecordRow, record), today).is_sorted
    with acting(system) as act:
        sorting.decide(act, "record", record, decision="destroy", reason="Double de la série B")
    with system.database.read() as session:
        assert sorting.to_sort(session, "demo", today) == []
        assert standing_of(session, session.get_one(RecordRow, record), today).is_sorted


def test_samples_and_decisions_come_back_from_the_store(system: System, tmp_path: Path) -> None:
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
