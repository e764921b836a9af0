"""The power goes at every boundary in turn.

After the restart there is one record, told once.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import select

from archive.database.tables import RecordRow, RepresentationRow
from archive.holdings.verify import verify
from ingestion.processing.workers import this_worker
from tests.holdings import PowerCut
from tests.unit.ingestion.processing.making import Works, dead_worker, ordinary


class Fuse:
    """Cuts the power just before, or just after, the n-th durable write."""

    def __init__(self, bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        self.after = False
        self.blown = False
        self.seen = 0
        for target, name in ((bench.store, "put"), (bench.database, "write")):
            self._guard(monkeypatch, target, name)

    def _guard(self, monkeypatch: pytest.MonkeyPatch, target: Any, name: str) -> None:
        real = getattr(target, name)

        if name == "put":

            def put(*given: Any, **named: Any) -> Any:
                last = self._count()
                if last and not self.after:
                    raise PowerCut
                done = real(*given, **named)
                if last:
                    raise PowerCut
                return done

            monkeypatch.setattr(target, name, put)
            return

        @contextmanager
        def write() -> Any:
            last = self._count()
            with real() as session:
                yield session
                if last and not self.after:
                    raise PowerCut
            if last:
                raise PowerCut

        monkeypatch.setattr(target, name, write)

    def _count(self) -> bool:
        self.seen += 1
        if self.left is None or self.blown:
            return False
        self.left -= 1
        if self.left < 0:
            self.blown = True
            return True
        return False


@pytest.fixture
def works(bench: Any) -> Works:
    return Works(bench)


def run(works: Works, fuse: Fuse, pages: int, dead: str) -> None:
    deposit_id = works.bench.receive(b"received").deposit.id
    fuse.seen = 0
    with suppress(PowerCut):
        works.drain(works.runner(list(ordinary(pages).values()), owner=lambda: dead))
    fuse.left = None
    survivor = works.runner(list(ordinary(pages).values()), owner=this_worker)
    works.drain(survivor)
    with works.bench.database.read() as session:
        record = session.scalars(select(RecordRow)).one()
        kinds = Counter(session.scalars(select(RepresentationRow.kind)))
    assert record.deposit_id == deposit_id
    assert kinds == {"original": 1, "archival": 1, "text": 1}
    assert works.shown(deposit_id)["state"] == "kept"
    told = Counter(works.journal())
    assert told["RecordKept"] == told["DepositReceived"] == 1
    assert told["StageCompleted"] == 7, "each stage is told once"
    inventories = [item for item in works.bench.store.list("tenants/") if item.key.endswith("/v1/inventory.json")]
    assert len(inventories) == 1, "one object in the store"
    assert verify(works.stores, "demo", record.id).verdict == "intact"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("pages", [1, 5])
def test_a_power_cut_at_any_write_leaves_one_record(
    pages: int, after: bool, tmp_path_factory: pytest.TempPathFactory, bench_in: Any
) -> None:
    dead = dead_worker(alone=False)
    boundary = 0
    while True:
        with bench_in(tmp_path_factory.mktemp("home")) as bench, pytest.MonkeyPatch.context() as patch:
            works = Works(bench)
            fuse = Fuse(bench, patch)
            received_writes = 3  # staging twice, one commit: test_intake cuts those
            fuse.left, fuse.after = boundary + received_writes, after
            run(works, fuse, pages, dead)
            if not fuse.blown:
                break
        boundary += 1
    assert boundary >= 15
