"""The database: SQLite on one machine, PostgreSQL when that is outgrown. Not a port: SQLAlchemy is."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, ClassVar, Final

from sqlalchemy import JSON, DateTime, Engine, MetaData, create_engine, event, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator

from signing.errors import Unavailable

_BUSY_SECONDS: Final = 10


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC with its zone, also on SQLite, which forgets it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        """Refuse a moment without a zone; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone proves nothing")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Every table of every package hangs here, so that one migration history serves all."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
    }


class Database:
    """Hands out short transactions.

    Args:
        url: SQLAlchemy URL; ``sqlite:////abs/path`` or ``postgresql+psycopg://…``.
        pooled: False in workers, where a connection must not outlive a task or cross a fork.
    """

    def __init__(self, url: str, *, pooled: bool = True) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writing = threading.Lock()
        options: dict[str, Any] = {} if pooled else {"poolclass": NullPool}
        if not self.is_sqlite and pooled:
            options["pool_pre_ping"] = True
        self.engine: Engine = create_engine(self.url, **options)
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One read-write transaction: committed at the end, rolled back on any error.

        On SQLite it takes the write lock at once (``BEGIN IMMEDIATE``), so that it never
        has to upgrade a read lock and fail.

        Raises:
            Unavailable: ``database_away``.
        """
        with self._turn(), self._session(write=True) as session, session.begin():
            yield session

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Threads of one process queue here for SQLite's one writer's place.

        SQLite itself has waiters sleep and try again, up to 100 ms at a time; a lock wakes the next at once.
        """
        if not self.is_sqlite:
            yield
            return
        if not self._writing.acquire(timeout=_BUSY_SECONDS):
            raise _away()
        try:
            yield
        finally:
            self._writing.release()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One read-only transaction on one snapshot.

        Raises:
            Unavailable: ``database_away``.
        """
        with self._session(write=False) as session:
            yield session  # closing the session ends the transaction and leaves what was read usable

    @contextmanager
    def _session(self, *, write: bool) -> Iterator[Session]:
        bind = self.engine.execution_options(chartrier_write=write)
        try:
            with Session(bind, expire_on_commit=False) as session:
                yield session
        except OperationalError as error:
            raise _away() from error

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _away() -> Unavailable:
    return Unavailable(
        "database_away",
        "La base de données ne répond pas.",
        action="Réessayez dans quelques instants.",
    )


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's "begin" event decides, see _begin_sqlite
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"busy_timeout={_BUSY_SECONDS * 1000}",
        "foreign_keys=ON",
        "trusted_schema=OFF",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    (mode,) = cursor.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = cursor.execute("PRAGMA synchronous").fetchone()
    cursor.close()
    if (mode, synchronous) not in {("wal", 2), ("memory", 2)}:
        raise RuntimeError(f"SQLite runs with journal_mode={mode}, synchronous={synchronous}: commits could be lost")


def _begin_sqlite(connection: Any) -> None:
    write = connection.get_execution_options().get("chartrier_write", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def iso(value: date | None) -> str | None:
    """A date as JSON carries it."""
    return value.isoformat() if value is not None else None
