"""Dates computed by an earlier formula become a revision that the journal tells, and come back."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from archive.database.tables import JournalEntryRow, RecordRow, RepresentationRow, RetentionRuleRow, RevisionRow
from archive.holdings.describe import describe
from archive.holdings.recompute import recompute
from archive.holdings.verify import verify
from archive.retention.dates import Unit, end_date
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from tests.holdings import SAME, keep, lose_database, rows, stored_file, system_at

EARLY, RIGHT = date(2076, 3, 12), date(2076, 3, 13)


def kept_by_the_earlier_formula(system: System, folder: Path, n: int = 1) -> str:
    """A record whose last closed day is shown as the first open one."""
    record = keep(system, folder, n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("archive.retention.access.day_after", lambda day: day)
        describe(system.stores, "demo", record, {"access_rule": "AR048"}, agent="user:1", expected_revision=1)
    assert row_of(system, record).communicable_on == EARLY
    return record


def row_of(system: System, record: str) -> RecordRow:
    with system.database.read() as session:
        return session.get_one(RecordRow, record)


def test_a_kept_record_is_revised_and_the_journal_tells_it(system: System, tmp_path: Path) -> None:
    record, other = kept_by_the_earlier_formula(system, tmp_path), keep(system, tmp_path, 2)
    assert end_date(date(2026, 3, 12), 50, Unit.YEAR) == EARLY
    with system.database.read() as session:
        locks = {row.key: row.locked_until for row in session.scalars(select(RepresentationRow))}
    assert recompute(system.stores) == (1, {})
    row = row_of(system, record)
    assert (row.communicable_on, row.revision, row_of(system, other).revision) == (RIGHT, 3, 1)
    assert "13\xa0mars\xa02076" in row.access_explanation
    with system.database.read() as session:
        entry = session.get_one(JournalEntryRow, row.last_entry)
        change = session.get_one(RevisionRow, (record, 3))
        assert all(
            lock is not None and lock >= locks[key]
            for key, lock in session.execute(  # type: ignore[operator]
                select(RepresentationRow.key, RepresentationRow.locked_until)
            )
        )
    assert (entry.type, json.loads(entry.body)["facts"]["fields"]) == ("RecordRecomputed", ["communicable_on"])
    assert change.changes == {"communicable_on": [EARLY.isoformat(), RIGHT.isoformat()]}
    assert verify(system.stores, "demo", record).verdict.value == "intact"
    assert recompute(system.stores) == (0, {}), "what is right is left alone"


def test_no_draft_takes_the_place_of_a_validated_version(system: System, tmp_path: Path) -> None:
    record = kept_by_the_earlier_formula(system, tmp_path)
    before = row_of(system, record)
    with system.database.write() as session:
        code, version = before.rule_code, before.rule_version
        old = session.get_one(RetentionRuleRow, ("demo", code, version))
        old.validated_at = system.clock()
        columns = {column.name: getattr(old, column.name) for column in RetentionRuleRow.__table__.columns}
        session.add(RetentionRuleRow(**(columns | {"version": 2, "duration": 99, "validated_at": None})))
    recompute(system.stores)
    after = row_of(system, record)
    assert (after.rule_version, after.starts_on, after.ends_on) == (version, before.starts_on, before.ends_on)
    assert after.communicable_on == RIGHT
    with system.database.write() as session:
        session.get_one(RetentionRuleRow, ("demo", code, 2)).validated_at = system.clock()
    assert recompute(system.stores) == (1, {})
    after = row_of(system, record)
    assert (after.rule_version, after.ends_on, after.due_on) == (2, date(2125, 3, 12), date(2125, 3, 13))


def test_a_record_whose_rule_is_gone_keeps_its_dates(system: System, tmp_path: Path) -> None:
    record = kept_by_the_earlier_formula(system, tmp_path)
    before = row_of(system, record)
    assert before.ends_on is not None
    with system.database.write() as session:
        session.execute(delete(RetentionRuleRow).where(RetentionRuleRow.code == before.rule_code))
    assert recompute(system.stores) == (0, {})
    after = row_of(system, record)
    assert (after.rule_code, after.ends_on, after.revision) == (before.rule_code, before.ends_on, before.revision)


def test_a_record_that_cannot_be_read_does_not_stop_the_rest(system: System, tmp_path: Path) -> None:
    first, second = (kept_by_the_earlier_formula(system, tmp_path, n) for n in (1, 2))
    for path in stored_file(system, first, "0=ocfl_object_1.1").parent.glob("v*/content/metadata/record.json"):
        path.unlink()
    assert recompute(system.stores) == (1, {first: "object_missing"})
    assert row_of(system, second).communicable_on == RIGHT


def test_a_rebuild_brings_the_revision_back(system: System, tmp_path: Path) -> None:
    kept_by_the_earlier_formula(system, tmp_path)
    recompute(system.stores)
    system.publisher.publish(force_token=True)
    before, revisions = rows(system, *SAME), rows(system, "revisions")["revisions"]
    lose_database(system)
    after = system_at(system.settings.home)
    after.prepare_rebuild()
    Custody(after).rebuild()
    assert rows(after, *SAME) == before
    assert [line[:3] + line[4:] for line in rows(after, "revisions")["revisions"]] == [
        line[:3] + line[4:] for line in revisions
    ]
    after.close()
