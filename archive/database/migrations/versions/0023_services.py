"""Add the tree of services, deposit agreements, and the agreement of each deposit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "services",
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("parent", sa.String(length=40), nullable=True),
        sa.Column("rank", sa.String(length=80), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("successors", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_services_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "code", name=op.f("pk_services")),
    )
    op.create_table(
        "deposit_agreements",
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("services", sa.JSON(), nullable=False),
        sa.Column("depositors", sa.JSON(), nullable=False),
        sa.Column("document_types", sa.JSON(), nullable=False),
        sa.Column("formats", sa.JSON(), nullable=False),
        sa.Column("max_bytes", sa.BigInteger(), nullable=True),
        sa.Column("max_per_month", sa.BigInteger(), nullable=True),
        sa.Column("defaults", sa.JSON(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_deposit_agreements_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "code", name=op.f("pk_deposit_agreements")),
    )
    op.add_column("tenants", sa.Column("agreement_required", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("deposits", sa.Column("agreement", sa.String(length=40), nullable=True))
    op.add_column("deposits", sa.Column("agreed", sa.JSON(), nullable=True))
    op.create_index("ix_deposits_agreement", "deposits", ["tenant_id", "agreement", "received_at"])


def downgrade() -> None:
    op.drop_index("ix_deposits_agreement", table_name="deposits")
    with op.batch_alter_table("deposits", schema=None) as batch_op:
        batch_op.drop_column("agreed")
        batch_op.drop_column("agreement")
    with op.batch_alter_table("tenants", schema=None) as batch_op:
        batch_op.drop_column("agreement_required")
    op.drop_table("deposit_agreements")
    op.drop_table("services")
