"""``make mutants``: the modules of ``modules.toml``, each group against its nearest tests, scores
on screen.

Each group is broken in a copy of its own below ``build/mutants``; what was killed there stays so
until its function changes, and what survived is tried again, so that a run that was cut goes on.
Bounded by minutes a group.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "mutants"
PACKAGES = ("signing", "archive", "search", "ingestion", "api")
BESIDE = ("tests", "rules", "samples", "deploy", "docs", "requirements", "Makefile")
"""What tests and code read of the checkout beside the packages."""
WORDS = {0: "survived", 1: "killed", 3: "killed", 5: "untested", 33: "untested", 36: "timeout", None: "not reached"}
"""mutmut's exit codes; whatever else (signals among them) counts as ``odd``."""
ASKED_AGAIN = {"survived", "untested"}
TIMEOUTS = {-24, 24, 152, 255}
COLUMNS = ("killed", "timeout", "survived", "untested", "not reached", "odd")


def main() -> None:
    """Break the groups asked for, all of them by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    told = tomllib.loads((Path(__file__).parent / "modules.toml").read_text())
    groups: dict[str, dict[str, Any]] = told["groups"]
    parser.add_argument("groups", nargs="*", choices=[[], *groups], default=[])
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--stretch", type=float, default=1.0, help="times the minutes of each group, on a busy machine")
    parser.add_argument("--report", action="store_true", help="only print what earlier runs found")
    asked = parser.parse_args()
    for name in asked.groups or groups:
        if not asked.report:
            took = run(name, groups[name] | told["texts"], asked.cores, asked.stretch)
            print(f"{name}: {took:.0f} s on {asked.cores} cores", flush=True)
    print(table({name: groups[name] for name in asked.groups or groups}))


def run(name: str, group: dict[str, Any], cores: int, stretch: float) -> float:
    """One group in its folder; seconds it took."""
    folder = BUILD / name
    prepare(folder, group)
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder / "mutants"),  # programs that tests start are to run the mutants too
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "examples"),
    }
    begun = time.monotonic()
    with (folder / "log.txt").open("w") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "mutmut", "run", "--max-children", str(cores)],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = running.wait(group["minutes"] * 60 * stretch * max(1.0, 2 / cores))
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            code = 0
            print(f"{name}: cut after {time.monotonic() - begun:.0f} s", flush=True)
    if code != 0:
        print(f"{name}: mutmut ended with {code}, see {(folder / 'log.txt').relative_to(ROOT)}", flush=True)
    return time.monotonic() - begun


def prepare(folder: Path, group: dict[str, Any]) -> None:
    """The checkout as mutmut wants to find it, and its settings.

    Tests are copied anew each time.
    """
    (folder / "mutants").mkdir(parents=True, exist_ok=True)  # Python forgets a path that was not there when it began
    for name in (*PACKAGES, *BESIDE):
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(ROOT / name)
    shutil.rmtree(folder / "mutants" / "tests", ignore_errors=True)
    ask_again(folder, group["modules"])
    settings = {
        "source_paths": list(PACKAGES),
        "only_mutate": group["modules"],
        "do_not_mutate_patterns": group["lines"],
        "also_copy": list(BESIDE),
        "pytest_add_cli_args_test_selection": group["tests"],
        "pytest_add_cli_args": ["-m", "not services", "-p", "no:cacheprovider"],
        "timeout_constant": 2.0,
        "timeout_multiplier": 8.0,
        "track_dependencies": False,
        "use_git_change_detection": False,
        "use_setproctitle": False,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    text = (ROOT / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(text + "\n[tool.mutmut]\n" + "\n".join(lines) + "\n")


def ask_again(folder: Path, modules: list[str]) -> None:
    """Forget what survived or met no test: there may be a test by now."""
    for module in modules:
        meta = folder / "mutants" / f"{module}.meta"
        if meta.exists():
            told = json.loads(meta.read_text())
            codes = told["exit_code_by_key"]
            told["exit_code_by_key"] = {
                key: None if WORDS.get(code) in ASKED_AGAIN else code for key, code in codes.items()
            }
            meta.write_text(json.dumps(told))


def results(name: str, module: str) -> dict[str, str]:
    """Mutant -> what became of it, as mutmut wrote it down."""
    meta = BUILD / name / "mutants" / f"{module}.meta"
    if not meta.exists():
        return {}
    codes: dict[str, int | None] = json.loads(meta.read_text())["exit_code_by_key"]
    return {key: "timeout" if code in TIMEOUTS else WORDS.get(code, "odd") for key, code in codes.items()}


def table(groups: dict[str, dict[str, Any]]) -> str:
    """Scores by module, as docs/mutants.md shows them: killed and timed out, of those that were
    judged.
    """
    lines = ["| module | mutants | " + " | ".join(COLUMNS) + " | score |", "|---|" + "---:|" * (len(COLUMNS) + 2)]
    for name, group in groups.items():
        for module in group["modules"]:
            found = Counter(results(name, module).values())
            judged = found["killed"] + found["timeout"] + found["survived"] + found["untested"]
            score = f"{100 * (found['killed'] + found['timeout']) / judged:.0f} %" if judged else "–"
            cells = " | ".join(str(found[column]) for column in COLUMNS)
            lines.append(f"| `{module}` | {found.total()} | {cells} | {score} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
