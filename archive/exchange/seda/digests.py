"""Digests as SEDA writes them: hexadecimal or base64, under several names of an algorithm. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from archive.exchange.seda.transfer import Digest

SIZES: Final = {"MD5": 16, "SHA-256": 32, "SHA-384": 48, "SHA-512": 64}
"""Bytes of a digest, by algorithm."""
WEAK: Final = frozenset({"MD5"})
"""Algorithms that show a slip of transport and no more."""
_LIKE: Final = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in SIZES}


def read_digest(algorithm: str, value: str) -> Digest:
    """Return a digest in lower-case hexadecimal; as it was written where it can't be read.

    A hexadecimal digest is also base64 by its letters: its length decides.
    """
    told = algorithm.rpartition("#")[2]
    known = _LIKE.get(re.sub(r"[^a-z0-9]", "", told.lower()))
    if known is None:
        return Digest(algorithm, value)
    size, packed = SIZES[known], "".join(value.split())
    if re.fullmatch(rf"[0-9a-fA-F]{{{2 * size}}}", packed):
        return Digest(known, packed.lower())
    try:
        decoded = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        return Digest(known, value)
    return Digest(known, decoded.hex() if len(decoded) == size else value)


def is_readable(digest: Digest) -> bool:
    """Whether a digest is one of its algorithm."""
    size = SIZES.get(digest.algorithm)
    return size is not None and re.fullmatch(rf"[0-9a-f]{{{2 * size}}}", digest.value) is not None
