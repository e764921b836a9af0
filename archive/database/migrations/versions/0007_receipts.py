"""Add names and salts of a deposit, and alarms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from archive.database.engine import UtcDateTime

revision = "0007"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deposits", sa.Column("tenant_name", sa.String(length=200), nullable=True))
    op.add_column("deposits", sa.Column("salts", sa.JSON(), nullable=True))
    op.create_table(
        "alarms",
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("code", "subject", name=op.f("pk_alarms")),
    )


def downgrade() -> None:
    op.drop_table("alarms")
    with op.batch_alter_table("deposits", schema=None) as batch_op:
        batch_op.drop_column("salts")
        batch_op.drop_column("tenant_name")
