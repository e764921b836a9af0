"""Folders that come with the code: the retention rules, and the sample documents."""

from __future__ import annotations

from pathlib import Path

import archive


def shipped(name: str) -> Path:
    """Find ``rules`` or ``samples``: inside the package in a wheel, beside it in a checkout.

    The package's own folder comes first: beside an installed package lie other people's.

    Raises:
        FileNotFoundError: This installation came without it.
    """
    package = Path(archive.__file__).resolve().parent
    for folder in (package / "share" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"this installation came without its folder {name}")
