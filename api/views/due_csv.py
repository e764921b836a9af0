"""Lists as CSV: due lines, and the figures behind a chart."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response, StreamingResponse

from api.http.deliveries import attachment
from api.views.due import line_json
from archive.catalogue import producers
from archive.catalogue.service_names import names_of
from archive.disposition.due_lines import every_line
from archive.disposition.due_query import DueQuery
from archive.retention.states import DueState

if TYPE_CHECKING:
    from archive.database.engine import Database

COLUMNS: Final = (
    "record_id",
    "title",
    "document_type",
    "producer",
    "service",
    "classification",
    "file",
    "external_reference",
    "rule",
    "rule_version",
    "starts_on",
    "ends_on",
    "due_on",
    "final_action",
    "state",
    "held_until",
    "locked_until",
    "bytes",
)
"""Of a line, in the order of the CSV."""
_TOGETHER: Final = 500
"""Lines whose services are looked up together."""
_BOM: Final = "\ufeff"
"""Without it, a spreadsheet reads another encoding."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""First signs that a spreadsheet takes for a formula."""


def csv_response(database: Database, tenant: str, day: date, query: DueQuery, state: DueState | None) -> Response:
    """Answer with a whole list, line by line as it is read."""

    def chunks() -> Iterator[str]:
        yield _BOM + _row(COLUMNS)
        with database.read() as session:
            tree = producers.tree_of(session, tenant)
            every = every_line(session, tenant, day, query, state=state)
            while some := list(islice(every, _TOGETHER)):
                services = names_of(session, tenant, [line.record for line in some], tree)
                for line in some:
                    told = line_json(line, services)
                    yield _row([told[name] for name in COLUMNS])

    headers = {"Content-Disposition": attachment(f"echeances-{day}.csv"), "Vary": "Accept"}
    return StreamingResponse(chunks(), media_type="text/csv; charset=utf-8", headers=headers)


def table_response(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """Answer with a small table."""
    content = _BOM + _row(head) + "".join(_row(row) for row in rows)
    headers = {"Content-Disposition": attachment(f"{name}.csv")}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


def stream_response(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]], *, delimiter: str = ",") -> Response:
    """Answer with a table of any length, some lines at a time as they are read."""

    def chunks() -> Iterator[str]:
        yield _BOM + _row(head, delimiter)
        every = iter(rows)
        while some := "".join(_row(row, delimiter) for row in islice(every, _TOGETHER)):
            yield some

    headers = {"Content-Disposition": attachment(f"{name}.csv"), "Vary": "Accept"}
    return StreamingResponse(chunks(), media_type="text/csv; charset=utf-8", headers=headers)


def safe_cell(value: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return "'" + text if text.startswith(_FORMULA) else text


def _row(values: Sequence[Any], delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerow([safe_cell(value) for value in values])
    return out.getvalue()
