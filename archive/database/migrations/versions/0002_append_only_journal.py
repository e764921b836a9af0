"""Have the database refuse to change or remove a journal entry."""

from __future__ import annotations

from alembic import op

from archive.database.tables import APPEND_ONLY

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER journal_entries_append_only ON journal_entries")
        op.execute("DROP FUNCTION journal_is_append_only()")
        return
    for name in ("no_update", "no_delete", "no_gap"):
        op.execute(f"DROP TRIGGER journal_entries_{name}")
