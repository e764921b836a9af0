"""Each server of a department killed with ``kill -9`` in the middle of deposits: nothing lost,
nothing doubled.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.fault.backstage import letter
from tests.servers.buckets import S3Server
from tests.servers.department import BrokerKind, Department
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.redis import Redis
from tests.servers.service import Service

pytestmark = [pytest.mark.services, pytest.mark.fault]

LONG = os.environ.get("FAULT") == "long"
DEPOSITS = 200 if LONG else 8
"""For each victim."""
AWAY = 10.0 if LONG else 3.0
"""Seconds that a server stays away."""
SENDERS = 4
DRAINED_WITHIN = 900 if LONG else 240
SAID = {202, 503}
"""What a caller may be answered while servers come and go."""


@dataclass
class Wave:
    """Deposits sent while something breaks.

    Attributes:
        acknowledged: Deposit id by idempotency key.
        answers: How often each status came; 0 stands for no answer at all.
        unfit: Answers that nobody should get.
    """

    name: str
    acknowledged: dict[str, str] = field(default_factory=dict)
    answers: Counter[int] = field(default_factory=Counter)
    unfit: list[str] = field(default_factory=list)


class Run:
    """One service on the servers of a department, and the records that it must have in the end."""

    def __init__(self, service: Service, department: Department, kind: BrokerKind) -> None:
        self.service = service
        self.department = department
        self.kind = kind
        self.key = ""
        self.deposits: dict[str, str] = {}
        self.table: list[str] = []

    def wave(self, name: str, break_it: Callable[[], None], mend_it: Callable[[], None], away: float) -> Wave:
        """Send deposits, break something in their middle, mend it, and wait until all are found."""
        wave = Wave(name)
        half, over = threading.Event(), threading.Event()
        numbers = iter(range(DEPOSITS))
        turn = threading.Lock()

        def send() -> None:
            while True:
                with turn:
                    number = next(numbers, None)
                if number is None:
                    return
                if number >= DEPOSITS // 2:
                    half.set()
                self._send(wave, f"{name}-{number}", over)

        senders = [threading.Thread(target=send) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        assert half.wait(300), f"{name}: half of the deposits were not sent in five minutes"
        broken = time.monotonic()
        break_it()
        try:
            time.sleep(away)
            self.while_away(name)
        finally:
            mend_it()
        mended = time.monotonic()
        for sender in senders:
            sender.join(DRAINED_WITHIN)
        self.deposits |= wave.acknowledged
        self.drain(wave)
        drained = time.monotonic() - mended
        assert wave.unfit == []
        assert len(wave.acknowledged) == DEPOSITS
        self.table.append(
            f"{name:<24} {mended - broken:>8.1f} {wave.answers[503]:>8} {wave.answers[0]:>9} {drained:>9.1f}"
        )
        over.set()
        return wave

    def _send(self, wave: Wave, key: str, over: threading.Event) -> None:
        """One deposit, again and again under the same key until it is acknowledged, as a caller
        should.
        """
        content = letter(hash(key) % 10**9)
        limit = time.monotonic() + DRAINED_WITHIN
        while not over.is_set() and time.monotonic() < limit:
            try:
                with self.service.client(self.key) as client:
                    answer = client.post(
                        "/api/v1/deposits",
                        headers={"Idempotency-Key": key},
                        files={"file": (f"{key}.pdf", content, "application/pdf")},
                        data={"title": f"Courrier {key}", "document_type": "courrier"},
                    )
            except (httpx2.HTTPError, OSError):
                wave.answers[0] += 1
                time.sleep(0.3)
                continue
            wave.answers[answer.status_code] += 1
            if answer.status_code == 202:
                wave.acknowledged[key] = answer.json()["id"]
                return
            if answer.status_code not in SAID or "retry-after" not in answer.headers:
                wave.unfit.append(f"{key}: {answer.status_code} {answer.text[:300]}")
                return
            time.sleep(min(1.0, float(answer.headers["retry-after"])))

    def while_away(self, name: str) -> None:
        """What must still work, and what must say that it can't, while a server is away."""
        with self.service.client(self.key) as client:
            if name == "Elasticsearch":
                answer = client.get("/api/v1/search", params={"q": "courrier"})
                assert answer.status_code == 503, answer.text
                assert int(answer.headers["retry-after"]) > 0
            if name in {"Elasticsearch", "Redis", "RabbitMQ"}:
                key = f"{name}-away"
                answer = client.post(
                    "/api/v1/deposits",
                    headers={"Idempotency-Key": key},
                    files={"file": (f"{key}.pdf", letter(hash(key) % 10**9), "application/pdf")},
                )
                assert answer.status_code == 202, answer.text
                self.deposits[key] = answer.json()["id"]

    def drain(self, wave: Wave) -> None:
        """Wait until every deposit is kept and found."""
        limit = time.monotonic() + DRAINED_WITHIN
        waiting = dict(self.deposits)
        while waiting:
            for key, deposit_id in list(waiting.items()):
                view = self._view(deposit_id)
                if view is not None and view["state"] == "kept" and view["stages"][-1]["state"] == "done":
                    del waiting[key]
                elif view is not None and view["state"] in {"quarantined", "refused"}:
                    raise AssertionError(f"{wave.name}: {view}")
            assert time.monotonic() < limit, f"{wave.name}: {len(waiting)} left\n{view}\n{self.service.log()[-6000:]}"
            time.sleep(0.2)

    def _view(self, deposit_id: str) -> dict[str, Any] | None:
        try:
            with self.service.client(self.key) as client:
                answer = client.get(f"/api/v1/deposits/{deposit_id}")
        except (httpx2.HTTPError, OSError):
            return None
        assert answer.status_code in {200, 503}, answer.text
        view: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
        return view

    def assert_equal_sets(self) -> None:
        """Acknowledged, records, sealed objects, journal entries and hits: the same, each once."""
        with self.service.client(self.key) as client:
            wanted = sorted(client.get(f"/api/v1/deposits/{d}").json()["record_id"] for d in self.deposits.values())
            assert len(set(wanted)) == len(self.deposits), "a record each"
            assert sorted(_kept_entries(client)) == wanted, "exactly one RecordKept a record"
            assert sorted(_hits(client)) == wanted
        database = self.service.settings["CHARTRIER_DATABASE_URL"].rpartition("/")[2]
        with self.department.postgres.superuser(database) as connection:
            assert sorted(row[0] for row in connection.execute("SELECT id::text FROM records")) == wanted
        assert sorted(_sealed(self.department.minio, self.service.settings["CHARTRIER_S3_BUCKET"])) == wanted


