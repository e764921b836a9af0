"""Health of each part, in words: for ``/health/ready``, the page « État » and the metrics."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, text

from archive.database.alarms import open_alarms
from archive.database.tables import CheckpointRow, JournalEntryRow, TenantRow
from archive.database.tenancy import EVERYTHING, acting_for
from archive.disposition import locks
from archive.disposition.holds import listing as holds
from archive.model.settings import LocalStore
from archive.objects import assurance
from archive.objects.layout import LAYOUT_JSON
from ingestion.tables import DepositRow, OutboxRow
from signing.ground.clock import stamp
from signing.ground.errors import ChartrierError
from signing.ground.machine import Fault, MachineFault, is_full

if TYPE_CHECKING:
    from ingestion.assembly import System

OK, DEGRADED, AWAY = "ok", "degraded", "away"
_SLOW_WAKE = timedelta(seconds=60)
_SLOW_PUBLICATION = timedelta(seconds=180)
_SLOW_WORK = timedelta(minutes=10)


@dataclass(frozen=True)
class Component:
    """The health of one part of the system.

    Attributes:
        state: ``ok``, ``degraded`` (works, but somebody should look) or ``away``.
        detail: One French sentence.
        since: Start of the present state, as far as this process has seen.
    """

    name: str
    state: str
    detail: str
    since: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form that ``/health/ready`` shows."""
        return {
            "state": self.state,
            "detail": self.detail,
            "since": stamp(self.since) if self.since else None,
        }


