"""Add frozen populations with their samples, and decisions about units to be sorted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "populations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("unit", sa.String(length=10), nullable=False),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("criterion", sa.JSON(), nullable=False),
        sa.Column("units", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("frozen_entry", sa.Integer(), nullable=False),
        sa.Column("draw", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_populations_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_populations")),
    )
    op.create_index("ix_populations_tenant", "populations", ["tenant_id", "id"])
    op.create_table(
        "sortings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(length=10), nullable=False),
        sa.Column("decision", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("population_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_sortings_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sortings")),
    )
    op.create_index("ix_sortings_tenant_id", "sortings", ["tenant_id"])


def downgrade() -> None:
    op.drop_table("sortings")
    op.drop_table("populations")
