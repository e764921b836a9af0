"""Rows and entries are compared with what was published: at once, or a part an hour."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from archive.custody import reports
from archive.custody.findings import Findings
from archive.custody.reconcile.pace import Pace
from archive.database.tables import RecordRow, VerificationRow
from archive.holdings.verify import verify
from archive.journal.merkle import Tile, leaf_hash
from ingestion.assembly import System
from ingestion.operations import agreement
from ingestion.operations.agreement import WHOLE_EVERY, Agreement
from ingestion.operations.custody import RECONCILE, Custody
from signing.ground.clock import parse_stamp, stamp
from tests.holdings import alter, filled, flipped
from tests.servers.postgres import unguarded


def told(system: System) -> tuple[set[tuple[str, str, str]], dict[str, Any]]:
    findings = Findings()
    progress = Agreement(system).check(findings, {}, routine=False)
    return {(f.kind.value, f.place, f.detail) for f in findings.listed}, progress


def rewrite(system: System, n: int) -> None:
    """Change an entry with its leaf hash: the database agrees with itself."""
    with unguarded(system.database) as session:
        body = bytes(session.scalar(text("SELECT body FROM journal_entries WHERE n=:n"), {"n": n}))
        forged = body.replace(b'"v":1', b'"v":2')
        values = {"b": forged, "l": leaf_hash(forged).hex(), "n": n}
        session.execute(text("UPDATE journal_entries SET body=:b, leaf_hash=:l WHERE n=:n"), values)


def test_an_entry_rewritten_with_its_hash_contradicts_the_signed_root(system: System, tmp_path: Path) -> None:
    filled(system, tmp_path)
    assert told(system)[0] == set()
    rewrite(system, 3)
    assert told(system)[0] == {
        ("changed", "database", "journal_entries.body"),
        ("changed", "database", "journal_checkpoints.root"),
        ("changed", "journal", "root"),
    }


def test_a_tile_that_was_changed_accuses_no_entry(system: System, tmp_path: Path) -> None:
    filled(system, tmp_path)
    latest = system.publisher.latest()
    assert latest is not None
    alter(system.settings.home / "store" / Tile(0, 0, latest.size).key, flipped)
    assert told(system)[0] == {("changed", "journal", "tile")}


def test_the_routine_comes_to_every_record_and_repeats_what_differs(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = sorted(filled(system, tmp_path))
    monkeypatch.setattr(agreement, "LEAST", 1)
    monkeypatch.setattr(agreement, "Pace", lambda *_share: Pace(1.0))
    _, progress = told(system)
    with system.database.write() as session:
        session.execute(update(RecordRow).where(RecordRow.id == ids[2]).values(title="Falsifié"))
    turns = []
    for _ in range(len(ids) + 1):
        findings = Findings()
        progress = Agreement(system).check(findings, progress, routine=True)
        turns.append(findings.total)
    assert turns == [0, 0, 1, 1, 1, 1], "found in its turn, then told by every run"
    with system.database.write() as session:
        title = "Acte 2"
        session.execute(update(RecordRow).where(RecordRow.id == ids[2]).values(title=title))
    findings = Findings()
    assert Agreement(system).check(findings, progress, routine=True)["suspects"] == []
    assert findings.total == 0


def test_what_changed_is_compared_by_the_next_run(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archive.holdings.describe import describe

    ids = filled(system, tmp_path)
    monkeypatch.setattr(agreement, "LEAST", 1)
    monkeypatch.setattr(agreement, "Pace", lambda *_share: Pace(1.0))
    _, progress = told(system)
    last = max(ids)
    tenant = ("demo", "autre")[ids.index(last) % 2]
    describe(system.stores, tenant, last, {"title": "Nouveau"}, agent="user:1", expected_revision=1)
    with system.database.write() as session:
        session.execute(update(RecordRow).where(RecordRow.id == last).values(title="Falsifié"))
    findings = Findings()
    Agreement(system).check(findings, progress, routine=True)
    assert [f.detail for f in findings.listed] == ["records.title"]


def test_old_entries_are_hashed_again_within_the_week(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The routine reads new entries only, and all of them when the last whole reading is old."""
    filled(system, tmp_path)
    monkeypatch.setattr("archive.custody.reconcile.leaves.TILE", 1)
    monkeypatch.setattr(agreement, "Pace", lambda *_share: Pace(1.0))
    _, progress = told(system)
    rewrite(system, 0)
    findings = Findings()
    Agreement(system).check(findings, progress, routine=True)
    assert findings.total == 0, "not its turn"
    for away in (-WHOLE_EVERY, 3650 * timedelta(days=1)):  # long ago, or by a clock that was ahead
        findings = Findings()
        old = {**progress, "whole_at": stamp(parse_stamp(progress["whole_at"]) + away)}
        again = Agreement(system).check(findings, old, routine=True)
        assert findings.total
        assert again["whole_at"] is None, "the next run reads everything again"


def test_a_pace_takes_no_more_than_its_share() -> None:
    used, slept = iter([0.0, 1.0, 1.0, 1.5, 1.5]), []
    pace = Pace(0.1, used=lambda: next(used), sleep=slept.append)
    pace.rest()
    pace.rest()
    assert slept == [pytest.approx(9.0), pytest.approx(4.5)]


def test_a_start_does_not_register_what_was_changed_past_the_service(system: System, tmp_path: Path) -> None:
    filled(system, tmp_path, 1)
    with system.database.write() as session:
        session.execute(text("UPDATE retention_rules SET duration = 1 WHERE tenant_id = 'demo' AND duration > 1"))
    _, before = told(system)
    assert system.register.enter_all() == 0
    system.initialise()
    found, after = told(system)
    assert ("changed", "database", "retention_rules.duration") in found
    assert after["entries"] == before["entries"]


def test_a_check_that_has_no_entry_takes_not_that_of_a_later_one(system: System, tmp_path: Path) -> None:
    record = filled(system, tmp_path)[0]
    with system.database.write() as session:  # as earlier versions left it: intact, nobody asked, no entry
        session.add(VerificationRow(record_id=record, at=system.clock(), verdict="intact", checks=[]))
    path = next(one for one in (system.settings.home / "store").rglob("premis.json") if record in one.as_posix())
    alter(path, flipped)
    assert verify(system.stores, "demo", record).verdict.value == "altered"
    alter(path, flipped)
    assert told(system)[0] == set()
    with system.database.write() as session:
        session.execute(update(VerificationRow).where(VerificationRow.verdict == "altered").values(verdict="intact"))
    assert told(system)[0] == {("changed", "database", "verifications.verdict")}


def test_a_run_under_a_clock_that_was_ahead_puts_off_none(system: System) -> None:
    hour = timedelta(hours=1)
    custody = Custody(system)
    for at, due in ((system.clock(), False), (system.clock() + timedelta(days=365), True)):
        with system.database.write() as session:
            reports.begin(session, RECONCILE, at).ended_at = at
        assert custody.is_due(RECONCILE, hour) is due
