"""Project a record into its entry in the index. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from archive.model.description_fields import SEARCHED
from archive.model.field_rules import DescriptionField, Searched
from search.analysis import nfc
from search.port import Entry


class Kept(Protocol):
    """Catalogue row of a record, as far as the index needs it."""

    id: str
    tenant_id: str
    revision: int
    filename: str
    final_action: str
    rule_code: str | None
    kept_at: datetime


def project(record: Kept, pages: Iterable[str]) -> Entry:
    """Project a record into its index entry.

    Args:
        pages: Plain text of each page, page 1 first.
    """
    described: dict[str, Any] = {field.indexed_as: _said(record, field) for field in SEARCHED}
    return Entry(
        **described,
        record_id=record.id,
        tenant=record.tenant_id,
        revision=record.revision,
        filename=nfc(record.filename),
        final_action=record.final_action,
        rule=record.rule_code,
        kept_at=record.kept_at,
        pages=tuple(nfc(page) for page in pages),
    )


def _said(record: Kept, field: DescriptionField) -> Any:
    """Return a field's value for the index: text in NFC and never None, others unchanged."""
    value = getattr(record, field.name)
    return nfc(value or "") if field.searched is Searched.TEXT else value
