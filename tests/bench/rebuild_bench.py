"""Database, journal and index made again from the store alone: documents a second.

``python -m tests.bench.rebuild_bench N [--store minio|local]`` keeps N small records by the
product's own doors (no reading of documents), takes database and index away, rebuilds, and shows
the four sets.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import api.access.tables  # noqa: F401 - so that every table exists
from ingestion.operations.custody import Custody
from tests.bench.results import SERVICES, add_row
from tests.holdings import keep, lose_database, system_at

RECORDS = 1000


@contextmanager
def store_settings(kind: str, folder: Path) -> Iterator[dict[str, str]]:
    """Environment for a store of this kind, its server running meanwhile."""
    if kind == "local":
        yield {}
        return
    from tests.servers import minio

    running = minio.server(folder / "minio")
    running.process.start()
    try:
        settings = running.settings()
        yield {
            "CHARTRIER_S3_ENDPOINT": settings.endpoint,
            "CHARTRIER_S3_BUCKET": settings.bucket,
            "CHARTRIER_S3_ACCESS_KEY": settings.access_key.get_secret_value(),
            "CHARTRIER_S3_SECRET_KEY": settings.secret_key.get_secret_value(),
        }
    finally:
        running.process.stop()


def measure(count: int, kind: str, folder: Path, *, writers: int = 4) -> dict[str, object]:
    """One run."""
    with store_settings(kind, folder) as environment:
        system = system_at(folder / "home", **environment)
        system.initialise()
        system.create_tenant("demo", "Commune de Démonstration")
        begun = time.monotonic()
        with ThreadPoolExecutor(writers) as pool:
            list(pool.map(lambda n: keep(system, folder, n), range(count)))
        kept = time.monotonic() - begun
        system.publisher.publish(force_token=True)
        system.follower.catch_up()
        lose_database(system)
        after = system_at(folder / "home", **environment)
        steps: dict[str, float] = {}

        def told(step: str, _done: int, _total: int | None) -> None:
            steps[step] = time.monotonic()

        begun = time.monotonic()
        after.prepare_rebuild()
        report = Custody(after, on_progress=told).rebuild()
        took = time.monotonic() - begun
        after.close()
    last = begun
    spent = {}
    for step, at in steps.items():
        spent[step] = round(at - last, 2)
        last = at
    return {
        "store": kind,
        "records": count,
        "keep_per_second": round(count / kept, 1),
        "rebuild_seconds": round(took, 1),
        "rebuild_per_second": round(count / took, 1),
        "steps": spent,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "equal": report["equal"],
        "sets": report["sets"],
        "journal": report["journal"],
        "counts": report["counts"],
    }


def run(_parts: Sequence[str]) -> None:
    """The part of ``make bench-services``: 1,000 records from a bucket, beside 1,000 from local
    files.
    """
    found = {}
    for kind in ("minio", "local"):
        with tempfile.TemporaryDirectory() as folder:
            found[kind] = measure(RECORDS, kind, Path(folder))
        assert found[kind]["equal"], found[kind]
        print(json.dumps(found[kind], indent=1))
    for name, place in (("rebuilt from the store alone", "rebuild_per_second"), ("kept", "keep_per_second")):
        ours, peer = (float(str(found[kind][place])) for kind in ("minio", "local"))
        unit = "documents/s (peer: local files)"
        add_row(f"records {name}, MinIO", ours, peer, ours / peer, unit, rounds=RECORDS, target=SERVICES)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--store", choices=["local", "minio"], default="local")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(asked.count, asked.store, Path(folder)), indent=1))


if __name__ == "__main__":
    main()
