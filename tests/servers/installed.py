"""Install a wheel of the project in an environment with only the packages that it needs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIP = next((ROOT / "deploy" / "bootstrap").glob("pip-*.whl"))


def install(wheel: Path, folder: Path) -> Path:
    """Make an environment in ``folder`` around a wheel; return the path of its Python.

    The pinned packages of ``requirements/runtime.txt`` are there as files shared with the tests'
    environment: the same bytes, without fetching them again. Packages that only the tests need are
    not there.
    """
    venv.EnvBuilder(symlinks=True).create(folder)
    python = folder / "bin" / "python"
    for name in pinned():
        try:
            files = distribution(name).files or ()
        except PackageNotFoundError:
            continue  # pinned for another system or Python
        for file in files:
            source = Path(str(file.locate()))
            if ".." not in file.parts and source.exists():  # "..": commands, made for the other environment
                _share(source, folder / source.relative_to(sys.prefix))
    subprocess.run(
        [str(python), f"{PIP}/pip", "install", "--quiet", "--no-index", "--no-deps", str(wheel)],
        check=True,
        env=environment(folder),
    )
    return python


def _share(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:  # the target is on another disk
        shutil.copy2(source, target)


def pinned() -> list[str]:
    """Return the names of the packages that an installation needs."""
    text = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    return re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==", text, re.MULTILINE)


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a user who never saw the checkout, with the given settings."""
    foreign = ("CHARTRIER_", "PYTHON", "PIP_", "VIRTUAL_ENV")
    return {k: v for k, v in os.environ.items() if not k.startswith(foreign)} | {"HOME": str(home)} | settings
