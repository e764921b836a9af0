"""Names of services: what a record's producer was called on the day it was received.

What a record says of its producer is never changed; the tree of services tells whose it is, by code
or by a name of that day.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from archive.catalogue import producers
from archive.database.batches import batches
from archive.database.tables import JournalEntryRow, RecordRow
from archive.journal.types import EntryType
from archive.model import services
from archive.model.services import Tree
from archive.retention.civil import civil_day, zone_of


@dataclass(frozen=True)
class Reception:
    """When a deposit was received, and under which agreement, as the journal tells."""

    at: datetime
    agreement: str | None


def receptions(session: Session, tenant: str, deposits: Iterable[str]) -> dict[str, Reception]:
    """Return the reception of each of these deposits, by its id, where the journal tells."""
    entry, found = JournalEntryRow, dict[str, Reception]()
    for some in batches([f"deposit:{one}" for one in deposits]):
        told = session.execute(
            select(entry.subject, entry.at, entry.body).where(
                entry.subject.in_(some), entry.type == EntryType.DEPOSIT_RECEIVED.value, entry.tenant_id == tenant
            )
        )
        for subject, at, body in told:
            agreement = json.loads(body)["facts"].get("agreement")
            found[subject.removeprefix("deposit:")] = Reception(at, agreement)
    return found


def name_on(tree: Tree, producer: str | None, day: date) -> str | None:
    """Return the name of a day of who a producer's text names, below those above it.

    None where it names no service of the tree.
    """
    found = services.find(tree, producer, day)
    if found is None:
        return None
    shown = services.on_day(tree, found, day)
    return " › ".join((*reversed(shown.above), shown.name))


def names_of(session: Session, tenant: str, rows: Iterable[RecordRow], tree: Tree | None = None) -> dict[str, str]:
    """Return the producer's name of the day of each of these records that has one, by record.

    Args:
        tree: The tenant's services, where many lists of records are asked about.
    """
    named = {row.id: row for row in rows if row.producer}
    if tree is None:
        tree = producers.tree_of(session, tenant) if named else {}
    if not tree or not named:
        return {}
    zone, received = zone_of(session, tenant), receptions(session, tenant, [row.deposit_id for row in named.values()])
    found = dict[str, str]()
    for record, row in named.items():
        at = received[row.deposit_id].at if row.deposit_id in received else row.kept_at
        name = name_on(tree, row.producer, civil_day(at, zone))
        if name is not None:
            found[record] = name
    return found


def names_today(session: Session, tenant: str, texts: Iterable[str | None], today: date) -> dict[str, str]:
    """Return today's name of who each of these producers' texts names, where it names a service."""
    tree = producers.tree_of(session, tenant)
    found = {text: name_on(tree, text, today) for text in texts if text}
    return {text: name for text, name in found.items() if name is not None and name != text}


def shown(producer: str | None, names: Mapping[str, str], key: str) -> str:
    """Return a producer as given, with its name where that says more.

    Args:
        names: From ``names_of`` or ``names_today``.
        key: Of the name among them.
    """
    name = names.get(key)
    if not producer or name is None or name == producer:
        return producer or ""
    return f"{producer} ({name})"


def texts_of(session: Session, tenant: str, told: str) -> tuple[str, ...]:
    """Return the texts by which records name the same service as this one: its code, its names.

    Only those that some record has. A name that two services have had is only itself.
    """
    row = RecordRow
    there = [
        one
        for one in services.alike(producers.tree_of(session, tenant), told)
        if session.scalar(select(exists().where(row.tenant_id == tenant, row.producer == one)))
    ]
    return tuple(there) or (told,)
