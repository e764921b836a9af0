"""A bordereau executed on MinIO: records destroyed a second, shown gone, their index made again.

``python -m tests.bench.disposal_bench N`` keeps N small records that are due, on a bucket whose
locks are its own and end soon, approves one bordereau of them and executes it. Nothing of what
becomes of them is left out: each line judged again, decided, destroyed by version, listed again,
committed; then index and log of the database.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

import api.access.tables  # noqa: F401 - so that every table exists
from archive.holdings import dispose
from ingestion.operations.custody import Custody
from tests.bench.rebuild_bench import store_settings
from tests.bordereaux import ANNE, Town, Watch
from tests.holdings import system_at
from tests.short_locks import ShortLocks

SECONDS_A_RECORD = 0.4
"""Longest that keeping takes: the locks must not end before the last is set."""


def measure(count: int, kind: str, folder: Path, patch: pytest.MonkeyPatch, each: float) -> dict[str, object]:
    """One run.

    Args:
        each: Longest that keeping one record takes, in seconds.
    """
    watch = Watch("2026-06-01")
    with store_settings(kind, folder) as environment:
        locks = ShortLocks(patch, int(30 + count * each), date(2026, 6, 18))
        system = system_at(folder / "home", clock=watch, **environment)
        system.initialise()
        system.create_tenant("demo", "Commune de Démonstration")
        town = Town(system, folder, watch)
        town.rule("BON", 10)
        begun = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: town.keep(), range(count)))
        kept = time.monotonic() - begun
        disposal, drafted = town.approved(), time.monotonic() - begun - kept
        with town.acting(ANNE) as act:
            dispose.confirm(act, disposal, None)
        town.runs_until("2026-06-17", 13)
        system.disposer.run()
        system.statements.settle()
        system.publisher.publish(force_token=True)
        system.follower.catch_up()
        locks.wait()
        begun = time.monotonic()
        done = system.disposer.run()
        destroyed = time.monotonic() - begun
        system.forgetting.run()
        forgotten = time.monotonic() - begun - destroyed
        assert (done.destroyed, done.failed) == (count, {})
        assert town.row(disposal).state == "executed"
        begun = time.monotonic()
        system.publisher.publish(force_token=True)
        assert Custody(system).reconcile(pause=lambda _: None)["findings"] == []
        system.close()
    return {
        "records": count,
        "store": kind,
        "kept_s": round(kept, 1),
        "bordereau_s": round(drafted, 1),
        "destroyed_s": round(destroyed, 1),
        "a_record_ms": round(1000 * destroyed / count, 1),
        "index_s": round(forgotten, 1),
    }


def main() -> None:
    """Measure each count that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="*", default=[1000, 3000, 10000])
    parser.add_argument("--store", choices=("minio", "local"), default="minio")
    parser.add_argument("--each", type=float, default=SECONDS_A_RECORD, help="seconds to keep a record, at most")
    asked = parser.parse_args()
    for count in asked.counts:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            print(json.dumps(measure(count, asked.store, Path(folder), patch, asked.each)), flush=True)


if __name__ == "__main__":
    main()
