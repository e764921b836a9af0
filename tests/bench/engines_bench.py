"""Elasticsearch over HTTP (ours) beside tantivy in process (peer): the same documents, the same
questions.

``python -m tests.bench.engines_bench --count 5000`` for a short look; ``PARTS=search make
bench-services`` at 100,000.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from search.engines.elastic import ElasticIndex
from search.engines.elastic_link import Link
from search.engines.tantivy import TantivyIndex
from search.port import Query, SearchIndex
from tests.bench.results import SERVICES, add_row
from tests.bench.search_bench import (
    DOCUMENTS,
    KNOWN_WORDS,
    ROUNDS,
    TENANT,
    at,
    fill,
    measure,
    questions,
    size,
)
from tests.servers.elasticsearch import Node, home


def run(_parts: Sequence[str]) -> None:
    """The part of ``make bench-services``."""
    compare_engines()


def rebuild(index: SearchIndex, count: int) -> float:
    """The same into a new index, until it answers; documents a second."""
    start = time.perf_counter()
    rebuilt = index.begin_rebuild(TENANT)
    fill(rebuilt, count)
    index.finish_rebuild(TENANT, rebuilt)
    return count / (time.perf_counter() - start)


def questions_by_form(index: SearchIndex, asked: int) -> dict[str, list[float]]:
    """Milliseconds of each question, sorted, by form of question."""
    took: dict[str, list[float]] = {}
    for name, texts_asked in questions(asked).items():
        took[name] = sorted(
            one
            for _ in range(ROUNDS)
            for one in measure(lambda text: index.search(Query(TENANT, text, limit=10, facets=False)), texts_asked)
        )
    texts_asked = questions(asked)["all words"]
    took["all words with facets"] = measure(lambda text: index.search(Query(TENANT, text, limit=10)), texts_asked)
    misread = [word[:3] + "rn" + word[4:] for word in KNOWN_WORDS]
    took["loosened"] = measure(lambda text: index.search(Query(TENANT, text, limit=10, facets=False)), misread)
    return took


def compare_engines(*, count: int = DOCUMENTS, asked: int = 300) -> None:
    """Fill both, ask both the same, write the rows."""
    home()
    with tempfile.TemporaryDirectory(prefix="chartrier-bench-") as given:
        folder = Path(given)
        node = Node(folder / "node", ES_HEAP="1g")
        node.start()
        try:
            link = Link(node.url)
            engines: dict[str, SearchIndex] = {
                "elasticsearch": ElasticIndex(link, "banc"),
                "tantivy": TantivyIndex(folder / "tantivy"),
            }
            built = {name: (fill(index, count), rebuild(index, count)) for name, index in engines.items()}
            stored = int(link.client.indices.stats(index="banc_*")["_all"]["total"]["store"]["size_in_bytes"]) / 1e6
            took = {name: questions_by_form(index, asked) for name, index in engines.items()}
            _write_rows(count, built, (stored, size(folder / "tantivy")), took)
            add_row("Elasticsearch, resident memory", _resident(node.process.pid), None, None, "MB", target=SERVICES)
            for index in engines.values():
                index.close()
        finally:
            node.stop()


def _write_rows(
    count: int,
    built: dict[str, tuple[float, float]],
    sizes: tuple[float, float],
    took: dict[str, dict[str, list[float]]],
) -> None:
    for at_place, what in enumerate(("filled", "rebuilt")):
        mine, other = built["elasticsearch"][at_place], built["tantivy"][at_place]
        add_row(
            f"Elasticsearch, tantivy: index of {count} {what}",
            mine,
            other,
            mine / other,
            "documents/s",
            target=SERVICES,
        )
    add_row(f"Elasticsearch, tantivy: index of {count}, size", *sizes, sizes[1] / sizes[0], "MB", target=SERVICES)
    for name in took["elasticsearch"]:
        for label, share in (("p50", 0.5), ("p99", 0.99)):
            mine, other = (at(took[engine][name], share) for engine in ("elasticsearch", "tantivy"))
            add_row(
                f"Elasticsearch, tantivy: search {count}, {name}, {label}",
                mine,
                other,
                other / mine,
                "ms",
                rounds=ROUNDS,
                target=SERVICES,
            )


def _resident(pid: int) -> float:
    """Resident memory of a process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1000


def main() -> None:
    """By itself, with any number of documents."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=DOCUMENTS)
    compare_engines(count=parser.parse_args().count)


if __name__ == "__main__":
    main()
