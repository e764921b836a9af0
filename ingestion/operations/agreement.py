"""Compare rows with their journal entries: at once when asked, a part an hour as a routine."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from archive.custody.findings import LISTED, Findings, Kind
from archive.custody.reconcile.decisions import DecisionReconciliation
from archive.custody.reconcile.leaves import LeafReconciliation
from archive.custody.reconcile.pace import Pace
from archive.custody.reconcile.rows import RowReconciliation
from archive.database import retention_counters
from archive.database.tables import RecordRow
from ingestion.reception.agreement import DepositReconciliation, of_record
from signing.ground.clock import has_passed, parse_stamp, stamp

if TYPE_CHECKING:
    from ingestion.assembly import System

ROUNDS: Final = 120
"""Hourly runs in which every record is compared once: five days, so that a week is kept."""
LEAST: Final = 500
"""Records compared by each run, however few a round would ask for."""
WHOLE_EVERY: Final = timedelta(days=5)
"""Time after which the root is computed again over all leaves."""


class Agreement:
    """Agreement of every row with its journal entry, and of the journal with what was published.

    What differed once is compared again by each run, until it agrees.
    """

    def __init__(self, system: System) -> None:
        self._system = system

    def check(self, findings: Findings, before: dict[str, Any], *, routine: bool) -> dict[str, Any]:
        """Compare, and return the progress that the next routine run continues.

        Args:
            before: Progress of the run before; empty at the first.
            routine: False compares everything at full speed.
        """
        system = self._system
        pace = Pace() if routine else Pace(1.0)
        before = before if routine else {}
        now, whole_at = system.clock(), before.get("whole_at")
        whole = whole_at is None or has_passed(WHOLE_EVERY, parse_stamp(whole_at), now)
        since = 0 if whole else before["entries"]
        found = findings.total
        entries = self._journal(findings, since, pace)
        decided = DecisionReconciliation(system.database, system.store)
        decided.check(findings)
        if whole:
            decided.everything(findings)
        DepositReconciliation(system.database, system.store, rest=pace.rest).check(findings, since=since)
        if findings.total != found:  # each run tells it, until it is right
            entries, whole_at = 0, None
        elif whole:
            whole_at = stamp(now)
        self._counts(findings)
        rows = RowReconciliation(system.database, system.store, system.clock, beside=of_record, rest=pace.rest)
        cursor, wanted = self._wanted(rows, before, routine=routine)
        wrong = rows.check(findings, wanted)
        return {"entries": entries, "whole_at": whole_at, "record": cursor, "suspects": wrong[:LISTED]}

    def _counts(self, findings: Findings) -> None:
        """Recount the records, and count anew where kept counts differ: they prove nothing."""
        with self._system.database.read() as session:
            wrong = retention_counters.miscounted(session.connection())
        if wrong:
            with self._system.database.write() as session:
                retention_counters.recount(session.connection())
            findings.add(Kind.CHANGED, "database", "retention_counters", "n", done=True)

    def _journal(self, findings: Findings, since: int, pace: Pace) -> int:
        """Compare the journal with what was published; return how many entries there are."""
        system = self._system
        leaves = LeafReconciliation(system.database, system.store, system.log_key.vkey, system.clock, rest=pace.rest)
        entries = leaves.check(findings, since=since)
        leaves.pseudonyms(findings)
        leaves.checkpoints(findings, since=since)
        return entries

    def _wanted(self, rows: RowReconciliation, before: dict[str, Any], *, routine: bool) -> tuple[str, list[str]]:
        """Return the cursor of the next run and the records of this one."""
        if not routine:
            return "", rows.ids()
        with self._system.database.read() as session:
            total = session.scalar(select(func.count()).select_from(RecordRow)) or 0
        limit = max(LEAST, -(-total // ROUNDS))
        part = rows.ids(before.get("record", ""), limit)
        cursor = part[-1] if len(part) == limit else ""
        fresh = [*before.get("suspects", []), *rows.changed(before.get("entries", 0))]
        return cursor, list(dict.fromkeys([*fresh, *part]))
