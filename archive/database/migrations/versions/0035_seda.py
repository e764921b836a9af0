"""Keep what comes in packages of SEDA, and what is sent in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0028"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_seda_transfers_tenant": ("seda_transfers", ["tenant_id", "id"]),
    "ix_seda_transfers_state": ("seda_transfers", ["tenant_id", "state"]),
    "ix_seda_units_above": ("seda_units", ["transfer_id", "above", "position"]),
    "ix_seda_parts_deposit": ("seda_parts", ["deposit_id"]),
    "ix_seda_deliveries_tenant": ("seda_deliveries", ["tenant_id", "id"]),
    "ix_seda_deliveries_disposal": ("seda_deliveries", ["disposal_id"]),
}


def upgrade() -> None:
    identity, text, number = sa.String(length=36), sa.Text(), sa.Integer()
    _table(
        "seda_transfers",
        sa.Column("id", identity, nullable=False),
        sa.Column("number", number, nullable=False),
        sa.Column("identifier", text, nullable=False),
        sa.Column("sender", text, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
    )
    _table(
        "seda_units",
        sa.Column("transfer_id", identity, nullable=False),
        sa.Column("position", number, nullable=False),
        sa.Column("unit", text, nullable=False),
        sa.Column("title", text, nullable=False),
        sa.Column("level", sa.String(length=40), nullable=True),
        sa.Column("above", number, nullable=False),
        sa.Column("system_id", identity, nullable=True),
        sa.Column("node", sa.Boolean(), nullable=False),
        keys=("transfer_id", "position"),
    )
    _table(
        "seda_parts",
        sa.Column("transfer_id", identity, nullable=False),
        sa.Column("position", number, nullable=False),
        sa.Column("unit", number, nullable=False),
        sa.Column("object", text, nullable=False),
        sa.Column("deposit_id", identity, nullable=False),
        sa.Column("record_id", identity, nullable=False),
        keys=("transfer_id", "position"),
    )
    _table(
        "seda_deliveries",
        sa.Column("id", identity, nullable=False),
        sa.Column("number", number, nullable=False),
        sa.Column("disposal_id", identity, nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
    )
    for name, (table, columns) in _INDEXES.items():
        op.create_index(name, table, columns)


def downgrade() -> None:
    for name, (table, _) in _INDEXES.items():
        op.drop_index(name, table_name=table)
    for table in ("seda_deliveries", "seda_parts", "seda_units", "seda_transfers"):
        op.drop_table(table)


def _table(name: str, *columns: sa.Column[object], keys: tuple[str, ...] = ("id",)) -> None:
    op.create_table(
        name,
        *columns,
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{name}_tenant_id_tenants")),
        sa.PrimaryKeyConstraint(*keys, name=op.f(f"pk_{name}")),
    )
