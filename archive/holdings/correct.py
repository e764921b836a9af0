"""Correct verdicts of the past that accused a record of what an unclaimed change had left.

An entry of the journal is never taken back; it is answered. An accusation is answered only if what
was stored with it names nothing but the files of a version that was begun and never claimed, if
that version was there at the time, if nothing was restored since, and if everything is intact now.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables import JournalEntryRow, VerificationRow
from archive.holdings.stores import Stores
from archive.holdings.verify import INVENTORY, look
from archive.journal.types import RESTORED, EntryType
from archive.objects import ocfl
from archive.objects.fixity import Fixity
from archive.objects.layout import record_folder
from archive.objects.ocfl_versions import find_inventory
from signing.ground.clock import parse_stamp

_ACCUSED: Final = frozenset({Fixity.ALTERED.value})


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
            one for one in _open(entries) if _saw_only_the_inventory(session, one) and not _restored(entries, one.n)
        ]
    unclaimed = _unclaimed(stores, tenant, record_id, entries) if answerable else []
    due = [one for one in answerable if any(moment <= one.at for moment in unclaimed)]
    if not due:
        return 0
    result = look(stores, tenant, record_id)
    if result.verdict is not Fixity.INTACT:
        return 0
    with stores.database.write() as session:
        answered = _answered(_entries(session, record_id))
        for one in due:
            if one.n not in answered:
                stores.ledger.append(
                    session,
                    type=EntryType.VERDICT_CORRECTED,
                    tenant=tenant,
                    subject=f"record:{record_id}",
                    agent=None,
                    facts={
                        "entry": one.n,
                        "accused": json.loads(one.body)["facts"]["verdict"],
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


def _saw_only_the_inventory(session: Session, entry: JournalEntryRow) -> bool:
    """Whether the verification behind an entry found every byte intact, and further files only."""
    query = select(VerificationRow).where(
        VerificationRow.record_id == entry.subject.removeprefix("record:"), VerificationRow.at <= entry.at
    )
    row = session.scalars(query.order_by(VerificationRow.at.desc(), VerificationRow.id.desc()).limit(1)).first()
    facts = _facts(entry)
    if row is None or (row.verdict, len(row.checks)) != (facts["verdict"], facts["checks"]):
        return False  # its detail is lost: nothing is known, so nothing is answered
    return {check["name"] for check in row.checks if check["verdict"] != Fixity.INTACT} == {INVENTORY}


def _restored(entries: list[JournalEntryRow], after: int) -> bool:
    return any(one.type in RESTORED and one.n > after for one in entries)


def _unclaimed(stores: Stores, tenant: str, record_id: str, entries: list[JournalEntryRow]) -> list[datetime]:
    """Return when each version was begun that no entry claimed as its own."""
    claimed = {_facts(one).get("inventory") for one in entries if one.type != EntryType.CHANGE_ABANDONED}
    moments: list[datetime] = []
    folder, number = record_folder(tenant, record_id), 1
    while (content := find_inventory(stores.store, folder, number)) is not None:
        if ocfl.sha512(content) not in claimed:
            moments.append(parse_stamp(json.loads(content)["versions"][f"v{number}"]["created"]))
        number += 1
    return moments
