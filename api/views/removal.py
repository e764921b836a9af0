"""Removals of what was entered by mistake: the two people who alone read it meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.access.callers import ROLES
from api.access.tables import UserRow
from api.views.history import name_of
from archive.catalogue.reading import readers_of
from archive.disposition.disposals.population import bad_disposal
from archive.model.disposals import DisposalAction, DisposalState

_READS = "record:read"


def choices(session: Session, tenant: str) -> Sequence[tuple[str, str]]:
    """Return the people whom a removal may name: id and name of each."""
    row = UserRow
    asked = select(row.id, row.name, row.role).where(row.tenant_id == tenant, row.disabled_at.is_(None))
    people = session.execute(asked.order_by(row.name, row.id))
    return [(key, name) for key, name, role in people if _READS in ROLES.get(role, ())]


def named_readers(session: Session, tenant: str, people: Iterable[str]) -> list[str]:
    """Return the agents of people whom a removal names.

    Raises:
        Refused: ``bad_disposal``: one of them has no account here, or may not read.
    """
    there = {key for key, _ in choices(session, tenant)}
    wanted = list(people)
    if not set(wanted) <= there:
        raise bad_disposal("/readers", "Une personne nommée n’a pas de compte ici qui permette de lire.")
    return [f"user:{one}" for one in wanted]


def removal_view(session: Session, action: str, state: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return who alone reads what a disposal takes, and whether that holds already."""
    if action != DisposalAction.REMOVE:
        return {"readers": None, "reading_closed": False}
    names = [name_of(session, agent) or agent for agent in readers_of(content)]
    closed = DisposalState(state).is_open and state != DisposalState.DRAFT
    return {"readers": names, "reading_closed": closed}
