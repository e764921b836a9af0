"""Let a record's place carry what lists of files count, and find records by the codes they name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("record_nodes", sa.Column("document_date", sa.Date(), nullable=True))
    op.add_column("record_nodes", sa.Column("bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_record_nodes_dates", "record_nodes", ["node_id", "document_date", "bytes"])
    op.create_index("ix_records_file", "records", ["tenant_id", "file"])
    op.create_index("ix_records_classification", "records", ["tenant_id", "classification"])


def downgrade() -> None:
    op.drop_index("ix_records_classification", "records")
    op.drop_index("ix_records_file", "records")
    op.drop_index("ix_record_nodes_dates", "record_nodes")
    op.drop_column("record_nodes", "bytes")
    op.drop_column("record_nodes", "document_date")
