"""PostgreSQL only: safe settings, a separate role, its failures, its notifications."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from archive.database import row_security
from signing.ground.errors import Refused

CHANNEL: Final = "chartrier"
"""Channel that the database notifies when a commit leaves work to send or to follow.

See migration 0004.
"""

_CONNECT_SECONDS: Final = 5
_SESSION: Final = {
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "600s",
    "timezone": "UTC",
    "client_encoding": "UTF8",
    "jit": "off",  # compiling took 150 ms of a page's query that runs in 10
}
_MIGRATION: Final = {"lock_timeout": "60s", "statement_timeout": "0", "timezone": "UTC", "client_encoding": "UTF8"}

_AWAY_CLASSES: Final = ("08", "40", "53", "57")
"""SQLSTATE classes after which a transaction may succeed later (PostgreSQL appendix A).

Connection, rollback (serialisation, deadlock), resources, intervention.
"""

_AWAY_STATES: Final = frozenset({"55P03", "25P03", "25P04"})
"""A lock not granted in time; a transaction ended by its own time-outs."""

_STANDBY: Final = "25006"
"""Read-only transaction: a server that became a standby, when we wanted to write."""

_DURABLE: Final = ("fsync", "full_page_writes", "synchronous_commit")


def arguments(*, owner: bool) -> dict[str, Any]:
    """Return the arguments of each connection; its settings cost no extra round trip."""
    settings = _MIGRATION if owner else _SESSION
    return {
        "connect_timeout": _CONNECT_SECONDS,
        "application_name": "chartrier",
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }


def begin(connection: Connection, sees: str) -> None:
    """Set, as a transaction's first statement, the tenant whose rows it sees until it ends."""
    connection.exec_driver_sql("SELECT set_config('app.tenant', %s, true)", (sees,))


def is_away(error: SQLAlchemyError, *, reading: bool = False) -> bool:
    """Whether the same transaction may succeed later: server absent, overloaded, conflict.

    Args:
        reading: Whether it was read-only; writing in such a transaction is a fault of ours.
    """
    if isinstance(error, OperationalError | PoolTimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None) or ""
    if state == _STANDBY:
        return not reading
    return error.connection_invalidated or state[:2] in _AWAY_CLASSES or state in _AWAY_STATES


def is_forbidden(error: DBAPIError) -> bool:
    """Whether the role lacks the right to do this (SQLSTATE 42501)."""
    return getattr(error.orig, "sqlstate", None) == "42501"


@dataclass(frozen=True)
class Server:
    """Facts about the server, as one connection finds them.

    Attributes:
        version: As the server writes it.
        role: Our role there.
        unsafe: Settings that are off and may lose commits.
        checksums: Whether the server would notice a page that its disk altered.
        privileged: Whether row security does not bind the role (superuser, ``BYPASSRLS``, or member
            of such a role).
        owner: Whether the role owns tables of ours, and could switch their row security off.
        unguarded: Tables whose row security is not as declared.
        undeclared: Tables of the schema that are not ours.
    """

    version: str
    role: str
    unsafe: tuple[str, ...]
    checksums: bool
    privileged: bool
    owner: bool
    unguarded: tuple[str, ...]
    undeclared: tuple[str, ...]


def inspect(connection: Connection) -> Server:
    """Read the server's settings and the rights of our role."""
    shown = {name: connection.scalar(text(f"SHOW {name}")) for name in (*_DURABLE, "data_checksums", "server_version")}
    privileged = text(
        "SELECT EXISTS (SELECT FROM pg_roles WHERE (rolsuper OR rolbypassrls) AND pg_has_role(oid, 'MEMBER'))"
    )
    owner = text(
        "SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
        " AND relkind IN ('r', 'p') AND pg_has_role(relowner, 'MEMBER'))"
    )
    return Server(
        version=str(shown["server_version"]),
        role=str(connection.scalar(text("SELECT current_user"))),
        unsafe=tuple(name for name in _DURABLE if shown[name] == "off"),
        checksums=shown["data_checksums"] == "on",
        privileged=bool(connection.scalar(privileged)),
        owner=bool(connection.scalar(owner)),
        unguarded=tuple(row_security.faults(connection)),
        undeclared=tuple(row_security.undeclared(connection)),
    )


def may_migrate(connection: Connection) -> bool:
    """Whether the role may make tables; a role that may not only serves."""
    return bool(connection.scalar(text("SELECT has_schema_privilege(current_schema(), 'CREATE')")))


def require_safe(server: Server, *, separate: bool) -> None:
    """Refuse to serve on a database that may lose commits, or would not keep tenants apart.

    Args:
        server: As the serving role finds it.
        separate: Whether another role was given for migrations. Where one role does both, because
            only one URL is set, ``doctor`` reports what is not enforced.
    """
    if server.unsafe:
        raise Refused(
            "database_not_durable",
            "PostgreSQL peut perdre ce qu’il a confirmé : {names} vaut off.",
            action="Remettez ces réglages à on sur le serveur, pour la base et pour le rôle, puis relancez.",
            names=", ".join(server.unsafe),
        )
    if separate and (server.privileged or server.owner):
        raise Refused(
            "database_role_too_strong",
            "Le rôle « {role} » de CHARTRIER_DATABASE_URL possède les tables ou échappe à leur cloisonnement.",
            action="Donnez au service un rôle NOSUPERUSER NOBYPASSRLS qui ne possède rien (docs/operations.md).",
            role=server.role,
        )


class Listener:
    """Receive the commits of every machine, on a connection of its own; reconnect when lost.

    Args:
        url: Of the serving role.
    """

    def __init__(self, url: URL) -> None:
        self._address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection: psycopg.Connection[Any] | None = None
        self._over = threading.Event()

    def notify(self) -> None:
        """Do nothing: the commit itself has notified."""

    def wait(self, seconds: float) -> bool:
        """Sleep until a commit notifies or the time is over; True when notified, once for many."""
        try:
            connection = self._connected()
            heard = list(connection.notifies(timeout=seconds, stop_after=1))
            heard += list(connection.notifies(timeout=0))
        except psycopg.Error:
            self.close()
            self._over.wait(seconds)  # fall back on time
            return False
        return bool(heard)

    def close(self) -> None:
        """Stop listening."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            connection = psycopg.connect(
                self._address, autocommit=True, connect_timeout=_CONNECT_SECONDS, application_name="chartrier bell"
            )
            connection.execute(f"LISTEN {CHANNEL}")
            self._connection = connection
        return self._connection
