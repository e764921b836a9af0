"""Schedule of the exclusive jobs of ``beat``: relay, sweeper, follower, publisher.

Each is a thread guarded by a lease, so that a second beat on another machine waits. No
business date is kept here: the jobs read from the database what is due.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from archive.database import retention_counters
from archive.holdings.read_words import read_words
from archive.holdings.recompute import is_any_stale, recompute, recompute_stale
from archive.objects.assurance import PROBE_EVERY, SETTLED
from ingestion.operations.custody import RECONCILE, WHOLE_COPY, Custody
from ingestion.operations.exclusive_jobs import ExclusiveJob
from ingestion.operations.mailing import Mailing
from ingestion.processing.quarantine_decisions import destroy_refused
from ingestion.tools.alto import text_of_pages
from signing.ground.clock import has_passed
from signing.ground.errors import Unavailable
from signing.ground.machine import machine_fault

if TYPE_CHECKING:
    from ingestion.assembly import System

log = structlog.get_logger(__name__)

RELAY_EVERY: Final = 0.5
FOLLOW_EVERY: Final = 0.5
SWEEP_EVERY: Final = 2.0
PUBLISH_EVERY: Final = 20.0
CLEAR_EVERY: Final = 3600.0
PROBE_LOOKED_AT: Final = 600.0
LOCKS_LOOKED_AT: Final = 3600.0
STALE_LOOKED_AT: Final = 60.0
PROOFS_LOOKED_AT: Final = 3600.0
HOLDS_LOOKED_AT: Final = 60.0
CLOCK_LOOKED_AT: Final = 60.0
COUNTED_EVERY: Final = 60.0
DISPOSALS_LOOKED_AT: Final = 60.0
REPORTS_LOOKED_AT: Final = 60.0
MAILS_LOOKED_AT: Final = 15.0
WORDS_LOOKED_AT: Final = 5.0
CUSTODY_LOOKED_AT: Final = 60.0
"""Seconds between two looks at custody jobs."""

_LONG: Final = frozenset(
    {"clearing", "probing", "locks", "recomputing", "holds", "statements", "words", "proofs", "reconciling", "copying"}
    | {"disposals", "reports", "mails"}
)
"""Jobs whose step may outlast their lease.

No other job's step may: if it hangs, another beat must take the job.
"""

_NOTIFIED: Final = ("relay", "follower", "holds", "statements", "recomputing", "reports")
"""Jobs that a commit elsewhere wakes."""
_RENEWED_EVERY = 5.0
"""Seconds between two renewals of the leases of long steps.

