"""Conditions on a record that indexes of their own answer."""

from __future__ import annotations

from datetime import date
from typing import Final

from sqlalchemy import Index, TextClause, text

HAS_FILE: Final = text("file IS NOT NULL")
HAS_NO_FILE: Final = text("file IS NULL")
HAS_CLASS: Final = text("classification IS NOT NULL")
HAS_SEVERAL: Final = text("other_rules IS NOT NULL")
IS_OPENED: Final = text("opening IS NOT NULL")
IS_SORTED: Final = text("sorted IS NOT NULL")
IS_STALE: Final = text("stale_since IS NOT NULL")
IS_UNDATED: Final = text("document_date IS NULL")
ENDLESS: Final = "(records.basis = 'no_end' OR (records.basis = 'dated' AND records.due_on IS NULL))"
"""Of a record: it has no end. Asked in these words, an index of such ones answers."""
DISPOSING: Final = "records.state = 'in_disposal'"
"""Of a record: it is being disposed of; likewise."""
WITHHELD: Final = (
    "CASE WHEN {r}.awaiting_until IS NULL OR {r}.locked_until > {r}.awaiting_until THEN {r}.locked_until END"
)
"""Of the row ``{r}`` of a record: last day of a lock that withholds it, as ``withheld``."""
IS_ENDLESS: Final = text(ENDLESS.replace("records.", ""))
IS_DISPOSING: Final = text(DISPOSING.replace("records.", ""))
IS_REFUSED: Final = text("not_before IS NOT NULL")


def withheld(locked_until: date | None, awaiting_until: date | None) -> date | None:
    """Return the last day of a lock that withholds a record; None where it only awaits a decision.

    Args:
        awaiting_until: Last day of the lock that was set while its decision is awaited.
    """
    if locked_until is None or (awaiting_until is not None and locked_until <= awaiting_until):
        return None
    return locked_until


def index_of_some(name: str, which: TextClause, *columns: str) -> Index:
    """Return an index of the records alone of which a condition is true."""
    return Index(name, *columns, sqlite_where=which, postgresql_where=which)
