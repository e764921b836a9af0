"""Work on the holdings as a whole, over every package: rebuild, reconcile, copies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy import func, select

from archive.catalogue.description import not_kept
from archive.custody import reports
from archive.custody.external_sort import IdSet, Sorter, summed
from archive.custody.findings import LISTED, Finding, Findings
from archive.custody.rebuild import run as rebuild
from archive.custody.rebuild import sets
from archive.custody.rebuild.run import OnProgress, Rebuild, Rebuilt
from archive.custody.reconcile.journal import JournalReconciliation
from archive.custody.reconcile.store import StoreReconciliation
from archive.custody.replica.check import CopyCheck
from archive.custody.replica.promote import promote
from archive.custody.replica.restore import Restored, Restoring
from archive.custody.replica.sync import Copies
from archive.database.tables import CopyRow, RecordRow, TenantRow
from archive.holdings.abandon import abandon
from archive.holdings.correct import accused, correct
from archive.holdings.restore_guards import restore_guards
from archive.holdings.stores import Stores
from archive.journal.effects import Subject
from archive.journal.sequencer import size
from archive.journal.types import EntryType
from archive.model.states import RecordState
from archive.objects.port import Unreadable
from ingestion.operations.agreement import Agreement
from ingestion.operations.exclusive_jobs import require_no_exclusive_job
from ingestion.operations.recovery import Recovery, in_progress, require_none_waiting
from ingestion.operations.restored import bury, copy_remains, destroy_remains, newest_decisions
from ingestion.reception.staging import Staging
from search.reconcile import IndexReconciliation
from signing.ground.clock import has_passed, stamp
from signing.ground.errors import Corrupt, Refused, Unavailable

if TYPE_CHECKING:
    from ingestion.assembly import System

log = structlog.get_logger(__name__)

RECONCILE: Final = "reconcile"
COPIES: Final = "copies"
WHOLE_COPY: Final = "copies_whole"
"""Report of the latest run over everything; ``copies`` is of the latest run of either kind."""
_BUSY: Final = frozenset({"turn_taken", "keep_contended"})
"""Codes of a record on which another program works: the next run settles it."""


class Custody:
    """Custody of an installation's holdings as a whole.

    Args:
        on_progress: Called with the progress of a long step.
        found: Called with each finding as it is made.
    """

    def __init__(
        self,
        system: System,
        *,
        on_progress: OnProgress = lambda _step, _done, _total: None,
        found: Callable[[Finding], None] = lambda _finding: None,
    ) -> None:
        self._system = system
        self._on_progress = on_progress
        self._found = found

    def rebuild(self, *, thorough: bool = False) -> dict[str, Any]:
        """Rebuild database, journal and index from the store alone; return the report.

        Raises:
            Refused: ``database_not_empty``, ``store_empty``.
            Corrupt: ``journal_damaged``; then nothing was rebuilt.
        """
        system = self._system
        recovery = Recovery(system.database, system.ledger, system.store, system.clock)
        work = Rebuild(
            system.database,
            system.ledger,
            system.store,
            system.clock,
            in_transaction=recovery.of_record,
            copies=[system.copy_store] if system.copy_store is not None else [],
            on_progress=self._on_progress,
            thorough=thorough,
        )
        result = work.run(Findings(self._found))
        waiting = recovery.staging(result)
        result.recovered += recovery.recovered
        result.recovered_count += recovery.recovered_count
        for tenant in self._tenants():
            system.follower.rebuild(tenant, lambda done, total: self._on_progress("index", done, total))
        report = self._report(result, waiting)
        result.stored.close()
        with system.database.write() as session:
            reports.end(
                session,
                rebuild.NAME,
                system.clock(),
                agreed=result.findings.total == 0 and report["equal"],
                facts=report,
            )
        return report

    # -- reconcile

    def reconcile(
        self,
        *,
        repair: bool = False,
        routine: bool = False,
        ask_locks: bool = False,
        pause: Callable[[float], None] = time.sleep,
    ) -> dict[str, Any]:
        """Reconcile database, journal, store, index and staging, and return the report.

        Args:
            repair: Whether to repair index and staging, and to supersede changes that were begun
                and never claimed; the bytes of evidence are never changed.
            routine: Whether rows are compared with their entries a part at a time, slowly.
            ask_locks: Whether to ask an S3 for each lock: one request an object.
            pause: Sleeps before the second look at what was written a moment ago.
        """
        system = self._system
        findings = Findings(self._found)
        with system.database.write() as session:
            before = dict(reports.begin(session, RECONCILE, system.clock()).facts)
        comparison = StoreReconciliation(
            system.database,
            system.store,
            system.clock,
            in_progress=self._in_progress,
            restore=self._restore_guards if repair else lambda _tenant, _record: False,
            ask_locks=ask_locks,
            destroy=partial(destroy_remains, system) if repair else lambda _tenant, _record: False,
            pause=pause,
            on_progress=self._on_progress,
        )
        bury(system, findings, repair=repair)
        journalled = JournalReconciliation(system.database, system.store, pause=pause)
        stored = comparison.take(findings)
        records = journalled.catalogue(findings)
        journalled.published(findings)
        progress = Agreement(system).check(findings, before.get("agreement", {}), routine=routine)
        indexed = IndexReconciliation(system.database, system.index, system.follower, system.record_reader.entry)
        shown = sum(indexed.check(tenant, findings, repair=repair) for tenant in self._tenants())
        Staging(system.database, system.store, system.clock).check(
            findings, clear=system.sweeper.clear_staging if repair else None
        )
        settled = self._settle(findings) if repair else {}
        with system.database.read() as session:
            entries = size(session)
        report = {
            **settled,
            "records": {"database": records, "store": stored, "index": shown},
            "journal_entries": entries,
            "open": findings.open,
            "agreement": progress,
            **findings.as_json(),
        }
        with system.database.write() as session:
            reports.end(session, RECONCILE, system.clock(), agreed=findings.open == 0, facts=report)
        return report

    def _settle(self, findings: Findings) -> dict[str, int]:
        """Supersede changes that were never claimed, then answer what they were taken for."""
        with self._system.database.read() as session:
            query = select(RecordRow.tenant_id, RecordRow.id).where(RecordRow.id.in_(findings.begun))
            begun = [(tenant, record_id) for tenant, record_id in session.execute(query)]
        abandoned = [one for one in begun if self._tried(abandon, *one)]
        with self._system.database.read() as session:
            suspects = accused(session)
        corrected = sum(self._tried(correct, *one) for one in suspects)
        findings.unfinished -= len(abandoned)
        return {"abandoned": len(abandoned), "corrected": corrected}

    def _restore_guards(self, tenant: str, record_id: str) -> bool:
        return bool(self._tried(restore_guards, tenant, record_id))

    def _tried(self, step: Callable[[Stores, str, str], int], tenant: str, record_id: str) -> int:
        """Run a step on one record; what keeps it from its end does not stop the others."""
        try:
            return int(step(self._system.stores, tenant, record_id))
        except (Corrupt, Refused, Unavailable) as error:
            if isinstance(error, Unavailable) and not (isinstance(error, Unreadable) or error.code in _BUSY):
                raise
            log.error("record_not_settled", record_id=record_id, code=error.code)
            return 0

    def _in_progress(self, record_id: str) -> bool:
        with self._system.database.read() as session:
            return in_progress(session, record_id)

    def is_due(self, name: str, every: timedelta) -> bool:
        """Whether the latest run ended that long ago, or none did."""
        with self._system.database.read() as session:
            row = reports.latest(session, name)
        return row is None or row.ended_at is None or has_passed(every, row.ended_at, self._system.clock())

    # -- second copy

    def follow_copies(self) -> bool:
        """Copy what the journal names since the last time; False if there is no second store."""
        found = self._copies()
        if found is None:
            return False
        work, findings = found, Findings(self._found)
        with self._system.database.read() as session:
            before = reports.latest(session, COPIES)
            facts = dict(before.facts) if before is not None else {}
            last = size(session) - 1
        position = facts.get("position", -1)
        if position >= last and facts.get("published") == last:
            return True
        position = work.follow(findings, position)
        known = facts.get("findings", [])
        self._end_copies({**facts, "position": position, "published": last}, findings, known)
        return True

    def copy_everything(self, *, check: bool = False) -> dict[str, Any]:
        """Copy all that was missed to the second store; return the report.

        Args:
            check: Whether to read everything there afterwards.

        Raises:
            Refused: ``no_second_copy``.
        """
        work = self._copies()
        copy = self._system.copy_store
        if work is None or copy is None:
            raise _no_copy()
        findings = Findings(self._found)
        with self._system.database.write() as session:
            reports.begin(session, COPIES, self._system.clock())
        with self._system.database.read() as session:
            last = size(session) - 1
        behind = work.whole(findings)
        copy_remains(self._system, findings)
        facts: dict[str, Any] = {"position": last, "records_behind": behind, "assurance": str(copy.assurance)}
        if check:
            reader = CopyCheck(self._system.database, copy, self._system.clock, on_progress=self._on_progress)
            facts |= {"checked": reader.run(findings), "checked_at": stamp(self._system.clock())}
        with self._system.database.read() as session:
            facts["objects"] = session.scalar(select(func.count()).select_from(CopyRow)) or 0
        with self._system.database.write() as session:
            reports.end(session, WHOLE_COPY, self._system.clock(), agreed=findings.open == 0, facts={})
        return self._end_copies(facts, findings, [])

    def promote(self) -> int:
        """Promote the second store under a journal entry; return the number of objects.

        The settings of the two stores must be exchanged before the next start.

        Raises:
            Refused: ``no_second_copy``, ``copy_incomplete``, ``deposits_waiting``,
                ``service_running``.
        """
        system = self._system
        if system.copy_store is None:
            raise _no_copy()
        with system.database.read() as session:
            require_no_exclusive_job(session, system.clock)
        self.copy_everything()
        with system.database.write() as session:
            require_no_exclusive_job(session, system.clock)
            require_none_waiting(session)
            moved = promote(session, system.clock)
            system.ledger.append(
                session,
                type=EntryType.STORE_MOVED,
                tenant=None,
                subject=Subject.LOG,
                agent=None,
                facts={"objects": moved, "assurance": system.copy_store.assurance.value},
            )
        return moved

    def restore(self, tenant: str, record_id: str, *, agent: str) -> list[Restored]:
        """Restore the damaged objects of a record, in either store, from the other.

        Raises:
            Refused: ``no_second_copy``, ``record_not_found``, ``record_not_kept``.
            Corrupt: ``catalogue_differs``.
        """
        system = self._system
        if system.copy_store is None:
            raise _no_copy()
        folder = system.settings.home / "work"
        if record_id in newest_decisions(system):
            raise not_kept(RecordState.DISPOSED)
        work = Restoring(system.database, system.ledger, system.store, system.copy_store, folder, system.clock)
        return work.record(tenant, record_id, agent=agent)

    def _copies(self) -> Copies | None:
        system = self._system
        if system.copy_store is None:
            return None
        folder = system.settings.home / "work"
        dead = newest_decisions(system)
        return Copies(
            system.database,
            system.store,
            system.copy_store,
            folder,
            system.clock,
            dead=frozenset(dead),
            on_progress=self._on_progress,
        )

    def _end_copies(self, facts: dict[str, Any], findings: Findings, known: list[Any]) -> dict[str, Any]:
        report = {**facts, "open": findings.open + len(known), **findings.as_json()}
        report["findings"] = [*known, *report["findings"]][:LISTED]
        with self._system.database.write() as session:
            reports.end(session, COPIES, self._system.clock(), agreed=report["open"] == 0, facts=report)
        return report

    # -- small steps

    def _report(self, result: Rebuilt, waiting: int) -> dict[str, Any]:
        sets = self._sets(result.stored)
        with self._system.database.read() as session:
            entries = size(session)
        head = result.head
        return {
            "records": result.records,
            "waiting_deposits": waiting,
            "sets": {name: {"count": one.count, "sha-256": one.sha256} for name, one in sets.items()},
            "equal": len(set(sets.values())) == 1,
            "journal": {
                "entries": entries,
                "checkpoint": head.size if head is not None else 0,
                "root": head.root.hex() if head is not None else None,
                "root_equal": head is not None,
            },
            "recovered": {"count": result.recovered_count, "subjects": result.recovered},
            "nameless_tenants": result.nameless,
            **result.findings.as_json(),
        }

    def _sets(self, stored: Sorter) -> dict[str, IdSet]:
        """Return the four sets of record ids: catalogue, journal, store, index."""
        with self._system.database.read() as session:
            catalogue = summed(sets.in_catalogue(session))
            journal = summed(sets.in_journal(session))
        index = Sorter()
        for tenant in self._tenants():
            for record_id, _ in self._system.index.record_ids(tenant):
                index.add(record_id)
        indexed = summed(iter(index))
        index.close()
        return {"database": catalogue, "journal": journal, "store": summed(iter(stored)), "index": indexed}

    def _tenants(self) -> Iterator[str]:
        with self._system.database.read() as session:
            found = list(session.scalars(select(TenantRow.id).order_by(TenantRow.id)))
        yield from found


def _no_copy() -> Refused:
    return Refused(
        "no_second_copy",
        "Cette installation n’a pas de seconde copie.",
        action="Indiquez-en une : CHARTRIER_COPY_S3_* ou CHARTRIER_COPY_PATH.",
    )
