"""Row security on PostgreSQL: the rows that a tenant sees, and the serving role's rights.

Every table of every package is declared here, as its migration is here, even if another package
uses it. A table that is not declared gets no grant: the service can't touch it. ``apply`` runs as
the owner after each migration.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

_ALL: Final = "(SELECT current_setting('app.tenant', true)) = '*'"
_OWN: Final = "(SELECT NULLIF(current_setting('app.tenant', true), ''))"
"""In a subselect, so that each is evaluated once a statement and not once a row."""

_POLICY: Final = "by_tenant"


@dataclass(frozen=True)
class Rows:
    """Row security of one table.

    Attributes:
        own: SQL condition, true for the rows of the acting tenant; None: rows belong to no tenant
            and all see them.
        may: Privileges of the serving role.
    """

    own: str | None
    may: tuple[str, ...]


def _of(column: str, *may: str) -> Rows:
    return Rows(f"{column} = {_OWN}", may)


def _with(parent: str, condition: str, *may: str) -> Rows:
    """Declare rows that belong to the owner of a row elsewhere; that table's policy decides."""
    return Rows(f"EXISTS (SELECT FROM {parent} parent WHERE parent.id = {condition})", may)


_READ: Final = ("SELECT",)
_GROW: Final = ("SELECT", "INSERT")
_CHANGE: Final = (*_GROW, "UPDATE")
_FULL: Final = (*_CHANGE, "DELETE")

DECLARED: Final[dict[str, Rows]] = {
    # of the archive: records are added and changed, never removed
    "tenants": _of("id", *_CHANGE),
    "pseudonyms": _of("tenant_id", *_GROW, "DELETE"),  # destroying a key unlinks its subject; none is ever changed
    "records": _of("tenant_id", *_CHANGE),
    "representations": _with("records", "record_id", *_FULL),
    "stored_files": _with("records", "record_id", *_FULL),
    "holds": _of(
        "tenant_id",
        *_GROW,
        "UPDATE (released_at, released_by, release_reason, release_salt, settled_at, problem)",
    ),  # a decision is never changed: it is released
    "held_records": _with("records", "record_id", *_GROW, "UPDATE (settled_at)"),
    "hold_reviews": _of("tenant_id", *_CHANGE),
    "populations": _of("tenant_id", *_CHANGE),
    "sortings": _of("tenant_id", *_CHANGE),
    "disposals": _of("tenant_id", *_CHANGE),
    "disposal_chunks": _of("tenant_id", *_CHANGE),
    "disposal_visas": _of("tenant_id", *_CHANGE),
    "disposal_lines": _of("tenant_id", *_CHANGE),
    "disposal_certificates": _of("tenant_id", *_CHANGE),
    "disposal_scans": _of("tenant_id", *_CHANGE),
    "disposal_opinions": _of("tenant_id", *_CHANGE),
    "visa_refusals": _of("tenant_id", *_FULL),
    "seda_transfers": _of("tenant_id", *_CHANGE),
    "seda_units": _of("tenant_id", *_GROW, "UPDATE (title)"),  # of a record that is gone
    "seda_parts": _of("tenant_id", *_GROW),
    "seda_deliveries": _of("tenant_id", *_CHANGE),
    "reports": _of("tenant_id", *_CHANGE),
    "visa_invitations": _of("tenant_id", *_CHANGE),
    "visa_drafts": _with("visa_invitations", "invitation_id", *_FULL),
    "mails": _of("tenant_id", *_CHANGE),
    "mail_addresses": _of("tenant_id", *_FULL),
    "record_words": _with("records", "record_id", *_FULL),
    "revisions": _with("records", "record_id", *_GROW, "DELETE"),  # with the record that is gone
    "verifications": _with("records", "record_id", *_GROW, "DELETE"),
    "document_types": _of("tenant_id", *_FULL),
    "services": _of("tenant_id", *_FULL),
    "deposit_agreements": _of("tenant_id", *_CHANGE),  # one that has served keeps its name
    "retention_rules": _of(
        "tenant_id", *_GROW, "UPDATE (validated_at, validated_by, validation, removed_at)"
    ),  # a version is never changed
    "statements": _of("tenant_id", *_GROW, "UPDATE (settled_at)"),  # said once: the next statement corrects it
    "plan_nodes": _of("tenant_id", *_CHANGE),  # a removed node keeps its row, so that its code is never used again
    "record_nodes": _with("records", "record_id", *_FULL),
    "retention_events": _of("tenant_id", *_CHANGE),
    "access_requests": _of("tenant_id", *_CHANGE),
    "retention_counters": _of("tenant_id", *_FULL),  # by triggers, and added up
    "service_counters": _of("tenant_id", *_FULL),
    "journal_entries": _of("tenant_id", *_GROW),
    "journal_checkpoints": Rows(None, (*_GROW, "UPDATE (token)")),  # tree heads are public
    "copies": _with("records", "record_id", *_FULL),  # copies of the journal and of staging belong to no tenant
    "custody_reports": Rows(None, _FULL),  # of the installation as a whole
    "store_probes": Rows(None, _GROW),  # assurance of the shared store: records and evidence repeat it
    "clock": Rows(None, _CHANGE),  # one clock for all tenants
    "alarms": Rows(None, _CHANGE),  # ids and words of ours: of the installation as a whole
    "leases": Rows(None, _FULL),  # duties of processes: nothing of any tenant
    # work in progress, of ingestion
    "deposits": _of("tenant_id", *_CHANGE),
    "stage_runs": _with("deposits", "deposit_id", *_FULL),
    "page_tasks": _with("deposits", "deposit_id", *_FULL),
    "outbox": _with("deposits", "split_part(subject, ':', 1)", *_FULL),
    # accounts and keys, of the api
    "users": _of("tenant_id", *_CHANGE),
    "login_links": _with("users", "user_id", *_FULL),
    "sessions": _with("users", "user_id", *_FULL),
    "api_keys": _of("tenant_id", *_CHANGE),
    "calendar_links": _of("tenant_id", *_CHANGE),
    "guest_sessions": _with("visa_invitations", "invitation_id", *_FULL),
    # Alembic's own
    "alembic_version": Rows(None, _READ),
}


