"""Which paths are keys of the store."""

from __future__ import annotations

import re
from typing import Final

_PART: Final = re.compile(r"[A-Za-z0-9_=%.\-]{1,200}")


def parts_of(key: str) -> list[str]:
    """The parts of a key, each safe as the name of a file.

    Raises:
        ValueError: If it is not a key that we make.
    """
    parts = key.split("/")
    if not all(_PART.fullmatch(part) and part not in {".", ".."} for part in parts):
        raise ValueError(f"not a key of the store: {key!r}")
    return parts
