"""Add statements, filing plan, events; and the dates that follow from them on a record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from archive.database.engine import UtcDateTime

revision = "0013"
down_revision = "0007"
branch_labels = None
depends_on = None

_ADDED: tuple[sa.Column[object], ...] = (
    sa.Column("file", sa.String(length=500), nullable=True),
    sa.Column("fiscal_year", sa.String(length=4), nullable=True),
    sa.Column("retention_rule", sa.String(length=200), nullable=True),
    sa.Column("due_on", sa.Date(), nullable=True),
    sa.Column("basis", sa.String(length=24), nullable=True),
    sa.Column("retention_parts", sa.JSON(), nullable=True),
    sa.Column("stale_since", UtcDateTime(), nullable=True),
)


def upgrade() -> None:
    op.create_table(
        "statements",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("entry", sa.Integer(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_statements_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("kind", "subject", "number", name=op.f("pk_statements")),
    )
    op.create_index("ix_statements_settled", "statements", ["settled_at"])
    op.create_index("ix_statements_tenant", "statements", ["tenant_id", "entry"])
    op.create_table(
        "plan_nodes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.String(length=36), nullable=True),
        sa.Column("producer", sa.String(length=200), nullable=True),
        sa.Column("retention", sa.JSON(), nullable=True),
        sa.Column("access", sa.JSON(), nullable=True),
        sa.Column("opened_on", sa.Date(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("extent", sa.JSON(), nullable=True),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_plan_nodes_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_nodes")),
        sa.UniqueConstraint("tenant_id", "code", name=op.f("uq_plan_nodes_tenant_id_code")),
    )
    op.create_index("ix_plan_nodes_parent", "plan_nodes", ["tenant_id", "parent_id", "code"])
    op.create_table(
        "record_nodes",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_record_nodes_record_id_records")),
        sa.ForeignKeyConstraint(["node_id"], ["plan_nodes.id"], name=op.f("fk_record_nodes_node_id_plan_nodes")),
        sa.PrimaryKeyConstraint("record_id", "node_id", name=op.f("pk_record_nodes")),
    )
    op.create_index("ix_record_nodes_node", "record_nodes", ["node_id", "record_id"])
    op.create_table(
        "retention_events",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("occurred_on", sa.Date(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("entry", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_retention_events_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_events")),
    )
    op.create_index("ix_retention_events_reference", "retention_events", ["tenant_id", "reference", "event"])
    for column in _ADDED:
        op.add_column("records", column)
    with op.batch_alter_table("records", schema=None) as batch_op:
        batch_op.alter_column("access_rule", existing_type=sa.String(length=20), type_=sa.String(length=100))
        batch_op.create_index("ix_records_due", ["tenant_id", "due_on"])
        batch_op.create_index("ix_records_stale", ["stale_since"])
        batch_op.create_index("ix_records_reference", ["tenant_id", "external_reference"])
    with op.batch_alter_table("document_types", schema=None) as batch_op:
        batch_op.alter_column("access_rule", existing_type=sa.String(length=20), type_=sa.String(length=100))


def downgrade() -> None:
    with op.batch_alter_table("document_types", schema=None) as batch_op:
        batch_op.alter_column("access_rule", existing_type=sa.String(length=100), type_=sa.String(length=20))
    with op.batch_alter_table("records", schema=None) as batch_op:
        batch_op.drop_index("ix_records_reference")
        batch_op.drop_index("ix_records_stale")
        batch_op.drop_index("ix_records_due")
        batch_op.alter_column("access_rule", existing_type=sa.String(length=100), type_=sa.String(length=20))
        for column in reversed(_ADDED):
            batch_op.drop_column(column.name)
    op.drop_table("retention_events")
    op.drop_table("record_nodes")
    op.drop_table("plan_nodes")
    op.drop_table("statements")
