"""Long texts inside statements: manifests and replies, compressed. Pure."""

from __future__ import annotations

import binascii
import zlib
from base64 import b64decode, b64encode
from typing import Final

MOST: Final = 256 * 1024**2
"""Bytes of the longest text that is read again."""


def packed(text: bytes) -> str:
    """Return a text as a statement holds it: zlib, then base64."""
    return b64encode(zlib.compress(text, 6)).decode()


def unpacked(told: str) -> bytes:
    """Return a text that a statement holds.

    Raises:
        ValueError: It is none, or too long.
    """
    reader = zlib.decompressobj()
    try:
        text = reader.decompress(b64decode(told, validate=True), MOST)
    except (zlib.error, binascii.Error) as error:
        raise ValueError("not a packed text") from error
    if not reader.eof:
        raise ValueError("a packed text that is cut, or too long")
    return text