def _kept_entries(client: httpx2.Client) -> Iterator[str]:
    after = -1
    while batch := client.get("/api/v1/journal/entries", params={"after": after, "limit": 200}).json()["entries"]:
        yield from (e["subject"].removeprefix("record:") for e in batch if e["type"] == "RecordKept")
        after = batch[-1]["n"]


def _hits(client: httpx2.Client) -> Iterator[str]:
    cursor: str | None = ""
    while cursor is not None:
        asked = {"q": "", "limit": 100} | ({"cursor": cursor} if cursor else {})
        answer = client.get("/api/v1/search", params=asked).json()
        yield from (hit["record_id"] for hit in answer["hits"])
        cursor = answer["next"] or None


def _sealed(server: S3Server, bucket: str) -> Iterator[str]:
    """The record of every object that holds a sealed document, once for each of its versions."""
    for item in server.client().list_objects(bucket, prefix="tenants/", recursive=True, include_version=True):
        name = item.object_name or ""
        if name.endswith("archival/record.pdf"):
            yield name.split("/")[-5].rpartition("%3a")[2]


@pytest.fixture(params=["redis", "rabbitmq"])
def run(
    request: pytest.FixtureRequest,
    department: Department,
    department_broker: Callable[[BrokerKind], Redis | RabbitMQ],
    tmp_path: Path,
) -> Iterator[Run]:
    kind: BrokerKind = request.param
    department_broker(kind)
    service = Service(tmp_path / "home", **department.settings(kind))
    service.chartrier("tenant", "create", "demo", "--name", "Commune de démonstration")
    service.start(within=120)
    made = Run(service, department, kind)
    made.key = service.key()
    yield made
    service.stop()


@pytest.mark.timeout(7200 if LONG else 900)
def test_no_server_loses_or_doubles_a_document(run: Run) -> None:
    for server in run.department.servers(run.kind):
        run.wave(server.name, server.kill, server.start, AWAY)
        run.assert_equal_sets()
    broker = run.department.brokers[run.kind]
    run.wave(f"{run.kind} forgets all", broker.forget, lambda: None, 0.0)
    for process in ("api", "worker", "beat"):
        run.wave(process, lambda process=process: _kill(run.service, process), lambda: None, 0.0)  # type: ignore[misc]
    run.assert_equal_sets()
    assert run.service.chartrier("verify", "--all", timeout=600).returncode == 0
    print(f"\n{DEPOSITS} deposits a victim, broker {run.kind}")
    print(f"{'killed':<24} {'away, s':>8} {'503':>8} {'no answer':>9} {'drain, s':>9}")
    print("\n".join(run.table))
    print(f"{len(run.deposits)} acknowledged = records = sealed objects = RecordKept = hits; 0 lost, 0 doubled")


def _kill(service: Service, process: str) -> None:
    with suppress(ProcessLookupError):
        os.kill(service.processes()["pids"][process], signal.SIGKILL)
