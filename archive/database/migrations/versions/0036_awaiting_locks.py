"""Tell the locks that only await a decision from those that withhold a record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("records", sa.Column("awaiting_until", sa.Date(), nullable=True))


def downgrade() -> None:
    from archive.database import retention_counters

    retention_counters.withdraw(op.get_bind())
    with op.batch_alter_table("records", schema=None) as batch_op:
        batch_op.drop_column("awaiting_until")
