"""Entry points of the background processes: ``python -m ingestion.worker worker|beat``."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Final

from ingestion.assembly import assemble
from ingestion.logs import configure_logs
from ingestion.settings import Settings, load_settings

_NICE: Final = 5
"""Niceness of a worker, so that receipts, pages and search go before recognition."""


def run_worker(settings: Settings) -> int:
    """Run a Celery worker with one process a core and one more for urgent work.

    Returns when the worker is stopped.
    """
    os.nice(_NICE)
    os.environ["OMP_THREAD_LIMIT"] = "1"  # child's environment: Tesseract's threads make pages slower, not faster
    import archive.holdings.keep  # noqa: F401 - these are loaded once, before the fork, and shared by every child
    import ingestion.processing.pipeline
    import ingestion.processing.runner  # noqa: F401
    from ingestion.queue.celery import make_app
    from ingestion.queue.celery import run_worker as work
    from ingestion.tasks import Slots, Tasks

    app = make_app(assemble(settings).broker_url, settings.ingestion.broker_ca)
    slots = Slots(settings.home / "run" / "slots", settings.ingestion.workers)
    Tasks(app, lambda: assemble(settings, pooled=False), slots)
    work(app, settings.ingestion.workers + 1)
    return 0


def run_beat(settings: Settings) -> int:
    """Run the exclusive jobs; return after SIGTERM or SIGINT."""
    from ingestion.operations.schedule import Beat

    system = assemble(settings)
    beat = Beat(system)

    def end(_number: int, _frame: FrameType | None) -> None:
        beat.stop()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    beat.run()
    system.close()
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the process that the one argument names."""
    arguments = sys.argv[1:] if arguments is None else arguments
    runs = {"worker": run_worker, "beat": run_beat}
    if len(arguments) != 1 or arguments[0] not in runs:
        sys.stderr.write("usage: python -m ingestion.worker worker|beat\n")
        return 2
    configure_logs()
    return runs[arguments[0]](load_settings())


if __name__ == "__main__":
    sys.exit(main())
