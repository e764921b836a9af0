"""``make bench-services``: the service on a department's servers, beside one machine alone in the
same run.

Rows go to the screen and to ``build/bench-services.json``. Each part is a module with ``run()``.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import signal
import sys
import time

from tests.bench.results import SERVICES

PARTS = {
    "receipts": "tests.bench.department_bench",
    "lag": "tests.bench.department_bench",
    "memory": "tests.bench.department_bench",
    "workers": "tests.bench.department_bench",
    "search": "tests.bench.engines_bench",
    "rebuild": "tests.bench.rebuild_bench",
}
"""Part -> module with a function of its name.

Parts of one module are given together, its servers start once.
"""


def main() -> None:
    """Run the parts asked for, all of them by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[])
    asked = parser.parse_args().parts or list(PARTS)
    os.environ["OMP_THREAD_LIMIT"] = "1"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a run that is cut short ends its services too
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}, load before the run {load:.1f}")
    for module in dict.fromkeys(PARTS[part] for part in asked):
        importlib.import_module(module).run([part for part in asked if PARTS[part] == module])
    print(f"written to {SERVICES}")


if __name__ == "__main__":
    main()
