"""Add invitations of guests to a visa, drafts of it, sessions of guests, mails and addresses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0037"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "visa_invitations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("disposal_id", sa.String(length=36), nullable=False),
        sa.Column("step", sa.String(length=12), nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("quality", sa.Text(), nullable=False),
        sa.Column("mail", sa.String(length=254), nullable=False),
        sa.Column("heads", sa.String(length=200), nullable=True),
        sa.Column("by_mail", sa.Boolean(), nullable=False),
        sa.Column("address", sa.String(length=400), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("code_digest", sa.String(length=64), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("wrong", "knocks")),
        sa.Column("invited_by", sa.String(length=200), nullable=False),
        *(sa.Column(name, _MOMENT, nullable=False) for name in ("invited_at", "expires_at")),
        *(sa.Column(name, _MOMENT, nullable=True) for name in ("entered_at", "closed_at", "revoked_at", "used_at")),
        sa.Column("draft", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_visa_invitations_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visa_invitations")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_visa_invitations_token_sha256")),
    )
    op.create_index("ix_visa_invitations_disposal", "visa_invitations", ["disposal_id", "id"])
    op.create_table(
        "visa_drafts",
        sa.Column("invitation_id", sa.String(length=36), nullable=False),
        sa.Column("target", sa.String(length=40), nullable=False),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("not_before", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["invitation_id"], ["visa_invitations.id"], name=op.f("fk_visa_drafts_invitation_id_visa_invitations")
        ),
        sa.PrimaryKeyConstraint("invitation_id", "target", name=op.f("pk_visa_drafts")),
    )
    op.create_table(
        "guest_sessions",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("invitation_id", sa.String(length=36), nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        *(sa.Column(name, _MOMENT, nullable=False) for name in ("created_at", "seen_at", "expires_at")),
        sa.ForeignKeyConstraint(
            ["invitation_id"], ["visa_invitations.id"], name=op.f("fk_guest_sessions_invitation_id_visa_invitations")
        ),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_guest_sessions")),
    )
    _mails()


def _mails() -> None:
    op.create_table(
        "mails",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("cause", sa.String(length=200), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("subject", "body")),
        *(sa.Column(name, sa.String(length=36), nullable=True) for name in ("disposal_id", "invitation_id")),
        sa.Column("made_by", sa.String(length=200), nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", _MOMENT, nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("sent_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_mails_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
        sa.UniqueConstraint("tenant_id", "cause", name=op.f("uq_mails_tenant_id_cause")),
    )
    op.create_index("ix_mails_next", "mails", ["state", "next_at"])
    op.create_index("ix_mails_tenant", "mails", ["tenant_id", "id"])
    op.create_table(
        "mail_addresses",
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("tenant_id", sa.String(length=63), nullable=False),
        sa.Column("mail", sa.String(length=254), nullable=False),
        sa.Column("gives_visas", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_mail_addresses_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("agent", name=op.f("pk_mail_addresses")),
    )
    op.create_index("ix_mail_addresses_tenant_id", "mail_addresses", ["tenant_id"])


def downgrade() -> None:
    for table in ("mail_addresses", "mails", "guest_sessions", "visa_drafts", "visa_invitations"):
        op.drop_table(table)
