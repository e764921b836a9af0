"""Alembic's entry: runs the migrations on the database it was handed."""

from __future__ import annotations

from alembic import context

from archive.database import Base, Database

database: Database = context.config.attributes["database"]

with database.engine.connect() as connection:
    context.configure(
        connection=connection, target_metadata=Base.metadata, render_as_batch=True, transactional_ddl=True
    )
    with context.begin_transaction():
        context.run_migrations()
