"""The same corpus and the same 200 questions on tantivy and on Elasticsearch, compared one by one.

``python -m tests.bench.parity`` starts a node, prints the table and writes it to
``build/parity.md``.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from search.engines.elastic import ElasticIndex
from search.engines.elastic_link import Link
from search.engines.tantivy import TantivyIndex
from search.port import Answer, Entry, Hit, Query, SearchIndex, Sort, Upsert
from signing.ground.errors import Refused
from tests.bench.search_bench import vocabulary
from tests.contract.suite_search import read_pairs
from tests.servers.elasticsearch import Node, home, missing

TENANT = "parite"
TARGET = Path(__file__).resolve().parents[2] / "build" / "parity.md"
GENERATED = 400
QUESTIONS = 200
_EQUAL = 0.0005
"""Scores nearer than this are equal but for rounding."""
_ACCENTS = str.maketrans("éèêàâîôûçù", "eeeaaioucu")
_MISREAD = str.maketrans("lmoe", "1n0c")


def corpus() -> list[Entry]:
    """The pairs of the contract, each a document, and French papers of one to six pages."""
    rng = random.Random(1789)
    words = vocabulary(random.Random(42))
    frequent = words[:60] + words[60:400]
    entries = [_entry(number, (pair.text,), rng, "Sans titre") for number, pair in enumerate(read_pairs())]
    for number in range(len(entries), len(entries) + GENERATED):
        pages = tuple(_page(rng, frequent) for _ in range(rng.choice((1, 1, 1, 2, 3, 6))))
        entries.append(_entry(number, pages, rng, " ".join(rng.choices(frequent[:60], k=3)).capitalize()))
    return entries


def _page(rng: random.Random, words: list[str]) -> str:
    if rng.random() < 0.1:
        return ""
    chosen = rng.choices(words, [1 / (rank + 8) for rank in range(len(words))], k=rng.randrange(20, 120))
    text = " ".join(f"l’{word}" if word[0] in "aeéio" and rng.random() < 0.3 else word for word in chosen)
    if rng.random() < 0.2:
        text = text.upper()
    if rng.random() < 0.2:
        text = text.translate(_ACCENTS)
    if rng.random() < 0.15:
        text = text.replace("rn", "m").replace("ii", "u").replace("cl", "d")
    return f"{text}.\nN° {rng.randrange(2000, 2027)}-{rng.randrange(1, 200)}"


def _entry(number: int, pages: tuple[str, ...], rng: random.Random, title: str) -> Entry:
    return Entry(
        record_id=f"01930000-0000-7000-8000-{number:012d}",
        tenant=TENANT,
        revision=1,
        title=title,
        reference=f"DEL-{2000 + number % 27}-{number % 200}",
        filename=f"piece-{number}.pdf",
        description=rng.choice(["", "", "Séance du conseil", "Voirie communale"]),
        document_type=rng.choice(["arrete", "deliberation", "courrier", None]),
        classification=rng.choice(["2.3", "4", "7.1.2"]),
        producer=rng.choice(["Service technique", "Mairie / État civil", None]),
        final_action=rng.choice(["keep", "destroy"]),
        rule=rng.choice(["FIN-03", "URB-01", None]),
        document_date=date(1950, 1, 1) + timedelta(days=rng.randrange(27_000)) if rng.random() < 0.8 else None,
        kept_at=datetime(2026, 1, 5, 8, tzinfo=UTC) + timedelta(seconds=number * 37 % 1000),
        pages=pages,
    )


def questions(entries: Sequence[Entry]) -> list[Query]:
    """Two hundred, always the same: every form of a question, every order and filter."""
    rng = random.Random(1905)
    asked = [pair.query for pair in read_pairs()]
    rng.shuffle(asked)
    texts = list(dict.fromkeys(asked))[:70]
    written = [page.split() for entry in entries[-GENERATED:] for page in entry.pages if len(page.split()) > 10]

    def word() -> str:
        return rng.choice(rng.choice(written)).strip(".,").removeprefix("l’")

    def row(count: int) -> str:
        page = rng.choice(written)
        at = rng.randrange(len(page) - count)
        return " ".join(page[at : at + count])

    forms = (
        lambda: f"{word()} {word()}",
        lambda: f'"{row(2)}"',
        lambda: f'"{row(4)}"',
        lambda: f"{word()} OR {word()}",
        lambda: f"{word()} -{word()}",
        lambda: f"{word()[:4]}*",
        lambda: f"title:{word()}",
        lambda: f"reference:DEL-{rng.randrange(2000, 2027)}-{rng.randrange(200)}",
        lambda: f"{rng.randrange(2000, 2027)}-{rng.randrange(1, 200)}",
        lambda: word().translate(_MISREAD),
        lambda: f"{word()} {word().replace('i', 'l').replace('n', 'u')}",
        lambda: f"-{word()} -title:{word()}",
    )
    while len(texts) < QUESTIONS - 20:
        text = forms[len(texts) % len(forms)]()
        if text not in texts:
            texts.append(text)
    queries = [
        Query(TENANT, text, sort=list(Sort)[number % 6] if number % 3 == 0 else Sort.RELEVANCE, limit=1000)
        for number, text in enumerate(texts)
    ]
    while len(queries) < QUESTIONS:
        number = len(queries)
        filters = {"document_type": ("arrete", "courrier")} if number % 2 else {"producer": ("Mairie / État civil",)}
        days = (date(1960 + number % 40, 1, 1), date(2010, 6, 30)) if number % 4 else (None, None)
        text = "" if number % 5 == 0 else word()
        queries.append(Query(TENANT, text, filters, *days, sort=list(Sort)[number % 6], limit=1000))
    return queries


@dataclass
class Comparison:
    """What differs for one question; empty lists where nothing does.

    Attributes:
        order: (place, tantivy's record, Elasticsearch's record) where the order by relevance
            differs.
    """

    query: Query
    total: int = 0
    loosened: bool = False
    differs: list[str] = field(default_factory=list)
    order: list[tuple[int, str, str]] = field(default_factory=list)
    spread: float = 0.0
    """Largest relative difference of tantivy's scores between two records that changed places."""
    pages: list[str] = field(default_factory=list)
    """Records with more matching pages than are shown, of which others were chosen."""


