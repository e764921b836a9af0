"""Elasticsearch under the search contract, and what only a server elsewhere can get wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from search.analysis import tokens
from search.cursors import Cursor, write_cursor
from search.engines.elastic import ElasticIndex
from search.engines.elastic_link import Link
from search.engines.elastic_schema import FORMAT, encoded
from search.port import Query, SearchIndex, Sort, Upsert
from signing.ground.errors import Refused, Unavailable
from tests.contract.elastic_indexes import clear, index, prefix
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
from tests.servers.postgres import Databases
from tests.unit.search.town import Town

__all__ = ["french", "index", "many", "prefix"]

pytestmark = pytest.mark.services


@pytest.fixture(scope="class")
def make_index(elasticsearch_node: Node, search_prefix: Callable[[], str]) -> Iterator[Callable[[], SearchIndex]]:
    made: list[tuple[SearchIndex, str]] = []

    def make() -> SearchIndex:
        prefix = search_prefix()
        made.append((ElasticIndex(Link(elasticsearch_node.url), prefix), prefix))
        return made[-1][0]

    yield make
    for one, name in made:
        clear(elasticsearch_node, name)
        one.close()


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
