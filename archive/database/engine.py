"""The database: SQLite on one machine, PostgreSQL beyond; SQLAlchemy is the only interface."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import JSON, DateTime, Engine, MetaData, create_engine, event, make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator

from archive.database import turns
from archive.database.tenancy import EVERYTHING, visible
from signing.ground.errors import Unavailable
from signing.ground.machine import Fault, blamed

if TYPE_CHECKING:
    from archive.database.postgres import Server

_BUSY_SECONDS: Final = 10
_open_writes = threading.local()
_SQLITE_FAULTS: Final = {
    sqlite3.SQLITE_FULL: Fault.NO_ROOM,
    sqlite3.SQLITE_IOERR: Fault.FAILING,
    sqlite3.SQLITE_READONLY: Fault.READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: Fault.FAILING,
    sqlite3.SQLITE_NOMEM: Fault.MEMORY,
}
_POSTGRES_FAULTS: Final = {"53100": Fault.NO_ROOM, "53200": Fault.MEMORY}
_RECYCLED: Final = 600
"""Seconds after which a connection is opened anew: SQLite reads statistics when it opens."""
_LOOKED_AT: Final = 1000
"""Rows of an index that SQLite reads for its statistics."""
_POOL: Final = {"pool_size": 5, "max_overflow": 45, "pool_timeout": 10}
"""Connections kept open, and how many more may be opened.

