"""The same corpus, the same 200 questions: tantivy and Elasticsearch answer alike in all but
ranking.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from search.engines.elastic import ElasticIndex
from search.engines.elastic_link import Link
from search.engines.tantivy import TantivyIndex
from tests.bench.parity import QUESTIONS, compare_all, table
from tests.servers.elasticsearch import Node

pytestmark = pytest.mark.services


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("single", [False, True], ids=["pages apart", "all on one page"])
def test_both_engines_answer_alike(
    elasticsearch_node: Node, search_prefix: Callable[[], str], tmp_path: Path, *, single: bool
) -> None:
    one = TantivyIndex(tmp_path / "index")
    other = ElasticIndex(Link(elasticsearch_node.url), search_prefix())
    found = compare_all(one, other, single=single)
    assert len({(str(each.query.text), each.query.sort, str(each.query.filters)) for each in found}) == QUESTIONS
    assert [(each.query.text, each.differs) for each in found if each.differs] == []
    assert sum(each.total > 0 for each in found) > 150
    assert sum(each.loosened for each in found) >= 10
    # tantivy counts page documents into its averages; without them both rank by the same numbers
    assert max(each.spread for each in found) < (0.002 if single else 0.25), list(table(found))
    one.close()
    other.close()
