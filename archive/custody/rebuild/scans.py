"""Compare scans of bordereaux on paper: each that a statement has is in the store, and no other."""

from __future__ import annotations

from hashlib import sha256

from sqlalchemy import select

from archive.custody.findings import Kind
from archive.database.disposal_tables import DisposalScanRow
from archive.database.engine import Database
from archive.disposition.disposals.scans import key_of
from archive.objects.layout import DISPOSALS, scan_key
from archive.objects.port import ObjectStore, Unreadable


def compare(store: ObjectStore, database: Database) -> list[tuple[Kind, str]]:
    """Return each faulty key of a scan with its kind of fault.

    The oldest version of a key is the one that we wrote: a scan is never replaced.
    """
    with database.read() as session:
        wanted = {key_of(row): row.sha256 for row in session.scalars(select(DisposalScanRow))}
    found: list[tuple[Kind, str]] = []
    seen = ""
    for item in store.list(DISPOSALS):
        if item.marker or item.key == seen or scan_key(item.key) is None:
            continue
        seen = item.key
        digest = wanted.pop(item.key, None)
        if digest is None:
            found.append((Kind.UNTRACKED, item.key))
        elif (kind := _fault(store, item.key, item.version, digest)) is not None:
            found.append((kind, item.key))
    return sorted([*found, *((Kind.MISSING, key) for key in wanted)], key=lambda one: one[1])


def _fault(store: ObjectStore, key: str, version: str, digest: str) -> Kind | None:
    read = sha256()
    try:
        for chunk in store.read(key, version):
            read.update(chunk)
    except Unreadable:
        return Kind.UNREADABLE
    return None if read.hexdigest() == digest else Kind.CHANGED
