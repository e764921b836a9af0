"""Add what the due lists ask of a record, and the kept counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_ADDED: tuple[sa.Column[object], ...] = (
    sa.Column("bytes", sa.BigInteger(), nullable=False, server_default="0"),
    sa.Column("other_rules", sa.Text(), nullable=True),
    sa.Column("held_until", sa.Date(), nullable=True),
    sa.Column("locked_until", sa.Date(), nullable=True),
    sa.Column("not_before", sa.Date(), nullable=True),
    sa.Column("sorted", sa.String(length=10), nullable=True),
)


def upgrade() -> None:
    for column in _ADDED:
        op.add_column("records", column)
    op.execute(
        "UPDATE records SET bytes = (SELECT COALESCE(SUM(size), 0) FROM representations WHERE record_id = records.id)"
    )
    op.create_index("ix_records_action", "records", ["tenant_id", "final_action", "due_on", "id"])
    op.create_index("ix_records_basis", "records", ["tenant_id", "basis", "id"])
    op.create_index("ix_records_held", "records", ["tenant_id", "held_until"])
    op.create_index("ix_records_producer", "records", ["tenant_id", "producer", "due_on", "id"])
    op.create_index("ix_records_type", "records", ["tenant_id", "document_type", "due_on", "id"])
    op.drop_index("ix_records_rule", "records")
    op.create_index("ix_records_rule", "records", ["tenant_id", "rule_code", "due_on", "id"])
    op.drop_index("ix_records_due", "records")
    op.create_index("ix_records_due", "records", ["tenant_id", "due_on", "id"])
    undated = sa.text("document_date IS NULL")
    op.create_index(
        "ix_records_undated", "records", ["tenant_id", "id"], sqlite_where=undated, postgresql_where=undated
    )
    op.create_table(
        "retention_counters",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("basis", sa.String(length=24), nullable=False),
        sa.Column("final_action", sa.String(length=10), nullable=False),
        sa.Column("rule_code", sa.String(length=40), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("other_rules", sa.Text(), nullable=False),
        sa.Column("disposing", sa.Boolean(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.Column("sorted", sa.Boolean(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("held_until", sa.Date(), nullable=False),
        sa.Column("not_before", sa.Date(), nullable=False),
        sa.Column("locked_until", sa.Date(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_counters")),
    )
    op.create_index(
        "ix_retention_counters_key",
        "retention_counters",
        ["tenant_id", "due_on", "rule_code", "rule_version", "basis"],
    )


def downgrade() -> None:
    from archive.database import retention_counters

    retention_counters.withdraw(op.get_bind())
    op.drop_table("retention_counters")
    op.drop_index("ix_records_undated", "records")
    op.drop_index("ix_records_due", "records")
    op.create_index("ix_records_due", "records", ["tenant_id", "due_on"])
    for name in ("rule", "type", "producer", "held"):
        op.drop_index(f"ix_records_{name}", "records")
    op.create_index("ix_records_rule", "records", ["tenant_id", "rule_code"])
    op.drop_index("ix_records_basis", "records")
    op.drop_index("ix_records_action", "records")
    with op.batch_alter_table("records", schema=None) as batch_op:
        for column in reversed(_ADDED):
            batch_op.drop_column(column.name)
