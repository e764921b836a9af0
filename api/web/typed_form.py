"""A form as a person typed it."""

from __future__ import annotations


class Typed(dict[str, str]):
    """A form as it was sent; what was not sent is empty."""

    def __missing__(self, name: str) -> str:
        """Return the empty text."""
        return ""