An API has 40 threads, some with two transactions at once.
"""


def is_writing() -> bool:
    """Whether this thread has a write transaction open; nothing slow may be done meanwhile."""
    return getattr(_open_writes, "count", 0) > 0


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC with its zone, also on SQLite, which stores no zone."""

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
        """Return the moment in UTC, with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of every table of every package, so that one migration history serves all."""

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
    """Open short transactions.

    Args:
        url: SQLAlchemy URL; ``sqlite:////abs/path`` or ``postgresql+psycopg://…``.
        pooled: False in workers, where a connection must not outlive a task or cross a fork.
        owner: Whether this is the role that migrates: its statements may take long.
        sees: Tenant whose rows transactions see by default (see ``archive.database.tenancy``).
    """

    def __init__(self, url: str, *, pooled: bool = True, owner: bool = False, sees: str = EVERYTHING) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._sees = sees
        self._writing = threading.Lock()
        if self.url.drivername == "postgresql":
            self.url = self.url.set(drivername="postgresql+psycopg")
        options: dict[str, Any] = {"pool_recycle": _RECYCLED} if pooled else {"poolclass": NullPool}
        if not self.is_sqlite:
            from archive.database import postgres

            self._postgres = postgres
            options["connect_args"] = postgres.arguments(owner=owner)
            if pooled:
                options |= {"pool_pre_ping": True, **_POOL}
        self.engine: Engine = create_engine(self.url, **options)
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            event.listen(self.engine, "begin", self._begin_postgres)
            _forget_after_fork(self.engine)
        snapshot = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reading = self.engine.execution_options(chartrier_write=False, **snapshot)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a read-write transaction: committed at the end, rolled back on any error.

        On SQLite it locks for writing at once (``BEGIN IMMEDIATE``), so that it never has to
        upgrade a read lock and fail.

        Raises:
            Unavailable: ``database_away``.
        """
        with self._turn(), _marked(), self._session(self.engine) as session, session.begin():
            yield session

    def forget(self) -> None:
        """Leave no former content of rows in SQLite's write-ahead log.

        PostgreSQL's own log is cut by its checkpoints and archives, as its administrator set them.

        Raises:
            Unavailable: ``database_away``.
        """
        if not self.is_sqlite:
            return
        with self._turn(), self.translated(), self.engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def vacuum(self, owner: str | None, tables: Sequence[str]) -> None:
        """Free what is deleted in tables of PostgreSQL; SQLite overwrote it already.

        The room that is freed is overwritten when it is used again, not now.

        Args:
            owner: URL of the role that owns the tables, where it is another one.

        Raises:
            Unavailable: ``database_away``.
        """
        if self.is_sqlite:
            return
        own = Database(owner or self.url.render_as_string(hide_password=False), pooled=False, owner=True)
        try:
            with own.translated(), own.engine.connect() as connection:
                freely = connection.execution_options(isolation_level="AUTOCOMMIT")
                freely.exec_driver_sql(f"VACUUM {', '.join(tables)}")
        finally:
            own.dispose()

    @contextmanager
    def turn(self, subject: str) -> Iterator[None]:
        """Let one program at a time do long work on a subject, before a transaction claims it.

        Raises:
            RuntimeError: In a write transaction of this thread, whose lock others may wait for.
            Unavailable: ``turn_taken``, ``database_away``.
        """
        if is_writing():
            raise RuntimeError("a turn is taken before a write transaction, never in one")
        if not self.is_sqlite:
            with self.translated(), turns.on_server(self.engine, subject):
                yield
        else:
            with turns.on_this_machine(Path(self.url.database or ""), subject):
                yield

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Queue the threads of one process for SQLite's one writer's place.

        SQLite itself makes waiters sleep and retry, up to 100 ms at a time; a lock wakes the next
        at once.
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
        """Open a read-only transaction on one snapshot.

        Raises:
            Unavailable: ``database_away``.
        """
        with self._session(self._reading) as session:
            yield session  # closing the session ends the transaction; rows that were read stay usable

    @contextmanager
    def _session(self, bind: Engine) -> Iterator[Session]:
        with self.translated(reading=bind is self._reading), Session(bind, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def translated(self, *, reading: bool = False) -> Iterator[None]:
        """Translate the driver's failures into our errors.

        Raises:
            Unavailable: ``database_away``.
        """
        try:
            yield
        except SQLAlchemyError as error:
            away = (
                isinstance(error, OperationalError)
                if self.is_sqlite
                else self._postgres.is_away(error, reading=reading)
            )
            if away:
                fault = _fault(error)
                raise (_away() if fault is None else blamed(_away(), fault)) from error
            raise

    def _begin_postgres(self, connection: Any) -> None:
        self._postgres.begin(connection, visible(self._sees))

    def inspect(self) -> Server | None:
        """Return facts about the PostgreSQL server and our role there; None on SQLite.

        Raises:
            Unavailable: ``database_unreachable``, with the reason, for starting or examining the
                service.
        """
        if self.is_sqlite:
            return None
        try:
            with self.engine.connect() as connection:
                return self._postgres.inspect(connection)
        except OperationalError as error:
            raise Unavailable(
                "database_unreachable",
                "La base de données ne répond pas : {reason}",
                action="Vérifiez que le serveur tourne, son adresse, le rôle et son mot de passe.",
                reason=str(error.orig).strip(),
            ) from error

    def refresh_statistics(self) -> None:
        """Let SQLite's planner see how much is where: some milliseconds, at any size.

        Without, it takes any index of a tenant to be as good as any other, and reads a million rows
        for fifty. PostgreSQL does so by itself.
        """
        if self.is_sqlite:
            with self.write() as session:
                for statement in (f"PRAGMA analysis_limit={_LOOKED_AT}", "ANALYZE"):
                    session.connection().exec_driver_sql(statement)

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


@contextmanager
def _marked() -> Iterator[None]:
    """Mark this thread as writing (see ``is_writing``)."""
    _open_writes.count = getattr(_open_writes, "count", 0) + 1
    try:
        yield
    finally:
        _open_writes.count -= 1


def _forget_after_fork(engine: Engine) -> None:
    """Drop the parent's connections in a forked child, without closing them."""
    known = weakref.ref(engine)

    def forget() -> None:
        mine = known()
        if mine is not None:
            mine.dispose(close=False)

    os.register_at_fork(after_in_child=forget)


def _away() -> Unavailable:
    return Unavailable(
        "database_away",
        "La base de données ne répond pas.",
        action="Réessayez dans quelques instants.",
    )


def _fault(error: SQLAlchemyError) -> Fault | None:
    """Return the fault of the machine that a failure of SQLite or PostgreSQL shows."""
    driver = getattr(error, "orig", None)
    if isinstance(driver, sqlite3.Error):
        return _SQLITE_FAULTS.get(getattr(driver, "sqlite_errorcode", 0) & 0xFF)
    return _POSTGRES_FAULTS.get(getattr(driver, "sqlstate", None) or "")


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's "begin" event decides, see _begin_sqlite
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"busy_timeout={_BUSY_SECONDS * 1000}",
        "foreign_keys=ON",
        "trusted_schema=OFF",
        "secure_delete=ON",  # what a disposal empties is overwritten, not left in free pages
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