``ExclusiveJob`` writes only when half of a lease has passed.
"""


RECONCILE_EVERY: Final = timedelta(hours=1)
COPIED_WHOLE_EVERY: Final = timedelta(hours=24)
SETTLING: Final = timedelta(minutes=5)
STATISTICS_EVERY: Final = timedelta(hours=1)


def _release_memory() -> None:
    with suppress(OSError, AttributeError):  # only the GNU C library has this function
        ctypes.CDLL(None).malloc_trim(0)


class Beat:
    """Beat: runs the exclusive jobs until it is stopped."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._over = threading.Event()
        self._notified = {name: threading.Event() for name in _NOTIFIED}
        self._followed = False
        self._busy: dict[str, ExclusiveJob] = {}
        self._probe_after = SETTLED
        self._extended_on: date | None = None
        self._recomputed_on: date | None = None
        self._renewed_on: date | None = None
        self._mailing = Mailing(system)
        self._looked_at: datetime | None = None
        self._settled = system.clock() - timedelta(days=1)
        self._started = system.clock()

    def run(self) -> None:
        """Run until ``stop``; returns when every job has ended."""
        jobs: list[tuple[str, float, Callable[[], bool]]] = [
            ("relay", RELAY_EVERY, self._relay),
            ("follower", FOLLOW_EVERY, self._follow),
            ("sweeper", SWEEP_EVERY, self._sweep),
            ("publishing", PUBLISH_EVERY, self._publish),
            ("clearing", CLEAR_EVERY, self._clear),
            ("probing", PROBE_LOOKED_AT, self._probe),
            ("locks", LOCKS_LOOKED_AT, self._extend_locks),
            ("clock", CLOCK_LOOKED_AT, self._look_at_the_clock),
            ("counting", COUNTED_EVERY, self._add_up_counts),
            ("recomputing", STALE_LOOKED_AT, self._recompute),
            ("holds", HOLDS_LOOKED_AT, self._settle_holds),
            ("statements", HOLDS_LOOKED_AT, self._settle_statements),
            ("disposals", DISPOSALS_LOOKED_AT, self._execute_disposals),
            ("reports", REPORTS_LOOKED_AT, self._take_stock),
            ("mails", MAILS_LOOKED_AT, self._send_mails),
            ("words", WORDS_LOOKED_AT, self._read_words),
            ("proofs", PROOFS_LOOKED_AT, self._renew_proofs),
            ("reconciling", CUSTODY_LOOKED_AT, self._reconcile),
            ("copying", CUSTODY_LOOKED_AT, self._copy),
        ]
        threads = [threading.Thread(target=self._loop, args=job, name=job[0], daemon=True) for job in jobs]
        threads.append(threading.Thread(target=self._renew, name="leases", daemon=True))
        for thread in threads:
            thread.start()
        while not self._over.is_set():
            if self._system.notifier.wait(0.5):
                for event in self._notified.values():
                    event.set()
        for event in self._notified.values():
            event.set()
        for thread in threads:
            thread.join(timeout=10)

    def stop(self) -> None:
        """Stop after the present steps."""
        self._over.set()
        self._system.notifier.notify()

    def _loop(self, name: str, every: float, step: Callable[[], bool]) -> None:
        """Loop of one exclusive job: run its step again at once while there is more to do."""
        job = ExclusiveJob(self._system.database, name, self._system.clock)
        wake = self._notified.get(name, self._over)
        away = False
        while not self._over.is_set():
            try:
                more = job.hold() and self._kept(name, job, step)
                if away:
                    log.info("duty_resumed", duty=name)
                    away = False
            except Exception as error:
                more = False
                waits = error if isinstance(error, Unavailable) else machine_fault(error)
                if waits is None:
                    log.exception("duty_failed", duty=name)
                elif not away:
                    log.warning("duty_waits", duty=name, code=waits.code)
                away = away or waits is not None
            if not more:
                wake.wait(every)
                if wake is not self._over:
                    wake.clear()
        try:
            job.release()
        except Unavailable:
            log.warning("duty_not_released", duty=name)

    def _kept(self, name: str, job: ExclusiveJob, step: Callable[[], bool]) -> bool:
        """Run a step and keep its lease meanwhile, so that no second beat runs the same."""
        if name in _LONG:
            self._busy[name] = job
        try:
            return step()
        finally:
            self._busy.pop(name, None)

    def _renew(self) -> None:
        while not self._over.wait(_RENEWED_EVERY):
            for job in list(self._busy.values()):
                with suppress(Unavailable):  # without a database no other beat can take the job either
                    job.hold()

    def _relay(self) -> bool:
        return self._system.relay.step() > 0

    def _follow(self) -> bool:
        if self._system.follower.step() > 0:
            self._followed = True
            return True
        if self._followed:  # an index writer uses and frees tens of megabytes: give them back to the machine
            self._followed = False
            _release_memory()
        return False

    def _sweep(self) -> bool:
        sweeper = self._system.sweeper
        if sweeper.wake():
            self._notified["relay"].set()
        sweeper.clear_outbox()
        return False

    def _publish(self) -> bool:
        self._system.publisher.publish()
        return False

    def _clear(self) -> bool:
        self._system.sweeper.clear_folders()
        self._system.sweeper.clear_staging()
        system = self._system
        destroy_refused(system.database, system.ledger, system.store, system.time_sense.certain_now)
        return False

    def _probe(self) -> bool:
        """Probe the store at the start, then every day."""
        shown = self._system.probe(after=self._probe_after)
        self._probe_after = PROBE_EVERY
        if shown is not None:
            log.info("store_probed", assurance=shown.assurance.value, store=shown.store, reason=shown.reason)
        return False

    def _reconcile(self) -> bool:
        """Reconcile every hour: repair index and staging, only report on evidence."""
        if self._settling(self._started, SETTLING):
            return False
        custody = Custody(self._system)
        if custody.is_due(RECONCILE, RECONCILE_EVERY):
            report = custody.reconcile(repair=True, routine=True)
            write = log.error if report["open"] else log.info
            write("reconciled", open=report["open"], repaired=report["repaired"], **report["counts"])
        return False

    def _copy(self) -> bool:
        """Copy every minute what the journal names, every day everything missed."""
        if self._system.copy_store is None or self._settling(self._started, timedelta(seconds=30)):
            return False
        self._system.probe_copy(after=PROBE_EVERY)
        custody = Custody(self._system)
        if custody.is_due(WHOLE_COPY, COPIED_WHOLE_EVERY):
            report = custody.copy_everything()
            write = log.error if report["open"] else log.info
            write("copied", behind=report["records_behind"], open=report["open"])
        else:
            custody.follow_copies()
        return False

    def _settling(self, since: datetime, span: timedelta) -> bool:
        """Whether the service started so recently that other work goes first."""
        return not has_passed(span, since, self._system.clock())

    def _look_at_the_clock(self) -> bool:
        """Look at the clock every minute, so that a jump is seen before anything is done by it."""
        self._system.time_sense.look()
        return False

    def _add_up_counts(self) -> bool:
        """Add up every minute what PostgreSQL counts in parts; hourly, look how full SQLite is."""
        database, now = self._system.database, self._system.clock()
        if not database.is_sqlite:
            with database.write() as session:
                retention_counters.compact(session.connection())
        elif self._looked_at is None or has_passed(STATISTICS_EVERY, self._looked_at, now):
            database.refresh_statistics()
            self._looked_at = now
        return False

    def _extend_locks(self) -> bool:
        """Extend locks every day; a run that the store interrupted is resumed an hour later."""
        today = self._system.time_sense.certain_now().date()
        if self._extended_on == today:
            return False
        done = self._system.locks.extend()
        self._extended_on = today
        log.info("locks_extended", records=done.records, published=done.published)
        if done.failed:
            first = dict(list(done.failed.items())[:10])
            log.error("locks_not_extended", count=len(done.failed), first=first)
        return False

    def _recompute(self) -> bool:
        """Judge at once what a change has marked, and once a day every record.

        One that can't be read stays marked, and is tried again every minute.
        """
        if is_any_stale(self._system.database):
            done = recompute_stale(self._system.stores)
            if done.revised or done.failed:
                write = log.error if done.failed else log.info
                first = dict(list(done.failed.items())[:10])
                write("stale_recomputed", records=done.revised, right=done.right, failed=len(done.failed), first=first)
        today = self._system.clock().date()
        if self._recomputed_on == today or self._settling(self._started, SETTLING):
            return False
        revised, failed = recompute(self._system.stores)
        self._recomputed_on = today
        if revised or failed:
            write = log.error if failed else log.info
            write("dates_recomputed", records=revised, failed=len(failed), first=dict(list(failed.items())[:10]))
        return False

    def _renew_proofs(self) -> bool:
        """Renew every day the seal and authority made here, if due; log what ends within a year."""
        today = self._system.clock().date()
        if self._renewed_on == today:
            return False
        proofs = self._system.proofs
        if proofs.renew_when_due():
            self._system.proofs.enter()
        proofs.watch()
        self._renewed_on = today
        return False

    def _settle_statements(self) -> bool:
        """Write the statements that the store does not have yet; one that failed, every minute."""
        if not self._system.statements.is_any_new():
            return False
        done = self._system.statements.settle()
        if done.failed:
            first = dict(list(done.failed.items())[:10])
            log.error("statements_not_settled", count=len(done.failed), first=first)
        return False

    def _execute_disposals(self) -> bool:
        """Execute disposals whose day has come; what was interrupted goes on."""
        done = self._system.dispose()
        if done.destroyed:
            log.info("disposals_executed", destroyed=done.destroyed)
        if done.failed:
            first = dict(list(done.failed.items())[:10])
            log.error("disposals_failed", count=len(done.failed), first=first)
        return False

    def _send_mails(self) -> bool:
        """Send the mails that are due; a server that is away keeps nobody waiting."""
        done = self._mailing.run()
        if done.sent or done.failed or done.reminded:
            write = log.warning if done.failed else log.info
            write("mails", sent=done.sent, failed=done.failed, reminded=done.reminded)
        return done.sent > 0

    def _take_stock(self) -> bool:
        """Make the stocktakings that were asked for; one that failed, every minute."""
        if not self._system.stocktaker.is_any_new():
            return False
        done = self._system.stocktaker.run()
        if done.failed:
            log.error("stocktakings_failed", count=len(done.failed), first=dict(list(done.failed.items())[:10]))
        return False

    def _read_words(self) -> bool:
        """Read the texts that standing holds may ask for; one that failed, at the next look."""
        _, failed = read_words(self._system.stores, text_of_pages)
        if failed:
            log.error("words_not_read", count=len(failed), first=dict(list(failed.items())[:10]))
        return False

    def _settle_holds(self) -> bool:
        """Apply holds that the store does not have yet, and end those whose last day is over.

        A new one at once, when its commit notifies; one that failed every minute.
        """
        now = self._system.clock()
        recently = abs(now - self._settled) < timedelta(seconds=HOLDS_LOOKED_AT)
        if recently and not self._system.holds.is_any_new():
            return False
        self._settled = now
        done = self._system.holds.run()
        if done.ended or done.settled:
            log.info("holds_settled", settled=done.settled, ended=done.ended)
        if done.failed:
            first = dict(list(done.failed.items())[:10])
            log.error("holds_not_settled", count=len(done.failed), first=first)
        return False
