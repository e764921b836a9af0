"""Metrics, read from the database on request, so that a restart loses no counter."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import func, select

from api.operations.health import AWAY, OK, Health
from api.operations.measures import Measures, Requests
from archive.database.alarms import open_alarms
from archive.database.tables import CheckpointRow, CustodyReportRow, JournalEntryRow, RecordRow
from archive.database.tenancy import EVERYTHING, acting_for
from archive.disposition import locks
from archive.disposition.holds import listing as holds
from archive.objects.assurance import proven
from archive.objects.port import Assurance
from ingestion.tables import DepositRow, OutboxRow
from signing.ground.errors import Unavailable

if TYPE_CHECKING:
    from api.operations.traffic import Traffic
    from ingestion.assembly import System


def exposition(system: System, health: Health, traffic: Traffic) -> tuple[bytes, str]:
    """Return the present metrics as bytes, and their media type.

    While the database is away, its metrics are left out; the state of each part is still there.
    """
    registry = CollectorRegistry()
    registry.register(Requests(traffic))
    up = Gauge("chartrier_component_ok", "1 when a component is well.", ["component"], registry=registry)
    components = health.components()
    for component in components:
        up.labels(component.name).set(component.state == OK)
    away = {component.name for component in components if component.state == AWAY}
    known = CollectorRegistry()
    try:
        _of_the_database(system, known, away)
    except Unavailable:
        return generate_latest(registry), CONTENT_TYPE_LATEST
    return generate_latest(registry) + generate_latest(known), CONTENT_TYPE_LATEST


def _of_the_database(system: System, registry: CollectorRegistry, away: Set[str]) -> None:
    deposits = Gauge("chartrier_deposits", "Deposits by state.", ["state"], registry=registry)
    records = Gauge("chartrier_records", "Records by state.", ["state"], registry=registry)
    entries = Gauge("chartrier_journal_entries", "Entries of the journal.", registry=registry)
    published = Gauge("chartrier_journal_published", "Entries under the last checkpoint.", registry=registry)
    outbox = Gauge("chartrier_outbox_waiting", "Wake-ups still to be sent.", registry=registry)
    measures = Measures(system, registry)
    ran = Gauge("chartrier_custody_ended", "End of the latest run, Unix time.", ["name"], registry=registry)
    open_ = Gauge("chartrier_custody_open", "Findings of the latest run not put right.", ["name"], registry=registry)
    enforced = Gauge("chartrier_store_enforced", "1 while a recent probe shows enforced locks.", registry=registry)
    late = Gauge("chartrier_locks_overdue", "Records whose locks should have been extended.", registry=registry)
    unsettled = Gauge("chartrier_holds_overdue", "Holds that the store should follow and does not.", registry=registry)
    alarms = Gauge("chartrier_journal_contradicted", "Subjects of which the journal says otherwise.", registry=registry)
    doubted = Gauge("chartrier_clock_distrusted", "1 while the machine's clock is distrusted.", registry=registry)
    doubted.set(not system.time_sense.sense().trusted)
    with acting_for(EVERYTHING), system.database.read() as session:  # only numbers of the installation
        alarms.set(len(open_alarms(session)))
        horizon = system.settings.archive.lock_horizon_days
        late.set(locks.overdue(session, system.time_sense.certain_now().date(), horizon))
        unsettled.set(holds.overdue(session, system.time_sense.certain_now()))
        enforced.set(proven(session, system.store.name, system.clock()) == Assurance.ENFORCED)
        latest = session.scalars(select(CustodyReportRow)).all()
        for state, count in session.execute(select(DepositRow.state, func.count()).group_by(DepositRow.state)):
            deposits.labels(state).set(count)
        for state, count in session.execute(select(RecordRow.state, func.count()).group_by(RecordRow.state)):
            records.labels(state).set(count)
        last = session.scalar(select(func.max(JournalEntryRow.n)))
        entries.set(0 if last is None else last + 1)
        published.set(session.scalar(select(func.max(CheckpointRow.size))) or 0)
        measures.of_tables(session)
        measures.of_parts(session, away)
        outbox.set(session.scalar(select(func.count()).select_from(OutboxRow).where(OutboxRow.sent_at.is_(None))) or 0)
    for row in latest:
        ran.labels(row.name).set(row.ended_at.timestamp() if row.ended_at else 0)
        open_.labels(row.name).set(row.facts.get("open", sum(row.facts.get("counts", {}).values())))
