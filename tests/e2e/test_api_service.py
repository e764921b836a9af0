"""The supervisor: starts, restarts, refuses, ends, and starts again on what a kill -9 left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from api.server.processes import end_orphans, start_ticks
from tests.servers.service import COMMAND, Service

HOLD = "import time; time.sleep(60)"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("alone") / "home", CHARTRIER_WORKERS="1")
    service.chartrier("tenant", "create", "demo", "--name", "Commune de démonstration")
    yield service
    if service.running is not None:
        service.stop()


@pytest.fixture
def alone(once: Service) -> Service:
    """Running, whatever the test before did to it: the order is drawn anew each time."""
    if once.running is None or once.running.poll() is not None:
        once.start()
    return once


def until(condition, within: float = 20.0):
    limit = time.monotonic() + within
    while time.monotonic() < limit:
        try:
            found = condition()
        except (OSError, ValueError, KeyError, httpx2.HTTPError):
            found = None
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("not within the time")


def other_pid(service: Service, name: str, old: int) -> int | None:
    pid = service.processes()["pids"].get(name)
    return pid if pid != old else None


@pytest.mark.parametrize("name", ["api", "worker", "beat", "valkey"])
def test_a_process_that_dies_comes_back(alone: Service, name: str):
    address = alone.address
    old = alone.processes()["pids"][name]
    os.kill(old, signal.SIGKILL)
    assert until(lambda: other_pid(alone, name, old))
    assert until(lambda: httpx2.get(f"{address}/health/ready", timeout=2).json()["status"] == "ok")
    assert alone.processes()["address"] == address  # the same socket: callers waited, nobody was turned away


def test_a_second_service_on_the_same_home_is_refused(alone: Service):
    done = subprocess.run(
        [str(COMMAND), "serve"], env=alone.environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "déjà servi" in done.stderr
    assert httpx2.get(f"{alone.address}/health/live").status_code == 200


def test_an_address_that_is_taken_is_told(alone: Service, tmp_path: Path):
    port = alone.address.rsplit(":", 1)[1]
    other = Service(tmp_path / "home")
    done = other.chartrier("serve", "--port", port, check=False)
    assert done.returncode == 1
    assert port in done.stderr


def test_everything_killed_starts_again_and_ends_cleanly(alone: Service):
    alone.kill_everything()
    stale = json.loads((alone.home / "run" / "service.json").read_text())
    alone.start()
    assert alone.processes()["pids"]["supervisor"] != stale["pids"]["supervisor"]
    assert httpx2.get(f"{alone.address}/health/ready").json()["status"] == "ok"
    left = alone.processes()["pids"]
    assert alone.stop() == 0
    assert not (alone.home / "run" / "service.json").exists()
    assert {name: pid for name, pid in left.items() if start_ticks(pid) is not None} == {}


def test_children_of_a_killed_supervisor_do_not_stay(alone: Service):
    pids = alone.processes()["pids"]
    os.kill(pids["supervisor"], signal.SIGKILL)
    alone.running.wait(10)
    alone.running = None
    alone.start()
    for name in ("api", "worker", "beat"):
        assert start_ticks(pids[name]) is None, name
    assert alone.stop() == 0


def test_only_what_the_record_names_is_ended(tmp_path: Path):
    """A pid that was given to somebody else since is left alone."""
    ours = subprocess.Popen([sys.executable, "-c", HOLD], cwd=tmp_path, start_new_session=True)
    theirs = subprocess.Popen([sys.executable, "-c", HOLD], start_new_session=True)
    try:
        record = tmp_path / "service.json"
        starts = {"api": start_ticks(ours.pid), "beat": (start_ticks(theirs.pid) or 0) - 1}
        record.write_text(json.dumps({"pids": {"api": ours.pid, "beat": theirs.pid}, "starts": starts}))
        assert end_orphans(tmp_path, record) == [ours.pid]
        assert ours.wait(5) < 0
        assert theirs.poll() is None
    finally:
        ours.kill()
        theirs.kill()
        ours.wait()
        theirs.wait()
    record.write_text("{torn")
    assert end_orphans(tmp_path, record) == []
