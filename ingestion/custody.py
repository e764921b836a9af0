"""Work on the holdings as a whole, over every package: rebuild, reconcile, copies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from archive.custody import rebuild, reports
from archive.custody.agreement import Agreement
from archive.custody.census import Census
from archive.custody.findings import Finding, Findings
from archive.custody.ordering import IdSet, Sorter, summed
from archive.custody.rebuild import Rebuild, Rebuilt, Told
from archive.ledger import size
from archive.tables import TenantRow
from ingestion.recovery import Recovery, in_progress
from ingestion.staging import Staging
from search.drift import Drift

if TYPE_CHECKING:
    from ingestion.assembly import System


RECONCILE: Final = "reconcile"


class Custody:
    """The whole of an installation's holdings.

    Args:
        told: Progress of a long step.
        found: Called with each finding as it is made.
    """

    def __init__(
        self,
        system: System,
        *,
        told: Told = lambda _step, _done, _total: None,
        found: Callable[[Finding], None] = lambda _finding: None,
    ) -> None:
        self._system = system
        self._told = told
        self._found = found

    def rebuild(self, *, thorough: bool = False) -> dict[str, Any]:
        """Database, journal and index from the store alone; the report.

        Raises:
            Refused: ``database_not_empty``, ``store_empty``.
            Corrupt: ``journal_damaged``: nothing was claimed.
        """
        system = self._system
        recovery = Recovery(system.database, system.ledger, system.store, system.clock)
        work = Rebuild(
            system.database,
            system.ledger,
            system.store,
            system.clock,
            also=recovery.of_record,
            told=self._told,
            thorough=thorough,
        )
        result = work.run(Findings(self._found))
        waiting = recovery.staging(result)
        result.recovered += recovery.recovered
        result.recovered_count += recovery.recovered_count
        for tenant in self._tenants():
            system.follower.rebuild(tenant, lambda done, total: self._told("index", done, total))
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

    def reconcile(self, *, repair: bool = False, pause: Callable[[float], None] = time.sleep) -> dict[str, Any]:
        """Database, journal, store, index and staging beside each other; the report.

        Args:
            repair: Put index and staging right; evidence is never touched.
            pause: Sleeps before a second look at what was written a moment ago.
        """
        system = self._system
        findings = Findings(self._found)
        with system.database.write() as session:
            reports.begin(session, RECONCILE, system.clock())
        census = Census(
            system.database,
            system.store,
            system.clock,
            in_progress=self._in_progress,
            pause=pause,
            told=self._told,
        )
        agreement = Agreement(system.database, system.store, pause=pause)
        stored = census.take(findings)
        records = agreement.catalogue(findings)
        agreement.published(findings)
        drift = Drift(system.database, system.index, system.follower, system.search_entry)
        shown = sum(drift.check(tenant, findings, repair=repair) for tenant in self._tenants())
        Staging(system.database, system.store, system.clock).check(
            findings, clear=system.sweeper.clear_staging if repair else None
        )
        with system.database.read() as session:
            entries = size(session)
        report = {
            "records": {"database": records, "store": stored, "index": shown},
            "journal_entries": entries,
            "open": findings.open,
            **findings.as_json(),
        }
        with system.database.write() as session:
            reports.end(session, RECONCILE, system.clock(), agreed=findings.open == 0, facts=report)
        return report

    def _in_progress(self, record_id: str) -> bool:
        with self._system.database.read() as session:
            return in_progress(session, record_id)

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
        """The four sets of record ids: catalogue, journal, store, index."""
        with self._system.database.read() as session:
            catalogue = summed(rebuild.in_catalogue(session))
            journal = summed(rebuild.in_journal(session))
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
