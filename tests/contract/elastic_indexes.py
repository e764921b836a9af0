"""Indexes of a real Elasticsearch: one a test, gone with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from search.engines.elastic import ElasticIndex
from search.engines.elastic_link import Link
from tests.servers.elasticsearch import Node


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
