"""Add up a service's sizes, and find records under several rules, from indexes alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0022"
branch_labels = None
depends_on = None

_SEVERAL = sa.text("other_rules IS NOT NULL")


def upgrade() -> None:
    op.drop_index("ix_records_producer", table_name="records")
    op.create_index("ix_records_producer", "records", ["tenant_id", "producer", "due_on", "id", "bytes", "state"])
    op.create_index(
        "ix_records_several", "records", ["tenant_id", "id"], sqlite_where=_SEVERAL, postgresql_where=_SEVERAL
    )


def downgrade() -> None:
    op.drop_index("ix_records_several", table_name="records")
    op.drop_index("ix_records_producer", table_name="records")
    op.create_index("ix_records_producer", "records", ["tenant_id", "producer", "due_on", "id"])
