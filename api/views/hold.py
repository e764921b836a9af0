"""Place and release holds for a caller, and write the JSON of a hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy.orm import Session

from api.views.history import name_of
from archive.catalogue import words
from archive.database.tables import HoldRow
from archive.disposition.holds import candidates, reinstatement, reviews
from archive.disposition.holds import listing as holds
from archive.disposition.holds.query import parse_query
from archive.disposition.holds.terms import Scope, ScopeKind, Terms, bad_hold, listed
from signing.ground.clock import iso, stamp
from signing.ground.errors import Unavailable

if TYPE_CHECKING:
    from ingestion.assembly import System

_AT_ONCE: Final = 200
"""Objects of a hold for which the caller waits; more are left to the background."""

SHOWN: Final = 500
"""Most records that are named in the JSON of a hold."""

log = structlog.get_logger(__name__)


def scope_of(records: Sequence[str] | None, node: str | None, query: Mapping[str, Any] | str | None) -> Scope:
    """Return the scope that a caller names in one of three ways.

    Raises:
        Refused: ``bad_hold``: none of them, or several; ``bad_hold_query``.
    """
    given = [one for one in (records, node, query) if one is not None]
    if len(given) != 1:
        raise bad_hold("/records", "Dites ce qu’il faut geler d’une seule façon : records, node ou query.")
    if node is not None:
        return Scope(ScopeKind.SUBTREE, node=node)
    if query is not None:
        return Scope(ScopeKind.QUERY, query=parse_query(query))
    return listed(records or ())


def reach(system: System, tenant: str, scope: Scope) -> dict[str, Any]:
    """Return what a hold would cover now: how many records, and the latest of them.

    Raises:
        Refused: ``record_not_found``, ``record_not_kept``, ``node_not_found``.
    """
    with system.database.read() as session:
        return {
            "record_count": candidates.count(session, tenant, scope),
            "records": [row.id for row in candidates.latest(session, tenant, scope)],
            "unread": words.count_unread(session, tenant) if scope.query is not None and scope.query.text else 0,
        }


def place(system: System, tenant: str, scope: Scope, *, reason: str, terms: Terms, agent: str) -> str:
    """Decide a hold, settle it now or once the store answers; return its id.

    Raises:
        Refused: ``bad_hold``, ``record_not_found``, ``record_not_kept``, ``node_not_found``.
    """
    hold_id = system.holds.place(tenant, scope, reason=reason, agent=agent, terms=terms)
    _settle(system, hold_id)
    return hold_id


def review(
    system: System, tenant: str, hold_id: str, *, comment: str, review_on: date | None, owner: str | None, agent: str
) -> None:
    """State the review of a hold.

    Raises:
        Refused: ``hold_not_found``, ``hold_released``, ``bad_hold``.
    """
    reviews.review(
        system.database,
        system.ledger,
        system.clock,
        tenant,
        hold_id,
        comment=comment,
        review_on=review_on,
        owner=owner,
        agent=agent,
    )
    system.notifier.notify()


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
    covered, settled = holds.counts_of(session, row.id)
    latest = reviews.latest(session, row)
    return {
        "id": row.id,
        "tenant": row.tenant_id,
        "state": state,
        "reason": row.reason,
        "until": iso(row.until),
        "records": holds.records_page(session, row.id, limit=SHOWN),
        "record_count": covered,
        "settled_count": settled,
        "scope": row.scope or ScopeKind.LIST.value,
        "node": row.node_id,
        "query": row.query,
        "authority": row.authority,
        "reference": row.reference,
        "owner": latest.owner,
        "review_on": iso(latest.review_on),
        "last_review": latest.comment,
        "forbids_move": row.forbids_move,
        "restricts_reading": row.restricts_reading,
        "placed_at": stamp(row.placed_at),
        "placed_by": name_of(session, row.placed_by),
        "released_at": stamp(row.released_at) if row.released_at is not None else None,
        "released_by": name_of(session, row.released_by) if row.released_by is not None else None,
        "release_reason": row.release_reason,
        "in_step": row.settled_at is not None,
        "problem": row.problem,
        "remark": UNTIL_IN_DOUBT if holds.is_doubtful(session, row, now) else None,
    }
