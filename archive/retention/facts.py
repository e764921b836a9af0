"""Facts that retention and access count from: of a record, and of its files. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class Facts:
    """Dates known of one record.

    Attributes:
        document_date: Of the document.
        closed_on: End of its business case, as the record's own description has it.
        fiscal_year: Budget year that was given; it goes before any date where a year's end counts.
        events: Dates of the events stated for it, by start event. Corrections and withdrawals are
            applied already: each statement that still stands has one date, the latest statement
            last. A withdrawn event has no date, or is not there.
    """

    document_date: date | None = None
    closed_on: date | None = None
    fiscal_year: int | None = None
    events: Mapping[str, tuple[date, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class FileFacts:
    """A file (*dossier*) of the filing plan, whose closing its records count from.

    Attributes:
        closed_on: None while it is open, and again once it is reopened.
        newest_document: Date of its most recent document, from which access counts.
    """

    code: str
    title: str
    opened_on: date | None = None
    closed_on: date | None = None
    newest_document: date | None = None
