"""Correct verdicts of the past that accused a record of what an unclaimed change had left.

An entry of the journal is never taken back; it is answered. An accusation is answered only if a
verification made it that did not know such changes yet, if what was stored with it names nothing
but the files of a version that was begun and never claimed, if that version was there and not yet
superseded at the time, if nothing was restored since, and if everything is intact now.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables import JournalEntryRow, VerificationRow
from archive.holdings.checks import Aspect
from archive.holdings.stores import Stores
from archive.holdings.verify import INVENTORY, look
from archive.journal.types import RESTORED, EntryType
from archive.objects import ocfl
from archive.objects.fixity import Fixity
from archive.objects.layout import record_folder
from archive.objects.ocfl_versions import find_inventory
from signing.ground.clock import parse_stamp

_ACCUSED: Final = frozenset({Fixity.ALTERED.value})


@dataclass(frozen=True)
class _Accusation:
    """An entry that accuses, and what was stored about the inventory with it."""

    entry: JournalEntryRow
    detail: str


@dataclass(frozen=True)
class _Unclaimed:
    """A version that was begun and never claimed, and the entry that superseded it, if any."""

    number: int
    begun_at: datetime
    superseded: int | None = None

    def explains(self, one: _Accusation) -> bool:
        """Whether all that an accusation names is what this version had left at the time."""
        if one.entry.at < self.begun_at or (self.superseded is not None and one.entry.n > self.superseded):
            return False
        _, _, named = one.detail.removesuffix(".").partition(" : ")
        paths = named.removesuffix(" …").split(", ") if named else []
        return all(path in ocfl.HEADS or self._holds(path) for path in paths)

    def _holds(self, path: str) -> bool:
        found = ocfl.object_path(path)
        return found is not None and found.version == self.number


def accused(session: Session) -> list[tuple[str, str]]:
    """Return tenant and id of each record with an accusation that nothing has answered yet."""
    wrong = select(VerificationRow.record_id).where(VerificationRow.verdict.in_(_ACCUSED)).distinct()
    found = []
    for record_id in session.scalars(wrong.order_by(VerificationRow.record_id)).all():
        entries = _entries(session, record_id)
        if any(True for _ in _open(entries)):
            found.append((entries[-1].tenant_id or "", record_id))
    return found


def correct(stores: Stores, tenant: str, record_id: str) -> int:
    """Answer each false accusation of one record; return how many were answered."""
    with stores.database.read() as session:
        entries = _entries(session, record_id)
        answerable = [
            _Accusation(one, detail)
            for one in _open(entries)
            if (detail := _of_the_inventory(session, one)) is not None and not _restored(entries, one.n)
        ]
    unclaimed = _unclaimed(stores, tenant, record_id, entries) if answerable else []
    due = [one for one in answerable if any(left.explains(one) for left in unclaimed)]
    if not due:
        return 0
    result = look(stores, tenant, record_id)
    if result.verdict is not Fixity.INTACT:
        return 0
    with stores.database.write() as session:
        answered = _answered(_entries(session, record_id))
        for one in due:
            if one.entry.n not in answered:
                stores.ledger.append(
                    session,
                    type=EntryType.VERDICT_CORRECTED,
                    tenant=tenant,
                    subject=f"record:{record_id}",
                    agent=None,
                    facts={
                        "entry": one.entry.n,
                        "accused": _facts(one.entry)["verdict"],
                        "verdict": result.verdict.value,
                        "checks": len(result.checks),
                    },
                )
    return len(due)


def _entries(session: Session, record_id: str) -> list[JournalEntryRow]:
    query = select(JournalEntryRow).where(JournalEntryRow.subject == f"record:{record_id}")
    return list(session.scalars(query.order_by(JournalEntryRow.n)))


def _facts(entry: JournalEntryRow) -> Mapping[str, Any]:
    facts: Mapping[str, Any] = json.loads(entry.body)["facts"]
    return facts


def _answered(entries: list[JournalEntryRow]) -> set[int]:
    return {_facts(one)["entry"] for one in entries if one.type == EntryType.VERDICT_CORRECTED}


def _open(entries: list[JournalEntryRow]) -> Iterator[JournalEntryRow]:
    answered = _answered(entries)
    for one in entries:
        if one.type == EntryType.FIXITY_CHECKED and one.n not in answered and _facts(one)["verdict"] in _ACCUSED:
            yield one


def _of_the_inventory(session: Session, entry: JournalEntryRow) -> str | None:
    """Return what an accusation says of the inventory; None if it says more, or its detail is lost.

    A verification that states the custody knows begun changes, and accuses for other reasons alone.
    """
    query = select(VerificationRow).where(
        VerificationRow.record_id == entry.subject.removeprefix("record:"), VerificationRow.at <= entry.at
    )
    row = session.scalars(query.order_by(VerificationRow.at.desc(), VerificationRow.id.desc()).limit(1)).first()
    facts = _facts(entry)
    if (
        Aspect.CUSTODY.value in facts
        or row is None
        or (row.verdict, len(row.checks)) != (facts["verdict"], facts["checks"])
    ):
        return None
    wrong = [check for check in row.checks if check["verdict"] != Fixity.INTACT]
    return wrong[0]["detail"] if [check["name"] for check in wrong] == [INVENTORY] else None


def _restored(entries: list[JournalEntryRow], after: int) -> bool:
    return any(one.type in RESTORED and one.n > after for one in entries)


def _unclaimed(stores: Stores, tenant: str, record_id: str, entries: list[JournalEntryRow]) -> list[_Unclaimed]:
    """Return each version that no entry claimed as its own, and when it was superseded."""
    stated = {_facts(one)["inventory"]: one for one in entries if "inventory" in _facts(one)}
    found: list[_Unclaimed] = []
    folder, number = record_folder(tenant, record_id), 1
    open_from = 0
    while (content := find_inventory(stores.store, folder, number)) is not None:
        entry = stated.get(ocfl.sha512(content))
        if entry is None:
            begun_at = parse_stamp(json.loads(content)["versions"][f"v{number}"]["created"])
            found.append(_Unclaimed(number, begun_at))
        else:
            found[open_from:] = [replace(one, superseded=entry.n) for one in found[open_from:]]
            open_from = len(found)
        number += 1
    return found
