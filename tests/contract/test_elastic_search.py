"""Elasticsearch under the search contract, and what only a server elsewhere can get wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from search.analysis import tokens
from search.cursors import Cursor, write_cursor
from search.engines.elastic import ElasticIndex, RebuiltIndex
from search.engines.elastic_link import Link
from search.engines.elastic_schema import FORMAT, encoded
from search.port import Condition, Query, Remove, SearchIndex, Sort, Upsert
from signing.ground.errors import Refused, Unavailable
from tests.contract.suite_search import (
    TENANT,
    SearchIndexContract,
    ask,
    entry,
    french,
    ids,
    many,
    put,
    read_pairs,
    record_id,
)
from tests.servers.elasticsearch import Node
from tests.servers.gate import Answer, Change, Gate
from tests.servers.postgres import Databases
from tests.servers.process import free_port
from tests.unit.search.town import Town

ROOT = Path(__file__).resolve().parents[2]

__all__ = ["french", "many"]

pytestmark = pytest.mark.services


@pytest.fixture(scope="class")
def make_index(elasticsearch_node: Node, search_prefix: Callable[[], str]) -> Iterator[Callable[[], SearchIndex]]:
    made: list[tuple[SearchIndex, str]] = []

    def make() -> SearchIndex:
        prefix = search_prefix()
        made.append((ElasticIndex(Link(elasticsearch_node.url), prefix), prefix))
        return made[-1][0]

    yield make
    for index, prefix in made:
        clear(elasticsearch_node, prefix)
        index.close()


@pytest.fixture
def prefix(search_prefix: Callable[[], str]) -> str:
    return search_prefix()


@pytest.fixture
def index(elasticsearch_node: Node, prefix: str) -> Iterator[ElasticIndex]:
    made = ElasticIndex(Link(elasticsearch_node.url), prefix)
    yield made
    made.close()
    clear(elasticsearch_node, prefix)


def clear(node: Node, prefix: str) -> None:
    link = Link(node.url)
    names = list(link.client.indices.get_alias(index=f"{prefix}_*"))
    if names:
        link.client.indices.delete(index=names)
    link.close()


class TestElasticSearch(SearchIndexContract):
    """The whole contract."""


# -- the index itself


def test_the_server_takes_words_apart_as_we_do(index: ElasticIndex, elasticsearch_node: Node, prefix: str) -> None:
    put(index, entry(1, "voirie"))
    link = Link(elasticsearch_node.url)
    texts = [side for pair in read_pairs() for side in (pair.query, pair.text) if tokens(side)]
    texts += ["l’𝔄 œuvre", "a" * 300, "2024-117", "ﷺ x"]

    def asked(field: str, text: str) -> list[tuple[str, int]]:
        found = link.client.indices.analyze(index=f"{prefix}_{TENANT}_f{FORMAT}", field=field, text=text)["tokens"]
        return [(token["token"], token["position"]) for token in found]

    for start in range(0, len(texts), 40):
        text = " ".join(texts[start : start + 40])
        words = tokens(text)
        assert sorted(asked("text", encoded(text))) == sorted((t, at) for at, w in enumerate(words) for t in w.terms)
        assert asked("text.forms", encoded(text)) == [(w.form, at) for at, w in enumerate(words)]
    link.close()


def test_the_index_is_strict_and_durable(index: ElasticIndex, elasticsearch_node: Node, prefix: str) -> None:
    put(index, entry(1, "voirie"))
    link = Link(elasticsearch_node.url)
    (made,) = link.client.indices.get(index=f"{prefix}_*").values()
    assert made["mappings"]["dynamic"] == "strict"
    assert made["settings"]["index"]["translog"]["durability"] == "request"
    assert made["settings"]["index"]["number_of_shards"] == "1"
    link.close()


def test_an_entry_that_the_server_refuses_holds_the_position_back(index: ElasticIndex) -> None:
    put(index, entry(1, "voirie"), position=1)
    with pytest.raises(Unavailable) as refused:
        index.apply(TENANT, [Upsert(entry(2, "voirie")), Upsert(entry(3, "voirie", revision=2**63))], 2)
    assert refused.value.code == "search_entry_refused"
    assert refused.value.values["record"] == record_id(3)
    assert index.position(TENANT) == 1
    put(index, entry(2, "voirie"), entry(3, "voirie"), position=2)
    assert ask(index, "voirie").total == 3


def test_a_refused_record_does_not_hide_later_ones(index: ElasticIndex, tmp_path: Path, databases: Databases) -> None:
    town = Town(tmp_path, databases, index)
    town.note("RecordKept", "r1", revision=2**63)
    town.note("RecordKept", "r2")
    for _ in range(2):
        town.follower.step()
        assert index.position("felletin") == -1, "first it tries again"
        town.note("RecordKept", "r3")
    town.follower.step()
    assert (town.found(), town.follower.lag()) == (["r2", "r3"], {})
    assert (town.follower.rebuild("felletin"), town.found()) == (4, ["r2", "r3"])
    town.note("RecordDescribed", "r1", revision=2)
    assert town.follower.rebuild("felletin") == 5
    assert town.found() == ["r1", "r2", "r3"]
    town.database.dispose()


def test_a_long_record_that_shrinks_leaves_no_page(index: ElasticIndex, elasticsearch_node: Node, prefix: str) -> None:
    put(index, entry(1, *(["voirie"] * 30)), position=1)
    put(index, entry(1, "fontaine", "", "lavoir", revision=2), position=2)
    (hit,) = ask(index, "lavoir").hits
    assert [match.page for match in hit.matches] == [3]
    assert ask(index, "voirie").total == 0
    link = Link(elasticsearch_node.url)
    assert link.client.count(index=f"{prefix}_*", query={"term": {"kind": "page"}})["count"] == 2
    link.close()


def test_words_beyond_what_one_request_holds_are_said_and_the_rest_is_found(
    index: ElasticIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.engines.elastic_schema._MOST_CHARACTERS", 1000)
    put(index, entry(1, *(f"voirie numéro{page} " + "x" * 90 for page in range(40))))
    assert ask(index, "numéro3").total == 1
    assert ask(index, "numéro39").total == 0


def test_large_batches_are_sent_in_parts(index: ElasticIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.engines.elastic_link._BULK_CHARACTERS", 5000)
    put(index, *(entry(n, "voirie " * 100, "fontaine") for n in range(50)))
    assert ask(index, "voirie fontaine").total == 50


@pytest.mark.parametrize("tenant", ["*", "_all", "a,b", "..", "a/b", "", "A", "a\n", "a_f1", "<a{now/d}>"])
def test_a_tenant_is_never_a_pattern(index: ElasticIndex, tenant: str) -> None:
    put(index, entry(1, "voirie"))
    for call in (lambda: index.position(tenant), lambda: ask(index, tenant=tenant)):
        with pytest.raises(ValueError):
            call()


def test_prefixes_that_continue_each_other_stay_apart(elasticsearch_node: Node, prefix: str) -> None:
    one = ElasticIndex(Link(elasticsearch_node.url), prefix)
    other = ElasticIndex(Link(elasticsearch_node.url), f"{prefix}-x")
    put(one, entry(1, "voirie", tenant="x-y"), tenant="x-y")
    assert ask(other, tenant="y").total == 0
    put(other, entry(2, "voirie", tenant="y"), tenant="y")
    assert ids(ask(one, tenant="x-y")) == [record_id(1)]
    for each, name in ((one, prefix), (other, f"{prefix}-x")):
        each.close()
        clear(elasticsearch_node, name)


def test_reading_creates_nothing(index: ElasticIndex, elasticsearch_node: Node, prefix: str) -> None:
    ask(index, "voirie")
    index.position(TENANT)
    link = Link(elasticsearch_node.url)
    assert dict(link.client.indices.get_alias(index=f"{prefix}_*")) == {}
    link.close()


# -- several processes


def test_readers_see_batches_and_swaps_of_another(index: ElasticIndex, elasticsearch_node: Node, prefix: str) -> None:
    reader = ElasticIndex(Link(elasticsearch_node.url), prefix)
    assert ask(reader, "voirie").total == 0
    for number in range(20):
        put(index, entry(number, "voirie"), position=number)
        assert ask(reader, "voirie").total == number + 1
    rebuilt = index.begin_rebuild(TENANT)
    rebuilt.apply(TENANT, [Upsert(entry(30, "voirie"))], 4)
    index.finish_rebuild(TENANT, rebuilt)
    assert ids(ask(reader, "voirie")) == [record_id(30)]
    assert reader.position(TENANT) == 4
    reader.close()


def test_readers_answer_while_indexes_are_swapped(index: ElasticIndex, elasticsearch_node: Node, prefix: str) -> None:
    put(index, entry(1, "voirie"))
    reader = ElasticIndex(Link(elasticsearch_node.url), prefix)
    stop = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not stop.is_set():
            try:
                total = ask(reader, "voirie").total
                if total != 1:
                    wrong.append(total)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for position in range(8):
        rebuilt = index.begin_rebuild(TENANT)
        rebuilt.apply(TENANT, [Upsert(entry(1, "voirie"))], position)
        index.finish_rebuild(TENANT, rebuilt)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    reader.close()


class Sleeper(Link):
    """A line whose writer is overtaken between reading and writing."""

    def __init__(self, url: str, meanwhile: Callable[[], None]) -> None:
        super().__init__(url)
        self._meanwhile = meanwhile

    def write(self, writing: str, items: Iterable[Any]) -> None:
        held = list(items)
        self._meanwhile()
        super().write(writing, held)


def test_a_writer_that_slept_brings_nothing_back(index: ElasticIndex, elasticsearch_node: Node, prefix: str) -> None:
    put(index, entry(1, "ancien"), position=1)

    def meanwhile() -> None:
        put(index, entry(1, "nouveau"), position=3)  # the same revision: a page was read again
        index.apply(TENANT, [Remove(record_id(2)), Remove(record_id(3))], 4)

    slow = ElasticIndex(Sleeper(elasticsearch_node.url, meanwhile), prefix)
    slow.apply(TENANT, [Upsert(entry(1, "ancien")), Upsert(entry(2, "disparu", "bis")), Upsert(entry(3, "disparu"))], 2)
    assert ids(ask(index)) == [record_id(1)]
    assert ask(index, "nouveau").total == 1
    assert ask(index, "ancien").total == ask(index, "disparu").total == 0
    assert index.position(TENANT) == 4, "nor does it put the position back"
    slow.close()


def test_a_batch_begun_before_a_swap_is_not_applied_after_it(
    index: ElasticIndex, elasticsearch_node: Node, prefix: str
) -> None:
    put(index, entry(1, "voirie"), position=7)
    other = ElasticIndex(Link(elasticsearch_node.url), prefix)
    assert index.position(TENANT) == 7
    rebuilt = other.begin_rebuild(TENANT)
    rebuilt.apply(TENANT, [Upsert(entry(1, "voirie"))], 6)
    other.finish_rebuild(TENANT, rebuilt)
    with pytest.raises(Unavailable):
        index.apply(TENANT, [Upsert(entry(3, "voirie"))], 8)
    assert index.position(TENANT) == 6, "7 must be followed again before 8"
    put(index, entry(2, "voirie"), position=7)
    assert ask(index, "voirie").total == 2
    other.close()


_WRITER = """
import sys
sys.path.insert(0, {root!r})
from search.engines.elastic import ElasticIndex
from search.engines.elastic_link import Link
from search.port import Upsert
from tests.contract.suite_search import TENANT, entry
index = ElasticIndex(Link({url!r}), {prefix!r})
position = index.position(TENANT) + 1
while True:
    index.apply(TENANT, [Upsert(entry(position * 10 + i, "voirie " * 200, "budget")) for i in range(10)], position)
    print(position, flush=True)
    position += 1
