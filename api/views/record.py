"""The JSON of a record: the catalogue's view, completed with facts of the running service."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.views.retention import access_reasons, retention_view
from archive.catalogue import rows as catalogue
from archive.catalogue.disposals import require_not_gone
from archive.catalogue.rows import checkpoint_over
from archive.catalogue.rows import representations as representations_of
from archive.catalogue.service_names import names_of
from archive.custody.replica.status import status
from archive.database.tables import RecordRow, RepresentationRow
from archive.model.states import RecordState

if TYPE_CHECKING:
    from ingestion.assembly import System

__all__ = [
    "checkpoint_over",
    "copies",
    "entity_tag",
    "find_record",
    "find_representation",
    "is_gone",
    "readable",
    "records_by_id",
    "representations_of",
    "view",
]


def find_record(session: Session, tenant: str, record_id: str) -> RecordRow:
    """Return a record that is still here.

    Raises:
        Refused: ``record_not_found``, ``disposed``.
    """
    require_not_gone(session, tenant, record_id)
    return catalogue.get(session, tenant, record_id)


def find_representation(session: Session, tenant: str, record_id: str, kind: str) -> RepresentationRow:
    """Return one representation of a record that is still here.

    Raises:
        Refused: ``record_not_found``, ``representation_missing``, ``disposed``.
    """
    require_not_gone(session, tenant, record_id)
    return catalogue.representation(session, tenant, record_id, kind)


def view(session: Session, row: RecordRow, system: System, position: Callable[[str], int]) -> dict[str, Any]:
    """Return the JSON of a record."""
    body = catalogue.view(
        session,
        row.tenant_id,
        row.id,
        assurance=str(system.store.assurance),
        indexed_to=position(row.tenant_id),
    )
    for form in body["representations"]:
        form["href"] = f"/api/v1/records/{row.id}/representations/{form['kind']}"
    body["retention"] |= retention_view(session, row, system.clock())
    body["access"] |= {"reasons": access_reasons(session, row, system.clock())}
    service = names_of(session, row.tenant_id, [row]).get(row.id)
    return body | {"service": service, "copies": copies(session, row, system)}


def records_by_id(session: Session, tenant: str, ids: Iterable[str]) -> dict[str, RecordRow]:
    """Return the records with these ids that belong to this tenant, by id."""
    question = select(RecordRow).where(RecordRow.id.in_(ids), RecordRow.tenant_id == tenant)
    return {row.id: row for row in session.scalars(question)}


def readable(session: Session, caller: Caller, ids: Iterable[str]) -> dict[str, RecordRow]:
    """Return the records with these ids that are here and that a caller may read, by id."""
    rows = {key: row for key, row in records_by_id(session, caller.tenant, ids).items() if not is_gone(row)}
    hidden = caller.reader.hidden_among(session, rows)
    return {record_id: row for record_id, row in rows.items() if record_id not in hidden}


def is_gone(row: RecordRow) -> bool:
    """Whether a record was destroyed, or is about to be."""
    return RecordState(row.state).destroyed


def copies(session: Session, row: RecordRow, system: System) -> list[dict[str, Any]]:
    """Return the record's status in the first store, and in the second if there is one."""
    second = system.copy_store
    return status(
        session,
        row,
        (_kind(system.store.name), system.store.assurance),
        (_kind(second.name), second.assurance) if second is not None else None,
    )


def _kind(name: str) -> str:
    return "files" if name.startswith("file:") else "s3"


def entity_tag(row: RecordRow) -> str:
    """Return the strong ETag of a record: its revision."""
    return f'"{row.revision}"'
