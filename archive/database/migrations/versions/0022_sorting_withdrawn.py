"""Let a decision about a unit be withdrawn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("sortings", schema=None) as batch_op:
        batch_op.alter_column("decision", existing_type=sa.String(length=10), nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM sortings WHERE decision IS NULL")
    with op.batch_alter_table("sortings", schema=None) as batch_op:
        batch_op.alter_column("decision", existing_type=sa.String(length=10), nullable=False)
