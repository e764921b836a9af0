"""Files of reports in the store: each needs an entry with its digest, each entry its file."""

from __future__ import annotations

import hashlib
import json

from sqlalchemy import select

from archive.custody.findings import Kind
from archive.database.engine import Database
from archive.database.report_tables import ReportRow
from archive.database.tables import JournalEntryRow
from archive.journal.types import EntryType
from archive.model.reports import ReportState
from archive.objects.layout import REGISTER, ReportKey, register_key
from archive.objects.port import ObjectStore, Unreadable, read_all


def compare(store: ObjectStore, database: Database) -> list[tuple[Kind, str]]:
    """Return each faulty key with its kind of fault.

    A file of a report whose issue is not stated yet is no fault: the run that states it goes on.
    """
    claims, waiting = _claimed(database)
    found: list[tuple[Kind, str]] = []
    seen = set[str]()
    for item in store.list(REGISTER):
        place = register_key(item.key)
        if item.marker or item.key in seen or not isinstance(place, ReportKey):
            continue
        seen.add(item.key)
        try:
            digest = hashlib.sha256(read_all(store, item.key, item.version)).hexdigest()
        except Unreadable:
            found.append((Kind.UNREADABLE, item.key))
            continue
        if item.key in claims:
            if digest != claims[item.key]:
                found.append((Kind.CHANGED, item.key))
        elif place.report not in waiting:
            found.append((Kind.UNTRACKED, item.key))
    found += [(Kind.MISSING, key) for key in claims if key not in seen]
    return sorted(found, key=lambda one: one[1])


def _claimed(database: Database) -> tuple[dict[str, str], set[str]]:
    """Return the digest of each file that the journal claims, and reports that wait for theirs."""
    entry, claims = JournalEntryRow, dict[str, str]()
    with database.read() as session:
        asked = select(entry.tenant_id, entry.subject, entry.body).where(entry.type == EntryType.REPORT_ISSUED.value)
        for tenant, subject, body in session.execute(asked.order_by(entry.n)):
            digest = json.loads(body)["facts"].get("file")
            if digest is not None and tenant is not None:
                report = subject.rsplit(":", 1)[1]
                claims[ReportKey(tenant, report).key] = digest
        open_ones = [one.value for one in ReportState if not one.is_final]
        waiting = set(session.scalars(select(ReportRow.id).where(ReportRow.state.in_(open_ones))))
    return claims, waiting
