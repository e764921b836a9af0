"""Place and release holds for a caller, and write the JSON of a hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy.orm import Session

from api.views.history import name_of
from archive.database.tables import HoldRow
from archive.disposition.holds import decisions as holds
from archive.disposition.holds import reinstatement
from signing.ground.clock import iso, stamp
from signing.ground.errors import Unavailable

if TYPE_CHECKING:
    from ingestion.assembly import System

_AT_ONCE: Final = 200
"""Objects of a hold for which the caller waits; more are left to the background."""

log = structlog.get_logger(__name__)


def place(system: System, tenant: str, records: Sequence[str], *, reason: str, until: date | None, agent: str) -> str:
    """Decide a hold, settle it now or once the store answers; return its id.

    Raises:
        Refused: ``bad_hold``, ``record_not_found``, ``record_not_kept``.
    """
    hold_id = system.holds.place(tenant, records, reason=reason, until=until, agent=agent)
    _settle(system, hold_id)
    return hold_id


def release(system: System, tenant: str, hold_id: str, *, reason: str, agent: str) -> None:
    """Decide that a hold ends, and settle it now or once the store answers.

    Raises:
        Refused: ``hold_not_found``, ``hold_released``, ``bad_hold``.
    """
    system.holds.release(tenant, hold_id, reason=reason, agent=agent)
    _settle(system, hold_id)


def reinstate(system: System, tenant: str, hold_id: str, *, agent: str) -> str:
    """Reinstate a hold that a wrong clock ended, settle it, and return the id of the new hold.

    Raises:
        Refused: ``hold_not_found``, ``hold_not_reinstatable``.
    """
    made = reinstatement.reinstate(system.database, system.ledger, system.clock, tenant, hold_id, agent=agent)
    _settle(system, made)
    return made


def _settle(system: System, hold_id: str) -> None:
    """Settle a decided hold in the store, or leave it to the background where that takes long.

    Until it is settled, the hold is shown as not in step; it is tried again every minute.
    """
    system.notifier.notify()
    with system.database.read() as session:
        if holds.objects_of(session, hold_id) > _AT_ONCE:
            return
    try:
        failed = system.holds.settle(hold_id)
    except Unavailable as error:
        log.warning("hold_waits", hold=hold_id, code=error.code)
        return
    if failed:
        log.error("holds_not_settled", count=len(failed), first=dict(list(failed.items())[:10]))


UNTIL_IN_DOUBT: Final = (
    "Son dernier jour est déjà passé d’après l’horloge de la machine, qui est mise en doute : "
    "le gel tient tant qu’un administrateur ne l’a pas confirmée."
)


def view(session: Session, row: HoldRow, now: datetime) -> dict[str, Any]:
    """Return the JSON of a hold."""
    state = "active" if row.released_at is None else "expired" if row.released_by is None else "released"
    return {
        "id": row.id,
        "tenant": row.tenant_id,
        "state": state,
        "reason": row.reason,
        "until": iso(row.until),
        "records": holds.records_of(session, row.id),
        "placed_at": stamp(row.placed_at),
        "placed_by": name_of(session, row.placed_by),
        "released_at": stamp(row.released_at) if row.released_at is not None else None,
        "released_by": name_of(session, row.released_by) if row.released_by is not None else None,
        "release_reason": row.release_reason,
        "in_step": row.settled_at is not None,
        "problem": row.problem,
        "remark": UNTIL_IN_DOUBT if holds.is_doubtful(session, row, now) else None,
    }
