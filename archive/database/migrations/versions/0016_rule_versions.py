"""Tell of each version of a rule who made and who validated it, and from when it counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from archive.database.engine import UtcDateTime

revision = "0016"
down_revision = "0019"
branch_labels = None
depends_on = None

_RULES: tuple[sa.Column[object], ...] = (
    sa.Column("valid_from", sa.Date(), nullable=True),
    sa.Column("criteria", sa.Text(), nullable=True),
    sa.Column("access_rule", sa.String(length=100), nullable=True),
    sa.Column("created_by", sa.String(length=200), nullable=True),
    sa.Column("reason", sa.Text(), nullable=True),
    sa.Column("validated_by", sa.String(length=200), nullable=True),
    sa.Column("validation", sa.Text(), nullable=True),
    sa.Column("removed_at", UtcDateTime(), nullable=True),
)


def upgrade() -> None:
    for column in _RULES:
        op.add_column("retention_rules", column)
    op.add_column("tenants", sa.Column("pack_decisions", sa.JSON(), nullable=True))
    op.create_index("ix_records_rule", "records", ["tenant_id", "rule_code"])


def downgrade() -> None:
    op.drop_index("ix_records_rule", table_name="records")
    with op.batch_alter_table("tenants", schema=None) as batch_op:
        batch_op.drop_column("pack_decisions")
    with op.batch_alter_table("retention_rules", schema=None) as batch_op:
        for column in reversed(_RULES):
            batch_op.drop_column(column.name)
