"""Add holds, the records that each covers, and the legal hold of each stored file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from archive.database.engine import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "holds",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("placed_at", UtcDateTime(), nullable=False),
        sa.Column("placed_by", sa.String(length=200), nullable=False),
        sa.Column("placed_salt", sa.String(length=32), nullable=False),
        sa.Column("released_at", UtcDateTime(), nullable=True),
        sa.Column("released_by", sa.String(length=200), nullable=True),
        sa.Column("release_reason", sa.Text(), nullable=True),
        sa.Column("release_salt", sa.String(length=32), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("problem", sa.String(length=60), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_holds_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.create_index("ix_holds_tenant", ["tenant_id", "id"], unique=False)
        batch_op.create_index("ix_holds_settled", ["settled_at"], unique=False)
    op.create_table(
        "held_records",
        sa.Column("hold_id", sa.String(length=36), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["hold_id"], ["holds.id"], name=op.f("fk_held_records_hold_id_holds")),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_held_records_record_id_records")),
        sa.PrimaryKeyConstraint("hold_id", "record_id", name=op.f("pk_held_records")),
    )
    with op.batch_alter_table("held_records", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_held_records_record_id"), ["record_id"], unique=False)
    op.add_column("stored_files", sa.Column("legal_hold", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    with op.batch_alter_table("stored_files", schema=None) as batch_op:
        batch_op.drop_column("legal_hold")
    with op.batch_alter_table("held_records", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_held_records_record_id"))
    op.drop_table("held_records")
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.drop_index("ix_holds_settled")
        batch_op.drop_index("ix_holds_tenant")
    op.drop_table("holds")
