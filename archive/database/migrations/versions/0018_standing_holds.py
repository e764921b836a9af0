"""Let holds cover what comes later; keep the words that they ask for, and their reviews."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from archive.database.engine import UtcDateTime

revision = "0018"
down_revision = "0015"
branch_labels = None
depends_on = None

_HOLDS: tuple[sa.Column[object], ...] = (
    sa.Column("scope", sa.String(length=10), nullable=True),
    sa.Column("node_id", sa.String(length=36), nullable=True),
    sa.Column("query", sa.JSON(), nullable=True),
    sa.Column("authority", sa.String(length=20), nullable=True),
    sa.Column("reference", sa.String(length=200), nullable=True),
    sa.Column("owner", sa.String(length=200), nullable=True),
    sa.Column("review_on", sa.Date(), nullable=True),
    sa.Column("forbids_move", sa.Boolean(), nullable=False, server_default=sa.false()),
    sa.Column("restricts_reading", sa.Boolean(), nullable=False, server_default=sa.false()),
    sa.Column("statement_sha256", sa.String(length=64), nullable=True),
)
_HELD: tuple[sa.Column[object], ...] = (
    sa.Column("since", UtcDateTime(), nullable=True),
    sa.Column("settled_at", UtcDateTime(), nullable=True),
)


def upgrade() -> None:
    for column in _HOLDS:
        op.add_column("holds", column)
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.alter_column("forbids_move", server_default=None)
        batch_op.alter_column("restricts_reading", server_default=None)
    for column in _HELD:
        op.add_column("held_records", column)
    op.execute(
        "UPDATE held_records SET settled_at ="
        " (SELECT holds.settled_at FROM holds WHERE holds.id = held_records.hold_id)"
    )
    op.create_index("ix_held_records_settled", "held_records", ["hold_id", "settled_at"])
    op.create_table(
        "record_words",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("described", sa.Text(), nullable=False),
        sa.Column("pages", sa.Text(), nullable=True),
        sa.Column("unread", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_record_words_record_id_records")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_record_words")),
    )
    op.create_index("ix_record_words_unread", "record_words", ["unread"])
    op.execute(
        sa.text(
            "INSERT INTO record_words (record_id, described, pages, unread) SELECT id, '', NULL, :unread FROM records"
        ).bindparams(sa.bindparam("unread", True, sa.Boolean()))
    )
    op.create_table(
        "hold_reviews",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=True),
        sa.Column("review_on", sa.Date(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_hold_reviews_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold_reviews")),
    )


def downgrade() -> None:
    op.drop_table("hold_reviews")
    op.drop_table("record_words")
    op.drop_index("ix_held_records_settled", table_name="held_records")
    with op.batch_alter_table("held_records", schema=None) as batch_op:
        for column in reversed(_HELD):
            batch_op.drop_column(column.name)
    with op.batch_alter_table("holds", schema=None) as batch_op:
        for column in reversed(_HOLDS):
            batch_op.drop_column(column.name)
