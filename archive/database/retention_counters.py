"""Triggers that keep the counts of records, whoever changes one; recounting and adding up.

Each change of a record moves it from one count to another in its own transaction, whoever makes it.
On PostgreSQL a change adds rows and touches none, so that no two writers wait for each other; a
duty adds them up (``compact``). On SQLite, with its one writer, counts are changed in place.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from sqlalchemy import Connection, text

from archive.database.counter_tables import COUNTS, KeptCounts, is_there

_COUNTED_COLUMNS: Final = (
    "basis, final_action, rule_code, rule_version, other_rules, state, stale_since, sorted, due_on, held_until, "
    "not_before, locked_until, awaiting_until, bytes, producer, document_type"
)
_HELD: Final = (
    "(SELECT MAX(COALESCE(holds.until, '9999-12-31')) FROM held_records JOIN holds ON holds.id = held_records.hold_id "
    "WHERE held_records.record_id = records.id AND holds.released_at IS NULL)"
)
_SORTED: Final = (
    "COALESCE((SELECT decision FROM sortings WHERE sortings.id = records.id), "
    # by its name, to keep is also the greater of both
    "(SELECT MAX(decision) FROM sortings JOIN record_nodes ON record_nodes.node_id = sortings.id "
    "WHERE record_nodes.record_id = records.id))"
)
"""What was decided about a record, else about the files it lies in: to keep, where one is kept."""
_LOCKED_TABLES: Final = ("representations", "stored_files", "copies")


def _counted(counts: KeptCounts, dialect: str) -> str:
    """Return the statement that counts every record anew, into an empty table."""
    return (
        f"INSERT INTO {counts.table} ({counts.columns}, n, bytes) "
        f"SELECT {counts.columns}, COUNT(*), SUM(bytes) FROM "
        f"(SELECT {counts.told(dialect, 'records')}, records.bytes AS bytes FROM records "
        f"WHERE {is_there('records')}) counted GROUP BY {counts.columns}"
    )


def _sqlite_move(row: str, sign: str) -> str:
    return "".join(_sqlite_part(counts, row, sign) for counts in COUNTS)


def _sqlite_part(counts: KeptCounts, row: str, sign: str) -> str:
    key, table, there = counts.key("sqlite", row), counts.table, is_there(row)
    where = " AND ".join(f"{name} = {value}" for name, value in key.items())
    values = ", ".join(key.values())
    moved = f"UPDATE {table} SET n = n {sign} 1, bytes = bytes {sign} {row}.bytes WHERE {there} AND {where}; "
    if sign == "-":
        return moved + f"DELETE FROM {table} WHERE n = 0 AND bytes = 0 AND {where}; "
    return (
        f"INSERT INTO {table} ({counts.columns}, n, bytes) SELECT {values}, 0, 0 WHERE {there} "
        f"AND NOT EXISTS (SELECT 1 FROM {table} WHERE {where}); {moved}"
    )


def _sqlite() -> dict[str, str]:
    """Return the triggers of SQLite by name."""
    found = {
        "records_counted": f"AFTER INSERT ON records BEGIN {_sqlite_move('NEW', '+')}END",
        "records_recounted": (
            f"AFTER UPDATE OF {_COUNTED_COLUMNS} ON records "
            f"BEGIN {_sqlite_move('OLD', '-')}{_sqlite_move('NEW', '+')}END"
        ),
        "records_uncounted": f"AFTER DELETE ON records BEGIN {_sqlite_move('OLD', '-')}END",
        "held_records_counted": (
            f"AFTER INSERT ON held_records BEGIN UPDATE records SET held_until = {_HELD} WHERE id = NEW.record_id; END"
        ),
        "holds_counted": (
            f"AFTER UPDATE OF released_at, until ON holds BEGIN UPDATE records SET held_until = {_HELD} "
            "WHERE id IN (SELECT record_id FROM held_records WHERE hold_id = NEW.id); END"
        ),
    }
    found |= _sqlite_sorted()
    for table in _LOCKED_TABLES:
        for name, when in (("entered", "INSERT"), ("locked", "UPDATE OF locked_until")):
            found[f"{table}_{name}"] = (
                f"AFTER {when} ON {table} WHEN NEW.locked_until IS NOT NULL BEGIN UPDATE records "
                "SET locked_until = NEW.locked_until WHERE id = NEW.record_id "
                "AND (locked_until IS NULL OR locked_until < NEW.locked_until); END"
            )
    return {name: f"CREATE TRIGGER {name} {body}" for name, body in found.items()}


def _sqlite_sorted() -> dict[str, str]:
    """Return the triggers by which a record follows the decisions about it and its files."""
    unit = "id = {r}.id OR id IN (SELECT record_id FROM record_nodes WHERE node_id = {r}.id)"
    decided = "WHEN EXISTS (SELECT 1 FROM sortings WHERE id = {r}) "
    found = {
        "sortings_made": ("INSERT ON sortings", "", unit.format(r="NEW")),
        "sortings_changed": ("UPDATE OF decision ON sortings", "", unit.format(r="NEW")),
        "sortings_removed": ("DELETE ON sortings", "", unit.format(r="OLD")),
        "record_nodes_entered": ("INSERT ON record_nodes", decided.format(r="NEW.node_id"), "id = NEW.record_id"),
        "record_nodes_left": ("DELETE ON record_nodes", decided.format(r="OLD.node_id"), "id = OLD.record_id"),
        "records_sorted": ("INSERT ON records", decided.format(r="NEW.id"), "id = NEW.id"),
    }
    return {
        name: f"AFTER {when} {only}BEGIN UPDATE records SET sorted = {_SORTED} WHERE {which}; END"
        for name, (when, only, which) in found.items()
    }


def _postgres_functions() -> dict[str, str]:
    """Return the functions of the triggers of PostgreSQL by name."""

    def parts(counts: KeptCounts, row: str, sign: str) -> str:
        told = counts.told("postgresql", row)
        return f"SELECT {told}, {sign}1 AS n, {sign}{row}.bytes AS bytes FROM {row} WHERE {is_there(row)}"

    def count(**moved: str) -> str:
        """Return the body that counts the rows of each of these tables, with its sign."""
        every = ""
        for counts in COUNTS:
            source = " UNION ALL ".join(parts(counts, row, sign) for row, sign in moved.items())
            every += (
                f"INSERT INTO {counts.table} ({counts.columns}, n, bytes) "
                f"SELECT {counts.columns}, SUM(n), SUM(bytes) FROM ({source}) moved "
                f"GROUP BY {counts.columns} HAVING SUM(n) <> 0 OR SUM(bytes) <> 0; "
            )
        return every + "RETURN NULL;"

    # in the order of their ids, as whoever places a hold locks them
    lock = "PERFORM 1 FROM records WHERE id IN ({which}) ORDER BY id FOR UPDATE; "
    follow = f"UPDATE records SET held_until = {_HELD} WHERE id IN ({{which}}); RETURN NULL;"
    entered = "SELECT record_id FROM new_rows"
    covered = "SELECT record_id FROM held_records WHERE hold_id = NEW.id"
    sort = f"UPDATE records SET sorted = {_SORTED} WHERE id IN ({{which}}); RETURN NULL;"
    unit = "SELECT id FROM {r} UNION SELECT record_id FROM record_nodes WHERE node_id IN (SELECT id FROM {r})"
    lain = "SELECT record_id FROM {r} WHERE node_id IN (SELECT id FROM sortings)"
    decided = "SELECT id FROM new_rows WHERE id IN (SELECT id FROM sortings)"
    return {
        "count_records": count(new_rows=""),
        "recount_records": count(old_rows="-", new_rows=""),
        "uncount_records": count(old_rows="-"),
        "count_held_records": (lock + follow).format(which=entered),
        "count_holds": (lock + follow).format(which=covered),
        "follow_sortings": (lock + sort).format(which=unit.format(r="new_rows")),
        "follow_sortings_removed": (lock + sort).format(which=unit.format(r="old_rows")),
        "follow_places": (lock + sort).format(which=lain.format(r="new_rows")),
        "follow_places_left": (lock + sort).format(which=lain.format(r="old_rows")),
        "follow_decided": sort.format(which=decided),
        "follow_locks": (
            "UPDATE records SET locked_until = latest.until FROM (SELECT record_id, MAX(locked_until) AS until "
            "FROM new_rows WHERE locked_until IS NOT NULL GROUP BY record_id) latest "
            "WHERE records.id = latest.record_id "
            "AND (records.locked_until IS NULL OR records.locked_until < latest.until); RETURN NULL;"
        ),
    }


def _postgres() -> dict[str, tuple[str, str]]:
    """Return the triggers of PostgreSQL by name, each with its table."""
    new, both = "REFERENCING NEW TABLE AS new_rows", "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"
    old, each = "REFERENCING OLD TABLE AS old_rows", "FOR EACH STATEMENT EXECUTE FUNCTION"
    found = {
        "records_counted": ("records", f"AFTER INSERT ON records {new} {each} count_records()"),
        "records_recounted": ("records", f"AFTER UPDATE ON records {both} {each} recount_records()"),
        "records_uncounted": ("records", f"AFTER DELETE ON records {old} {each} uncount_records()"),
        "held_records_counted": (
            "held_records",
            f"AFTER INSERT ON held_records {new} {each} count_held_records()",
        ),
        "holds_counted": (
            "holds",
            (
                "AFTER UPDATE ON holds FOR EACH ROW WHEN (OLD.released_at IS DISTINCT FROM NEW.released_at "
                "OR OLD.until IS DISTINCT FROM NEW.until) EXECUTE FUNCTION count_holds()"
            ),
        ),
    }
    found |= {
        "sortings_made": ("sortings", f"AFTER INSERT ON sortings {new} {each} follow_sortings()"),
        "sortings_changed": ("sortings", f"AFTER UPDATE ON sortings {new} {each} follow_sortings()"),
        "sortings_removed": ("sortings", f"AFTER DELETE ON sortings {old} {each} follow_sortings_removed()"),
        "record_nodes_entered": ("record_nodes", f"AFTER INSERT ON record_nodes {new} {each} follow_places()"),
        "record_nodes_left": ("record_nodes", f"AFTER DELETE ON record_nodes {old} {each} follow_places_left()"),
        "records_sorted": ("records", f"AFTER INSERT ON records {new} {each} follow_decided()"),
    }
    for table in _LOCKED_TABLES:
        found[f"{table}_entered"] = (table, f"AFTER INSERT ON {table} {new} {each} follow_locks()")
        found[f"{table}_locked"] = (table, f"AFTER UPDATE ON {table} {new} {each} follow_locks()")
    return found


def _statements(dialect: str) -> list[str]:
    """Return the statements that make every trigger."""
    if dialect == "sqlite":
        return list(_sqlite().values())
    functions = [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
        for name, body in _postgres_functions().items()
    ]
    return functions + [f"CREATE TRIGGER {name} {body}" for name, (_, body) in _postgres().items()]


def install(connection: Connection) -> bool:
    """Make the triggers and count every record, where they are not there as declared.

    Args:
        connection: As the owner, in the transaction of the migrations.
    """
    dialect = connection.dialect.name
    if not _has_tables(connection) or _is_installed(connection):
        return False
    withdraw(connection)
    for statement in _statements(dialect):
        connection.exec_driver_sql(statement)
    _follow_all(connection)
    recount(connection)
    if dialect == "postgresql":
        connection.exec_driver_sql(f"COMMENT ON FUNCTION recount_records() IS '{_mark(dialect)}'")
    return True


def withdraw(connection: Connection) -> None:
    """Remove the triggers: SQLite copies and renames a table that it alters, which they forbid."""
    if not _has_table(connection):
        return
    if connection.dialect.name == "sqlite":
        for name in _sqlite():
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        return
    for name, (table, _) in _postgres().items():
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name} ON {table}")
    for name in _postgres_functions():
        connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {name}()")


def recount(connection: Connection) -> None:
    """Count every record anew, while nobody else changes one."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE records IN SHARE MODE")
    for counts in COUNTS:
        connection.exec_driver_sql(f"DELETE FROM {counts.table}")
        connection.exec_driver_sql(_counted(counts, connection.dialect.name))


