"""What is refused of a PostgreSQL server, what counts as away, one snapshot,
forks, and the bell.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from archive.database.engine import Database
from archive.database.leases import locked_lease
from archive.database.postgres import Listener
from archive.database.tables import TenantRow
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from ingestion.assembly import System, assemble
from ingestion.deposits import outbox
from ingestion.operations.exclusive_jobs import ExclusiveJob
from ingestion.settings import load_settings
from signing.ground.clock import utc_now
from signing.ground.errors import Refused, Unavailable
from tests.servers.postgres import OWNER, SERVING, Fresh, Postgres, owned

OPENED = EntryType.LOG_OPENED

pytestmark = pytest.mark.services


@pytest.fixture
def fresh(postgres: Postgres) -> Iterator[Fresh]:
    made = postgres.fresh()
    yield made
    postgres.drop(made)


@pytest.fixture
def database(fresh: Fresh) -> Iterator[Database]:
    made = Database(fresh.url)
    with made.write() as session:
        session.add_all(TenantRow(id=name, name=name, created_at=utc_now()) for name in ("a", "b"))
    yield made
    made.dispose()


def system(home: Path, **settings: str) -> System:
    return assemble(load_settings({"CHARTRIER_HOME": str(home), **settings}))


def start(home: Path, **settings: str) -> None:
    made = system(home, **settings)
    try:
        made.initialise()
    finally:
        made.close()


# --- what is refused


@contextmanager
def set_on_server(postgres: Postgres, name: str) -> Iterator[None]:
    with postgres.superuser() as connection:
        connection.execute(f"ALTER SYSTEM SET {name} = off")
        connection.execute("SELECT pg_reload_conf()")
        try:
            _until(lambda: _shown(postgres, name) == "off")
            yield
        finally:
            connection.execute(f"ALTER SYSTEM RESET {name}")
            connection.execute("SELECT pg_reload_conf()")
            _until(lambda: _shown(postgres, name) == "on")


def _shown(postgres: Postgres, name: str) -> str:
    with postgres.superuser() as connection:
        return str(connection.execute(f"SHOW {name}").fetchone()[0])  # type: ignore[index]


def _until(true, within: float = 10) -> None:
    limit = time.monotonic() + within
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.02)


@pytest.mark.parametrize("name", ["fsync", "full_page_writes"])
def test_a_server_that_may_forget_is_refused(postgres: Postgres, fresh: Fresh, tmp_path: Path, name: str) -> None:
    with set_on_server(postgres, name), pytest.raises(Refused) as caught:
        start(tmp_path, **fresh.settings)
    assert (caught.value.code, caught.value.values["names"]) == ("database_not_durable", name)
    start(tmp_path, **fresh.settings)


@pytest.mark.parametrize("where", ["DATABASE {database}", "ROLE clerk IN DATABASE {database}"])
def test_so_is_one_that_forgets_for_our_role_alone(
    postgres: Postgres, fresh: Fresh, tmp_path: Path, where: str
) -> None:
    with postgres.superuser() as connection:
        place = where.format(database=fresh.url.rpartition("/")[2])
        connection.execute(f"ALTER {place} SET synchronous_commit = off")
    with pytest.raises(Refused) as caught:
        start(tmp_path, **fresh.settings)
    assert (caught.value.code, caught.value.values["names"]) == ("database_not_durable", "synchronous_commit")


@pytest.mark.parametrize("role", ["postgres", "above", "member", OWNER])
def test_a_serving_role_that_row_security_does_not_bind_is_refused(
    postgres: Postgres, fresh: Fresh, tmp_path: Path, role: str
) -> None:
    with postgres.superuser() as connection:
        for name, how in (("above", "BYPASSRLS"), ("member", f"IN ROLE {OWNER}")):
            connection.execute(f"DROP ROLE IF EXISTS {name}")
            connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{_password(fresh)}' {how}")
    try:
        settings = fresh.settings | {"CHARTRIER_DATABASE_URL": fresh.url.replace(SERVING, role, 1)}
        if role == OWNER:  # the same role, but said twice and otherwise: a mistake, not a choice
            settings["CHARTRIER_DATABASE_URL"] += "?application_name=x"
        with pytest.raises(Refused) as caught:
            start(tmp_path, **settings)
        assert caught.value.code == "database_role_too_strong"
    finally:
        with postgres.superuser(fresh.url.rpartition("/")[2]) as connection:
            for name in ("above", "member"):
                connection.execute(f"DROP OWNED BY {name}")
                connection.execute(f"DROP ROLE {name}")


def _password(fresh: Fresh) -> str:
    return fresh.url.split(":")[2].split("@")[0]


def test_one_role_for_both_may_be_chosen_and_is_told(postgres: Postgres, tmp_path: Path) -> None:
    fresh = postgres.empty()
    settings = {"CHARTRIER_DATABASE_URL": fresh.owner_url}
    start(tmp_path, **settings)
    found = _found(system(tmp_path, **settings))
    assert (found.state, "cloisonnement" in found.detail) == ("optional", True)
    postgres.drop(fresh)


def test_the_doctor_tells_what_holds(postgres: Postgres, fresh: Fresh, tmp_path: Path) -> None:
    made = system(tmp_path, **fresh.settings)
    found = _found(made)
    assert (found.state, found.version.split(",")[0][:13]) == ("ok", "PostgreSQL 15")
    with owned(made.database) as session:
        session.execute(text("ALTER TABLE records NO FORCE ROW LEVEL SECURITY"))
    assert (_found(made).state, "records" in _found(made).detail) == ("wrong", True)
    made.close()


def _found(made: System):
    from api.cli.doctor import _postgres

    server = made.database.inspect()
    assert server is not None
    given = made.settings.archive
    made.close()
    return _postgres(server, separate=given.database_url != given.database_owner_url)


def test_an_owner_who_may_not_make_tables_is_told_what_he_lacks(postgres: Postgres, tmp_path: Path) -> None:
    fresh = postgres.empty()
    with pytest.raises(Refused) as caught:
        start(tmp_path, CHARTRIER_DATABASE_URL=fresh.owner_url, CHARTRIER_DATABASE_OWNER_URL=fresh.url)
    assert caught.value.code == "database_owner_too_weak"
    postgres.drop(fresh)


def test_why_no_connection_came_about_is_told(postgres: Postgres, fresh: Fresh, tmp_path: Path) -> None:
    wrong = fresh.url.replace(_password(fresh), "wrong")
    with pytest.raises(Unavailable) as caught:
        start(tmp_path, CHARTRIER_DATABASE_URL=wrong)
    assert caught.value.code == "database_unreachable"
    assert "password" in str(caught.value)


# --- away


def test_a_connection_cut_in_mid_transaction_is_away_and_the_next_works(postgres: Postgres, database: Database) -> None:
    with pytest.raises(Unavailable), database.write() as session:
        pid = session.scalar(text("SELECT pg_backend_pid()"))
        with postgres.superuser() as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
        session.execute(text("SELECT 1"))
    with database.read() as session:
        assert session.scalar(text("SELECT 1")) == 1


def test_connections_that_died_in_the_pool_are_not_handed_out(postgres: Postgres, database: Database) -> None:
    with database.read() as session:
        pid = session.scalar(text("SELECT pg_backend_pid()"))
    with postgres.superuser() as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
    with database.write() as session:
        assert session.scalar(text("SELECT pg_backend_pid()")) != pid


def test_a_server_that_is_killed_is_away_until_it_is_back(postgres: Postgres, database: Database) -> None:
    with pytest.raises(Unavailable), database.write() as session:
        session.execute(text("SELECT 1"))
        postgres.kill()
        session.execute(text("SELECT 1"))
    with pytest.raises(Unavailable), database.read() as session:
        session.execute(text("SELECT 1"))
    postgres.server.launch()
    codes = set()
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        try:
            with database.write() as session:
                session.execute(text("SELECT 1"))
            break
        except Unavailable as error:  # also "the database system is starting up"
            codes.add(error.code)
    postgres.server.wait()
    assert codes <= {"database_away"}


def test_whoever_gives_way_in_a_deadlock_may_try_again(database: Database) -> None:
    gate = threading.Barrier(2, timeout=20)
    told: list[str] = []

    def change(first: str, second: str) -> None:
        try:
            with database.write() as session:
                session.execute(text("UPDATE tenants SET name = name WHERE id = :id"), {"id": first})
                gate.wait()
                session.execute(text("UPDATE tenants SET name = name WHERE id = :id"), {"id": second})
            told.append("done")
        except Unavailable as error:
            told.append(error.code)

    threads = [threading.Thread(target=change, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(told) == ["database_away", "done"]


def test_waiting_and_computing_have_an_end(database: Database) -> None:
    for name, statement in (
        ("lock_timeout", "UPDATE tenants SET name = name"),
        ("statement_timeout", "SELECT pg_sleep(9)"),
    ):
        with database.write() as holding:
            holding.execute(text("SELECT FROM tenants FOR UPDATE"))
            with pytest.raises(Unavailable), database.write() as session:
                assert session.scalar(text(f"SHOW {name}")) not in {"0", None}
                session.execute(text(f"SET LOCAL {name} = '100ms'"))
                session.execute(text(statement))


def test_a_pool_that_is_empty_is_away(fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archive.database.engine._POOL", {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1})
    small = Database(fresh.url)
    with small.read() as session:
        session.execute(text("SELECT 1"))
        with pytest.raises(Unavailable), small.read() as second:
            second.execute(text("SELECT 1"))
    small.dispose()


# --- transactions


def test_reading_sees_one_moment_and_changes_nothing(database: Database) -> None:
    with database.read() as session:
        before = session.scalar(text("SELECT count(*) FROM tenants"))
        with database.write() as other:
            other.add(TenantRow(id="c", name="C", created_at=utc_now()))
        assert session.scalar(text("SELECT count(*) FROM tenants")) == before
    with pytest.raises(DBAPIError, match="read-only"), database.read() as session:
        session.execute(text("UPDATE tenants SET name = 'x'"))
    with database.write() as session:
        assert session.scalar(text("SHOW transaction_isolation")) == "read committed"
        assert session.scalar(text("SHOW transaction_read_only")) == "off"


def test_a_fork_leaves_its_parents_connections_alone(database: Database) -> None:
    with database.read() as session:
        pid = session.scalar(text("SELECT pg_backend_pid()"))
    child = os.fork()
    if child == 0:
        try:
            with database.read() as session:
                other = session.scalar(text("SELECT pg_backend_pid()"))
            os._exit(0 if other != pid else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with database.read() as session:
        assert session.scalar(text("SELECT pg_backend_pid()")) == pid


def test_writers_of_the_journal_leave_no_gap(database: Database) -> None:
    ledger = Ledger(database, utc_now)
    numbers: list[int] = []

    def write(tenant: str) -> None:
        for _ in range(20):
            with database.write() as session:
                entry = ledger.append(session, type=OPENED, tenant=tenant, subject="log", agent="key:1", facts={})
            numbers.append(entry.n)

    threads = [threading.Thread(target=write, args=(tenant,)) for tenant in ("a", "b", "a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(numbers) == list(range(80))


def test_one_of_many_takes_a_lease_that_never_was(database: Database) -> None:
    held: list[int] = []

    def take() -> None:
        with database.write() as session:
            row = locked_lease(session, "new", utc_now())
            if row.holder == "":
                row.holder = "mine"
                held.append(row.fence)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert held == [0]


def test_one_of_many_takes_over_a_duty_that_ran_out(database: Database) -> None:
    with database.write() as session:
        row = locked_lease(session, "relay", utc_now() - timedelta(minutes=1))
        row.holder = "elsewhere:1:2:3:4"
    answers: list[bool] = []

    def hold(name: str) -> None:
        answers.append(ExclusiveJob(database, "relay", utc_now, lambda: f"elsewhere:{name}:2:3:4").hold())

    threads = [threading.Thread(target=hold, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [False] * 7 + [True]


# --- the bell


def test_a_commit_rings_on_every_machine_and_one_undone_does_not(postgres: Postgres, database: Database) -> None:
    ears = [Listener(database.url) for _ in range(2)]
    assert [ear.wait(0.01) for ear in ears] == [False, False], "listening from here on"
    ledger = Ledger(database, utc_now)
    with database.write() as session:
        for _ in range(3):
            ledger.append(session, type=OPENED, tenant="a", subject="log", agent=None, facts={})
    assert [ear.wait(5) for ear in ears] == [True, True]
    assert ears[0].wait(0.1) is False, "rings that piled up are one"
    with pytest.raises(ZeroDivisionError), database.write() as session:
        ledger.append(session, type=OPENED, tenant="a", subject="log", agent=None, facts={})
        raise ZeroDivisionError
    assert ears[0].wait(0.1) is False
    with owned(database) as session:
        session.execute(text("ALTER TABLE outbox NO FORCE ROW LEVEL SECURITY"))
        outbox.add(session, outbox.ADVANCE, "x", 0, at=utc_now())
    assert ears[0].wait(5) is True
    for ear in ears:
        ear.close()


def test_a_bell_that_was_cut_off_falls_back_on_time_and_hears_again(postgres: Postgres, database: Database) -> None:
    ear = Listener(database.url)
    ear.wait(0.01)
    with postgres.superuser() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chartrier bell'"
        )
    begun = time.monotonic()
    assert ear.wait(0.2) is False
    assert time.monotonic() - begun >= 0.15
    ear.wait(0.01)
    with database.write() as session:
        Ledger(database, utc_now).append(session, type=OPENED, tenant="a", subject="log", agent=None, facts={})
    assert ear.wait(5) is True
    ear.close()


def test_psycopg_is_asked_with_our_settings(database: Database) -> None:
    with database.read() as session:
        shown = {
            name: session.scalar(text(f"SHOW {name}")) for name in ("timezone", "application_name", "client_encoding")
        }
    assert shown == {"timezone": "UTC", "application_name": "chartrier", "client_encoding": "UTF8"}
    assert psycopg.__version__.startswith("3.")
