"""Add scans of bordereaux on paper, and what is thought of lines before the visas."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0032"
branch_labels = None
depends_on = None

_ID = sa.String(length=36)


def upgrade() -> None:
    op.create_table(
        "disposal_scans",
        *_stated("disposal_scans"),
        sa.Column("disposal_id", _ID, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=60), nullable=False),
        sa.Column("verdict", sa.String(length=12), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.UniqueConstraint("disposal_id", "sha256", name=op.f("uq_disposal_scans_disposal_id_sha256")),
    )
    op.create_index("ix_disposal_scans_tenant_id", "disposal_scans", ["tenant_id"])
    op.create_table(
        "disposal_opinions",
        *_stated("disposal_opinions"),
        sa.Column("disposal_id", _ID, nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("given_on", sa.Date(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
    )
    op.create_index("ix_disposal_opinions_disposal_id", "disposal_opinions", ["disposal_id"])
    op.add_column("disposal_lines", sa.Column("opinion", sa.String(length=20), nullable=True))
    op.add_column("disposal_lines", sa.Column("opinion_told", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("disposal_lines") as table:
        table.drop_column("opinion_told")
        table.drop_column("opinion")
    op.drop_table("disposal_opinions")
    op.drop_table("disposal_scans")


def _stated(table: str) -> list[sa.schema.SchemaItem]:
    """Return the columns of a table whose rows repeat statements."""
    return [
        sa.Column("id", _ID, nullable=False),
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]
