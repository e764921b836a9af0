"""Elasticsearch under the search contract, and what only a server elsewhere can get wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from search.engines.elastic import ElasticIndex
from search.engines.elastic_link import Link
from search.port import SearchIndex
from tests.contract.suite_search import SearchIndexContract, french, many
from tests.servers.elasticsearch import Node

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
