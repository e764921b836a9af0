"""Reconcile certificates: each file that a statement lists is there, whole, and no other is."""

from __future__ import annotations

import hashlib

from sqlalchemy import select

from archive.custody.findings import Kind
from archive.database.disposal_tables import DisposalCertificateRow
from archive.database.engine import Database
from archive.objects.layout import DISPOSALS, certificate_named, scan_key
from archive.objects.port import ObjectStore, Unreadable


def compare(store: ObjectStore, database: Database) -> list[tuple[Kind, str]]:
    """Return each faulty key of a certificate with its kind of fault.

    Of several versions the one with the promised digest counts; that there are several is told of
    every object that is never replaced.
    """
    with database.read() as session:
        claims = {
            place.key: told["sha-256"]
            for row in session.scalars(select(DisposalCertificateRow))
            for one in row.content["supplements"]
            for name, told in one["files"].items()
            if (place := certificate_named(row.tenant_id, row.id, name)) is not None
        }
    verdicts: dict[str, set[Kind | None]] = {}
    for item in store.list(DISPOSALS):
        if not item.marker and scan_key(item.key) is None:  # scans of visas have statements of their own
            digest = claims.get(item.key)
            found = Kind.UNTRACKED if digest is None else _fault(store, item.key, item.version, digest)
            verdicts.setdefault(item.key, set()).add(found)
    faults = [(Kind.MISSING, key) for key in claims.keys() - verdicts.keys()]
    for key, kinds in verdicts.items():
        faults += [] if None in kinds else [(kind, key) for kind in sorted(filter(None, kinds))[:1]]
    return sorted(faults, key=lambda one: one[1])


def _fault(store: ObjectStore, key: str, version: str, expected: str) -> Kind | None:
    digest = hashlib.sha256()
    try:
        for chunk in store.read(key, version):
            digest.update(chunk)
    except Unreadable:
        return Kind.UNREADABLE
    return None if digest.hexdigest() == expected else Kind.CHANGED
