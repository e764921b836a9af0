"""Pin the representations of a record to the objects of a new version."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from archive.catalogue import record_json as metadata
from archive.database.tables import RepresentationRow, StoredFileRow
from archive.model.records import Kind
from archive.objects.ocfl_versions import Version


def in_order(forms: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return representations of a ``record.json`` in their order, original first."""
    return sorted(forms, key=lambda form: list(Kind).index(Kind(form["kind"])))


def pin_forms(session: Session, record: Mapping[str, Any], version: Version, kinds: Collection[str]) -> None:
    """Pin representations to their new objects; the earlier objects stay pinned as files."""
    for values in metadata.representation_values(record):
        key = version.key(values.pop("name"))
        if values["kind"] not in kinds:
            continue
        old = session.get(RepresentationRow, (record["record"], values["kind"]))
        if old is not None:
            session.add(
                StoredFileRow(
                    record_id=old.record_id,
                    key=old.key,
                    version=old.version,
                    size=old.size,
                    sha256=old.sha256,
                    locked_until=old.locked_until,
                    legal_hold=old.legal_hold,
                )
            )
            session.delete(old)
            session.flush()
        item = version.stored[key].object
        session.execute(
            delete(StoredFileRow).where(StoredFileRow.record_id == record["record"], StoredFileRow.key == key)
        )
        session.add(
            RepresentationRow(
                **values,
                key=key,
                version=item.version,
                locked_until=item.locked_until,
                legal_hold=item.legal_hold,
            )
        )
    session.flush()
