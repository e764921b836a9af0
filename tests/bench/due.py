"""Due lists over many records: kept counts, analysis as of another day, pages, changes.

``python -m tests.bench.due --records 1000000`` on SQLite; ``--postgres`` on a server of its own.
Rows are made by SQL: days spread over fifty years, a third of them the first of January; thirty
rules in three final actions, forty producers.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.orm import Session

import api.access.tables  # noqa: F401 - so that every table exists
import ingestion.tables  # noqa: F401
from archive.database import retention_counters
from archive.database.engine import Database
from archive.database.tables import RecordRow, RetentionRuleRow, TenantRow
from archive.database.upgrade import migrate
from archive.disposition.due_counts import analyse, falling_due
from archive.disposition.due_lines import GroupBy, groups, lines, place_of
from archive.disposition.due_query import DueQuery
from archive.model.final_actions import FinalAction
from archive.retention.states import DueState

TODAY = date(2031, 1, 14)
NOW = datetime(2031, 1, 14, 12, tzinfo=UTC)
_COLUMNS = (
    "id, tenant_id, deposit_id, revision, state, kept_at, title, document_type, producer, filename, verdicts, "
    "warnings, tools, rule_code, rule_version, ends_on, due_on, basis, final_action, file, retention_explanation, "
    "access_explanation, salt, ocfl_version, inventory_sha512, record_json_sha256, kept_entry, last_entry, bytes"
)


def _rows(*, sqlite: bool) -> str:
    """The statement that makes the records."""
    if sqlite:
        series = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < :n) "
        ident = "printf('%08x-0000-7000-8000-%012x', n, n)"
        spread = "date('2011-01-01', '+' || ((n * 7919) % 18250) || ' days')"
        first = "((2011 + (n * 31) % 50) || '-01-01')"
        minus, source = "date({d}, '-1 day')", "s"
    else:
        series, source = "", "generate_series(1, :n) n"
        ident = "lpad(to_hex(n), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(n), 12, '0')"
        spread = "DATE '2011-01-01' + ((n::bigint * 7919) % 18250)::integer"
        first = "make_date(2011 + (n * 31) % 50, 1, 1)"
        minus = "{d} - 1"
    due = f"CASE WHEN n % 20 = 0 THEN NULL WHEN n % 3 = 0 THEN {first} ELSE {spread} END"
    now = "'2026-03-12 08:15:30.000000'" + ("" if sqlite else "::timestamptz")
    json = ("'{}'", "'[]'") if sqlite else ("'{}'::json", "'[]'::json")
    number = "CAST(n % 30 AS TEXT)"
    return (
        f"INSERT INTO records ({_COLUMNS}) {series}SELECT {ident}, 'demo', {ident}, 1, 'kept', {now}, "
        f"'Document numéro ' || CAST(n AS TEXT), 'type' || CAST(n % 25 AS TEXT), 'Service ' || CAST(n % 40 AS TEXT), "
        f"'a.pdf', {json[0]}, {json[1]}, {json[1]}, 'R-' || {number}, 1, {minus.format(d='due')}, due, "
        "CASE WHEN due IS NULL THEN CASE WHEN n % 40 = 0 THEN 'no_end' ELSE 'start_missing' END ELSE 'dated' END, "
        "CASE n % 3 WHEN 0 THEN 'destroy' WHEN 1 THEN 'keep' ELSE 'sort' END, 'D-' || CAST(n % 5000 AS TEXT), "
        f"'', '', '00', 1, '', '', 0, 0, 1000 + n % 5000 FROM (SELECT n, {due} AS due FROM {source}) made"
    )


def fill(database: Database, records: int) -> float:
    """Make a tenant with its rules and records; return the seconds of the first count."""
    with database.write() as session:
        session.add(TenantRow(id="demo", name="Démonstration", created_at=NOW))
        session.flush()
        for n in range(30):
            session.add(
                RetentionRuleRow(
                    tenant_id="demo",
                    code=f"R-{n}",
                    version=1,
                    label=f"Règle {n}",
                    duration=10,
                    unit="YEAR",
                    start_event="document_date",
                    final_action="destroy",
                    source="[V] essai",
                    validated_at=NOW if n % 5 else None,
                    created_at=NOW,
                )
            )
    with database.write() as session:
        connection = session.connection()
        retention_counters.withdraw(connection)
        session.execute(text(_rows(sqlite=database.is_sqlite)), {"n": records})
        begun = time.perf_counter()
        retention_counters.install(connection)
        took = time.perf_counter() - begun
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")
    return took


def timed(times: int, database: Database, ask: Callable[[Session], Any]) -> str:
    """Ask so many times, each in a transaction of its own; tell median and 99th percentile.

    On a machine that others use too, the processor time of this process says what it would be
    alone; on PostgreSQL most is spent in the server.
    """
    walls, own = [], []
    for _ in range(times):
        begun, used = time.perf_counter(), time.process_time()
        with database.read() as session:
            ask(session)
        walls.append((time.perf_counter() - begun) * 1000)
        own.append((time.process_time() - used) * 1000)
    walls.sort()
    own.sort()
    late = max(0, int(times * 0.99) - 1)
    return (
        f"median {statistics.median(walls):8.1f} ms  p99 {walls[late]:8.1f} ms"
        f"  (own processor {statistics.median(own):7.1f} and {own[late]:7.1f} ms)"
    )


def _deep(session: Session) -> None:
    """Read the page after a place in the middle of the list."""
    middle = lines(session, "demo", TODAY, DueQuery(year=2021), limit=50)
    lines(session, "demo", TODAY, DueQuery(), after=place_of(middle[-1], None), limit=50)


_TODAYS = "today's counts"
QUESTIONS: dict[str, tuple[int, Callable[[Session], Any]]] = {
    _TODAYS: (200, lambda s: analyse(s, "demo", TODAY)),
    "counts as of 2040-06-17": (50, lambda s: analyse(s, "demo", date(2040, 6, 17))),
    "counts of one producer": (5, lambda s: analyse(s, "demo", TODAY, DueQuery(producer="Service 7"))),
    "counts with a word in the title": (3, lambda s: analyse(s, "demo", TODAY, DueQuery(text="numéro 77"))),
    "what falls due in ten years": (50, lambda s: falling_due(s, "demo", date(2031, 1, 1), date(2041, 1, 1))),
    "first page to eliminate": (
        100,
        lambda s: lines(s, "demo", TODAY, DueQuery(action=FinalAction.DESTROY), limit=50),
    ),
    "a page in the middle": (50, _deep),
    "latest first": (50, lambda s: lines(s, "demo", TODAY, DueQuery(), latest_first=True, limit=50)),
    "a page of one producer": (50, lambda s: lines(s, "demo", TODAY, DueQuery(producer="Service 7"), limit=50)),
    "groups by rule": (3, lambda s: groups(s, "demo", TODAY, DueQuery(), GroupBy.RULE)),
    "groups by producer": (3, lambda s: groups(s, "demo", TODAY, DueQuery(), GroupBy.PRODUCER)),
    "groups by file": (3, lambda s: groups(s, "demo", TODAY, DueQuery(), GroupBy.FILE)),
    "a recount for reconcile": (1, lambda s: retention_counters.miscounted(s.connection())),
    **{
        f"first page, {state.value}": (5, lambda s, state=state: lines(s, "demo", TODAY, DueQuery(), state=state))
        for state in DueState
    },
}


def run(database: Database, records: int) -> None:
    """Print the figures of one database."""
    took = fill(database, records)
    name = "SQLite" if database.is_sqlite else "PostgreSQL"
    print(f"{name}, {records:,} records; counted at first in {took:.1f} s")
    for question, (times, ask) in QUESTIONS.items():
        print(f"  {question:36} {timed(times, database, ask)}", flush=True)
    begun = time.perf_counter()
    with database.write() as session:
        session.execute(update(RecordRow).where(RecordRow.producer == "Service 7").values(stale_since=NOW))
    print(f"  {records // 40:,} records made stale: {time.perf_counter() - begun:.2f} s")
    print(f"  {'counts after that':36} {timed(50, database, QUESTIONS[_TODAYS][1])}")
    begun = time.perf_counter()
    with database.write() as session:
        retention_counters.compact(session.connection())
    print(f"  counts added up: {time.perf_counter() - begun:.2f} s")


def main() -> None:
    """Measure on one of the two databases."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.due")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    if given.postgres:
        from tests.servers.postgres import Databases, Postgres

        server = Postgres()
        server.start()
        try:
            made = Databases(server, Path("/nonexistent")).fresh(Path("/tmp"))
            owner = Database(made.owner_url, pooled=False, owner=True)
            run(owner, given.records)
        finally:
            server.stop()
        return
    with tempfile.TemporaryDirectory(prefix="chartrier-due-") as folder:
        database = Database(f"sqlite:///{folder}/x.db")
        migrate(database)
        run(database, given.records)


if __name__ == "__main__":
    main()
