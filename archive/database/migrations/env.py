"""Alembic's entry: run the migrations on the given database.

All of them run in one transaction: a process killed half-way leaves the tables as they were, and
the next one begins again. Several may run at once, from several machines: on PostgreSQL they wait
for each other here, on SQLite for its one writer's place.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from archive.database import retention_counters, row_security
from archive.database.engine import Base, Database

_TURN = 0x4368_6D67
"""PostgreSQL advisory lock that a migration holds."""

database: Database = context.config.attributes["database"]
role: str | None = context.config.attributes.get("role")

with database.engine.connect() as connection, connection.begin():
    if not database.is_sqlite:
        connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    if context.get_context().get_current_revision() != context.get_head_revision():
        retention_counters.withdraw(connection)
    with context.begin_transaction():
        context.run_migrations()
    retention_counters.install(connection)
    if role is not None:
        row_security.apply(connection, role)
