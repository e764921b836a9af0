"""Brokers forget, workers die: what was acknowledged becomes a record all the same."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fault.backstage import Backstage, Served, letter

LONG = os.environ.get("FAULT") == "long"


BROKERS = ("valkey", *(pytest.param(name, marks=pytest.mark.services) for name in ("redis", "rabbitmq")))


@pytest.fixture(params=BROKERS)
def backstage(request: pytest.FixtureRequest, tmp_path: Path, keys: Path) -> Iterator[Backstage]:
    """The same on the broker of one machine and on those of a department."""
    served = None if request.param == "valkey" else Served(request.getfixturevalue(f"{request.param}_server"))
    made = Backstage(tmp_path / "home", keys, served)
    yield made
    made.stop()


def drained(backstage: Backstage, deposit_ids: list[str], seconds: float, what: str) -> list[dict[str, Any]]:
    """Wait for all, and say how long it took."""
    begun = time.monotonic()
    views = backstage.wait(deposit_ids, seconds)
    broker = type(backstage.broker).__name__ + " ".join(backstage.broker.settings.values()).partition(":")[0]
    print(f"{what}, {len(deposit_ids)} documents, {broker}: drained in {time.monotonic() - begun:.1f} s")
    return views


@pytest.mark.fault
@pytest.mark.timeout(300)
def test_a_document_travels_through_real_processes(backstage: Backstage) -> None:
    backstage.start()
    deposit_id = backstage.receive(letter(1), "one", document_type="courrier")
    backstage.assert_whole(backstage.wait([deposit_id], 90))


@pytest.mark.fault
@pytest.mark.timeout(600)
def test_a_broker_that_forgets_everything_loses_nothing(backstage: Backstage) -> None:
    backstage.start()
    documents = 30 if LONG else 8
    deposit_ids = []
    for number in range(documents):
        deposit_ids.append(backstage.receive(letter(number), f"d{number}"))
        if number % 6 == 2:
            backstage.broker.forget()
        elif number % 6 == 5:
            backstage.broker.purge()
    views = drained(backstage, deposit_ids, 300, "broker forgets")
    backstage.assert_whole(views)


@pytest.mark.fault
@pytest.mark.timeout(600)
def test_a_broker_that_is_away_delays_and_loses_nothing(backstage: Backstage) -> None:
    backstage.kill("broker")
    backstage.start("worker", "beat")
    deposit_ids = [backstage.receive(letter(number), f"d{number}") for number in range(3)]
    time.sleep(2)
    assert {backstage.shown(deposit_id)["state"] for deposit_id in deposit_ids} == {"received"}
    backstage.start("broker")
    backstage.assert_whole(backstage.wait(deposit_ids, 120))


@pytest.mark.fault
@pytest.mark.timeout(600)
def test_a_broker_killed_in_the_midst_loses_nothing(backstage: Backstage) -> None:
    backstage.start()
    documents = 30 if LONG else 8
    deposit_ids = [backstage.receive(letter(number), f"d{number}") for number in range(documents)]
    backstage.wait(deposit_ids[:2], 120)
    backstage.kill("broker")
    deposit_ids.append(backstage.receive(letter(documents), "received without it"))
    time.sleep(2)
    backstage.start("broker")
    backstage.assert_whole(drained(backstage, deposit_ids, 300, "broker killed"))


@pytest.mark.fault
@pytest.mark.timeout(1800)
def test_killed_processes_lose_and_double_nothing(backstage: Backstage) -> None:
    rng = random.Random(7)
    backstage.start()
    documents, kills = (30, 30) if LONG else (8, 6)
    deposit_ids: list[str] = []
    killed = 0
    while killed < kills or len(deposit_ids) < documents:
        if len(deposit_ids) < documents:
            number = len(deposit_ids)
            deposit_ids.append(backstage.receive(letter(number), f"d{number}"))
        time.sleep(rng.uniform(0.05, 0.6))
        if killed < kills:
            victim = rng.choice(["worker", "beat", "broker", "child", "all"])
            if victim == "child":
                children = backstage.children("worker")
                if children:
                    backstage.kill_pid(rng.choice(children))
            elif victim == "all":
                for name in ("worker", "beat", "broker"):
                    backstage.kill(name)
                backstage.start()
            else:
                backstage.kill(victim)
                backstage.start(victim)
            killed += 1
    views = drained(backstage, deposit_ids, 400, f"{kills} kills")
    backstage.assert_whole(views)
