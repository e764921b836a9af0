"""Identifiers: UUIDv7 (RFC 9562), so that their order is the order of arrival."""

from __future__ import annotations

import re

from uuid_utils import uuid7

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def new_id() -> str:
    """Return a new UUIDv7, lower-case with dashes."""
    return str(uuid7())


def is_id(text: str) -> bool:
    """Whether the text is a UUIDv7 as we write them."""
    return _UUID.fullmatch(text) is not None