def compact(connection: Connection) -> None:
    """Add up the parts of each count, and drop counts of nothing.

    Those who write meanwhile add parts that a later run adds up; a count in one part is left alone.
    """
    if connection.dialect.name == "sqlite":
        return  # changed in place
    for counts in COUNTS:
        table, key = counts.table, counts.columns
        connection.exec_driver_sql(
            f"WITH several AS (SELECT {key} FROM {table} GROUP BY {key} "
            "HAVING COUNT(*) > 1 OR (SUM(n) = 0 AND SUM(bytes) = 0)), "
            f"parts AS (DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM several) RETURNING *) "
            f"INSERT INTO {table} ({key}, n, bytes) SELECT {key}, SUM(n), SUM(bytes) FROM parts "
            f"GROUP BY {key} HAVING SUM(n) <> 0 OR SUM(bytes) <> 0"
        )


def miscounted(connection: Connection) -> int:
    """Count the keys whose kept count is not that of the records."""
    return sum(_miscounted(connection, counts) for counts in COUNTS)


def _miscounted(connection: Connection, counts: KeptCounts) -> int:
    key = counts.columns
    parts = (
        f"SELECT {key}, n, bytes FROM {counts.table} UNION ALL "
        f"SELECT {counts.told(connection.dialect.name, 'records')}, -1, -records.bytes "
        f"FROM records WHERE {is_there('records')}"
    )
    found = text(
        f"SELECT COUNT(*) FROM (SELECT {key} FROM ({parts}) parts GROUP BY {key} "
        "HAVING SUM(n) <> 0 OR SUM(bytes) <> 0) wrong"
    )
    return int(connection.scalar(found) or 0)


