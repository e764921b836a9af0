"""A record as the API writes it: the catalogue's view, with what only the running service knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from archive import catalogue
from archive.catalogue import checkpoint_over
from archive.catalogue import get as find_record
from archive.catalogue import representation as find_representation
from archive.catalogue import representations as representations_of
from archive.tables import RecordRow

if TYPE_CHECKING:
    from ingestion.assembly import System

__all__ = [
    "checkpoint_over",
    "entity_tag",
    "find_record",
    "find_representation",
    "representations_of",
    "view",
]


def view(session: Session, row: RecordRow, system: System, position: Callable[[str], int]) -> dict[str, Any]:
    """The JSON of a record."""
    return catalogue.view(
        session,
        row.tenant_id,
        row.id,
        assurance=str(system.store.assurance),
        indexed_to=position(row.tenant_id),
    )


def entity_tag(row: RecordRow) -> str:
    """Strong ETag of a record: its revision."""
    return f'"{row.revision}"'