def compare(query: Query, one: SearchIndex, other: SearchIndex) -> Comparison:
    """Ask both and compare totals, facets, records, order and passages."""
    found = Comparison(query)
    left, right = _asked(query, one), _asked(query, other)
    if isinstance(left, Refused) or isinstance(right, Refused):
        codes = [str(getattr(each, "values", {}).get("position", each)) for each in (left, right)]
        if codes[0] != codes[1]:
            found.differs.append(f"refused: {codes}")
        return found
    found.total, found.loosened = left.total, left.loosened
    for name in ("total", "loosened", "facets"):
        if getattr(left, name) != getattr(right, name):
            found.differs.append(f"{name}: {getattr(left, name)} / {getattr(right, name)}"[:200])
    mine = {hit.record_id: hit for hit in left.hits}
    theirs = {hit.record_id: hit for hit in right.hits}
    if mine.keys() != theirs.keys():
        found.differs.append(f"records: {sorted(mine.keys() ^ theirs.keys())}"[:200])
    for name in sorted(mine.keys() & theirs.keys()):
        _compare_hits(mine[name], theirs[name], found)
    pairs = [(a.record_id, b.record_id) for a, b in zip(left.hits, right.hits, strict=False)]
    moved = [(place, a, b) for place, (a, b) in enumerate(pairs, 1) if a != b]
    if query.sort is not Sort.RELEVANCE or not query.text:
        found.differs += [f"order: {moved[:3]}"] if moved else []
    elif moved:
        found.order = moved
        scores = {name: hit.score for name, hit in mine.items()}
        found.spread = max(
            abs(scores[a] - scores[b]) / max(scores[a], scores[b], 1e-9)
            for _, a, b in moved
            if a in scores and b in scores
        )
    return found


def _asked(query: Query, index: SearchIndex) -> Answer | Refused:
    try:
        return index.search(query)
    except Refused as refused:
        return refused


def _compare_hits(mine: Hit, theirs: Hit, found: Comparison) -> None:
    shown = [(hit.title, hit.document_type, hit.document_date) for hit in (mine, theirs)]
    if shown[0] != shown[1]:
        found.differs.append(f"shown: {mine.record_id}")
    if mine.matches == theirs.matches:
        return
    left, right = {m.page: m for m in mine.matches}, {m.page: m for m in theirs.matches}
    if left.keys() != right.keys() and len(left) == len(right) == 3:
        found.pages.append(mine.record_id)
    elif left.keys() != right.keys():
        found.differs.append(f"pages: {mine.record_id} {sorted(left)} / {sorted(right)}")
    if any(left[page] != right[page] for page in left.keys() & right.keys()):
        found.differs.append(f"ranges: {mine.record_id}")


