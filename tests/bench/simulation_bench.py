"""Effect of a rule's new version on 100,000 records, shown before it is made: under 2 seconds."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from archive.catalogue import rule_changes, rule_queries
from archive.catalogue.rule_effects import SupposedRule, effect_of
from archive.database.tables import RecordRow, RepresentationRow
from archive.model.identifiers import new_id
from ingestion.assembly import System
from tests.bench.results import add_row
from tests.holdings import keep, opened

RECORDS, TARGET, ROUNDS = 100_000, 2.0, 5
_FIRST = date(2000, 1, 1)


def run(_corpus: Path | None = None) -> None:
    """One row: the slowest of the rounds."""
    with tempfile.TemporaryDirectory(prefix="chartrier-bench-") as folder, opened(Path(folder) / "home") as system:
        fill(system, keep(system, Path(folder), 1), RECORDS)
        spent = []
        for _ in range(ROUNDS):
            begun = time.process_time()  # so that who else uses the machine doesn't count
            found = simulate(system)
            spent.append(time.process_time() - begun)
            if found.records != RECORDS + 1:
                raise AssertionError(f"{found.records} records")
    slowest = max(spent)
    add_row("simulation over 100,000 records", slowest, TARGET, TARGET / slowest, "s of processor", rounds=ROUNDS)


def simulate(system: System) -> Any:
    """Ask what twenty more years would do."""
    with system.database.read() as session:
        row = session.scalars(select(RecordRow).limit(1)).one()
        last = rule_queries.versions_of(session, "demo", str(row.rule_code))[-1]
        terms = rule_changes.terms_of(last)
        rule = replace(terms, duration=(terms.duration or 0) + 20).as_rule(last.code, 2, validated=True)
        return effect_of(session, "demo", SupposedRule(rule), system.clock())


def fill(system: System, record: str, number: int) -> None:
    """Add rows like that of a record: 4,000 days, half of them with a reference of their own."""
    with system.database.write() as session:
        of_record = _values(session.get_one(RecordRow, record))
        form = _values(session.scalars(select(RepresentationRow).where(RepresentationRow.record_id == record)).first())
        for start in range(0, number, 5000):
            _add(session, of_record, form, range(start, min(start + 5000, number)))


def _add(session: Session, of_record: dict[str, Any], form: dict[str, Any], numbers: range) -> None:
    made, forms = [], []
    for n in numbers:
        day = _FIRST + timedelta(days=n % 4000)
        told = {"id": new_id(), "deposit_id": new_id(), "document_date": day, "starts_on": day}
        told["external_reference"] = f"REF-{n}" if n % 2 else None
        made.append(of_record | told)
        forms.append(form | {"record_id": told["id"]})
    session.execute(insert(RecordRow), made)
    session.execute(insert(RepresentationRow), forms)


def _values(row: Any) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}
