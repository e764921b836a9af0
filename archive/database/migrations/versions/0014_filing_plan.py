"""Let a record's place carry what lists of files count, and find records by the codes they name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0018"
branch_labels = None
depends_on = None


_INDEXES = (
    ("ix_records_file", ("tenant_id", "file", "id", "document_date"), "file IS NOT NULL"),
    ("ix_records_unfiled", ("tenant_id", "document_type", "id"), "file IS NULL"),
    ("ix_records_classification", ("tenant_id", "classification"), "classification IS NOT NULL"),
)


def upgrade() -> None:
    op.add_column("record_nodes", sa.Column("document_date", sa.Date(), nullable=True))
    op.add_column("record_nodes", sa.Column("bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_record_nodes_dates", "record_nodes", ["node_id", "document_date", "bytes"])
    for name, columns, condition in _INDEXES:
        given = sa.text(condition)
        op.create_index(name, "records", list(columns), sqlite_where=given, postgresql_where=given)


def downgrade() -> None:
    for name, _, _ in reversed(_INDEXES):
        op.drop_index(name, "records")
    op.drop_index("ix_record_nodes_dates", "record_nodes")
    op.drop_column("record_nodes", "bytes")
    op.drop_column("record_nodes", "document_date")