def _follow_all(connection: Connection) -> None:
    """Bring what the triggers keep in step, for records written before them."""
    connection.exec_driver_sql(
        f"UPDATE records SET held_until = {_HELD} WHERE id IN (SELECT record_id FROM held_records)"
    )
    connection.exec_driver_sql(
        f"UPDATE records SET sorted = {_SORTED} WHERE id IN (SELECT id FROM sortings UNION SELECT record_id "
        "FROM record_nodes JOIN sortings ON sortings.id = record_nodes.node_id)"
    )
    for table in _LOCKED_TABLES:
        connection.exec_driver_sql(
            "UPDATE records SET locked_until = latest.until FROM (SELECT record_id, MAX(locked_until) AS until "
            f"FROM {table} WHERE locked_until IS NOT NULL GROUP BY record_id) latest "
            "WHERE records.id = latest.record_id "
            "AND (records.locked_until IS NULL OR records.locked_until < latest.until)"
        )


def _has_table(connection: Connection) -> bool:
    return bool(connection.dialect.has_table(connection, COUNTS[0].table))


def _has_tables(connection: Connection) -> bool:
    """Whether all tables that the triggers read are there: not at every revision on the way."""
    needed = (*(counts.table for counts in COUNTS), "sortings")
    return all(connection.dialect.has_table(connection, name) for name in needed)


def _is_installed(connection: Connection) -> bool:
    if connection.dialect.name == "sqlite":
        found = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        there: dict[str, Any] = {one.name: one.sql for one in connection.execute(found)}
        return all(there.get(name) == sql for name, sql in _sqlite().items())
    told = text("SELECT obj_description(to_regproc('recount_records'))")
    return bool(connection.scalar(told) == _mark("postgresql"))


def _mark(dialect: str) -> str:
    return "triggers " + hashlib.sha256("\n".join(_statements(dialect)).encode()).hexdigest()
