"""Search at 100,000 documents, top 10 with highlights, beside SQLite FTS5 on the same texts."""

from __future__ import annotations

import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from search.engines.tantivy import TantivyIndex
from search.port import Entry, Query, SearchIndex, Upsert
from tests.bench.results import add_row

DOCUMENTS = 100_000
ROUNDS = 3
TENANT = "banc"
_SYLLABLES = (  # noqa: SIM905 -- a list of words reads as one
    "ba co di lu ma ni po ra se ti vou char gné lé mon pre riè tan ver zo"
).split()
KNOWN_WORDS = (  # noqa: SIM905 -- a list of words reads as one
    "conseil municipal délibération arrêté voirie assainissement commune département séance budget "
    "travaux marché école parcelle permis construire subvention association règlement facture "
    "contrat agent préfecture registre eau cantine stationnement circulation lotissement cimetière "
    "convention urbanisme enquête publique acquisition cession bail éclairage forêt chemin rural "
    "tarif service dotation emprunt compte administratif décision procès verbal élection"
).split()
_SMALL = (  # noqa: SIM905 -- a list of words reads as one
    "le la les de du des un une et à au en par pour sur dans que qui est sont"
).split()


def vocabulary(rng: random.Random) -> list[str]:
    """Known words first, then names nobody knows: what a town's papers look like to an index."""
    names = {"".join(rng.choice(_SYLLABLES) for _ in range(rng.randrange(2, 5))) for _ in range(40_000)}
    return KNOWN_WORDS + sorted(names)


def texts(rng: random.Random, words: list[str]) -> Iterator[str]:
    """About 1 kB each; word frequencies fall off as in real text."""
    weights = [1 / (rank + 8) for rank in range(len(words))]
    drawn = rng.choices(words, weights, k=2_000_000)
    while True:
        start = rng.randrange(len(drawn) - 130)
        written = []
        for number, word in enumerate(drawn[start : start + 110]):
            written.append(word)
            if number % 3 == 0:
                written.append(_SMALL[rng.randrange(len(_SMALL))])
        yield " ".join(written) + f". N° {rng.randrange(2000, 2027)}-{rng.randrange(1, 400)}"


def documents(count: int) -> Iterator[Entry]:
    """The same for every engine."""
    rng = random.Random(42)
    made = texts(rng, vocabulary(rng))
    types = ["arrete", "deliberation", "courrier", "facture", "contrat", "registre", None]
    for number in range(count):
        yield Entry(
            record_id=f"01930000-0000-7000-8000-{number:012d}",
            tenant=TENANT,
            revision=1,
            title=f"Pièce {number}",
            reference=f"P-{number}",
            filename=f"p{number}.pdf",
            description="",
            document_type=types[number % 7],
            classification=f"{number % 9}.{number % 5}",
            producer=f"Service {number % 12}",
            final_action="keep" if number % 3 else "destroy",
            rule=f"R-{number % 20:02d}",
            document_date=date(2000, 1, 1) + timedelta(days=number % 9000),
            kept_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
            pages=(next(made),),
        )


def questions(count: int) -> dict[str, list[str]]:
    """Two words wanted together, two words side by side that stand in some document, either of two
    words.
    """
    rng = random.Random(7)
    words = vocabulary(random.Random(42))
    common, rare = words[:60], words[60:6000]
    pairs = [(rng.choice(common), rng.choice(common if n % 2 else rare)) for n in range(count)]
    written = [entry.pages[0].split() for entry in documents(count)]
    places = [(text, rng.randrange(len(text) - 4)) for text in written]
    return {
        "all words": [f"{a} {b}" for a, b in pairs],
        "phrase": [f'"{text[at]} {text[at + 1]}"' for text, at in places],
        "either word": [f"{a} OR {b}" for a, b in pairs],
    }


def measure(ask: Callable[[str], object], asked: list[str]) -> list[float]:
    """Milliseconds of each question, sorted."""
    took = []
    for text in asked:
        start = time.perf_counter()
        ask(text)
        took.append((time.perf_counter() - start) * 1000)
    return sorted(took)


def at(took: list[float], share: float) -> float:
    """A percentile."""
    return took[min(len(took) - 1, int(len(took) * share))]


def fill(index: SearchIndex, count: int) -> float:
    """Put the documents in; documents a second."""
    start = time.perf_counter()
    batch: list[Upsert] = []
    for number, entry in enumerate(documents(count)):
        batch.append(Upsert(entry))
        if len(batch) == 5000:
            index.apply(TENANT, batch, number)
            batch = []
    index.apply(TENANT, batch, count)
    index.release()
    return count / (time.perf_counter() - start)


def build_fts5(file: Path, count: int) -> tuple[sqlite3.Connection, float]:
    """FTS5 with accents folded, as close to French as it comes; documents a second."""
    peer = sqlite3.connect(file)
    peer.execute(
        "CREATE VIRTUAL TABLE d USING fts5(id UNINDEXED, title, text, tokenize='unicode61 remove_diacritics 2')"
    )
    start = time.perf_counter()
    with peer:
        peer.executemany(
            "INSERT INTO d VALUES (?, ?, ?)", ((e.record_id, e.title, e.pages[0]) for e in documents(count))
        )
    rate = count / (time.perf_counter() - start)
    return peer, rate


def size(folder: Path) -> float:
    """Bytes of all files, in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def run(_corpus: Path | None = None, *, count: int = DOCUMENTS, asked: int = 300) -> None:
    """Build both, ask both the same in turns, write the rows."""
    with tempfile.TemporaryDirectory(prefix="chartrier-bench-") as given:
        folder = Path(given)
        index = TantivyIndex(folder / "ours")
        rate = fill(index, count)
        peer, peer_rate = build_fts5(folder / "fts5.db", count)
        add_row(f"index of {count} documents built", rate, peer_rate, rate / peer_rate, "documents/s")
        ours_size, peer_size = size(folder / "ours"), (folder / "fts5.db").stat().st_size / 1e6
        add_row(f"index of {count} documents, size", ours_size, peer_size, peer_size / ours_size, "MB")

        def ask_ours(text: str) -> object:
            return index.search(Query(TENANT, text, limit=10, facets=False))

        def ask_fts5(text: str) -> object:
            return peer.execute(
                "SELECT id, title, snippet(d, 2, '[', ']', '…', 24), rank FROM d"
                " WHERE d MATCH ? ORDER BY rank LIMIT 10",
                (text,),
            ).fetchall()

        for name, texts_asked in questions(asked).items():
            ours: list[float] = []
            theirs: list[float] = []
            for _ in range(ROUNDS):
                ours += measure(ask_ours, texts_asked)
                theirs += measure(ask_fts5, texts_asked)
            ours.sort()
            theirs.sort()
            for label, share in (("p50", 0.5), ("p99", 0.99)):
                mine, other = at(ours, share), at(theirs, share)
                add_row(f"search {count}, {name}, {label}", mine, other, other / mine, "ms", rounds=ROUNDS)
        texts_asked = questions(asked)["all words"]
        faceted = measure(lambda text: index.search(Query(TENANT, text, limit=10)), texts_asked)
        add_row(f"search {count}, all words with facets, p99", at(faceted, 0.99), None, None, "ms")
        misread = measure(ask_ours, [word[:3] + "rn" + word[4:] for word in KNOWN_WORDS])
        add_row(f"search {count}, loosened, p99", at(misread, 0.99), None, None, "ms")
        index.close()
        peer.close()
