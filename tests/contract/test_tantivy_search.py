"""tantivy under the search contract, and what only an index in local folders can get wrong."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search.engines.tantivy import TantivyIndex
from search.port import Query, SearchIndex, Upsert
from signing.ground.errors import Unavailable
from tests.contract.suite_search import (
    TENANT,
    SearchIndexContract,
    ask,
    entry,
    french,
    many,
    put,
    record_id,
)

__all__ = ["french", "many"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="class")
def make_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], SearchIndex]]:
    made: list[SearchIndex] = []

    def make() -> SearchIndex:
        made.append(TantivyIndex(tmp_path_factory.mktemp("index")))
        return made[-1]

    yield make
    for index in made:
        index.close()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[TantivyIndex]:
    made = TantivyIndex(tmp_path / "index")
    yield made
    made.close()


class TestTantivySearch(SearchIndexContract):
    """The whole contract."""


def folders(root: Path) -> list[Path]:
    return [path for path in (root / TENANT).iterdir() if path.is_dir()]


def test_readers_see_commits_and_swaps_of_another(index: TantivyIndex, tmp_path: Path) -> None:
    reader = TantivyIndex(tmp_path / "index")
    assert ask(reader, "voirie").total == 0
    put(index, entry(1, "voirie"))
    assert ask(reader, "voirie").total == 1
    put(index, entry(2, "voirie"), position=1)
    assert ask(reader, "voirie").total == 2
    rebuilt = index.begin_rebuild(TENANT)
    rebuilt.apply(TENANT, [Upsert(entry(3, "voirie"))], 4)
    index.finish_rebuild(TENANT, rebuilt)
    assert [hit.record_id for hit in ask(reader, "voirie").hits] == [record_id(3)]
    assert reader.position(TENANT) == 4
    assert len(folders(tmp_path / "index")) == 1
    reader.close()


def test_readers_answer_while_indexes_are_swapped(index: TantivyIndex, tmp_path: Path) -> None:
    put(index, entry(1, "voirie"))
    reader = TantivyIndex(tmp_path / "index")
    stop = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not stop.is_set():
            try:
                total = reader.search(Query(TENANT, "voirie")).total
                if total != 1:
                    wrong.append(total)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for position in range(15):
        rebuilt = index.begin_rebuild(TENANT)
        rebuilt.apply(TENANT, [Upsert(entry(1, "voirie"))], position)
        index.finish_rebuild(TENANT, rebuilt)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    reader.close()


class _Late(TantivyIndex):
    """A reader that looked at ``current`` just before another index took its place."""

    stale: Path | None = None

    def _current(self, tenant: str) -> Path | None:
        stale, self.stale = self.stale, None
        return stale or super()._current(tenant)


def half_swept(index: TantivyIndex, root: Path) -> Path:
    """An index of which a sweep took the positions first: tantivy opens it, and fails when it is
    asked.
    """
    put(index, entry(1, "voirie"))
    index.release()
    (folder,) = folders(root)
    for positions in folder.glob("*.pos"):
        positions.unlink()
    return folder


def test_a_reader_that_meets_a_sweep_looks_again(index: TantivyIndex, tmp_path: Path) -> None:
    swept = half_swept(index, tmp_path / "index")
    aside = tmp_path / "aside"
    shutil.copytree(swept, aside)
    rebuilt = index.begin_rebuild(TENANT)
    rebuilt.apply(TENANT, [Upsert(entry(1, "voirie"))], 1)
    index.finish_rebuild(TENANT, rebuilt)
    shutil.copytree(aside, swept)
    reader = _Late(tmp_path / "index")
    reader.stale = swept
    assert ask(reader, "voirie").total == 1
    reader.close()


def test_a_damaged_index_is_not_blamed_on_the_question(index: TantivyIndex, tmp_path: Path) -> None:
    half_swept(index, tmp_path / "index")
    reader = TantivyIndex(tmp_path / "index")
    with pytest.raises(Unavailable) as away:
        ask(reader, "voirie")
    assert away.value.code == "search_away"
    reader.close()


def test_readers_answer_while_batches_are_applied(index: TantivyIndex, tmp_path: Path) -> None:
    put(index, entry(0, "voirie"))
    reader = TantivyIndex(tmp_path / "index")
    totals: list[int] = []
    for number in range(1, 40):
        put(index, entry(number, "voirie"), position=number)
        totals.append(ask(reader, "voirie").total)
    assert totals == list(range(2, 41))
    reader.close()


_WRITER = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from search.engines.tantivy import TantivyIndex
from search.port import Upsert
from tests.contract.suite_search import TENANT, entry
index = TantivyIndex(Path({folder!r}))
position = index.position(TENANT) + 1
while True:
    index.apply(TENANT, [Upsert(entry(position * 10 + i, "voirie " * 200, "budget")) for i in range(10)], position)
    print(position, flush=True)
    position += 1
"""