"""


@pytest.mark.fault
def test_a_killed_writer_loses_no_position(index: ElasticIndex, elasticsearch_node: Node, prefix: str) -> None:
    script = _WRITER.format(root=str(ROOT), url=elasticsearch_node.url, prefix=prefix)
    for round_number in range(4):
        writer = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        last = -1
        for _ in range(3 + round_number * 2):
            last = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        last = max([last, *(int(line) for line in writer.stdout.read().split())])
        writer.stdout.close()
        position = index.position(TENANT)
        assert last <= position <= last + 1
        put(
            index,
            *(entry((position + 1) * 10 + i, "voirie " * 200, "budget") for i in range(10)),
            position=position + 1,
        )
        assert ask(index, "voirie").total == (position + 2) * 10
        assert len(list(index.record_ids(TENANT))) == (position + 2) * 10


# -- rebuilding


def indexes(node: Node, prefix: str) -> set[str]:
    link = Link(node.url)
    found = set(link.client.indices.get_alias(index=f"{prefix}_*"))
    link.close()
    return found


def test_a_rebuilt_index_that_differs_never_answers(index: ElasticIndex, elasticsearch_node: Node, prefix: str) -> None:
    put(index, entry(1, "voirie"), position=5)
    link = Link(elasticsearch_node.url)

    def lost(name: str) -> None:
        link.client.delete(index=name, id=record_id(3))

    def altered(name: str) -> None:
        held = link.client.get(index=name, id=f"{record_id(2)}#2")["_source"]
        held["shown"]["text"] = "autre chose"
        link.client.index(index=name, id=f"{record_id(2)}#2", document=held)

    for damage in (lost, altered):
        rebuilt = index.begin_rebuild(TENANT)
        rebuilt.apply(TENANT, [Upsert(entry(n, "voirie", "budget")) for n in range(1, 4)], 6)
        damage(cast("RebuiltIndex", rebuilt).built)
        with pytest.raises(Unavailable) as differs:
            index.finish_rebuild(TENANT, rebuilt)
        assert differs.value.code == "rebuild_differs"
        rebuilt.close()
        assert ids(ask(index, "voirie")) == [record_id(1)]
        assert len(indexes(elasticsearch_node, prefix)) == 1
    link.close()


_BUILDER = """
import sys
sys.path.insert(0, {root!r})
from search.engines.elastic import ElasticIndex
from search.engines.elastic_link import Link
from search.port import Upsert
from tests.contract.suite_search import TENANT, entry
index = ElasticIndex(Link({url!r}), {prefix!r})
rebuilt = index.begin_rebuild(TENANT)
rebuilt.apply(TENANT, [Upsert(entry(2, "budget"))], 9)
print("begun", flush=True)
sys.stdin.read()
"""


@pytest.mark.fault
def test_a_killed_rebuild_leaves_the_old_index_answering(
    index: ElasticIndex, elasticsearch_node: Node, prefix: str
) -> None:
    put(index, entry(1, "voirie"), position=5)
    script = _BUILDER.format(root=str(ROOT), url=elasticsearch_node.url, prefix=prefix)
    builder = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert builder.stdout is not None
    assert builder.stdin is not None
    assert builder.stdout.readline() == "begun\n"
    with pytest.raises(Refused) as running:
        index.begin_rebuild(TENANT)
    assert running.value.code == "rebuild_running"
    builder.kill()
    builder.wait()
    builder.stdout.close()
    builder.stdin.close()
    assert ids(ask(index)) == [record_id(1)]
    assert len(indexes(elasticsearch_node, prefix)) == 2
    rebuilt = index.begin_rebuild(TENANT)
    assert rebuilt.position(TENANT) == -1
    rebuilt.apply(TENANT, [Upsert(entry(1, "voirie")), Upsert(entry(4, "voirie"))], 9)
    index.finish_rebuild(TENANT, rebuilt)
    assert ask(index, "voirie").total == 2
    assert len(indexes(elasticsearch_node, prefix)) == 1


def test_a_builder_elsewhere_that_fell_silent_is_given_up(
    index: ElasticIndex, elasticsearch_node: Node, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(index, entry(1, "voirie"), position=5)
    monkeypatch.setattr("platform.node", lambda: "ailleurs")
    index.begin_rebuild(TENANT)
    monkeypatch.undo()
    with pytest.raises(Refused):
        index.begin_rebuild(TENANT)
    monkeypatch.setattr("search.engines.elastic_indexes._SILENT_BUILDER_SECONDS", -1)
    index.begin_rebuild(TENANT).close()
    assert len(indexes(elasticsearch_node, prefix)) == 1


def test_an_index_of_another_format_counts_as_absent_and_is_swept(
    index: ElasticIndex, elasticsearch_node: Node, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.engines.elastic_schema.FORMAT", 0)
    put(index, entry(1, "voirie"), position=7)
    monkeypatch.undo()
    assert index.position(TENANT) == -1
    assert ask(index, "voirie").total == 0
    put(index, entry(2, "voirie"), position=7)
    assert ids(ask(index, "voirie")) == [record_id(2)]
    rebuilt = index.begin_rebuild(TENANT)
    rebuilt.apply(TENANT, [Upsert(entry(2, "voirie"))], 7)
    index.finish_rebuild(TENANT, rebuilt)
    assert len(indexes(elasticsearch_node, prefix)) == 1


# -- going on


def test_a_long_answer_goes_on_as_it_began_while_records_come(index: ElasticIndex) -> None:
    put(index, *(entry(n, "voirie " * (n % 7 + 1)) for n in range(60)))
    first = ask(index, "voirie", limit=10)
    second = ask(index, "voirie", limit=10, after=first.next)
    put(index, *(entry(n, "voirie") for n in range(100, 130)), position=1)
    seen = ids(first) + ids(second)
    after = second.next
    while after:
        answer = ask(index, "voirie", limit=10, after=after)
        seen += ids(answer)
        after = answer.next
        assert answer.total == 60
    assert sorted(seen) == [record_id(n) for n in range(60)]


def test_an_answer_goes_on_when_its_view_is_gone(index: ElasticIndex, elasticsearch_node: Node, prefix: str) -> None:
    put(index, *(entry(n, "voirie") for n in range(30)))
    whole = ids(ask(index, "voirie", limit=100))
    second = ask(index, "voirie", limit=10, after=ask(index, "voirie", limit=10).next)
    rebuilt = index.begin_rebuild(TENANT)
    rebuilt.apply(TENANT, [Upsert(entry(n, "voirie")) for n in range(30)], 1)
    index.finish_rebuild(TENANT, rebuilt)
    assert ids(ask(index, "voirie", limit=10, after=second.next)) == whole[20:]
    elsewhere = ElasticIndex(Link(elasticsearch_node.url), prefix)
    assert ids(ask(elsewhere, "voirie", limit=10, after=second.next)) == whole[20:]
    elsewhere.close()


@pytest.mark.parametrize("key", [float("nan"), float("inf"), 1e300, "x", "\ud800", "", "a" * 500])
@pytest.mark.parametrize("sort", [Sort.RELEVANCE, Sort.TITLE])
def test_forged_cursors_are_refused_or_answered(index: ElasticIndex, key: float | str, sort: Sort) -> None:
    put(index, *(entry(n, "voirie") for n in range(3)))
    query = Query(TENANT, "voirie", sort=sort)
    forged = write_cursor(query, Cursor(0, 1, key, record_id(1)))
    sound = isinstance(key, float) == (sort is Sort.RELEVANCE) and key in {"x", "", "a" * 500}
    if sound:
        assert ask(index, "voirie", sort=sort, after=forged).total == 3
        return
    with pytest.raises(Refused) as refused:
        ask(index, "voirie", sort=sort, after=forged)
    assert refused.value.code == "bad_cursor"


# -- what the server may refuse


@pytest.fixture
def thrifty(elasticsearch_node: Node) -> Iterator[None]:
    """A cluster that forbids expensive queries."""
    link = Link(elasticsearch_node.url)
    link.client.cluster.put_settings(persistent={"search.allow_expensive_queries": False})
    yield
    link.client.cluster.put_settings(persistent={"search.allow_expensive_queries": None})
    link.close()


@pytest.mark.usefixtures("thrifty")
def test_a_cluster_that_forbids_expensive_queries_answers_all_the_same(index: ElasticIndex) -> None:
    put(
        index,
        entry(1, "la dé1ibératlon du conseil", "page deux", document_date=date(2026, 3, 1)),
        entry(2, "le cornmissaire de Saint-Martinville"),
    )
    assert ids(ask(index, "délibération")) == [record_id(1)]
    assert ids(ask(index, "commissaire")) == [record_id(2)]
    assert ids(ask(index, "cons*")) == [record_id(1)]
    assert ids(ask(index, "saint-mart*")) == [record_id(2)]
    assert ids(ask(index, "conseil", date_from=date(2026, 1, 1))) == [record_id(1)]
    assert ask(index, "deux").hits[0].matches[0].page == 2
    with pytest.raises(Refused) as refused:
        ask(index, "conseil anticonstitutionnellem*")
    assert refused.value.code == "bad_query"
    assert refused.value.values["position"] == 8


def test_long_beginnings_are_found(index: ElasticIndex) -> None:
    put(index, entry(1, "anticonstitutionnellement"), entry(2, "anticonstitutionnelle"))
    assert ask(index, "anticonstitutionnel*").total == 2
    assert ids(ask(index, "anticonstitutionnellem*")) == [record_id(1)]
    assert ids(ask(index, '"un" OR vote-anticonstitutionnellem* OR anticonstitutionnelleme*')) == [record_id(1)]


# -- failures


@pytest.fixture
def gate(elasticsearch_node: Node) -> Iterator[Gate]:
    made = Gate(elasticsearch_node.port)
    yield made
    made.close()


def always(status: int, body: object) -> Change:
    def change(_method: str, path: str, answer: Answer) -> Answer:
        return answer if path == "/" else (status, answer[1], json.dumps(body).encode())

    return change


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_away(index: ElasticIndex, gate: Gate, prefix: str, status: int) -> None:
    put(index, entry(1, "voirie"), position=3)
    other = ElasticIndex(Link(gate.url), prefix)
    assert other.position(TENANT) == 3
    gate.change = always(status, {"error": {"type": "es_rejected_execution_exception"}, "status": status})
    calls: list[Callable[[], object]] = [
        lambda: ask(other, "voirie"),
        lambda: other.position(TENANT),
        lambda: put(other, entry(2, "voirie"), position=4),
        lambda: other.record_ids(TENANT),
        lambda: other.begin_rebuild(TENANT),
    ]
    for call in calls:
        with pytest.raises(Unavailable) as away:
            call()
        assert away.value.code == "search_away"
    gate.change = None
    assert ask(other, "voirie").total == 1
    assert other.position(TENANT) == 3
    other.close()


def test_items_refused_inside_a_good_answer_are_noticed(index: ElasticIndex, gate: Gate, prefix: str) -> None:
    put(index, entry(1, "voirie"), position=3)
    other = ElasticIndex(Link(gate.url), prefix)

    def full(_method: str, path: str, answer: Answer) -> Answer:
        if not path.endswith("/_bulk?require_alias=true"):
            return answer
        items = [{"index": {"_id": "x", "status": 429, "error": {"type": "es_rejected_execution_exception"}}}]
        return answer[0], answer[1], json.dumps({"errors": True, "took": 1, "items": items}).encode()

    gate.change = full
    with pytest.raises(Unavailable) as away:
        put(other, entry(2, "voirie"), position=4)
    assert away.value.code == "search_away"
    assert index.position(TENANT) == 3
    gate.change = None
    put(other, entry(2, "voirie"), position=4)
    assert ask(index, "voirie").total == 2
    other.close()


def test_a_search_that_lacks_a_part_is_no_answer(index: ElasticIndex, gate: Gate, prefix: str) -> None:
    put(index, entry(1, "voirie"))
    other = ElasticIndex(Link(gate.url), prefix)

    def late(_method: str, path: str, answer: Answer) -> Answer:
        if "_search" not in path:
            return answer
        return answer[0], answer[1], json.dumps(json.loads(answer[2]) | {"timed_out": True}).encode()

    gate.change = late
    with pytest.raises(Unavailable):
        ask(other, "voirie")
    other.close()


def test_nobody_there(prefix: str) -> None:
    index = ElasticIndex(Link(f"http://127.0.0.1:{free_port()}"), prefix)
    for call in (lambda: ask(index, "voirie"), lambda: index.position(TENANT), index.condition):
        with pytest.raises(Unavailable) as away:
            call()
        assert away.value.code == "search_away"
        assert away.value.retry_after > 0
    index.close()


def test_a_server_of_another_major_version_is_named(gate: Gate, prefix: str) -> None:
    def older(_method: str, _path: str, answer: Answer) -> Answer:
        return answer[0], answer[1], answer[2].replace(b'"9.5.3"', b'"8.19.7"')

    gate.change = older
    index = ElasticIndex(Link(gate.url), prefix)
    with pytest.raises(Unavailable) as other:
        ask(index, "voirie")
    assert other.value.code == "search_version"
    assert "8.19.7" in str(other.value)
    gate.change = None
    assert ask(index, "voirie").total == 0, "asked again once it was replaced"
    index.close()


def test_what_a_server_of_version_8_really_says_is_understood(gate: Gate, prefix: str) -> None:
    said = {"error": {"type": "media_type_header_exception", "reason": "Invalid media-type value"}, "status": 400}
    gate.change = lambda _m, _p, answer: (400, answer[1], json.dumps(said).encode())
    index = ElasticIndex(Link(gate.url), prefix)
    with pytest.raises(Unavailable) as other:
        index.position(TENANT)
    assert other.value.code == "search_version"
    index.close()


def test_a_server_that_is_no_elasticsearch_is_named(gate: Gate, prefix: str) -> None:
    gate.change = lambda _m, _p, answer: (
        200,
        {name: value for name, value in answer[1].items() if name.lower() != "x-elastic-product"},
        answer[2],
    )
    index = ElasticIndex(Link(gate.url), prefix)
    with pytest.raises(Unavailable) as other:
        index.position(TENANT)
    assert other.value.code == "search_version"
    index.close()


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_named(gate: Gate, prefix: str, status: int) -> None:
    gate.change = lambda _m, _p, answer: (status, answer[1], b'{"error":{"type":"security_exception"}}')
    index = ElasticIndex(Link(gate.url, api_key="x"), prefix)
    with pytest.raises(Unavailable) as refused:
        index.position(TENANT)
    assert refused.value.code == "search_forbidden"
    index.close()


def test_key_and_authority_are_used(index: ElasticIndex, elasticsearch_node: Node, prefix: str, tmp_path: Path) -> None:
    put(index, entry(1, "voirie"))
    pem, authority = certificate(tmp_path)
    door = Gate(elasticsearch_node.port, certificate=pem)
    trusted = ElasticIndex(Link(door.url, api_key="c2VjcmV0", ca=authority), prefix)
    assert ask(trusted, "voirie").total == 1
    assert {seen["authorization"] for seen in door.seen} == {"ApiKey c2VjcmV0"}
    stranger = ElasticIndex(Link(door.url, api_key="c2VjcmV0"), prefix)
    count = len(door.seen)
    with pytest.raises(Unavailable):
        ask(stranger, "voirie")
    assert len(door.seen) == count, "no key is shown to a server that nobody vouches for"
    trusted.close()
    stranger.close()
    door.close()


@pytest.mark.parametrize("url", ["hote", "hote:9200", "ftp://hote:9200", "http://hote"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(Refused) as refused:
        Link(url)
    assert refused.value.code == "bad_search_url"


@pytest.mark.fault
@pytest.mark.slow
def test_a_node_killed_and_started_again_has_everything_or_says_so(elasticsearch_node: Node, tmp_path: Path) -> None:
    node = Node(tmp_path / "node")
    node.start()
    index = ElasticIndex(Link(node.url), "mort")
    put(index, *(entry(n, "voirie", "budget") for n in range(200)), position=11)
    assert index.condition().well
    node.kill()
    with pytest.raises(Unavailable) as away:
        ask(index, "voirie")
    assert away.value.code == "search_away"
    with pytest.raises(Unavailable):
        put(index, entry(300, "voirie"), position=12)
    node.start()
    assert index.position(TENANT) == 11
    assert ask(index, "voirie").total == 200
    put(index, entry(300, "voirie"), position=12)
    assert ask(index, "voirie").total == 201
    node.kill()
    for segments in (tmp_path / "node").glob("data/indices/*/0/index/segments_*"):
        segments.unlink()
    node.process.launch()  # a red index: it never gets to yellow
    until(lambda: not condition_of(index).well, within=60)
    for call in (lambda: ask(index, "voirie"), lambda: index.position(TENANT)):
        with pytest.raises(Unavailable) as away:
            call()
        assert away.value.code == "search_away"
    rebuilt = index.begin_rebuild(TENANT)
    rebuilt.apply(TENANT, [Upsert(entry(1, "voirie"))], 3)
    index.finish_rebuild(TENANT, rebuilt)
    assert ask(index, "voirie").total == 1
    assert index.condition().well
    index.close()
    node.stop()


def condition_of(index: SearchIndex) -> Condition:
    """How it is, once anybody answers."""
    try:
        return index.condition()
    except Unavailable:
        return Condition("", None, "", well=True)


def until(condition: Callable[[], bool], within: float = 10.0) -> None:
    limit = time.monotonic() + within
    while not condition():
        assert time.monotonic() < limit, "not within the time"
        time.sleep(0.05)


def certificate(folder: Path) -> tuple[Path, Path]:
    """(PEM with key for 127.0.0.1, PEM of the authority): one self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "recherche.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    authority, both = folder / "ca.pem", folder / "both.pem"
    authority.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(secret + authority.read_bytes())
    return both, authority
