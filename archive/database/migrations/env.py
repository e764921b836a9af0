"""Alembic's entry: runs the migrations on the database it was handed.

All of them in one transaction: a process killed half-way leaves the tables as they were, and
whoever comes next begins again. Several may come at once, from several machines: on PostgreSQL they
wait for each other here, on SQLite for its one writer's place.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from archive.database import row_security
from archive.database.engine import Base, Database

_TURN = 0x4368_6D67
"""PostgreSQL advisory lock of whoever migrates."""

database: Database = context.config.attributes["database"]
role: str | None = context.config.attributes.get("role")

with database.engine.connect() as connection, connection.begin():
    if not database.is_sqlite:
        connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
    if role is not None:
        row_security.apply(connection, role)
