"""Folders that come with the code: the retention rules, and the sample documents."""

from __future__ import annotations

from pathlib import Path

import archive


def shipped(name: str) -> Path:
    """Find ``rules`` or ``samples``: inside the package in a wheel, next to it in a checkout.

    The package's own folder comes first: folders next to an installed package belong to others.

    Raises:
        FileNotFoundError: This installation came without the folder.
    """
    package = Path(archive.__file__).resolve().parent
    for folder in (package / "share" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"this installation came without its folder {name}")
