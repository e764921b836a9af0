"""From a record to its entry in the index. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from archive.database.tables import RecordRow
from search.analysis import nfc
from search.port import Entry


def project(record: RecordRow, pages: Iterable[str]) -> Entry:
    """Project a record into its index entry.

    Args:
        pages: Plain text of each page, page 1 first.
    """
    return Entry(
        record_id=record.id,
        tenant=record.tenant_id,
        revision=record.revision,
        title=nfc(record.title),
        reference=nfc(record.external_reference or ""),
        filename=nfc(record.filename),
        description=nfc(record.description or ""),
        document_type=record.document_type,
        classification=record.classification,
        producer=record.producer,
        final_action=record.final_action,
        rule=record.rule_code,
        document_date=record.document_date,
        kept_at=record.kept_at,
        pages=tuple(nfc(page) for page in pages),
    )
