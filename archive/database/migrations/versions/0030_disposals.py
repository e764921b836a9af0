"""Add disposals: bordereaux, parts of their population, visas, lines, refusals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0027"
branch_labels = None
depends_on = None

_ID = sa.String(length=36)


def upgrade() -> None:
    op.create_table(
        "disposals",
        *_stated("disposals"),
        sa.Column("reference", sa.String(length=20), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=10), nullable=False),
        sa.Column("direction", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("producer", sa.String(length=200), nullable=True),
        sa.Column("drafted_by", sa.String(length=200), nullable=False),
        sa.Column("proposed_on", sa.Date(), nullable=True),
        sa.Column("last_visa_on", sa.Date(), nullable=True),
        sa.Column("stop_until", sa.Date(), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.UniqueConstraint("tenant_id", "reference", name=op.f("uq_disposals_tenant_id_reference")),
    )
    op.create_index("ix_disposals_state", "disposals", ["tenant_id", "state", "id"])
    op.create_table(
        "disposal_chunks",
        *_stated("disposal_chunks"),
        sa.Column("disposal_id", _ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
    )
    op.create_index("ix_disposal_chunks_disposal", "disposal_chunks", ["disposal_id", "position"])
    op.create_table(
        "disposal_visas",
        *_stated("disposal_visas"),
        sa.Column("disposal_id", _ID, nullable=False),
        sa.Column("step", sa.String(length=12), nullable=False),
        sa.Column("means", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("given_on", sa.Date(), nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
    )
    op.create_index("ix_disposal_visas_disposal", "disposal_visas", ["disposal_id", "step"])
    _lines()
    op.create_table(
        "visa_refusals",
        sa.Column("record_id", _ID, nullable=False),
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("disposal_id", _ID, nullable=False),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("not_before", sa.Date(), nullable=True),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_visa_refusals_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_visa_refusals")),
    )
    op.create_index("ix_visa_refusals_tenant_id", "visa_refusals", ["tenant_id"])


def _stated(table: str) -> list[sa.schema.SchemaItem]:
    """Return the columns of a table whose rows repeat statements."""
    return [
        sa.Column("id", _ID, nullable=False),
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _lines() -> None:
    op.create_table(
        "disposal_lines",
        sa.Column("disposal_id", _ID, nullable=False),
        sa.Column("record_id", _ID, nullable=False),
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("group_no", sa.Integer(), nullable=False),
        sa.Column("frozen", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("waiting_until", sa.Date(), nullable=True),
        sa.Column("locked_since", sa.Date(), nullable=True),
        sa.Column("decision", sa.String(length=20), nullable=True),
        sa.Column("not_before", sa.Date(), nullable=True),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("supplement", sa.Integer(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_disposal_lines_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("disposal_id", "record_id", name=op.f("pk_disposal_lines")),
    )
    op.create_index("ix_disposal_lines_record", "disposal_lines", ["record_id"])
    op.create_index("ix_disposal_lines_group", "disposal_lines", ["disposal_id", "group_no", "state"])
    op.create_index("ix_disposal_lines_state", "disposal_lines", ["disposal_id", "state", "position"])


def downgrade() -> None:
    for table in ("visa_refusals", "disposal_lines", "disposal_visas", "disposal_chunks", "disposals"):
        op.drop_table(table)
