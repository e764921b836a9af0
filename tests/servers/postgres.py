"""PostgreSQL: one server for a run, and a fresh database for a test, cloned from a template.

There are two roles, as an administrator makes them (docs/operations.md): ``keeper`` owns and
migrates, ``clerk`` serves. ``fsync`` stays on. A server that tests share lies in memory where there
is room: to drop a database brings all the others to the disk first, which took two seconds a test.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.database.upgrade import migrate
from tests.servers.presence import absent
from tests.servers.process import ServerProcess, free_port

_PLACES = ("/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin")
OWNER, SERVING = "keeper", "clerk"


@dataclass(frozen=True)
class Fresh:
    """A database that nobody else uses.

    Attributes:
        url: Its URL for the role that serves.
        owner_url: Its URL for the role that owns the tables; on SQLite the same.
    """

    url: str
    owner_url: str

    @property
    def settings(self) -> dict[str, str]:
        """Return the service's settings for this database."""
        return {"CHARTRIER_DATABASE_URL": self.url, "CHARTRIER_DATABASE_OWNER_URL": self.owner_url}


class Postgres:
    """A PostgreSQL server of ours, on loopback, with a password of its own."""

    def __init__(self, *, place: Path = Path("/tmp")) -> None:
        self.programs = _programs()
        self._password = secrets.token_urlsafe(16)
        self._folder = Path(tempfile.mkdtemp(prefix="chartrier-postgres-", dir=place))
        self._user = "postgres" if os.geteuid() == 0 else None
        self.port = free_port()
        self._template: str | None = None
        self._create()
        self.server = ServerProcess(
            "postgres",
            [str(self.programs / "postgres"), "-D", str(self._folder / "base")],
            self._folder,
            self._answers,
            user=self._user,
        )

    def _create(self) -> None:
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        given = self._folder / "password"
        given.write_text(self._password)
        given.chmod(0o644)
        options = ["--auth=scram-sha-256", "-U", "postgres", f"--pwfile={given}", "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run(
            [str(self.programs / "initdb"), "-D", str(self._folder / "base"), "--data-checksums", *options],
            user=self._user,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        given.unlink()
        with (self._folder / "base" / "postgresql.conf").open("a") as settings:
            settings.write(
                f"\nlisten_addresses = '127.0.0.1'\nport = {self.port}\n"
                f"unix_socket_directories = '{self._folder}'\nmax_connections = 200\nshared_buffers = 64MB\n"
                "max_wal_size = 256MB\n"
            )

    def _answers(self) -> bool:
        with self.superuser():
            return True

    def superuser(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Return a connection with every right; each statement commits by itself."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            dbname=database,
            user="postgres",
            password=self._password,
            autocommit=True,
            connect_timeout=5,
        )

    def start(self) -> None:
        """Start the server; the first time, create the two roles."""
        self.server.start()
        with self.superuser() as connection:
            if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (OWNER,)).fetchone() is None:
                for role in (OWNER, SERVING):
                    connection.execute(
                        f"CREATE ROLE {role} LOGIN PASSWORD '{self._password}' NOSUPERUSER NOBYPASSRLS NOCREATEROLE"
                    )

    def kill(self) -> None:
        """Kill the server by SIGKILL and wait until its backends are gone, as a new start needs."""
        pid = self.server.pid
        backends = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        self.server.kill()
        for backend in backends:
            while Path(f"/proc/{backend}").exists():
                time.sleep(0.02)

    def stop(self) -> None:
        """End the server, which closes every connection, and remove its folder."""
        self.server.stop(signal.SIGINT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def address(self, database: str, role: str) -> str:
        """Return the SQLAlchemy URL of a database for a role."""
        return f"postgresql+psycopg://{role}:{self._password}@127.0.0.1:{self.port}/{database}"

    def superuser_address(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database for the superuser."""
        return self.address(database, "postgres")

    def empty(self, name: str | None = None) -> Fresh:
        """Create a database without tables."""
        name = name or f"test_{secrets.token_hex(6)}"
        with self.superuser() as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE template0 LOCALE 'C.UTF-8'")
        return self._fresh(name)

    def fresh(self) -> Fresh:
        """Create a migrated database."""
        if self._template is None:
            template = self.empty("migrated")
            owner = Database(template.owner_url, pooled=False, owner=True)
            migrate(owner, role=SERVING)
            owner.dispose()
            self._template = "migrated"
        name = f"test_{secrets.token_hex(6)}"
        strategy = "FILE_COPY" if self._folder.is_relative_to(_MEMORY) else "WAL_LOG"  # no disk: half the time
        with self.superuser() as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {self._template} STRATEGY {strategy}")
        return self._fresh(name)

    def drop(self, fresh: Fresh) -> None:
        """Drop a database, even with open connections."""
        with self.superuser() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {fresh.url.rpartition('/')[2]} WITH (FORCE)")

    def _fresh(self, name: str) -> Fresh:
        return Fresh(self.address(name, SERVING), self.address(name, OWNER))


def _programs() -> Path:
    for place in _PLACES:
        if (Path(place) / "initdb").exists():
            return Path(place)
    found = shutil.which("initdb")
    if found is None:
        absent("PostgreSQL")
    assert found is not None
    return Path(found).resolve().parent


_MEMORY = Path("/dev/shm")
_ROOM = 4 << 30
"""Bytes that must be free there: a module's databases of 10 MB each, for several test processes."""


_LEFT = 6 * 3600
"""Seconds without a change after which a folder there is of a run that was cut off."""


def _in_memory() -> Path:
    if not (_MEMORY.is_dir() and os.access(_MEMORY, os.W_OK)):
        return Path("/tmp")
    for folder in _MEMORY.glob("chartrier-postgres-*"):
        if not (folder / "base/postmaster.pid").exists() and folder.stat().st_mtime < time.time() - _LEFT:
            shutil.rmtree(folder, ignore_errors=True)
    return _MEMORY if shutil.disk_usage(_MEMORY).free > _ROOM else Path("/tmp")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Start a server for the session."""
    made = Postgres(place=_in_memory())
    try:
        made.start()
        yield made
    finally:
        made.stop()


class Databases:
    """Fresh databases with every table, on one of the two engines.

    Attributes:
        server: The PostgreSQL server; None on SQLite.
    """

    def __init__(self, server: Postgres | None, template: Path) -> None:
        self.server = server
        self._template = template
        self._made: list[Fresh] = []

    def fresh(self, folder: Path) -> Fresh:
        """Create a database; on SQLite a file in the folder, where a home would have it."""
        if self.server is not None:
            made = self.server.fresh()
            self._made.append(made)
            return made
        if not self._template.exists():
            template = Database(f"sqlite:///{self._template}")
            migrate(template)
            template.dispose()
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._template, folder / "chartrier.db")
        url = f"sqlite:///{folder / 'chartrier.db'}"
        return Fresh(url, url)

    def drop(self) -> None:
        """Drop every database made on PostgreSQL."""
        for made in self._made:
            assert self.server is not None
            self.server.drop(made)
        self._made.clear()


@contextmanager
def owned(database: Database) -> Iterator[Session]:
    """Open a transaction as the owner of the tables.

    On SQLite that is anybody who can write the file.
    """
    if database.is_sqlite:
        with database.write() as session:
            yield session
        return
    owner = Database(database.url.set(username=OWNER).render_as_string(hide_password=False), pooled=False, owner=True)
    with owner.write() as session:
        yield session
    owner.dispose()


@contextmanager
def unguarded(database: Database) -> Iterator[Session]:
    """Open such a transaction without the journal's guards: an attacker with the whole database."""
    with owned(database) as session:
        if database.is_sqlite:
            for name in session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                session.execute(text(f"DROP TRIGGER {name}"))
        else:
            session.execute(text("ALTER TABLE journal_entries DISABLE TRIGGER USER"))
        yield session


ENGINES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.services))
"""Both engines, for ``params`` of a fixture; the second is marked as a test with real servers."""


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the migrated SQLite template, which is made when first needed."""
    return tmp_path_factory.mktemp("migrated") / "template.db"


@pytest.fixture(scope="module", params=ENGINES)
def databases(request: pytest.FixtureRequest, migrated_file: Path) -> Iterator[Databases]:
    """Yield the databases of a module's tests, on each engine in turn."""
    made = Databases(request.getfixturevalue("postgres") if request.param == "postgresql" else None, migrated_file)
    yield made
    made.drop()
