"""Brings the tables up to date under the role that owns them, and looks at what the serving role then finds."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from sqlalchemy.exc import ProgrammingError

from archive.database import Database
from signing.errors import Refused


def prepare(database: Database, owner_url: SecretStr, *, separate: bool) -> None:
    """Make a database ready to serve; several machines may do so at once.

    Args:
        database: Under the role that serves.
        owner_url: The same database under the role that owns the tables.
        separate: Whether these are meant to be two roles.

    Raises:
        Refused: ``database_not_durable``, ``database_role_too_strong``, ``database_owner_too_weak``.
        Unavailable: ``database_unreachable``, ``database_away``.
    """
    owner = Database(owner_url.get_secret_value(), pooled=False, owner=True)
    try:
        owner.inspect()
        migrate(owner, role=database.url.username)
    except ProgrammingError as error:
        from archive.postgres import is_forbidden

        if not is_forbidden(error):
            raise
        raise Refused(
            "database_owner_too_weak",
            "Le rôle propriétaire ne peut pas préparer la base : {reason}",
            action="Vérifiez CHARTRIER_DATABASE_OWNER_URL (docs/operations.md dit quels droits il lui faut).",
            reason=str(error.orig).strip(),
        ) from error
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
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["database"] = database
    if not database.is_sqlite:
        config.attributes["role"] = role or database.url.username
    with database.translated():
        command.upgrade(config, revision)
