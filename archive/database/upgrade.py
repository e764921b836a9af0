"""Upgrade the tables of every package, or refuse where another role must do it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import ProgrammingError

from archive.database.engine import Database
from archive.model.settings import ArchiveSettings
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from alembic.config import Config


def prepare(given: ArchiveSettings, database: Database) -> None:
    """Upgrade the tables under the role that owns them, then check them under the serving role.

    Several machines may do so at once. A machine without the owner's role migrates nothing: it
    finds the tables as another made them.

    Args:
        given: Settings that name the role that owns.
        database: Under the role that serves.

    Raises:
        Refused: ``database_not_durable``, ``database_role_too_strong``,
            ``database_owner_too_weak``, ``database_behind``.
        Unavailable: ``database_unreachable``, ``database_away``.
    """
    separate = given.database_owner_url != given.database_url
    if separate or may_migrate(database):
        _migrate_as_owner(given.database_owner_url.get_secret_value(), role=database.url.username)
    else:
        require_current(database)
        separate = True
    server = database.inspect()
    if server is not None:
        from archive.database.postgres import require_safe

        require_safe(server, separate=separate)


def _migrate_as_owner(url: str, *, role: str | None) -> None:
    owner = Database(url, pooled=False, owner=True)
    try:
        owner.inspect()
        migrate(owner, role=role)
    except ProgrammingError as error:
        from archive.database.postgres import is_forbidden

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


def may_migrate(database: Database) -> bool:
    """Whether the role of this database may make tables in it.

    Raises:
        Unavailable: ``database_unreachable``.
    """
    if database.inspect() is None:
        return True
    from archive.database import postgres

    with database.engine.connect() as connection:
        return postgres.may_migrate(connection)


def require_current(database: Database) -> None:
    """Refuse tables of another revision, for a role that may not migrate.

    Raises:
        Refused: ``database_behind``.
    """
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    head = ScriptDirectory.from_config(_migrations()).get_current_head()
    with database.engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != head:
        raise Refused(
            "database_behind",
            "Les tables en sont à la révision {found}, cette version attend la révision {head}.",
            kept="Rien n’a été modifié.",
            action="Lancez « chartrier initialise » avec CHARTRIER_DATABASE_OWNER_URL, puis relancez.",
            found=found or "—",
            head=head,
        )


def migrate(database: Database, revision: str = "head", role: str | None = None) -> None:
    """Upgrade the tables to a revision.

    Args:
        database: Under the role that owns the tables.
        revision: Alembic's name of the revision.
        role: On PostgreSQL, the role that serves: it gets the rights that it needs and no more.

    Raises:
        Unavailable: ``database_away``.
    """
    from alembic import command

    config = _migrations()
    config.attributes["database"] = database
    if not database.is_sqlite:
        config.attributes["role"] = role or database.url.username
    with database.translated():
        command.upgrade(config, revision)


def _migrations() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
