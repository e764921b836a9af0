"""Measures for operators, read from the tables that the work itself writes.

Every API process gives the same answer: these are states of the installation, not counters of a
process. The alarms on them are in ``deploy/alerts/chartrier.yml``, and what to do then is in
``docs/operations/alarms.md``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Set
from contextlib import suppress
from datetime import datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.operations.traffic import BUCKETS, Traffic
from archive.database.tables import (
    CheckpointRow,
    CopyRow,
    JournalEntryRow,
    LeaseRow,
    RecordRow,
    RepresentationRow,
    StoredFileRow,
    StoreProbeRow,
    VerificationRow,
)
from archive.journal.proof_calendar import calendar
from archive.model.states import RecordState
from ingestion.deposits.states import UNFINISHED
from ingestion.tables import DepositRow, OutboxRow, PageTaskRow, StageRunRow
from search.follower import FOLLOWED
from signing.ground.errors import Refused, Unavailable

if TYPE_CHECKING:
    from ingestion.assembly import System

_WINDOW: Final = timedelta(hours=1)
_RUNS: Final = 5000
"""How many stage runs are read at most: the latest of the hour."""

AUDIT: Final = timedelta(days=90)
"""Time within which every byte should be read again."""


class Measures:
    """The gauges of one exposition."""

    def __init__(self, system: System, registry: CollectorRegistry) -> None:
        self._system = system
        self._registry = registry

    def of_tables(self, session: Session) -> None:
        """Set the gauges that are read from the database."""
        now = self._system.clock()
        self._work(session, now)
        self._stages(session, now)
        self._journal(session, now)
        self._duties(session, now)
        self._fixity(session, now)
        self._custody(session, now)
        self._deadlines(session, now)

    def of_parts(self, session: Session, away: Set[str]) -> None:
        """Set the gauges that other servers must be asked for.

        The gauges of a part that is away are left out.

        Args:
            away: Components known to be away. They are not asked again, since each would make the
                caller wait for one more time-out.
        """
        free = shutil.disk_usage(self._system.settings.home).free
        self._gauge("chartrier_home_free_bytes", "Room left where deposits are received and worked on.").set(free)
        if "search" not in away:
            self._follower(session)
        if self._system.settings.ingestion.broker_url is not None and "broker" not in away:
            waiting = self._gauge("chartrier_queue_messages", "Messages that the broker holds.")
            try:
                waiting.set(self._system.queue.waiting())
            except Unavailable:
                self._registry.unregister(waiting)

    def _follower(self, session: Session) -> None:
        lag = self._gauge("chartrier_follower_lag_entries", "Entries that the index does not show yet, all tenants.")
        late = self._gauge("chartrier_follower_lag_seconds", "Age of the oldest entry that the index does not show.")
        try:
            behind = list(self._behind(session))
        except Unavailable:
            self._registry.unregister(lag)
            self._registry.unregister(late)
        else:
            lag.set(sum(count for count, _ in behind))
            late.set(self._age(min((at for _, at in behind), default=None)))

    # -- tables

    def _work(self, session: Session, now: datetime) -> None:
        oldest = self._gauge("chartrier_deposits_oldest_seconds", "Age of the oldest deposit that is not kept yet.")
        stuck = self._gauge("chartrier_deposits_stuck_seconds", "Longest time that an unfinished deposit did not move.")
        wakes = self._gauge("chartrier_outbox_oldest_seconds", "Age of the oldest wake-up still to be sent.")
        pages = self._gauge("chartrier_page_tasks", "Chunks of long documents by state.", ["state"])
        unfinished = DepositRow.state.in_(UNFINISHED)
        oldest.set(self._age(session.scalar(select(func.min(DepositRow.received_at)).where(unfinished)), now))
        stuck.set(self._age(session.scalar(select(func.min(DepositRow.updated_at)).where(unfinished)), now))
        first = session.scalar(select(func.min(OutboxRow.created_at)).where(OutboxRow.sent_at.is_(None)))
        wakes.set(self._age(first, now))
        for state, count in session.execute(select(PageTaskRow.state, func.count()).group_by(PageTaskRow.state)):
            pages.labels(state).set(count)

    def _stages(self, session: Session, now: datetime) -> None:
        runs = self._gauge("chartrier_stage_runs", "Stage runs that ended in the last hour.", ["stage", "state"])
        spent = self._gauge("chartrier_stage_seconds", "Durations of the last hour.", ["stage", "quantile"])
        rows = session.execute(
            select(StageRunRow.name, StageRunRow.state, StageRunRow.started_at, StageRunRow.ended_at)
            .where(StageRunRow.ended_at > now - _WINDOW)
            .order_by(StageRunRow.ended_at.desc())
            .limit(_RUNS)
        )
        taken: dict[str, list[float]] = {}
        for name, state, started_at, ended_at in rows:
            runs.labels(name, state).inc()
            if started_at is not None and ended_at is not None:
                taken.setdefault(name, []).append((ended_at - started_at).total_seconds())
        for name, durations in taken.items():
            durations.sort()
            for quantile in (0.5, 0.95, 1.0):
                spent.labels(name, str(quantile)).set(
                    durations[min(int(len(durations) * quantile), len(durations) - 1)]
                )

    def _journal(self, session: Session, now: datetime) -> None:
        waiting = self._gauge("chartrier_journal_unpublished", "Entries that no checkpoint covers yet.")
        oldest = self._gauge("chartrier_journal_unpublished_oldest_seconds", "Age of the oldest of them.")
        age = self._gauge("chartrier_checkpoint_age_seconds", "Since the latest signed tree head.")
        stamped = self._gauge("chartrier_checkpoint_token_age_seconds", "Since the latest time-stamped tree head.")
        published = session.scalar(select(func.max(CheckpointRow.size))) or 0
        beyond = JournalEntryRow.n >= published
        waiting.set(session.scalar(select(func.count()).select_from(JournalEntryRow).where(beyond)) or 0)
        oldest.set(self._age(session.scalar(select(func.min(JournalEntryRow.at)).where(beyond)), now))
        age.set(self._age(session.scalar(select(func.max(CheckpointRow.published_at))), now))
        tokens = select(func.max(CheckpointRow.published_at)).where(CheckpointRow.token.is_not(None))
        stamped.set(self._age(session.scalar(tokens), now, never=inf))

    def _duties(self, session: Session, now: datetime) -> None:
        held = self._gauge("chartrier_duty_held", "1 while somebody holds the lease of a duty.", ["duty"])
        for row in session.scalars(select(LeaseRow)):
            if not row.name.startswith("publisher"):  # held for moments only; the duty is called publishing
                held.labels(row.name).set(row.until > now)

    def _fixity(self, session: Session, now: datetime) -> None:
        share = self._gauge("chartrier_fixity_checked_ratio", "Share of records that were read again within 90 days.")
        verdicts = self._gauge("chartrier_fixity_verdicts", "Checks of the last seven days by verdict.", ["verdict"])
        recent = VerificationRow.at > now - AUDIT
        checked = session.scalar(select(func.count(func.distinct(VerificationRow.record_id))).where(recent)) or 0
        total = (
            session.scalar(select(func.count()).select_from(RecordRow).where(RecordRow.state == RecordState.KEPT)) or 0
        )
        share.set(min(1.0, checked / total) if total else 1.0)
        for known in ("intact", "altered", "missing", "unverifiable"):
            verdicts.labels(known).set(0)
        week = select(VerificationRow.verdict, func.count()).where(VerificationRow.at > now - timedelta(days=7))
        for verdict, count in session.execute(week.group_by(VerificationRow.verdict)):
            verdicts.labels(verdict).set(count)

    def _custody(self, session: Session, now: datetime) -> None:
        """Set the age of the store's last probe and the numbers of the replica."""
        probed = self._gauge("chartrier_store_probe_age_seconds", "Since the store was last tried.")
        copies = self._gauge("chartrier_copies", "Objects of the second store by its last check.", ["verdict"])
        missing = self._gauge("chartrier_copies_missing", "Objects of records that the second store does not have.")
        probed.set(self._age(session.scalar(select(func.max(StoreProbeRow.at))), now, never=inf))
        if self._system.settings.archive.copy_store is None:
            return
        for verdict, count in session.execute(select(CopyRow.verdict, func.count()).group_by(CopyRow.verdict)):
            copies.labels(verdict).set(count)
        kept = sum(session.scalar(select(func.count()).select_from(t)) or 0 for t in (RepresentationRow, StoredFileRow))
        there = session.scalar(select(func.count()).select_from(CopyRow).where(CopyRow.record_id.is_not(None))) or 0
        missing.set(max(0, kept - there))

    def _deadlines(self, session: Session, now: datetime) -> None:
        left = self._gauge("chartrier_proof_days_left", "Days until a certificate of proofs ends.", ["what"])
        with suppress(Refused):  # a seal that can't be read is told by doctor
            for deadline in calendar(session, self._system.signer, self._system.timestamper):
                left.labels(deadline.what).set(deadline.days_left(now))

    # -- parts

    def _behind(self, session: Session) -> Iterable[tuple[int, datetime]]:
        """Yield the number of waiting entries and the oldest's time of each index that is late."""
        followed = JournalEntryRow.type.in_(FOLLOWED)
        latest = select(JournalEntryRow.tenant_id, func.max(JournalEntryRow.n)).where(followed)
        for tenant, last in session.execute(latest.group_by(JournalEntryRow.tenant_id)):
            position = self._system.index.position(tenant) if tenant is not None else last
            if position >= last:
                continue
            waiting = [followed, JournalEntryRow.tenant_id == tenant, JournalEntryRow.n > position]
            count, at = session.execute(select(func.count(), func.min(JournalEntryRow.at)).where(*waiting)).one()
            yield count, at

    # -- small steps

    def _gauge(self, name: str, says: str, labels: Iterable[str] = ()) -> Gauge:
        return Gauge(name, says, tuple(labels), registry=self._registry)

    def _age(self, at: datetime | None, now: datetime | None = None, *, never: float = 0.0) -> float:
        """Return the seconds since a moment, or ``never`` when there is none.

        ``never`` is 0 where None means that nothing waits, infinity where it means that something
        due has not happened.
        """
        return max(0.0, ((now or self._system.clock()) - at).total_seconds()) if at is not None else never


class Requests(Collector):
    """The traffic of this process, in Prometheus's form."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    def collect(self) -> Iterator[Metric]:
        """Yield a counter by method, route and status, and a histogram by method and route."""
        total = CounterMetricFamily(
            "chartrier_http_requests", "Requests answered.", labels=["method", "route", "status"]
        )
        for (method, route, status), count in sorted(self._traffic.answers.items()):
            total.add_metric([method, route, str(status)], count)
        spent = HistogramMetricFamily("chartrier_http_seconds", "Time to the last byte.", labels=["method", "route"])
        for (method, route), durations in sorted(self._traffic.durations.items()):
            bounds: list[Any] = [*map(str, BUCKETS), "+Inf"]
            spent.add_metric([method, route], list(zip(bounds, durations.counts, strict=True)), durations.seconds)
        yield from (total, spent)
