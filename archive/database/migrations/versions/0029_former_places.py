"""Date the ranks and places of services; name several rules of the records that were kept before.

``other_rules`` was added without a value for what was kept by then: an unvalidated rule among
several went unseen there.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0026"
branch_labels = None
depends_on = None

_BATCH = 5000
_RECORDS = sa.table(
    "records",
    sa.column("id", sa.String),
    sa.column("retention_parts", sa.JSON),
    sa.column("other_rules", sa.Text),
)


def upgrade() -> None:
    op.add_column("services", sa.Column("former_places", sa.JSON(), nullable=False, server_default="[]"))
    _name_rules(op.get_bind())


def _name_rules(bind: sa.Connection) -> None:
    after = ""
    while True:
        rows = bind.execute(
            sa.select(_RECORDS.c.id, _RECORDS.c.retention_parts)
            .where(_RECORDS.c.id > after, _RECORDS.c.other_rules.is_(None))
            .where(sa.cast(_RECORDS.c.retention_parts, sa.Text).contains('"rule"'))
            .order_by(_RECORDS.c.id)
            .limit(_BATCH)
        ).all()
        for identity, parts in rows:
            named = {f"{part['rule']}/{part['rule_version']}" for part in parts if part.get("rule")}
            if len(named) > 1:
                told = sa.update(_RECORDS).where(_RECORDS.c.id == identity)
                bind.execute(told.values(other_rules=";".join(sorted(named))))
        if len(rows) < _BATCH:
            return
        after = rows[-1].id


def downgrade() -> None:
    op.drop_column("services", "former_places")