def fill(index: SearchIndex, entries: Sequence[Entry]) -> None:
    """In two batches."""
    half = len(entries) // 2
    index.apply(TENANT, [Upsert(entry) for entry in entries[:half]], 0)
    index.apply(TENANT, [Upsert(entry) for entry in entries[half:]], 1)


def compare_all(one: SearchIndex, other: SearchIndex, *, single: bool = False) -> list[Comparison]:
    """Every question over the corpus, on both empty indexes.

    Args:
        single: All text of a record on one page.
    """
    entries = corpus()
    asked = questions(entries)
    if single:
        entries = [replace(entry, pages=(" ".join(entry.pages),)) for entry in entries]
    for index in (one, other):
        fill(index, entries)
    return [compare(query, one, other) for query in asked]


def table(found: Sequence[Comparison]) -> Iterator[str]:
    """The result in Markdown."""
    by_relevance = [c for c in found if c.query.sort is Sort.RELEVANCE and c.query.text and c.total > 1]
    moved = [c for c in by_relevance if c.order]
    hits, none = sum(c.total for c in found), sum(not c.total for c in found)
    yield f"{len(found)} questions; {hits} hits, {sum(c.loosened for c in found)} loosened answers, {none} empty.\n"
    yield "| compared | questions | equal | different |"
    yield "|---|---|---|---|"
    for name, prefixes in (
        ("total, loosened or not, refusals", ("total", "loosened", "refused")),
        ("facet counts", ("facets",)),
        ("records found and what they show", ("records", "shown")),
        ("order by date, by day kept, by title", ("order",)),
        ("pages that matched, passages and ranges", ("pages", "ranges")),
    ):
        wrong = [c for c in found if any(d.startswith(prefixes) for d in c.differs)]
        yield f"| {name} | {len(found)} | {len(found) - len(wrong)} | {len(wrong)} |"
    other = [c for c in found if c.pages]
    yield f"| which three pages of more are shown | {len(found)} | {len(found) - len(other)} | {len(other)} |"
    yield f"| order by relevance | {len(by_relevance)} | {len(by_relevance) - len(moved)} | {len(moved)} |"
    first = [c for c in moved if c.order[0][0] == 1]
    yield f"| first hit by relevance | {len(by_relevance)} | {len(by_relevance) - len(first)} | {len(first)} |\n"
    yield "| question | hits | what differs | why |"
    yield "|---|---|---|---|"
    for each in found:
        said, why = [*each.differs], ["**not explained**"] if each.differs else []
        if each.pages:
            said.append(f"other three pages of {len(each.pages)} record(s)")
            why.append("S")
        if each.order:
            said.append(f"order from place {each.order[0][0]}, among scores within {each.spread:.1%}")
            why.append("S" if each.spread >= _EQUAL else "T")
        if said:
            text = each.query.text.replace("|", "\\|") or "(everything)"
            yield f"| `{text}` | {each.total} | {'; '.join(said)} | {', '.join(dict.fromkeys(why))} |"


def ranking(found: Sequence[Comparison]) -> str:
    """How far the orders by relevance agree."""
    moved = [each for each in found if each.order]
    others = [each for each in moved if each.spread >= _EQUAL]
    most = max((each.spread for each in others), default=0.0)
    return (
        f"{len(moved)} answers in another order, {len(moved) - len(others)} of them among equal scores, "
        f"the others among scores within {most:.2%}"
    )


def main() -> int:
    """Start a node, compare, write; 1 if anything but ranking differs."""
    if missing():
        print(missing())
        return 2
    home()
    with tempfile.TemporaryDirectory(prefix="chartrier-parity-") as folder:
        node = Node(Path(folder) / "node")
        node.start()
        try:
            found, alone = (
                compare_all(
                    TantivyIndex(Path(folder) / name), ElasticIndex(Link(node.url), name), single=name == "single"
                )
                for name in ("whole", "single")
            )
        finally:
            node.stop()
    TARGET.parent.mkdir(exist_ok=True)
    lines = [*table(found), "", f"The same with all text of a record on one page: {ranking(alone)}."]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(TARGET.read_text(encoding="utf-8"))
    return 1 if any(each.differs for each in (*found, *alone)) else 0


if __name__ == "__main__":
    sys.exit(main())