def apply(connection: Connection, role: str) -> bool:
    """Grant the serving role its declared rights and guard every row, where that is not so yet.

    Args:
        connection: As the owner, in a transaction: all of it is applied or none.
        role: The serving role; the owner itself where one role does both: it then keeps its
            privileges.
    """
    tables = text("SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace")
    there = set(connection.scalars(tables))
    owner, schema = connection.execute(text("SELECT current_user::text, current_schema()::text")).one()
    statements = list(_statements(there))
    if role != owner:
        statements += _grants(there, _quoted(role), _quoted(schema))
    known = connection.scalar(text("SELECT obj_description('alembic_version'::regclass)"))
    if known == _mark(connection, statements):
        return False
    for statement in [*_drops(connection), *statements]:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"COMMENT ON TABLE alembic_version IS '{_mark(connection, statements)}'")
    return True


def _mark(connection: Connection, statements: list[str]) -> str:
    """Return a digest of declarations and their effect, so that an idle start locks no table."""
    state = connection.scalar(
        text(
            "SELECT string_agg(concat_ws(' ', relname, relacl, relrowsecurity, relforcerowsecurity, polname, polcmd,"
            " polpermissive, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)),"
            " ';' ORDER BY relname, polname) FROM pg_class LEFT JOIN pg_policy ON polrelid = pg_class.oid"
            " WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'S')"
        )
    )
    return "row security " + hashlib.sha256("\n".join([*statements, str(state)]).encode()).hexdigest()


def _drops(connection: Connection) -> list[str]:
    """Return statements that drop every policy on our tables: another one could widen access."""
    found = connection.execute(
        text(
            "SELECT relname, polname FROM pg_policy JOIN pg_class ON polrelid = pg_class.oid"
            " WHERE relnamespace = current_schema()::regnamespace"
        )
    )
    return [f"DROP POLICY {_quoted(policy)} ON {table}" for table, policy in found if table in DECLARED]


def _statements(there: set[str]) -> Iterator[str]:
    for table, rows in sorted(DECLARED.items()):
        if table in there and rows.own is not None:
            condition = f"{_ALL} OR {rows.own}"
            yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
            yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
            yield f"CREATE POLICY {_POLICY} ON {table} USING ({condition}) WITH CHECK ({condition})"


def _grants(there: set[str], role: str, schema: str) -> Iterator[str]:
    yield f"GRANT USAGE ON SCHEMA {schema} TO {role}"
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM PUBLIC, {role}"
    for table, rows in sorted(DECLARED.items()):
        if table in there:
            yield f"GRANT {', '.join(rows.may)} ON {table} TO {role}"
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"


def faults(connection: Connection) -> list[str]:
    """Return the tables whose rows are not guarded as declared."""
    return [name for name, forced, policies in _tables(connection) if not _guarded(name, forced, policies)]


def undeclared(connection: Connection) -> list[str]:
    """Return the tables that are not declared: the service has no rights on them."""
    return [name for name, _, _ in _tables(connection) if name not in DECLARED]


def _tables(connection: Connection) -> list[tuple[str, bool, list[str]]]:
    """Read row security by table: enabled and forced, policies that bind writers."""
    found = connection.execute(
        text(
            "SELECT relname, relrowsecurity AND relforcerowsecurity, (SELECT array_agg(CASE WHEN polwithcheck IS NULL"
            " THEN '' ELSE polname::text END) FROM pg_policy WHERE polrelid = pg_class.oid) FROM pg_class"
            " WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') ORDER BY relname"
        )
    )
    return [(name, bool(forced), policies or []) for name, forced, policies in found]


def _guarded(table: str, forced: bool, policies: list[str]) -> bool:
    rows = DECLARED.get(table)
    return rows is None or rows.own is None or (forced and policies == [_POLICY])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
