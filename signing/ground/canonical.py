"""Canonical JSON: one sequence of bytes for each value, so that digests can be compared."""

from __future__ import annotations

import json
from typing import Any


def canonical(value: Any) -> bytes:
    """Write a JSON value in the one form that is hashed and signed.

    UTF-8, keys sorted and ASCII, no white space. With the restrictions checked
    here the result equals RFC 8785 (JCS).

    Raises:
        TypeError: If the value holds a float, a non-ASCII key, or a type that JSON does not have.
    """
    _check(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def parse_canonical(text: bytes) -> Any:
    """Read canonical JSON strictly.

    Raises:
        ValueError: If the bytes are not the canonical form of their value.
    """
    value = json.loads(text, object_pairs_hook=_no_duplicates)
    try:
        again = canonical(value)
    except TypeError as error:
        raise ValueError(str(error)) from error
    if again != text:
        raise ValueError("not in canonical form")
    return value


def _check(value: Any) -> None:
    if value is None or isinstance(value, str | bool | int):
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise TypeError(f"key {key!r} is not an ASCII string")
            _check(item)
        return
    if isinstance(value, list | tuple):
        for item in value:
            _check(item)
        return
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate key")
    return result
