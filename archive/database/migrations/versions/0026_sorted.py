"""Find the records about which a sorting decided, by what it decided."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0030"
branch_labels = None
depends_on = None

_IS_SORTED = sa.text("sorted IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_records_sorted",
        "records",
        ["tenant_id", "sorted", "due_on", "id"],
        sqlite_where=_IS_SORTED,
        postgresql_where=_IS_SORTED,
    )


def downgrade() -> None:
    op.drop_index("ix_records_sorted", table_name="records")