@pytest.mark.fault
def test_a_killed_writer_loses_no_position_and_leaves_no_lock(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    script = _WRITER.format(root=str(ROOT), folder=str(folder))
    for round_number in range(5):
        writer = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        last = -1
        for _ in range(3 + round_number * 2):
            last = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        last = max([last, *(int(line) for line in writer.stdout.read().split())])
        writer.stdout.close()
        index = TantivyIndex(folder)
        position = index.position(TENANT)
        assert last <= position <= last + 1
        assert ask(index, "voirie").total == (position + 1) * 10
        assert len(list(index.record_ids(TENANT))) == (position + 1) * 10
        index.close()


def test_an_index_of_another_format_counts_as_absent(index: TantivyIndex, tmp_path: Path) -> None:
    put(index, entry(1, "voirie"), position=7)
    (old,) = folders(tmp_path / "index")
    index.close()
    renamed = old.with_name("f0-" + old.name.partition("-")[2])
    old.rename(renamed)
    (tmp_path / "index" / TENANT / "current").write_text(renamed.name)
    assert index.position(TENANT) == -1
    assert ask(index, "voirie").total == 0
    put(index, entry(1, "voirie"), position=7)
    assert ask(index, "voirie").total == 1


def test_a_damaged_index_is_away_until_rebuilt(index: TantivyIndex, tmp_path: Path) -> None:
    put(index, entry(1, "voirie"), position=7)
    (folder,) = folders(tmp_path / "index")
    index.close()
    (folder / "meta.json").write_text("{")
    with pytest.raises(Unavailable) as away:
        ask(index, "voirie")
    assert away.value.code == "search_away"
    with pytest.raises(Unavailable):
        index.position(TENANT)
    rebuilt = index.begin_rebuild(TENANT)
    rebuilt.apply(TENANT, [Upsert(entry(1, "voirie"))], 7)
    index.finish_rebuild(TENANT, rebuilt)
    assert ask(index, "voirie").total == 1


def test_a_lost_folder_is_away_until_rebuilt(index: TantivyIndex, tmp_path: Path) -> None:
    put(index, entry(1, "voirie"), position=7)
    (folder,) = folders(tmp_path / "index")
    shutil.rmtree(folder)
    with pytest.raises(Unavailable):
        TantivyIndex(tmp_path / "index").search(Query(TENANT, "voirie"))


def test_a_batch_begun_before_a_swap_is_not_applied_after_it(index: TantivyIndex, tmp_path: Path) -> None:
    put(index, entry(1, "voirie"), position=7)
    index.release()
    other = TantivyIndex(tmp_path / "index")
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


def test_two_writers_do_not_write_at_once(index: TantivyIndex, tmp_path: Path) -> None:
    put(index, entry(1, "voirie"), position=1)
    other = TantivyIndex(tmp_path / "index")
    with pytest.raises(Unavailable):
        put(other, entry(2, "voirie"), position=2)
    index.release()
    put(other, entry(2, "voirie"), position=2)
    assert ask(index, "voirie").total == 2
    other.close()


def test_a_tenant_is_never_a_path(index: TantivyIndex) -> None:
    for tenant in ("..", "a/b", "", "A", "a\n"):
        with pytest.raises((ValueError, Unavailable)):
            index.position(tenant)


def test_reading_creates_nothing(tmp_path: Path) -> None:
    reader = TantivyIndex(tmp_path / "index")
    ask(reader, "voirie")
    assert not (tmp_path / "index").exists()
    assert list(tmp_path.iterdir()) == []
