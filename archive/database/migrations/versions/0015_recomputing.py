"""Fill basis and due day of earlier records; find stale records by an index of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None

_IS_STALE = sa.text("stale_since IS NOT NULL")
_BASIS = """
UPDATE records SET basis = CASE
    WHEN ends_on IS NOT NULL THEN 'dated'
    WHEN rule_code IS NULL THEN 'rule_missing'
    WHEN CAST(warnings AS TEXT) LIKE '%"start_missing"%' THEN 'start_missing'
    ELSE 'no_end' END
WHERE basis IS NULL
"""
"""As ``record_json`` reads it from a record that does not tell it."""
_DUE = {
    "sqlite": "date(ends_on, '+1 day')",
    "postgresql": "ends_on + 1",
}


def filling(dialect: str) -> tuple[str, str]:
    """Return the statements that fill basis and due day where an earlier version told neither."""
    due = (
        f"UPDATE records SET due_on = {_DUE[dialect]}"  # noqa: S608 - words of ours
        " WHERE ends_on IS NOT NULL AND due_on IS NULL AND ends_on < '9999-12-31'"
    )
    return _BASIS, due


def upgrade() -> None:
    for statement in filling(op.get_bind().dialect.name):
        op.execute(statement)
    op.drop_index("ix_records_stale", table_name="records")
    op.create_index("ix_records_stale", "records", ["id"], sqlite_where=_IS_STALE, postgresql_where=_IS_STALE)


def downgrade() -> None:
    op.drop_index("ix_records_stale", table_name="records")
    op.create_index("ix_records_stale", "records", ["stale_since"])
