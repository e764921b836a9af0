"""The parts of the service apart, as containers run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.servers.service import COMMAND, Service

Start = Callable[[str], "subprocess.Popen[bytes]"]


def alive(service: Service, *parts: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "api.server.healthcheck", *parts],
        env=service.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.fixture
def start(tmp_path: Path) -> Iterator[tuple[Service, Start]]:
    service = Service(tmp_path / "home")
    running: list[subprocess.Popen[bytes]] = []

    def begin(part: str) -> subprocess.Popen[bytes]:
        service.home.mkdir(exist_ok=True)
        running.append(subprocess.Popen([str(COMMAND), "serve", "--only", part], env=service.environment))
        limit = time.monotonic() + 60
        written = service.home / "run" / f"service-{part}.json"
        while not written.exists() or alive(service, part)[0] != 0:  # each look is a process of its own
            assert time.monotonic() < limit, alive(service, part)
            time.sleep(0.2)
        return running[-1]

    yield service, begin
    for process in running:
        process.terminate()
        process.wait(30)


def test_a_part_that_runs_is_alive_and_the_others_are_not(start: tuple[Service, Start]) -> None:
    service, begin = start
    assert alive(service, "api") == (1, "api: was not started here\n")
    process = begin("api")
    code, said = alive(service)
    assert code == 1
    assert said.splitlines() == ["worker: was not started here", "beat: was not started here"]
    state = json.loads((service.home / "run" / "service-api.json").read_text())
    os.kill(state["pids"]["supervisor"], 9)
    process.wait(10)
    assert alive(service, "api")[0] == 1


def test_an_api_that_hangs_is_not_alive(start: tuple[Service, Start]) -> None:
    service, begin = start
    begin("api")
    pid = json.loads((service.home / "run" / "service-api.json").read_text())["pids"]["api"]
    os.kill(pid, 19)
    code, said = alive(service, "api")
    os.kill(pid, 18)
    assert (code, said.startswith("api: does not answer")) == (1, True)


def test_each_machine_clears_its_own_disk(start: tuple[Service, Start]) -> None:
    """Beat may be elsewhere: what a crash left here is removed here."""
    service, begin = start
    (service.home / "spool").mkdir(parents=True)
    old, new = service.home / "spool" / "old", service.home / "spool" / "new"
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (0, time.time() - 2 * 86400))
    begin("api")
    limit = time.monotonic() + 10
    while old.exists() and time.monotonic() < limit:
        time.sleep(0.1)
    assert not old.exists()
    assert new.exists()


def test_operators_ask_by_address_and_with_a_key(start: tuple[Service, Start]) -> None:
    service, begin = start
    begin("api")
    address = json.loads((service.home / "run" / "service-api.json").read_text())["address"]
    service.chartrier("tenant", "create", "demo", "--name", "Commune")
    strange = {"Host": "10.1.2.3:8400"}
    assert httpx2.get(f"{address}/metrics", headers=strange).json()["code"] == "wrong_host"
    key = {"Authorization": f"Bearer {service.key()}"}
    assert httpx2.get(f"{address}/metrics", headers=strange | key).status_code == 200
    reader = {"Authorization": f"Bearer {service.key(scopes='record:read')}"}
    forwarded = {"X-Forwarded-For": "127.0.0.1"}
    assert httpx2.get(f"{address}/metrics", headers=strange | reader | forwarded).status_code == 403
    assert httpx2.get(f"{address}/openapi.json", headers=strange | key).json()["code"] == "wrong_host"