class Health:
    """Check each part, and remember since when it has been in its state."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._seen: dict[str, tuple[str, datetime]] = {}
        self._lock = threading.Lock()

    def components(self) -> tuple[Component, ...]:
        """Check every part now."""
        checks: dict[str, Callable[[], tuple[str, str]]] = {
            "database": self._database,
            "store": self._store,
            "broker": self._broker,
            "worker": self._worker,
            "search": self._search,
            "journal": self._journal,
            "clock": self._clock,
            "trust": self._trust,
        }
        return tuple(self._dated(name, *_asked(check)) for name, check in checks.items())

    def _dated(self, name: str, state: str, detail: str) -> Component:
        now = self._system.clock()
        with self._lock:
            before = self._seen.get(name)
            since = before[1] if before is not None and before[0] == state else now
            self._seen[name] = (state, since)
        return Component(name, state, detail, since)

    def _database(self) -> tuple[str, str]:
        with self._system.database.read() as session:
            session.execute(text("SELECT 1"))
        return OK, "La base de données répond."

    def _store(self) -> tuple[str, str]:
        system = self._system
        head = system.store.stat(LAYOUT_JSON)
        today, horizon = system.time_sense.certain_now().date(), system.settings.archive.lock_horizon_days
        with acting_for(EVERYTHING), system.database.read() as session:  # only numbers, no tenant's data
            lost = assurance.was_lost(session, system.store.name)
            late = locks.overdue(session, today, horizon)
            unsettled = holds.overdue(session, system.time_sense.certain_now())
        place = system.settings.archive.store
        if isinstance(place, LocalStore) and (fault := _disk(place.root)) is not None:
            return fault
        if lost:
            return DEGRADED, "Le magasin n’impose plus ses verrous : lisez l’épreuve dans « chartrier doctor »."
        if late or locks.is_overdue(head, today, horizon):
            return DEGRADED, "Des verrous auraient dû être prolongés et ne l’ont pas été."
        if unsettled:
            return DEGRADED, "Le magasin ne suit pas encore tous les gels décidés."
        if system.store.assurance == "advisory":
            return OK, "Le magasin répond ; ses verrous sont indicatifs."
        return OK, "Le magasin répond ; ses verrous sont imposés."

    def _clock(self) -> tuple[str, str]:
        known = self._system.time_sense.sense()
        if not known.trusted:
            return DEGRADED, (
                "L’horloge est mise en doute : fins de gel, éliminations, verrous et horodatage attendent "
                "qu’un administrateur la vérifie et la confirme."
            )
        if known.delayed:
            return (
                OK,
                "Plus d’un jour a passé sans être vu du service : ce qui est irréversible attend 24 heures de marche.",
            )
        return OK, "L’horloge est sûre."

    def _trust(self) -> tuple[str, str]:
        unread, missing = trust_faults(self._system)
        if unread:
            return DEGRADED, "Des fichiers du dossier de confiance ne se lisent pas ; « chartrier doctor » les nomme."
        if missing:
            return DEGRADED, "Le dossier de confiance ne peut pas être écrit : nos certificats n’y sont pas tous."
        return OK, "Le dossier de confiance se lit."

    def probe(self) -> dict[str, Any] | None:
        """Return the result of the store's last probe; None when there was none.

        It does not hold the name of the store.
        """
        try:
            with self._system.database.read() as session:
                row = assurance.latest(session, self._system.store.name)
        except ChartrierError:
            return None
        if row is None:
            return None
        return {"at": stamp(row.at), "assurance": row.assurance, "reason": row.reason}

    def _broker(self) -> tuple[str, str]:
        if self._broker_answers():
            return OK, "Le courtier répond."
        return AWAY, "Le courtier ne répond pas : les dépôts sont reçus et attendent."

    def _broker_answers(self) -> bool:
        settings = self._system.settings
        if settings.ingestion.broker_url is not None:
            return self._system.queue.ping()
        from ingestion.queue import valkey

        return valkey.answers(settings.home)

    def _worker(self) -> tuple[str, str]:
        now = self._system.clock()
        with self._system.database.read() as session:
            oldest_wake = session.scalar(select(func.min(OutboxRow.created_at)).where(OutboxRow.sent_at.is_(None)))
            oldest_work = session.scalar(
                select(func.min(DepositRow.updated_at)).where(DepositRow.state.in_(("received", "working")))
            )
            waiting = session.scalar(
                select(func.count()).select_from(DepositRow).where(DepositRow.state.in_(("received", "working")))
            )
        fault = _disk(self._system.settings.home)
        if fault is not None:
            return fault
        if oldest_wake is not None and now - oldest_wake > _SLOW_WAKE:
            return DEGRADED, "Des réveils attendent depuis plus d’une minute."
        if oldest_work is not None and now - oldest_work > _SLOW_WORK:
            return DEGRADED, "Un dépôt n’avance plus depuis plus de dix minutes."
        return OK, f"{waiting or 0} dépôt(s) en traitement."

    def _search(self) -> tuple[str, str]:
        with self._system.database.read() as session:
            tenants = session.scalars(select(TenantRow.id)).all()
            last = session.scalar(select(func.max(JournalEntryRow.n)))
        self._system.index.condition()  # this call detects a server that hangs, within seconds
        for tenant in tenants:
            self._system.index.position(tenant)
        return OK, f"L’index répond ; le journal compte {(last if last is not None else -1) + 1} entrées."

    def _journal(self) -> tuple[str, str]:
        now = self._system.clock()
        with self._system.database.read() as session:
            size = session.scalar(select(func.max(CheckpointRow.size))) or 0
            oldest = session.scalar(select(func.min(JournalEntryRow.at)).where(JournalEntryRow.n >= size))
            contradicted = open_alarms(session)
        if contradicted:
            return DEGRADED, "La base ne dit plus ce que dit le journal : gardez-en une copie, comparez-les."
        if oldest is not None and now - oldest > _SLOW_PUBLICATION:
            return DEGRADED, "Des entrées du journal attendent leur scellement depuis plus de trois minutes."
        return OK, f"Journal scellé jusqu’à {size} entrées."


def _asked(check: Callable[[], tuple[str, str]]) -> tuple[str, str]:
    try:
        with acting_for(EVERYTHING):  # only numbers of the installation, no tenant's data
            return check()
    except ChartrierError as error:
        return AWAY, str(error)


def trust_faults(system: System) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what can't be read in the trust folder, and what of ours is not there."""
    try:
        missing = system.proofs.unpublished()
    except ChartrierError:  # a seal that does not answer is told elsewhere
        missing = ()
    return system.trust.faults(), missing


def _disk(folder: Path) -> tuple[str, str] | None:
    """Say what is wrong with the disk of a folder; None when it answers and has room."""
    try:
        if not is_full(folder):
            return None
    except MachineFault as error:
        return DEGRADED, error.detail
    except OSError:
        return DEGRADED, MachineFault(Fault.FAILING).detail
    return DEGRADED, "Le disque est plein : les dépôts acceptés sont gardés et attendent ; les nouveaux sont refusés."


def overall(components: tuple[Component, ...]) -> str:
    """Return the state of the whole: away without database or store, degraded by any fault."""
    states = {component.name: component.state for component in components}
    if AWAY in (states.get("database"), states.get("store")):
        return AWAY
    return OK if all(state == OK for state in states.values()) else DEGRADED
