"""Processes that must run: restarted when they die, later and later, and ended with what they
started.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.server.children import Child, Surroundings, end_all
from api.server.home_lock import alone
from api.server.processes import start_ticks
from signing.ground.errors import Refused

SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]
DIES = [sys.executable, "-c", "raise SystemExit(3)"]
STARTS_ANOTHER = """
import subprocess, sys, time
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(other.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    return Surroundings(tmp_path, logs=tmp_path / "logs")


@pytest.fixture
def started(around: Surroundings) -> Iterator[list[Child]]:
    children: list[Child] = []
    yield children
    end_all(children)


def died(child: Child) -> None:
    assert child.running is not None
    child.running.wait(20)


def started_by(around: Surroundings) -> int:
    """The process that a worker has started."""
    log = around.home / "logs" / "worker.log"
    until = time.monotonic() + 20
    while not log.read_text().strip() and time.monotonic() < until:
        time.sleep(0.05)
    other = int(log.read_text())
    assert start_ticks(other) is not None
    return other


def ends(pid: int) -> bool:
    """Whether a process ends, in good time."""
    until = time.monotonic() + 20
    while start_ticks(pid) is not None and time.monotonic() < until:
        time.sleep(0.05)
    return start_ticks(pid) is None


def test_a_child_that_runs_is_left_alone(around: Surroundings, started: list[Child]) -> None:
    child = Child("api", SLEEPS, around)
    started.append(child)
    child.launch()
    pid = child.pid
    assert not child.tend()
    assert child.pid == pid is not None


def test_the_first_death_is_made_good_at_once_the_next_ones_later(around: Surroundings, started: list[Child]) -> None:
    child = Child("worker", DIES, around)
    started.append(child)
    child.launch()
    waits = []
    for _ in range(3):
        died(child)
        assert child.tend()
        assert child.pid is None
        waits.append(child.start_at - time.monotonic())
        child.start_at = min(child.start_at, time.monotonic())  # the wait itself is not what is tested
        assert child.tend()
        assert child.pid is not None
    assert waits[0] <= 0 < waits[1] < waits[2]


def test_a_child_that_waits_is_not_started_before_its_time(around: Surroundings, started: list[Child]) -> None:
    child = Child("worker", SLEEPS, around, start_at=time.monotonic() + 600)
    started.append(child)
    assert not child.tend()
    assert child.pid is None


def test_the_end_takes_what_a_child_started(around: Surroundings) -> None:
    child = Child("worker", [sys.executable, "-c", STARTS_ANOTHER], around)
    child.launch()
    other = started_by(around)
    end_all([child])
    assert ends(other)


def test_a_child_that_dies_takes_what_it_started(around: Surroundings, started: list[Child]) -> None:
    child = Child("worker", [sys.executable, "-c", STARTS_ANOTHER], around)
    started.append(child)
    child.launch()
    other = started_by(around)
    assert child.running is not None
    child.running.kill()
    died(child)
    assert child.tend()
    assert ends(other)


def test_a_death_after_a_calm_time_is_made_good_at_once(around: Surroundings, started: list[Child]) -> None:
    child = Child("worker", DIES, around, failures=5)
    started.append(child)
    child.launch()
    died(child)
    child.started -= 3600  # it ran for an hour
    assert child.tend()
    assert child.start_at <= time.monotonic()


def test_one_supervisor_serves_a_home(tmp_path: Path) -> None:
    lock = tmp_path / "service.lock"
    with alone(lock), pytest.raises(Refused) as caught, alone(lock):
        pass
    assert caught.value.code == "already_served"
    with alone(lock):  # whoever held it has let it go
        pass
