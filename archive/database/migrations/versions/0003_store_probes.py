"""Add the results of store probes, and an index for locks that end soon."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from archive.database.engine import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "store_probes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("store", sa.String(length=500), nullable=False),
        sa.Column("assurance", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_store_probes")),
    )
    op.create_index("ix_store_probes_store_id", "store_probes", ["store", "id"])
    op.create_index(op.f("ix_representations_locked_until"), "representations", ["locked_until"])
    op.create_index(op.f("ix_stored_files_locked_until"), "stored_files", ["locked_until"])


def downgrade() -> None:
    op.drop_index(op.f("ix_stored_files_locked_until"), "stored_files")
    op.drop_index(op.f("ix_representations_locked_until"), "representations")
    op.drop_table("store_probes")
