"""PostgreSQL: the journal's length for all tenants, no gap in it, a notice with each commit.

Row security itself is applied after every upgrade (archive/database/row_security.py), so that it
fits the tables.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # A tenant sees its own entries only, but the next number counts the entries of all tenants.
    # Only the number is returned. (A SET clause of the function would be shorter, but only a
    # superuser may name app.tenant there.)
    (
        "CREATE FUNCTION journal_size() RETURNS integer LANGUAGE plpgsql AS $$ "
        "DECLARE seen text := COALESCE(current_setting('app.tenant', true), ''); size integer; "
        "BEGIN PERFORM set_config('app.tenant', '*', true); "
        "SELECT COALESCE(MAX(n) + 1, 0) INTO size FROM journal_entries; "
        "PERFORM set_config('app.tenant', seen, true); RETURN size; END $$"
    ),
    (
        "CREATE FUNCTION journal_has_no_gaps() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.n <> journal_size() THEN RAISE EXCEPTION 'the journal has no gaps'; END IF; RETURN NEW; END $$"
    ),
    (
        "CREATE TRIGGER journal_entries_no_gap BEFORE INSERT ON journal_entries "
        "FOR EACH ROW EXECUTE FUNCTION journal_has_no_gaps()"
    ),
    # Sent by the commit itself: no extra statement, none forgotten, none after a rollback.
    (
        "CREATE FUNCTION ring() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_notify('chartrier', ''); RETURN NULL; END $$"
    ),
    "CREATE TRIGGER outbox_rings AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION ring()",
    "CREATE TRIGGER journal_entries_ring AFTER INSERT ON journal_entries FOR EACH STATEMENT EXECUTE FUNCTION ring()",
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement in _STATEMENTS:
            op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER journal_entries_ring ON journal_entries")
        op.execute("DROP TRIGGER outbox_rings ON outbox")
        op.execute("DROP FUNCTION ring()")
        op.execute("DROP TRIGGER journal_entries_no_gap ON journal_entries")
        op.execute("DROP FUNCTION journal_has_no_gaps()")
        op.execute("DROP FUNCTION journal_size()")
