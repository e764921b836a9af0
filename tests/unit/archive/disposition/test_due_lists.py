"""Due lists: one state a record, totals that add up, kept counts that say what a recount says."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import delete

from archive.database import retention_counters
from archive.database.counter_tables import RetentionCounterRow, ServiceCounterRow
from archive.database.engine import Database
from archive.database.retention_tables import PlanNodeRow, RecordNodeRow
from archive.database.tables import RecordRow, RepresentationRow
from archive.disposition import due_counts, due_query
from archive.disposition.due_counts import NONE, Count, analyse
from archive.disposition.due_groups import GroupBy, groups
from archive.disposition.due_lines import every_line, lines, place_of
from archive.disposition.due_query import DueQuery
from archive.disposition.due_states import Validated, standing_of
from archive.model.final_actions import FinalAction
from archive.model.states import GONE
from archive.retention.states import DueList, DueState, state_of
from tests.unit.archive.disposition.due_rows import NOW, all_of, drawn, hold, record, release, tenant

DAYS = (date(2030, 12, 31), date(2031, 1, 1), date(2031, 1, 14), date(2031, 1, 31), date(2031, 2, 15), date(2034, 6, 6))


def test_pure_rule_list_and_kept_counts_agree_on_every_record(database: Database) -> None:
    chance = random.Random(9)
    with database.write() as session:
        tenant(session)
        rows = [record(session, **drawn(chance)) for _ in range(250)]
        dated = [hold(session, *chance.sample(rows, 15), until=date(2031, 1, 13)), hold(session, *rows[:9])]
        release(session, hold(session, *rows[5:20]))
        for row in chance.sample(rows, 80):  # a record changes its place in the counts
            for name, value in drawn(chance).items():
                setattr(row, name, value)
        session.flush()
        assert dated[0].released_at is None
    for day in DAYS:
        with database.read() as session:
            validated = Validated.load(session, "demo")
            there = [row for row in all_of(session) if row.state not in GONE]
            expected = {row.id: state_of(standing_of(row, day, validated), day) for row in there}
            found: dict[str, DueState] = {}
            for state in DueState:
                for line in every_line(session, "demo", day, DueQuery(), state=state, batch=7):
                    assert line.record.id not in found, "one state a record"
                    found[line.record.id] = line.state
            assert found == expected
            kept, counted = analyse(session, "demo", day), analyse(session, "demo", day, DueQuery(year=None, text=" "))
            states = Counter(expected.values())
            assert {state: count.records for state, count in kept.states.items() if count.records} == states
            assert kept.total == Count(len(there), sum(row.bytes for row in there))
            due = {row.id for row in there if row.basis == "dated" and row.due_on is not None and row.due_on <= day}
            listed = [line.record.id for line in every_line(session, "demo", day, DueQuery(), batch=11)]
            assert set(listed) == due
            assert len(listed) == len(due)
            assert sum((kept.of(one) for one in DueList), NONE).records == len(due)
            assert counted.states == kept.states
            assert counted.due == kept.due


def test_a_recount_finds_a_wrong_count_and_mends_it(database: Database) -> None:
    with database.write() as session:
        tenant(session)
        for _ in range(3):
            record(session)
        assert retention_counters.miscounted(session.connection()) == 0
        session.execute(delete(RetentionCounterRow))
        assert retention_counters.miscounted(session.connection()) == 1
        session.execute(delete(ServiceCounterRow))
        assert retention_counters.miscounted(session.connection()) == 2
        retention_counters.recount(session.connection())
        assert retention_counters.miscounted(session.connection()) == 0
        assert analyse(session, "demo", NOW.date()).total.records == 3


def test_adding_up_changes_no_count(database: Database) -> None:
    chance = random.Random(3)
    with database.write() as session:
        tenant(session)
        rows = [record(session, **drawn(chance)) for _ in range(60)]
        for row in rows:
            row.stale_since = NOW
            session.flush()
        before = analyse(session, "demo", NOW.date())
        retention_counters.compact(session.connection())
        assert analyse(session, "demo", NOW.date()) == before
        assert retention_counters.miscounted(session.connection()) == 0


QUESTIONS = (
    *(DueQuery(rule=rule, action=action) for rule in ("FIN-03", "RH-01", "") for action in (None, FinalAction.DESTROY)),
    DueQuery(year=2031),
    DueQuery(producer="Voirie"),
    DueQuery(producer="", document_type="facture"),
    DueQuery(document_type="facture", year=2031, action=FinalAction.SORT),
    DueQuery(read_by_all=True),
    DueQuery(producer="Voirie", rule="FIN-03", read_by_all=True),
)
"""Questions that kept counts answer."""


def test_kept_counts_answer_as_records_one_by_one(database: Database) -> None:
    chance = random.Random(7)
    with database.write() as session:
        tenant(session)
        rows = [
            record(session, **drawn(chance) | {"rule_code": code})
            for code in ("FIN-03", "RH-01", None)
            for _ in range(40)
        ]
        hold(session, *chance.sample(rows, 20), restricts_reading=True)
    told = 0
    for query in QUESTIONS:
        assert query.is_counted
        one_by_one = replace(query, text="Document")  # which every title has
        assert not one_by_one.is_counted
        with database.read() as session:
            for day in (DAYS[0], DAYS[2], date(2031, 12, 31)):
                kept, counted = (analyse(session, "demo", day, one) for one in (query, one_by_one))
                assert (kept.states, kept.due) == (counted.states, counted.due)
                assert kept.total.records
                for by in (GroupBy.RULE, GroupBy.PRODUCER, GroupBy.YEAR):
                    for state in (None, DueState.HELD):
                        grouped = [groups(session, "demo", day, one, by, state=state) for one in (query, one_by_one)]
                        assert grouped[0] == grouped[1]
                        told += len(grouped[0])
    assert told > 250


def test_groups_by_file_are_counted_page_by_page(database: Database) -> None:
    chance, expected = random.Random(4), Counter[str | None]()
    with database.write() as session:
        tenant(session)
        for n in range(60):
            file = (None, "A", "B", "Ç; A", "D")[n % 5]
            row = record(session, **drawn(chance) | {"file": file})
            if row.basis == "dated" and row.due_on is not None and row.due_on <= DAYS[2] and row.state not in GONE:
                expected[file] += 1
    assert len(expected) == 5
    with database.read() as session:
        found, after = list[tuple[str | None, int]](), None
        while page := groups(session, "demo", DAYS[2], DueQuery(), GroupBy.FILE, after=after, limit=2):
            found += [(group.key, group.count.records) for group in page]
            assert all(sum(group.states.values(), NONE) == group.count for group in page)
            after = page[-1].key
            if after is None:
                break
        assert dict(found) == expected
        assert len(found) == 5
        assert found[-1][0] is None


def test_a_large_node_and_a_small_one_are_asked_in_two_ways_with_one_answer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(8)
    with database.write() as session:
        tenant(session)
        common = {"tenant_id": "demo", "number": 1, "removed": False}
        for code, kind, parent in (("C", "class", None), ("F", "file", "C"), ("G", "file", None)):
            session.add(PlanNodeRow(id=code, code=code, kind=kind, title=code, parent_id=parent, **common))
            session.flush()
        for n in range(30):
            row = record(session, **drawn(chance))
            for node in ("FG", "F", "G", "")[n % 4]:
                session.add(RecordNodeRow(record_id=row.id, node_id=node, bytes=1))
    told = []
    for many in (1, 1000):
        monkeypatch.setattr(due_query, "MANY", many)
        monkeypatch.setattr(due_counts, "MANY", many)
        with database.read() as session:
            for node in ("C", "F", "G"):
                query = DueQuery(node=node)
                assert due_counts.are_many(session, "demo", query) == (many == 1)
                listed = [line.record.id for line in every_line(session, "demo", DAYS[-1], query, batch=3)]
                grouped = groups(session, "demo", DAYS[-1], query, GroupBy.RULE)
                told.append((node, listed, analyse(session, "demo", DAYS[-1], query), grouped))
    assert told[:3] == told[3:]
    assert told[0][1:] == told[1][1:]
    assert told[0][1] != told[2][1]
    assert told[0][1]


def test_no_tenant_counts_the_records_of_another(database: Database) -> None:
    with database.write() as session:
        tenant(session)
        tenant(session, "aval")
        record(session)
        record(session, tenant_id="aval", bytes=7)
    with database.read() as session:
        assert analyse(session, "aval", NOW.date()).total == Count(1, 7)
        assert [line.record.tenant_id for line in lines(session, "aval", NOW.date(), DueQuery())] == ["aval"]


def test_d8_a_record_to_sort_is_in_the_list_of_those_from_its_day_on(database: Database) -> None:
    with database.write() as session:
        tenant(session)
        record(session, due_on=date(2040, 3, 1), final_action="sort")
    with database.read() as session:
        before, on = (analyse(session, "demo", date(2040, 2, 29)), analyse(session, "demo", date(2040, 3, 1)))
    assert before.of(DueList.TO_SORT) == NONE
    assert before.states[DueState.NOT_YET].records == 1
    assert on.due[DueList.TO_SORT] == {DueState.TO_SORT: Count(1, 1000)}


def test_d9_without_an_end_in_no_list_and_in_the_analysis(database: Database) -> None:
    with database.write() as session:
        tenant(session)
        for basis in ("start_missing", "no_end", "rule_missing"):
            record(session, basis=basis, due_on=None, ends_on=None)
    with database.read() as session:
        found = analyse(session, "demo", date(9999, 12, 31))
        assert {state.value for state, count in found.states.items() if count.records} == {
            "start_missing",
            "no_end",
            "rule_missing",
        }
        assert lines(session, "demo", date(9999, 12, 31), DueQuery()) == []


def test_h1_a_hold_blocks_on_its_last_day_and_not_on_the_next(database: Database) -> None:
    with database.write() as session:
        tenant(session)
        held = record(session)
        hold(session, held, until=date(2032, 3, 31))
    with database.read() as session:
        for day, state in ((date(2032, 3, 31), DueState.HELD), (date(2032, 4, 1), DueState.READY)):
            assert [line.state for line in lines(session, "demo", day, DueQuery())] == [state]
            assert analyse(session, "demo", day).states[state].records == 1


def test_h2_a_record_is_held_until_its_last_hold_ends(database: Database) -> None:
    with database.write() as session:
        tenant(session)
        held = record(session)
        first, second = hold(session, held, until=date(2031, 6, 1)), hold(session, held)
        release(session, second)
        assert [row.held_until for row in all_of(session)] == [date(2031, 6, 1)]
        release(session, first)
        assert [row.held_until for row in all_of(session)] == [None]
        assert analyse(session, "demo", NOW.date()).states[DueState.READY].records == 1


@pytest.mark.parametrize("action", [FinalAction.DESTROY, FinalAction.KEEP])
def test_r7_a_lock_that_runs_stops_a_destruction_and_no_transfer(database: Database, action: FinalAction) -> None:
    with database.write() as session:
        tenant(session)
        row = record(session, final_action=action.value)
        session.add(
            RepresentationRow(
                record_id=row.id,
                kind="original",
                filename="a.pdf",
                media_type="application/pdf",
                size=1,
                sha256="00",
                sha512="00",
                key=row.id,
                version="1",
                locked_until=date(2032, 6, 10),
                legal_hold=False,
            )
        )
        session.flush()
        day = date(2032, 6, 1)
        expected = DueState.LOCKED_UNTIL if action is FinalAction.DESTROY else DueState.READY
        assert [line.state for line in lines(session, "demo", day, DueQuery())] == [expected]
        assert analyse(session, "demo", day).states[expected].records == 1
        assert analyse(session, "demo", date(2032, 6, 11)).states[DueState.READY].records == 1


def test_pages_go_on_where_the_last_one_ended_in_both_orders(database: Database) -> None:
    with database.write() as session:
        tenant(session)
        for n in range(23):
            record(session, due_on=date(2030, 1, 1) + timedelta(days=n // 4))
    with database.read() as session:
        whole = [line.record.id for line in every_line(session, "demo", NOW.date(), DueQuery(), batch=5)]
        back: list[str] = []
        after = None
        while page := lines(session, "demo", NOW.date(), DueQuery(), after=after, latest_first=True, limit=4):
            back += [line.record.id for line in page]
            after = place_of(page[-1], None)
    assert len(whole) == 23
    assert back == whole[::-1]


def test_groups_count_what_the_list_has(database: Database) -> None:
    with database.write() as session:
        tenant(session)
        for producer, n in (("Finances", 3), ("Voirie", 2), (None, 4)):
            for _ in range(n):
                record(session, producer=producer, file="F-1" if producer else None)
        record(session, producer="Voirie", due_on=date(2044, 1, 1))
    with database.read() as session:
        found = groups(session, "demo", NOW.date(), DueQuery(), GroupBy.PRODUCER)
        assert [(one.key, one.count.records) for one in found] == [("Finances", 3), ("Voirie", 2), (None, 4)]
        rest = groups(session, "demo", NOW.date(), DueQuery(), GroupBy.PRODUCER, after="Finances", limit=1)
        assert [one.key for one in rest] == ["Voirie"]
        years = groups(session, "demo", date(2050, 1, 1), DueQuery(), GroupBy.YEAR)
        assert [(one.key, one.count.records) for one in years] == [("2031", 9), ("2044", 1)]
        by_file = groups(session, "demo", NOW.date(), DueQuery(), GroupBy.FILE)
        assert [(one.key, one.count.bytes) for one in by_file] == [("F-1", 5000), (None, 4000)]


def test_a_filter_leaves_the_rest_out_of_counts_and_lines(database: Database) -> None:
    with database.write() as session:
        tenant(session)
        wanted = record(session, document_type="facture", title="Facture de pont", external_reference="MAR-1")
        record(session, document_type="arrete", rule_code="RH-01")
        for query in (
            DueQuery(document_type="facture"),
            DueQuery(rule="FIN-03"),
            DueQuery(text="PONT"),
            DueQuery(text="MAR-1"),
        ):
            assert [line.record.id for line in lines(session, "demo", NOW.date(), query)] == [wanted.id]
            assert analyse(session, "demo", NOW.date(), query).total.records == 1
        assert session.get(RecordRow, wanted.id) is not None
