"""Custody on both databases.

And a rebuild whose process is killed, again and again, ends as one that was not.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import api.access.tables  # noqa: F401 - so that every table exists
from archive.database.tables import CustodyReportRow, JournalEntryRow, RecordRow
from archive.database.tenancy import EVERYTHING, acting_for
from archive.holdings.verify import verify
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from tests.holdings import SAME, alter, filled, flipped, keep, receive, rows, stored_file, system_at, titles
from tests.servers.postgres import Databases, Fresh
from tests.servers.service import COMMAND


def settings_of(fresh: Fresh) -> dict[str, str]:
    return {"CHARTRIER_DATABASE_URL": fresh.url, "CHARTRIER_DATABASE_OWNER_URL": fresh.owner_url}


def lost(system: System, databases: Databases, fresh: Fresh) -> Fresh:
    """Database and index are gone; an empty database to make them again in."""
    home = system.settings.home
    system.close()
    shutil.rmtree(home / "index", ignore_errors=True)
    if databases.server is not None:
        databases.server.drop(fresh)
        return databases.server.empty()
    for path in home.glob("chartrier.db*"):
        path.unlink()
    return fresh


def begun(tmp_path: Path, keys: Path, fresh: Fresh, **environment: str) -> System:
    system = system_at(tmp_path / "home", keys, **settings_of(fresh), **environment)
    system.initialise()
    system.create_tenant("demo", "Commune de Démonstration")
    return system


def test_copies_restoring_reconciling_and_rebuilding(tmp_path: Path, keys: Path, databases: Databases) -> None:
    fresh = databases.fresh(tmp_path / "home")
    system = begun(tmp_path, keys, fresh, CHARTRIER_COPY_PATH=str(tmp_path / "nas"))
    ids = filled(system, tmp_path)
    receive(system, b"waiting", "k1")
    assert Custody(system).copy_everything(check=True)["findings"] == []
    assert Custody(system).copy_everything()["records_behind"] == 0
    alter(stored_file(system, ids[1], "original.pdf"), flipped)
    assert verify(system.stores, "autre", ids[1]).verdict == "altered"
    assert [one.store for one in Custody(system).restore("autre", ids[1], agent="service:cli")] == ["first"]
    stored_file(system, ids[0], "alto.xml").unlink()
    report = Custody(system).reconcile(pause=lambda _: None)
    assert {(f["kind"], f["place"], f["record_id"]) for f in report["findings"]} == {("missing", "store", ids[0])}
    assert [one.store for one in Custody(system).restore("demo", ids[0], agent="service:cli")] == ["first"]
    assert Custody(system).reconcile(pause=lambda _: None)["findings"] == []
    system.publisher.publish(force_token=True)
    before, shown = rows(system, *SAME), titles(system, "commune")
    after = system_at(system.settings.home, **settings_of(lost(system, databases, fresh)))
    after.prepare_rebuild()
    report = Custody(after).rebuild(thorough=True)
    assert (report["equal"], report["findings"], report["waiting_deposits"]) == (True, [], 1)
    assert rows(after, *SAME) == before
    assert titles(after, "commune") == shown
    assert verify(after.stores, "autre", ids[1]).verdict == "intact"
    after.close()


def test_a_move_to_the_other_store(tmp_path: Path, keys: Path, databases: Databases) -> None:
    fresh = databases.fresh(tmp_path / "home")
    system = begun(tmp_path, keys, fresh, CHARTRIER_COPY_PATH=str(tmp_path / "nas"))
    ids = filled(system, tmp_path)
    assert Custody(system).promote() > 0
    home = system.settings.home
    system.close()
    (home / "store").rename(tmp_path / "old")
    (tmp_path / "nas").rename(home / "store")
    after = system_at(home, **settings_of(fresh), CHARTRIER_COPY_PATH=str(tmp_path / "old"))
    after.initialise()
    assert verify(after.stores, "demo", ids[0]).verdict == "intact"
    assert Custody(after).copy_everything(check=True)["findings"] == []
    assert Custody(after).reconcile(pause=lambda _: None)["findings"] == []
    after.close()


_STEPS = {"the journal is there": (1, 0), "some records are there": (1, 1), "more are": (1, 65), "most are": (1, 129)}
"""Entries and records in the database at which the process is killed: 64 records are one
transaction.
"""


@pytest.mark.timeout(600)
def test_a_rebuild_that_is_killed_again_and_again_ends_equal(tmp_path: Path, keys: Path, databases: Databases) -> None:
    fresh = databases.fresh(tmp_path / "home")
    system = begun(tmp_path, keys, fresh)
    ids = filled(system, tmp_path)
    for number in range(150):
        keep(system, tmp_path, 100 + number)
    receive(system, b"waiting", "k1")
    system.publisher.publish(force_token=True)
    system.follower.catch_up()
    before, shown = rows(system, *SAME), sorted(system.index.record_ids("demo"))
    fresh = lost(system, databases, fresh)
    environment = settings_of(fresh) | {"CHARTRIER_HOME": str(tmp_path / "home")}
    watching = system_at(tmp_path / "home", **settings_of(fresh))
    watching.prepare_rebuild()  # tables, to look into
    killed = [_killed(environment, watching, entries, records) for entries, records in _STEPS.values()]
    assert sum(killed) >= 3, "the process was caught in the middle"
    done = subprocess.run(
        [str(COMMAND), "rebuild", "all", "--json"], env=_alone(environment), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["equal"], report["findings"], report["waiting_deposits"]) == (True, 0, 1)
    assert rows(watching, *SAME) == before
    assert sorted(watching.index.record_ids("demo")) == shown
    assert verify(watching.stores, "demo", ids[0]).verdict == "intact"
    watching.close()


def _alone(environment: dict[str, str]) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("CHARTRIER_")} | environment


def _killed(environment: dict[str, str], watching: System, entries: int, records: int) -> bool:
    """Start a rebuild and kill it once the database holds so much; False if it ended before."""
    running = subprocess.Popen(
        [str(COMMAND), "rebuild", "all"],
        env=_alone(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while running.poll() is None:
            if _reached(watching, entries, records):
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()
                with acting_for(EVERYTHING), watching.database.read() as session:
                    return session.get_one(CustodyReportRow, "rebuild").ended_at is None
            time.sleep(0.005)
        return False
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def _reached(watching: System, entries: int, records: int) -> bool:
    def count(session: Session, table: Any) -> int:
        return session.scalar(select(func.count()).select_from(table)) or 0

    with acting_for(EVERYTHING), watching.database.read() as session:
        return count(session, JournalEntryRow) >= entries and count(session, RecordRow) >= records
