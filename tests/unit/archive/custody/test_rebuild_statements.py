"""What an archivist stated comes back from the store alone, and each reader says the same of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from archive.catalogue import statements
from archive.custody.findings import Findings, Kind
from archive.custody.offline import check_store
from archive.custody.offline_log import Anchors
from archive.custody.rebuild.statements import compare
from archive.database.retention_tables import PlanNodeRow, RecordNodeRow, RetentionEventRow, StatementRow
from archive.database.tables import JournalEntryRow, RecordRow
from archive.holdings.describe import describe
from archive.model.identifiers import new_id
from archive.model.statement_kinds import StatementKind
from archive.objects.fixity import Fixity
from archive.objects.layout import StatementKey
from ingestion.assembly import System
from ingestion.operations.agreement import Agreement
from ingestion.operations.custody import Custody
from signing.chains import own_roots
from signing.ground.errors import Refused
from tests.holdings import alter, keep, lose_database, opened, system_at
from tests.statements import state

CLASS: dict[str, Any] = {"kind": "class", "code": "2", "title": "Marchés publics", "producer": "Voirie"}
EVENT = {"event": "contract_end", "reference": "MAR-1", "occurred_on": "2024-06-30"}


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with opened(tmp_path / "home") as made:
        yield made


def say(system: System, kind: StatementKind, subject: str, body: dict[str, Any], expected: int = 0) -> None:
    with system.database.write() as session:
        state(session, system, subject, body, kind=kind, expected=expected)


def told(system: System) -> dict[str, Any]:
    """Every row that repeats a statement, and all statements, but for who made each and when."""
    found: dict[str, Any] = {}
    with system.database.read() as session:
        for table in (PlanNodeRow, RetentionEventRow, RecordNodeRow, StatementRow):
            left_out = {"agent", "settled_at"}
            columns = [column.name for column in table.__table__.columns if column.name not in left_out]
            rows = [tuple(str(getattr(row, name)) for name in columns) for row in session.scalars(select(table))]
            found[table.__tablename__] = sorted(rows)
    return found


def rebuilt(system: System) -> tuple[System, dict[str, Any]]:
    lose_database(system)
    after = system_at(system.settings.home)
    after.prepare_rebuild()
    return after, Custody(after).rebuild()


def findings(system: System) -> list[tuple[str, str]]:
    found = Findings()
    Agreement(system).check(found, {}, routine=False)
    return [(one.what, one.detail) for one in found.listed]


def filed(system: System, folder: Path) -> tuple[str, str]:
    """A class with a file in it that holds a record, and an event that was corrected."""
    parent, file, event = new_id(), new_id(), new_id()
    say(system, StatementKind.NODE, parent, CLASS)
    say(system, StatementKind.NODE, file, CLASS | {"kind": "file", "code": "MAR-1", "parent_id": parent})
    say(system, StatementKind.EVENT, event, EVENT)
    say(system, StatementKind.EVENT, event, EVENT | {"occurred_on": "2024-07-31"}, expected=1)
    record = keep(system, folder, 1)
    with system.database.read() as session:
        revision = session.get_one(RecordRow, record).revision
    describe(system.stores, "demo", record, {"file": "MAR-1"}, agent="user:1", expected_revision=revision)
    return file, event


def test_everything_comes_back_from_the_store_alone(system: System, tmp_path: Path) -> None:
    filed(system, tmp_path)
    assert system.statements.settle().settled == 4
    system.publisher.publish()
    before = told(system)
    assert len(before["record_nodes"]) == 1
    after, report = rebuilt(system)
    with after.database.read() as session:
        event = session.scalars(select(RetentionEventRow)).one()
    assert (event.occurred_on, event.number) == (date(2024, 7, 31), 2)
    assert told(after) == before
    assert sum(report["counts"].values()) == 0
    assert findings(after) == []
    after.close()


def test_a_statement_of_the_last_minute_is_claimed_again(system: System, tmp_path: Path) -> None:
    system.publisher.publish()
    filed(system, tmp_path)
    assert system.statements.settle().settled == 4  # the journal is lost before it is published
    after, _ = rebuilt(system)
    with after.database.read() as session:
        types = list(session.scalars(select(JournalEntryRow.type).order_by(JournalEntryRow.n)))
        event = session.scalars(select(RetentionEventRow)).one()
        nodes = session.scalars(select(PlanNodeRow)).all()
    assert types.count("StatementRecovered") == 4
    assert (event.number, len(nodes)) == (2, 2)
    assert findings(after) == []
    after.close()


def test_a_program_that_dies_before_the_store_follows_loses_nothing(system: System, tmp_path: Path) -> None:
    filed(system, tmp_path)
    assert findings(system) == []  # decided, and the store is to follow
    assert compare(system.store, system.database) == []
    again = system_at(system.settings.home)
    assert again.statements.is_any_new()
    assert again.statements.settle().settled == 4
    with again.database.write() as session:  # it died once more, before it said so
        session.execute(update(StatementRow).values(settled_at=None))
    done = again.statements.settle()
    assert (done.settled, done.failed) == (4, {})
    assert not again.statements.is_any_new()
    again.close()


def test_a_statement_that_is_gone_or_changed_is_named(system: System, tmp_path: Path) -> None:
    file, event = filed(system, tmp_path)
    system.statements.settle()
    root = system.settings.home / "store"
    gone, changed = StatementKey("demo", "node", file, 1).key, StatementKey("demo", "event", event, 2).key
    (root / gone).unlink()
    alter(root / changed, lambda _content: b"{}")
    assert compare(system.store, system.database) == sorted(
        [(Kind.MISSING, gone), (Kind.CHANGED, changed)], key=lambda one: one[1]
    )
    system.publisher.publish()
    after, report = rebuilt(system)
    with after.database.read() as session:
        assert session.scalars(select(RetentionEventRow)).one().number == 1  # what is left of it
        assert session.get(PlanNodeRow, file) is None
    assert sum(report["counts"].values()) == 2
    after.close()


def test_two_archivists_do_not_overwrite_each_other(system: System) -> None:
    node = new_id()
    say(system, StatementKind.NODE, node, CLASS)
    say(system, StatementKind.NODE, node, CLASS | {"title": "Marchés"}, expected=1)
    with pytest.raises(Refused) as error:
        say(system, StatementKind.NODE, node, CLASS | {"title": "Contrats"}, expected=1)
    assert error.value.code == "precondition_failed"
    with system.database.read() as session:
        assert session.get_one(PlanNodeRow, node).title == "Marchés"
        assert [one[0].number for one in statements.history(session, "demo", StatementKind.NODE, node)] == [1, 2]


def test_a_stranger_compares_the_register_with_the_journal(system: System, tmp_path: Path) -> None:
    filed(system, tmp_path)
    system.statements.settle()
    system.publisher.publish(force_token=True)
    roots = own_roots(system.settings.signing.keys)
    anchors = Anchors(tuple(roots), tuple(roots))
    found = [one for one in check_store(system.settings.home / "store", anchors) if "register" in one.name]
    assert [one.verdict for one in found] == [Fixity.INTACT]
