"""The tables of every package, made or brought up to date before anything is served."""

from __future__ import annotations

from pathlib import Path

from archive.database import Database
from archive.settings import ArchiveSettings


def prepare(given: ArchiveSettings, database: Database) -> None:
    """Tables under the role that owns them, then a look at them under the role that serves.

    Raises:
        Refused: ``database_not_durable``, ``database_role_too_strong``.
        Unavailable: ``database_unreachable``, ``database_away``.
    """
    separate = given.database_owner_url != given.database_url
    owner = Database(given.database_owner_url.get_secret_value(), pooled=False, owner=True)
    try:
        owner.inspect()
        migrate(owner, role=database.url.username)
    finally:
        owner.dispose()
    found = database.inspect()
    if found is not None:
        from archive.postgres import require_safe

        require_safe(found, separate=separate)


def migrate(database: Database, revision: str = "head", role: str | None = None) -> None:
    """Bring the tables up to a revision.

    Args:
        database: Under the role that owns the tables.
        revision: Which.
        role: On PostgreSQL, the role that serves: it gets what it needs and no more.

    Raises:
        Unavailable: ``database_away``.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "archive" / "migrations"))
    config.attributes["database"] = database
    if not database.is_sqlite:
        config.attributes["role"] = role or database.url.username
    with database.translated():
        command.upgrade(config, revision)
