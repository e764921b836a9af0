"""Early openings in the catalogue: what one covers, and what it would give, before it is made.

An opening names a node of the filing plan, with all that lies below, or a producer, by its code and
every name that it alone had when the opening was registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from archive.catalogue import plan_changes, producers, stale
from archive.catalogue.access_steps import bad_access
from archive.database.tables import RecordRow
from archive.model import services
from archive.model.access_requests import AccessState
from archive.model.days import FIRST_DAY, LAST_DAY
from archive.model.states import GONE
from archive.retention.access import Openable, openable
from archive.retention.openings import opened_day


@dataclass(frozen=True)
class OpeningEffect:
    """What an early opening would do to the days from which the public may read.

    Attributes:
        records: Records that it covers.
        changed: Those that would be open earlier.
        without_date: Those among them whose day is not known today.
        earliest, latest: First and last day on which the changed ones open today.
        never: Those that the law never opens, and that stay closed.
        without_rule: Those without an access rule that can be read, and that stay closed.
        stale: Covered records whose days are about to be computed again.
    """

    opens_on: date
    records: int = 0
    changed: int = 0
    without_date: int = 0
    earliest: date | None = None
    latest: date | None = None
    never: int = 0
    without_rule: int = 0
    stale: int = 0


def named(session: Session, tenant: str, given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what an opening names, whole, as its statement keeps it.

    Args:
        given: ``node`` (identifier) or ``producer``, and ``opens_on``.

    Raises:
        Refused: ``bad_access_request``, ``node_not_found``.
    """
    if given is None:
        return None
    node, producer, opens_on = given.get("node"), (given.get("producer") or "").strip(), given.get("opens_on")
    if bool(node) is bool(producer):
        raise bad_access(
            "/opening/node",
            "Une ouverture anticipée porte sur une classe, un dossier, ou un service versant : un seul.",
        )
    if opens_on is None or not FIRST_DAY <= opens_on <= LAST_DAY:
        raise bad_access("/opening/opens_on", "Dites à partir de quel jour le public pourra lire.")
    if node:
        row = plan_changes.get(session, tenant, node)
        told: dict[str, Any] = {"node": row.id, "kind": row.kind, "code": row.code, "title": row.title}
    else:
        told = {"producer": producer, "producers": _texts(session, tenant, producer)}
    return {**told, "opens_on": opens_on.isoformat()}


def _texts(session: Session, tenant: str, producer: str) -> list[str]:
    """Return the texts under which records of this producer alone are kept; at least its own.

    A name that another service had too would open the records of that one.
    """
    tree = producers.tree_of(session, tenant)
    if len(services.owners_of(tree).get(producer, ())) > 1:
        raise bad_access("/opening/producer", "Plusieurs services ont porté ce nom : donnez le code de l’un d’eux.")
    return services.alike(tree, producer)


def covered(tenant: str, opening: Mapping[str, Any]) -> ColumnElement[bool]:
    """Return the condition of the records that an opening covers.

    Args:
        opening: As its statement keeps it.
    """
    if opening.get("node"):
        return stale.below(tenant, [opening["node"]])
    return (RecordRow.tenant_id == tenant) & RecordRow.producer.in_(opening["producers"])


def effect_of(session: Session, tenant: str, body: Mapping[str, Any], today: date) -> OpeningEffect:
    """Return what an opening would do if it were decided today; in force, what it does.

    Args:
        body: Of its request.
    """
    opens_on = max(date.fromisoformat(body["opening"]["opens_on"]), _decided(body) or today)
    row, wanted = RecordRow, covered(tenant, body["opening"])
    alike = row.access_rule, row.communicable_on, row.opening
    query = select(*alike, func.count(), func.count(row.stale_since)).where(wanted, row.state.not_in(GONE))
    found: dict[str, int] = dict.fromkeys(("records", "changed", "without_date", "never", "without_rule", "stale"), 0)
    days: list[date] = []
    for rule, day, _opening, number, marked in session.execute(query.group_by(*alike)):
        found["records"] += number
        found["stale"] += marked
        found["never"] += number if openable(rule) is Openable.NEVER else 0
        found["without_rule"] += number if openable(rule) is Openable.UNKNOWN else 0
        if opened_day(rule, day, opens_on) != day:
            found["changed"] += number
            found["without_date"] += number if day is None else 0
            days += [day] if day is not None else []
    return OpeningEffect(opens_on, earliest=min(days, default=None), latest=max(days, default=None), **found)


def opened_by(session: Session, tenant: str, request_id: str) -> int:
    """Return the number of records that are open earlier by an opening."""
    query = select(func.count()).select_from(RecordRow).where(RecordRow.tenant_id == tenant)
    return session.scalar(query.where(RecordRow.opening == request_id, RecordRow.state.not_in(GONE))) or 0


def _decided(body: Mapping[str, Any]) -> date | None:
    if body["state"] != AccessState.GRANTED:
        return None
    return next(date.fromisoformat(step["on"]) for step in body["steps"] if step["step"] == "grant")
