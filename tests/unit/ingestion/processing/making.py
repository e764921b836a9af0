"""Stages whose work a test gives, and a runner over real store, database and journal."""

from __future__ import annotations

import atexit
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from api.views.deposit import view
from archive.database.tables import JournalEntryRow
from archive.holdings.stores import Stores
from archive.retention.schedule import load_pack
from ingestion.processing.runner import Runner
from ingestion.stages.port import StageInput, StageResult
from ingestion.stages.registry import STAGES, StageSpec
from ingestion.tables import OutboxRow
from signing.ground.clock import utc_now


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = utc_now()

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


NURSERY = """
import os, sys
from ingestion.processing.workers import this_worker
def born(generations):
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    else:
        born(generations - 1) if generations > 1 else print(this_worker(), flush=True)
        os._exit(0)
for line in sys.stdin:
    born(int(line))
    print("gone", flush=True)
"""
"""Forks workers that tell their names and die: one interpreter for many deaths."""


@cache
def _nursery() -> subprocess.Popen[str]:
    started = subprocess.Popen(
        [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    atexit.register(started.communicate)
    return started


def dead_worker(*, alone: bool) -> str:
    """The name of a process that is gone.

    ``alone``: its parent, which the test started, lives on.
    """
    nursery = _nursery()
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    nursery.stdin.write("1\n" if alone else "2\n")
    name = nursery.stdout.readline().strip()
    assert nursery.stdout.readline() == "gone\n"
    return name


def spec_named(name: str) -> StageSpec:
    return next(spec for spec in STAGES if spec.name == name)


class Made:
    """A stage whose work the test gives."""

    def __init__(self, name: str, work: Callable[[StageInput], StageResult]) -> None:
        self.spec = spec_named(name)
        self._work = work
        self.runs = 0

    def run(self, given: StageInput) -> StageResult:
        self.runs += 1
        return self._work(given)


class Unread(Made):
    """A paged stage that finds nothing to plan: ``run`` alone does what the test gives."""

    def plan(self, given: StageInput) -> tuple[tuple[int, int], ...]:
        return ()

    def run_pages(self, given: StageInput, first: int, last: int) -> Path:
        raise AssertionError("there are no chunks")


def made(name: str, work: Callable[[StageInput], StageResult]) -> Made:
    """The stage of this name, paged if the registry says so."""
    return (Unread if spec_named(name).paged else Made)(name, work)


class Paged(Made):
    """Reads pages in chunks of two."""

    def __init__(self, pages: int) -> None:
        super().__init__("recognise", self._gather)
        self.pages = pages
        self.chunks_run: list[int] = []
        self.broken: set[int] = set()

    def plan(self, given: StageInput) -> tuple[tuple[int, int], ...]:
        return tuple((first, min(first + 1, self.pages)) for first in range(1, self.pages + 1, 2))

    def run_pages(self, given: StageInput, first: int, last: int) -> Path:
        self.chunks_run.append(first)
        if first in self.broken:
            raise ValueError("unreadable")
        assert given.files["normalised.pdf"].read_bytes() == b"normalised"
        target = given.folder / "chunk.txt"
        target.write_text(f"{first}-{last};")
        return target

    def _gather(self, given: StageInput) -> StageResult:
        alto = given.folder / "alto.xml"
        alto.write_bytes(b"".join(given.files[f"pages/{first}"].read_bytes() for first, _ in self.plan(given)))
        pages = [
            {"page": n, "width": 1, "height": 1, "words": 1, "confidence_permille": 900, "source": "ocr"}
            for n in range(1, self.pages + 1)
        ]
        facts = {"pages": pages, "words": self.pages, "confidence_permille": 900, "language": "fra"}
        return StageResult("done", facts=facts, files={"alto.xml": alto}, tool="reader", tool_version="1")


def leaves(
    name: str, content: bytes, facts: dict[str, Any] | None = None, needs: str = "received"
) -> Callable[[StageInput], StageResult]:
    def work(given: StageInput) -> StageResult:
        given.files[needs].read_bytes()
        target = given.folder / name.replace("/", "-")
        target.write_bytes(content)
        return StageResult("done", facts=facts or {}, files={name: target}, tool="maker", tool_version="2")

    return work


def says(facts: dict[str, Any]) -> Callable[[StageInput], StageResult]:
    return lambda given: StageResult("done", facts=facts)


def ordinary(pages: int = 1) -> dict[str, Any]:
    """Every stage of the registry, in its order; one that is not told of here finds nothing."""
    given: dict[str, Any] = {
        "screen": Made(
            "screen",
            says({"virus": {"verdict": "clean", "tool": "t", "at": "2026-01-01T00:00:00.000Z", "detail": ""}}),
        ),
        "identify": Made(
            "identify",
            says({"puid": "fmt/20", "format_name": "PDF 1.6", "media_type": "application/pdf", "pages": pages}),
        ),
        "normalise": Made("normalise", leaves("normalised.pdf", b"normalised", {"pages": pages})),
        "recognise": Paged(pages),
        "convert": Made(
            "convert", leaves("archival.pdf", b"archival", {"profile": "2b", "made": True}, needs="alto.xml")
        ),
        "validate": Made(
            "validate",
            leaves(
                "reports/pdfa.json",
                b"{}",
                {
                    "pdfa": {"verdict": "compliant", "profile": "2b", "tool": "t"},
                    "signature": {"verdict": "none", "signatures": []},
                },
                needs="archival.pdf",
            ),
        ),
        "seal": Made(
            "seal",
            leaves(
                "sealed.pdf",
                b"sealed",
                {"seal": {"verdict": "valid", "level": "B-T", "probative": False}},
                needs="archival.pdf",
            ),
        ),
    }
    return {spec.name: given.get(spec.name) or made(spec.name, says({})) for spec in STAGES}


class Works:
    """A runner over real store, database and journal, with stages of the test's choice."""

    def __init__(self, bench: Any, clock: Callable[[], datetime] = utc_now) -> None:
        self.bench = bench
        self.clock: Any = clock
        with bench.database.write() as session:
            load_pack(session, "demo")
        self.stores = Stores(bench.database, bench.ledger, bench.store, clock, 400)

    def runner(self, stages: Sequence[Any], **given: Any) -> Runner:
        b = self.bench
        return Runner(b.database, b.ledger, b.store, self.stores, stages, b.home / "work", self.clock, **given)

    def drain(self, runner: Runner, limit: int = 50) -> None:
        """Serve every wake-up, as workers would."""
        done: set[int] = set()
        for _ in range(limit):
            with self.bench.database.read() as session:
                rows = [
                    r
                    for r in session.scalars(select(OutboxRow).order_by(OutboxRow.priority, OutboxRow.id))
                    if r.id not in done
                ]
            if not rows:
                return
            done.add(rows[0].id)
            if rows[0].kind == "advance":
                runner.advance(rows[0].subject)
            else:
                deposit_id, _, first = rows[0].subject.partition(":")
                runner.pages(deposit_id, int(first))
        raise AssertionError("no end of wake-ups")

    def shown(self, deposit_id: str) -> dict[str, Any]:
        with self.bench.database.read() as session:
            return view(session, self.bench.deposit(deposit_id), position=lambda _: 10**9)

    def states(self, deposit_id: str) -> dict[str, str]:
        return {stage["name"]: stage["state"] for stage in self.shown(deposit_id)["stages"]}

    def count(self, table: Any) -> int:
        with self.bench.database.read() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    def journal(self) -> list[str]:
        with self.bench.database.read() as session:
            return list(session.scalars(select(JournalEntryRow.type).order_by(JournalEntryRow.n)))
