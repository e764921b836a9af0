"""Holds by list, subtree and standing query: in force at the commit, for all that they name, and
for what comes later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from archive.catalogue import rows as catalogue
from archive.database.tables import HeldRecordRow, HoldRow, JournalEntryRow, RecordRow
from archive.disposition.holds import candidates, decisions, listing
from archive.disposition.holds.effects import HeldPlaces
from archive.disposition.holds.query import parse_query, wanted
from archive.disposition.holds.statements import read
from archive.disposition.holds.terms import Authority, Scope, ScopeKind, Terms
from archive.holdings import describe as holdings
from archive.holdings import keep as keeping
from archive.holdings.read_words import read_words
from archive.model.folding import folded, packed
from archive.model.identifiers import new_id
from archive.objects.layout import HoldKey
from archive.objects.port import read_all
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from ingestion.tools.alto import text_of_pages
from signing.ground.errors import Refused
from tests.holdings import alter, flipped, lose_database, opened, package, stored_file, system_at
from tests.statements import state


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with opened(tmp_path / "home") as made:
        yield made


def keep(system: System, folder: Path, number: int, **described: Any) -> str:
    given = package(system, folder, number)
    given = replace(given, description=replace(given.description, **described))
    return keeping.keep(system.stores, given, lambda _session, _kept: None).record_id


def query(**conditions: Any) -> Scope:
    return Scope(ScopeKind.QUERY, query=parse_query(conditions))


def place(system: System, scope: Any, **given: Any) -> str:
    terms = Terms(**given)
    return system.holds.place("demo", scope, reason="Contentieux DUPOND", terms=terms, agent="user:1")


def held(system: System, hold: str) -> list[str]:
    with system.database.read() as session:
        return listing.records_of(session, hold)


def types(system: System, subject: str) -> list[str]:
    with system.database.read() as session:
        asked = select(JournalEntryRow.type).where(JournalEntryRow.subject == subject)
        return list(session.scalars(asked.order_by(JournalEntryRow.n)))


def describe(system: System, record: str, **changes: Any) -> None:
    with system.database.read() as session:
        revision = session.get_one(RecordRow, record).revision
    holdings.describe(system.stores, "demo", record, changes, agent="user:1", expected_revision=revision)


def node(system: System, code: str, kind: str = "class", parent: str | None = None) -> str:
    subject = new_id()
    body = {"kind": kind, "code": code, "title": code, "parent_id": parent}
    with system.database.write() as session:
        state(session, system, subject, body)
    return subject


# -- standing


def test_a_query_holds_what_comes_in_the_transaction_that_keeps_it(system: System, tmp_path: Path) -> None:
    """H3: standing query type=marche; a new record is held at once; re-typed, it stays held."""
    before, other = keep(system, tmp_path, 1, document_type="marche"), keep(system, tmp_path, 2)
    hold = place(system, query(document_type="marche"))
    assert held(system, hold) == [before]
    given = package(system, tmp_path, 3)
    given = replace(given, description=replace(given.description, document_type="marche"))
    seen: list[bool] = []
    keeping.keep(
        system.stores,
        given,
        lambda session, kept: seen.append(catalogue.is_held(session, kept.record_id)),
    )
    assert seen == [True], "in the transaction that keeps it"
    assert types(system, f"record:{given.record_id}") == ["RecordKept", "HoldExtended"]
    describe(system, given.record_id, document_type="deliberation")
    with system.database.read() as session:
        assert catalogue.is_held(session, given.record_id), "what once matched stays held"
        assert not catalogue.is_held(session, other)
    describe(system, other, document_type="marche")
    assert types(system, f"record:{other}") == ["RecordKept", "RecordDescribed", "HoldExtended"]
    assert held(system, hold) == sorted([before, other, given.record_id])
    assert system.holds.run().failed == {}
    with system.database.read() as session:
        for record in (before, other, given.record_id):
            assert {row.legal_hold for row in catalogue.rows(session, record)} == {True}
    system.holds.release("demo", hold, reason="Jugé", agent="user:1")
    later = keep(system, tmp_path, 4, document_type="marche")
    with system.database.read() as session:
        assert not any(catalogue.is_held(session, one) for one in (before, other, given.record_id, later))


def test_a_query_of_nothing_yet_waits_for_what_comes(system: System, tmp_path: Path) -> None:
    hold = place(system, query(producer="Voirie"))
    assert held(system, hold) == []
    assert types(system, f"statement:hold:{hold}") == ["HoldDecided"]
    assert system.holds.run().settled == 1
    record = keep(system, tmp_path, 1, producer="Voirie")
    assert held(system, hold) == [record]
    with system.database.read() as session:
        assert session.get_one(HoldRow, hold).settled_at is None, "the store has more to do"
    assert system.holds.run().settled == 1


def test_a_subtree_holds_what_lies_below_and_what_is_put_there(system: System, tmp_path: Path) -> None:
    top = node(system, "3")
    below = node(system, "3.2", parent=top)
    node(system, "4")
    inside, outside = keep(system, tmp_path, 1, classification="3.2"), keep(system, tmp_path, 2, classification="4")
    hold = place(system, Scope(ScopeKind.SUBTREE, node=top))
    assert held(system, hold) == [inside]
    describe(system, outside, classification="3")
    assert held(system, hold) == sorted([inside, outside])
    narrower = place(system, Scope(ScopeKind.SUBTREE, node=below))
    assert held(system, narrower) == [inside]
    with pytest.raises(Refused) as refused:
        place(system, Scope(ScopeKind.SUBTREE, node=new_id()))
    assert refused.value.code == "node_not_found"


@pytest.mark.parametrize(
    ("asked", "matches"),
    [
        ("marche gymnase", True),
        ("MARCHÉ", True),
        ("march*", True),
        ("march", False),
        ("mar-2021-07", True),
        ("oeuvre", True),
        ("gymnase piscine", False),
        ("%", None),
    ],
)
def test_words_are_whole_and_without_accents(system: System, tmp_path: Path, asked: str, matches: bool | None) -> None:
    record = keep(
        system, tmp_path, 1, title="Marché de l’œuvre", description="Gymnase", external_reference="MAR-2021-07"
    )
    if matches is None:
        with pytest.raises(Refused) as refused:
            query(words=asked)
        assert refused.value.code == "bad_hold_query"
        return
    assert held(system, place(system, query(words=asked))) == ([record] if matches else [])


def test_conditions_add_up_and_dates_are_days_that_count(system: System, tmp_path: Path) -> None:
    days = [date(2020, 12, 31), date(2021, 1, 1), date(2021, 12, 31), date(2022, 1, 1)]
    records = [keep(system, tmp_path, n, document_type="marche", document_date=day) for n, day in enumerate(days)]
    keep(system, tmp_path, 9, document_type="arrete", document_date=days[1])
    found = place(system, query(document_type=["marche", "plan"], date_from="2021-01-01", date_to="2021-12-31"))
    assert held(system, found) == sorted(records[1:3])


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"words": ""},
        {"document_type": []},
        {"colour": "red"},
        {"document_type": 3},
        {"document_type": ["a", 3]},
        {"date_from": "2021-02-30"},
        {"date_from": "2021-1-1"},
        {"date_from": "2022-01-01", "date_to": "2021-01-01"},
        {"final_action": "burn"},
        {"words": "x" * 501},
    ],
)
def test_a_query_that_makes_no_sense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        parse_query(given)
    assert refused.value.code == "bad_hold_query"
    assert (refused.value.pointer or "").startswith("/query")


def test_words_are_folded_alike_on_both_sides() -> None:
    assert folded("L’ŒUVRE d’Été_2021, Straße!") == ["l", "oeuvre", "d", "ete", "2021", "strasse"]
    assert packed(["b a", None, "a"]) == " a b "
    assert wanted("Été* pont") == [("ete", True), ("pont", False)]


# -- many at once


def test_hundreds_are_held_all_or_none_and_each_has_its_entry(system: System, tmp_path: Path) -> None:
    model = keep(system, tmp_path, 1)
    ids = [new_id() for _ in range(700)]
    with system.database.write() as session:
        row = session.get_one(RecordRow, model)
        values = {column.key: getattr(row, column.key) for column in RecordRow.__table__.columns}
        session.add_all(RecordRow(**values | {"id": one, "deposit_id": new_id()}) for one in ids)
    with pytest.raises(Refused) as refused:
        place(system, [*ids, new_id()])
    assert refused.value.code == "record_not_found"
    with system.database.read() as session:
        assert session.scalars(select(HeldRecordRow)).all() == []
    hold = place(system, ids)
    assert held(system, hold) == sorted(ids)
    with system.database.read() as session:
        told = select(JournalEntryRow).where(JournalEntryRow.type == "HoldPlaced").order_by(JournalEntryRow.n)
        entries = session.scalars(told).all()
        whole = session.scalars(select(JournalEntryRow).where(JournalEntryRow.type == "HoldDecided")).one()
        row = session.get_one(HoldRow, hold)
    assert [entry.subject for entry in entries] == [f"record:{one}" for one in sorted(ids)]
    assert json.loads(whole.body)["facts"]["records"] == 700
    assert {json.loads(entry.body)["facts"]["statement"] for entry in entries} == {row.statement_sha256}
    system.holds.release("demo", hold, reason="Jugé", agent="user:1")
    with system.database.read() as session:
        assert not any(catalogue.is_held(session, one) for one in ids[:5])
        ended = select(JournalEntryRow.subject).where(JournalEntryRow.type == "HoldReleased")
        assert sorted(session.scalars(ended)) == [f"record:{one}" for one in sorted(ids)]


def test_too_many_are_refused_before_anything_is_written(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [keep(system, tmp_path, n, document_type="marche") for n in range(3)]
    monkeypatch.setattr(candidates, "MOST_RECORDS", 2)
    for scope in (records, query(document_type="marche")):
        with pytest.raises(Refused) as refused:
            place(system, scope)
        assert refused.value.code == "bad_hold"
    with system.database.read() as session:
        assert session.scalars(select(HoldRow)).all() == []


def test_a_run_that_was_cut_goes_on_where_it_was(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = sorted(keep(system, tmp_path, n) for n in range(3))
    hold = place(system, records)
    asked: list[str] = []
    whole = decisions.bring_in_step

    def step(database: Any, store: Any, clock: Any, record: str) -> None:
        asked.append(record)
        if len(asked) == 2:
            raise OSError("cut")
        whole(database, store, clock, record)

    monkeypatch.setattr(decisions, "bring_in_step", step)
    with pytest.raises(OSError, match="cut"):
        system.holds.settle(hold)
    with system.database.read() as session:
        assert listing.counts_of(session, hold) == (3, 1)
    assert system.holds.settle(hold) == {}
    assert asked == [records[0], records[1], records[1], records[2]]
    with system.database.read() as session:
        assert listing.counts_of(session, hold) == (3, 3)


# -- what is said of a hold


def test_a_statement_repeats_everything_and_the_journal_nothing_of_it(system: System, tmp_path: Path) -> None:
    keep(system, tmp_path, 1, document_type="marche")
    today = system.clock().date()
    hold = place(
        system,
        query(document_type="marche", words="Acte"),
        authority=Authority.JUDGE,
        reference="TA 2604117",
        owner="Service juridique",
        review_on=today + timedelta(90),
        forbids_move=True,
    )
    assert system.holds.settle(hold) == {}
    key = HoldKey("demo", hold, "placed").key
    said = read(key, read_all(system.store, key)).more
    assert said == {
        "scope": "query",
        "node_id": None,
        "query": {"document_type": ["marche"], "words": "Acte"},
        "authority": "judge",
        "reference": "TA 2604117",
        "owner": "Service juridique",
        "forbids_move": True,
        "restricts_reading": False,
        "review_on": today + timedelta(90),
    }
    with system.database.read() as session:
        bodies = b"".join(session.scalars(select(JournalEntryRow.body)))
    for word in (b"DUPOND", b"TA 2604117", b"juridique", b"Acte"):
        assert word not in bodies


# -- rebuilt


def test_a_rebuild_brings_standing_holds_back_with_what_they_reached(system: System, tmp_path: Path) -> None:
    first = keep(system, tmp_path, 1, document_type="marche")
    hold = place(system, query(document_type="marche"), owner="Service juridique")
    empty = place(system, query(document_type="plan"))
    late = keep(system, tmp_path, 2, document_type="marche")
    assert system.holds.run().failed == {}
    system.holds.release("demo", empty, reason="Sans objet", agent="user:1")
    assert system.holds.run().failed == {}
    assert Custody(system).reconcile(pause=lambda _s: None)["open"] == 0
    system.publisher.publish(force_token=True)
    lose_database(system)
    after = system_at(system.settings.home)
    after.prepare_rebuild()
    report = Custody(after).rebuild()
    assert (report["recovered"]["count"], report["findings"]) == (0, [])
    with after.database.read() as session:
        row = session.get_one(HoldRow, hold)
        assert (row.scope, row.query, row.owner) == ("query", {"document_type": ["marche"]}, "Service juridique")
        assert listing.records_of(session, hold, initial=True) == [first]
        assert listing.records_of(session, hold) == sorted([first, late])
        assert session.get_one(HoldRow, empty).released_at is not None
    after.initialise()
    third = keep(after, tmp_path, 3, document_type="marche")
    assert held(after, hold) == sorted([first, late, third])
    assert after.holds.run().failed == {}
    assert Custody(after).reconcile(pause=lambda _s: None)["open"] == 0
    after.close()


def test_a_standing_hold_whose_entries_were_lost_is_told_again(system: System, tmp_path: Path) -> None:
    system.publisher.publish(force_token=True)
    hold = place(system, query(document_type="marche"))
    assert system.holds.settle(hold) == {}
    lose_database(system)
    after = system_at(system.settings.home)
    after.prepare_rebuild()
    report = Custody(after).rebuild()
    assert report["recovered"]["subjects"] == [f"hold:{hold}"]
    assert types(after, f"statement:hold:{hold}") == ["HoldDecided"]
    after.initialise()
    assert held(after, hold) == []
    assert keep(after, tmp_path, 1, document_type="marche") in held(after, hold)
    after.close()


# -- words of pages


def test_words_of_pages_are_matched_in_the_transaction_that_stores_them(system: System, tmp_path: Path) -> None:
    record = keep(system, tmp_path, 3)  # its page says "cimetière"
    hold = place(system, query(text="cimetiere"))
    assert held(system, hold) == [], "the text is not there yet"
    assert read_words(system.stores, text_of_pages) == (1, {})
    assert held(system, hold) == [record]
    assert types(system, f"record:{record}")[-1] == "HoldExtended"
    assert read_words(system.stores, text_of_pages) == (0, {})
    assert held(system, place(system, query(text="cimetière commune"))) == [record]
    assert held(system, place(system, query(text="piscine"))) == []
    describe(system, record, title="Autre")
    assert read_words(system.stores, text_of_pages) == (1, {}), "a revision may have another text"


def test_a_text_that_is_damaged_does_not_keep_the_others_from_being_read(system: System, tmp_path: Path) -> None:
    broken, whole = keep(system, tmp_path, 3), keep(system, tmp_path, 3)
    hold = place(system, query(text="cimetiere"))
    alter(stored_file(system, broken, "alto.xml"), flipped)
    done, failed = read_words(system.stores, text_of_pages)
    assert (done, set(failed)) == (1, {broken})
    assert held(system, hold) == [whole]


# -- what a hold forbids besides


def test_a_hold_may_keep_records_where_they_are(system: System, tmp_path: Path) -> None:
    top, other = node(system, "3"), node(system, "4")
    record = keep(system, tmp_path, 1, classification="3")
    place(system, [record])
    describe(system, record, classification="4")
    describe(system, record, classification="3")
    hold = place(system, [record], forbids_move=True)
    for change in ({"classification": "4"}, {"file": "MAR-1"}):
        with pytest.raises(Refused) as refused:
            describe(system, record, **change)
        assert refused.value.code == "held_in_place"
    with pytest.raises(Refused) as moved, system.database.write() as session:
        HeldPlaces().leave(session, "demo", top)
    assert moved.value.code == "held_in_place"
    with system.database.write() as session:
        HeldPlaces().leave(session, "demo", other)
    describe(system, record, title="Le titre peut changer")
    system.holds.release("demo", hold, reason="Jugé", agent="user:1")
    describe(system, record, classification="4")
