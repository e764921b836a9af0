"""Brokers forget, workers die: what was acknowledged becomes a record all the same."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion import valkey
from tests.fault.backstage import Backstage, letter

LONG = os.environ.get("FAULT") == "long"


@pytest.fixture
def backstage(tmp_path: Path) -> Iterator[Backstage]:
    made = Backstage(tmp_path / "home")
    yield made
    made.stop()


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
        if number % 3 == 2:
            assert valkey._ask(backstage.home, "FLUSHALL") == "+OK"
    views = backstage.wait(deposit_ids, 300)
    backstage.assert_whole(views)


@pytest.mark.fault
@pytest.mark.timeout(600)
def test_a_broker_that_is_away_delays_and_loses_nothing(backstage: Backstage) -> None:
    backstage.start("worker", "beat")
    deposit_ids = [backstage.receive(letter(number), f"d{number}") for number in range(3)]
    time.sleep(2)
    assert {backstage.shown(deposit_id)["state"] for deposit_id in deposit_ids} == {"received"}
    backstage.start("valkey")
    backstage.assert_whole(backstage.wait(deposit_ids, 120))


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
            victim = rng.choice(["worker", "beat", "valkey", "child", "all"])
            if victim == "child":
                children = backstage.children("worker")
                if children:
                    backstage.kill_pid(rng.choice(children))
            elif victim == "all":
                for name in ("worker", "beat", "valkey"):
                    backstage.kill(name)
                backstage.start()
            else:
                backstage.kill(victim)
                backstage.start(victim)
            killed += 1
    views = backstage.wait(deposit_ids, 400)
    backstage.assert_whole(views)
