"""Several processes over one Elasticsearch, and indexes that are made again beside those that
answer.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

import pytest

from search.engines.elastic import ElasticIndex, RebuiltIndex
from search.engines.elastic_link import Link
from search.port import Remove, Upsert
from signing.ground.errors import Refused, Unavailable
from tests.contract.elastic_indexes import index, prefix
from tests.contract.suite_search import (
    TENANT,
    ask,
    entry,
    ids,
    put,
    record_id,
)
from tests.servers.elasticsearch import Node

ROOT = Path(__file__).resolve().parents[2]

__all__ = ["index", "prefix"]

pytestmark = pytest.mark.services


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
