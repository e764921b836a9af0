"""``chartrier serve`` on a real Elasticsearch: found there, away while the node is dead, caught up
when it is back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from search.engines.elastic_link import Link
from tests.fault.backstage import letter
from tests.servers.elasticsearch import Node, require
from tests.servers.service import Service

pytestmark = [pytest.mark.services, pytest.mark.fault, pytest.mark.timeout(600)]

PREFIX = "essai"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """One of our own: it is killed."""
    require()
    made = Node(tmp_path_factory.mktemp("node"))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def service(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(
        tmp_path_factory.mktemp("home") / "home", CHARTRIER_SEARCH_URL=node.url, CHARTRIER_SEARCH_PREFIX=PREFIX
    )
    for tenant in ("demo", "autre"):
        running.chartrier("tenant", "create", tenant, "--name", f"Commune {tenant}")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def client(service: Service) -> Iterator[httpx2.Client]:
    with service.client(service.key()) as client:
        yield client


def receive(client: httpx2.Client, numbers: range) -> list[str]:
    made = []
    for number in numbers:
        answer = client.post(
            "/api/v1/deposits",
            headers={"Idempotency-Key": f"lettre-{number}"},
            files={"file": (f"lettre-{number}.pdf", letter(number), "application/pdf")},
            data={"title": f"Lettre {number}"},
        )
        assert answer.status_code == 202, answer.text
        made.append(answer.json()["id"])
    return made


def until(condition: Callable[[], Any], within: float = 120) -> Any:
    limit = time.monotonic() + within
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < limit, "not within the time"
        time.sleep(0.2)


def kept(client: httpx2.Client, deposits: list[str]) -> bool:
    return all(client.get(f"/api/v1/deposits/{one}").json()["state"] == "kept" for one in deposits)


def titles(client: httpx2.Client) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        parameters = {"q": "lettre", "limit": "7"} | ({"cursor": cursor} if cursor else {})
        answer = client.get("/api/v1/search", params=parameters)
        if answer.status_code != 200:
            return []
        found += [hit["title"] for hit in answer.json()["hits"]]
        cursor = answer.json()["next"]
        if cursor is None:
            return sorted(found)


def named(numbers: range) -> list[str]:
    return sorted(f"Lettre {number}" for number in numbers)


def found(client: httpx2.Client, numbers: range) -> list[str]:
    """Titles of these letters, as often as they are found.

    Other tests of the same service have letters too.
    """
    wanted = set(named(numbers))
    return [title for title in titles(client) if title in wanted]


def state(client: httpx2.Client) -> str:
    shown: str = client.get("/health/ready").json()["components"]["search"]["state"]
    return shown


def test_a_killed_node_costs_nothing_but_the_wait(service: Service, node: Node, client: httpx2.Client) -> None:
    early, late = range(100, 110), range(110, 125)
    first = receive(client, early)
    until(lambda: found(client, early) == named(early))
    node.kill()
    second = receive(client, late)
    away = client.get("/api/v1/search", params={"q": "lettre"})
    assert away.status_code == 503
    assert int(away.headers["Retry-After"]) > 0
    assert away.json()["code"] == "search_away"
    page = client.get("/health/ready")
    assert page.json()["components"]["search"]["state"] == "away"
    until(lambda: kept(client, [*first, *second]))
    assert titles(client) == []
    node.start()
    begun = time.monotonic()
    until(lambda: len(found(client, late)) >= len(late))
    took = time.monotonic() - begun
    assert found(client, range(100, 125)) == named(range(100, 125)), "each once"
    assert state(client) == "ok"
    print(f"caught up with 15 records {took:.1f} s after the node was back")


def test_a_node_without_its_data_is_followed_from_the_beginning(
    service: Service, node: Node, client: httpx2.Client
) -> None:
    receive(client, range(25))
    until(lambda: found(client, range(25)) == named(range(25)))
    link = Link(node.url)
    link.client.indices.delete(index=list(link.client.indices.get_alias(index=f"{PREFIX}_demo_*")))
    link.close()
    receive(client, range(25, 26))
    until(lambda: found(client, range(26)) == named(range(26)))


def test_the_index_is_rebuilt_while_it_answers(service: Service, client: httpx2.Client) -> None:
    receive(client, range(25))
    until(lambda: found(client, range(25)) == named(range(25)))
    before = titles(client)
    done = json.loads(service.chartrier("rebuild", "index", "--tenant", "demo", "--json").stdout)
    assert done["tenant"] == "demo"
    assert titles(client) == before, "no record, no letter more or less"


def test_one_tenant_never_meets_another(service: Service, client: httpx2.Client) -> None:
    receive(client, range(25))
    until(lambda: len(titles(client)) >= 25)
    with service.client(service.key("autre")) as other:
        answer = other.get("/api/v1/search", params={"q": "lettre"}).json()
        assert answer["total"]["value"] == 0
        assert all(values == [] for values in answer["facets"].values())
        following = client.get("/api/v1/search", params={"q": "lettre", "limit": "5"}).json()["next"]
        assert other.get("/api/v1/search", params={"q": "lettre", "cursor": following}).status_code == 422


def test_doctor_names_the_cluster(service: Service, node: Node) -> None:
    findings = [json.loads(line) for line in service.chartrier("doctor", "--json", check=False).stdout.splitlines()]
    (index,) = [finding for finding in findings if finding["part"] == "Index"]
    assert index["state"] == "ok"
    assert index["version"] == "Elasticsearch 9.5.3"
    node.kill()
    done = service.chartrier("doctor", "--json", check=False)
    (index,) = [f for f in map(json.loads, done.stdout.splitlines()) if f["part"] == "Index"]
    assert done.returncode == 1
    assert index["state"] == "wrong"
    node.start()
