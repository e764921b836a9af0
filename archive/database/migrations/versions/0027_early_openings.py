"""Let a record name the early opening that gives its day, and find those in force."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("records", sa.Column("opening", sa.String(length=36), nullable=True))
    opened = sa.text("opening IS NOT NULL")
    op.create_index("ix_records_opening", "records", ["opening"], sqlite_where=opened, postgresql_where=opened)
    op.create_index("ix_access_requests_kind", "access_requests", ["tenant_id", "kind", "state"])


def downgrade() -> None:
    op.drop_index("ix_access_requests_kind", "access_requests")
    op.drop_index("ix_records_opening", "records")
    op.drop_column("records", "opening")
