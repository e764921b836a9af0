"""Keep counts by service, type and year; find what is few among many from indexes of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0029"
branch_labels = None
depends_on = None

_STATE = ("basis", "final_action", "rule_code", "rule_version", "other_rules", "disposing", "stale", "sorted")
_DAYS = ("due_on", "held_until", "not_before", "locked_until")
_FILED = sa.text("file IS NOT NULL")
_FEW = {
    "ix_records_endless": (["tenant_id", "id"], "(basis = 'no_end' OR (basis = 'dated' AND due_on IS NULL))"),
    "ix_records_disposing": (["tenant_id", "due_on", "id"], "state = 'in_disposal'"),
    "ix_records_marked": (["tenant_id", "due_on", "id"], "stale_since IS NOT NULL"),
    "ix_records_refused": (["tenant_id", "due_on", "id"], "not_before IS NOT NULL"),
}


def upgrade() -> None:
    day, number = sa.Date(), sa.BigInteger()
    op.create_table(
        "service_counters",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("producer", sa.String(length=200), nullable=False),
        sa.Column("document_type", sa.String(length=100), nullable=False),
        sa.Column("basis", sa.String(length=24), nullable=False),
        sa.Column("final_action", sa.String(length=10), nullable=False),
        sa.Column("rule_code", sa.String(length=40), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("other_rules", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("disposing", "stale", "sorted")),
        *(sa.Column(name, day, nullable=False) for name in _DAYS),
        *(sa.Column(name, number, nullable=False) for name in ("n", "bytes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_counters")),
    )
    key = [*_STATE, *_DAYS]
    op.create_index("ix_service_counters_key", "service_counters", ["tenant_id", "producer", "document_type", *key])
    op.drop_index("ix_retention_counters_key", table_name="retention_counters")
    op.create_index("ix_retention_counters_key", "retention_counters", ["tenant_id", *key])
    for name, (columns, which) in _FEW.items():
        op.create_index(name, "records", columns, sqlite_where=sa.text(which), postgresql_where=sa.text(which))
    _file("final_action", "due_on")


def downgrade() -> None:
    from archive.database import retention_counters

    retention_counters.withdraw(op.get_bind())
    _file()
    for name in _FEW:
        op.drop_index(name, table_name="records")
    op.drop_index("ix_retention_counters_key", table_name="retention_counters")
    op.create_index(
        "ix_retention_counters_key", "retention_counters", ["tenant_id", "due_on", "rule_code", "rule_version", "basis"]
    )
    op.drop_table("service_counters")


def _file(*more: str) -> None:
    op.drop_index("ix_records_file", table_name="records")
    columns = ["tenant_id", "file", "id", "document_date", *more]
    op.create_index("ix_records_file", "records", columns, sqlite_where=_FILED, postgresql_where=_FILED)
