"""A home copied without file times, or without modes: every byte is right, every lock is gone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from archive.catalogue import rows as catalogue
from archive.database.tables import JournalEntryRow, RecordRow, RepresentationRow, StoredFileRow
from archive.holdings.checks import Aspect
from archive.holdings.verify import verify
from archive.objects.fixity import Fixity
from archive.objects.local import LocalObjectStore
from archive.objects.port import Unreadable, read_all
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from signing.ground.clock import utc_now
from tests.holdings import alter, filled, opened, receive, rows, stored_file, system_at


@pytest.fixture
def home(tmp_path: Path, keys: Path) -> Path:
    with opened(tmp_path / "home", keys) as system:
        ids = filled(system, tmp_path, 3)
        hold = system.holds.place("demo", [ids[0]], reason="Contentieux", until=None, agent="user:1")
        system.holds.settle(hold)
        receive(system, b"waiting", "k1")
        system.publisher.publish(force_token=True)
        system.follower.catch_up()
    return tmp_path / "home"


def without_times(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-r", str(source), str(target)], check=True)


def without_modes(source: Path, target: Path) -> None:
    """As a share does that knows neither modes nor times: everything may be written."""
    subprocess.run(["cp", "-r", str(source), str(target)], check=True)
    for path in target.rglob("*"):
        path.chmod(0o777)


def with_times_alone(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    for path in target.rglob("*"):
        if path.is_file():
            path.chmod(0o644)


def without_holds(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    shutil.rmtree(target / "store/holds")


def reconcile(system: System, *, repair: bool = False) -> dict[str, Any]:
    return Custody(system).reconcile(repair=repair, pause=lambda _seconds: None)


def states(system: System) -> dict[str, tuple[Fixity, Fixity, Fixity]]:
    with system.database.read() as session:
        records = session.execute(select(RecordRow.tenant_id, RecordRow.id)).all()
    found = {}
    for tenant, record in records:
        result = verify(system.stores, tenant, record)
        found[record] = (result.verdict, result.of(Aspect.CUSTODY), result.of(Aspect.HOLD))
    return found


def guards(system: System) -> dict[str, Any]:
    with system.database.read() as session:
        placed = [one for record in session.scalars(select(RecordRow.id)) for one in catalogue.placed(session, record)]
    found = {}
    for one in placed:
        state = system.store.stat(one.key, one.version)
        found[one.key] = (state.locked_until, state.legal_hold)
    return found


def entries(system: System, kind: str) -> list[dict[str, Any]]:
    with system.database.read() as session:
        return [json.loads(one) for one in session.scalars(select(JournalEntryRow.body).filter_by(type=kind))]


def modes(home: Path) -> set[int]:
    return {p.stat().st_mode & 0o777 for p in (home / "store/tenants").rglob("v1/content/**/*") if p.is_file()}


WHOLE = {(Fixity.INTACT, Fixity.INTACT, Fixity.INTACT)}


@pytest.mark.parametrize("copy", [without_times, without_modes])
def test_a_copy_without_locks_is_intact_and_gets_them_again(
    home: Path, tmp_path: Path, copy: Callable[[Path, Path], None]
) -> None:
    before = system_at(home)
    wanted, catalogued = guards(before), rows(before, "representations", "stored_files")
    before.close()
    copy(home, tmp_path / "copy")
    system = system_at(tmp_path / "copy")
    assert set(states(system).values()) == {(Fixity.INTACT, Fixity.MISSING, Fixity.INTACT)}
    assert {entry["facts"]["verdict"] for entry in entries(system, "FixityChecked")} == {"intact"}
    report = reconcile(system)
    assert {(f["kind"], f["detail"]) for f in report["findings"]} == {("unguarded", "lock")}
    assert report["open"] == 3
    report = reconcile(system, repair=True)
    assert (report["open"], report["repaired"]) == (0, 3)
    assert set(states(system).values()) == WHOLE
    assert guards(system) == wanted
    assert rows(system, "representations", "stored_files") == catalogued
    assert len(entries(system, "GuardsRestored")) == 3
    assert modes(tmp_path / "copy") == {0o444}
    assert reconcile(system)["findings"] == []
    system.close()


def test_a_copy_without_modes_but_with_times_is_whole(home: Path, tmp_path: Path) -> None:
    with_times_alone(home, tmp_path / "copy")
    system = system_at(tmp_path / "copy")
    assert set(states(system).values()) == WHOLE
    assert reconcile(system)["findings"] == []
    system.close()


def test_a_hold_that_was_lost_is_set_again(home: Path, tmp_path: Path) -> None:
    without_holds(home, tmp_path / "copy")
    system = system_at(tmp_path / "copy")
    assert sorted(states(system).values()) == sorted(
        [(Fixity.INTACT, Fixity.INTACT, Fixity.MISSING), *2 * [(Fixity.INTACT, Fixity.INTACT, Fixity.INTACT)]]
    )
    report = reconcile(system, repair=True)
    assert {(f["kind"], f["detail"], f["repaired"]) for f in report["findings"]} == {("unguarded", "hold", True)}
    assert set(states(system).values()) == WHOLE
    system.close()


def test_no_lock_is_set_on_altered_bytes(home: Path, tmp_path: Path) -> None:
    without_times(home, tmp_path / "copy")
    system = system_at(tmp_path / "copy")
    with system.database.read() as session:
        record = session.scalars(select(RecordRow.id).where(RecordRow.tenant_id == "autre")).one()
    path = stored_file(system, record, "original.pdf")
    alter(path, lambda content: content[::-1])
    report = reconcile(system, repair=True)
    assert (report["open"], report["repaired"]) == (1, 2)
    assert states(system)[record][0] is Fixity.ALTERED
    assert system.store.stat(str(path.relative_to(tmp_path / "copy/store"))).locked_until is None
    system.close()


def test_the_catalogue_alone_sets_no_lock(home: Path, tmp_path: Path) -> None:
    """A lock date written into the database by hand is not what the journal proves."""
    system = system_at(home)
    far = date(2999, 12, 31)
    with system.database.write() as session:
        for table in (RepresentationRow, StoredFileRow):
            for row in session.scalars(select(table)):
                row.locked_until = far
    reconcile(system, repair=True)
    assert far not in {until for until, _ in guards(system).values()}
    assert set(states(system).values()) == WHOLE, "the catalogue says again what the store has"
    system.close()


def test_a_waiting_deposit_survives_such_a_copy(home: Path, tmp_path: Path) -> None:
    without_modes(home, tmp_path / "copy")
    system = system_at(tmp_path / "copy")
    report = reconcile(system, repair=True)
    assert {f["kind"] for f in report["findings"]} == {"unguarded"}, "its bytes are found under their version"
    system.close()


def test_the_second_copy_gets_its_locks_again(tmp_path: Path, keys: Path) -> None:
    nas = tmp_path / "nas"
    with opened(tmp_path / "home", keys, CHARTRIER_COPY_PATH=str(nas)) as system:
        filled(system, tmp_path, 2)
        custody = Custody(system)
        assert custody.copy_everything(check=True)["open"] == 0
        for path in (nas / "tenants").rglob("*"):
            path.chmod(0o777)
            os.utime(path)
        found = custody.copy_everything(check=True)["findings"]
        assert {(one["kind"], one["detail"]) for one in found} == {("unguarded", "lock")}
        report = custody.copy_everything(check=True)
        assert report["findings"] == [], "the copy after the check set them again"
        assert {p.stat().st_mode & 0o777 for p in (nas / "tenants").rglob("original.pdf")} == {0o444}


def test_the_journal_and_the_register_get_their_locks_again(home: Path, tmp_path: Path) -> None:
    without_modes(home, tmp_path / "copy")
    system = system_at(tmp_path / "copy")
    assert system.locks.extend().failed == {}
    assert system.store.stat("layout.json").locked_until is not None
    assert (tmp_path / "copy/store/layout.json").stat().st_mode & 0o777 == 0o444
    system.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs two accounts")
def test_a_file_that_may_not_be_read_says_so_and_how_to_mend_it() -> None:
    home = Path(tempfile.mkdtemp(prefix="chartrier-rights-", dir="/tmp"))
    home.chmod(0o755)
    store = LocalObjectStore(home / "store", utc_now)
    path = home / "store/tenants/x"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    path.chmod(0o000)
    child = os.fork()
    if not child:
        os.seteuid(65534)
        try:
            read_all(store, "tenants/x")
        except Unreadable as error:
            os._exit(0 if error.code == "object_forbidden" and "chmod" in (error.action or "") else 2)
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(3)
        os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    shutil.rmtree(home)
    assert code == 0
