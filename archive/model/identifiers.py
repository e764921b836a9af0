"""Identifiers: UUIDv7 (RFC 9562), so that their order is the order of arrival."""

from __future__ import annotations

import re
from hashlib import sha256

from uuid_utils import uuid7

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def new_id() -> str:
    """Return a new UUIDv7, lower-case with dashes."""
    return str(uuid7())


def derived_id(parent: str, name: str) -> str:
    """Return the identifier of a part of something: always the same, and of its parent's time.

    What is begun again after a crash, even one that took the database, gets the same identifiers.
    """
    made = sha256(f"{parent}\n{name}".encode("utf-8", "surrogatepass")).hexdigest()
    variant = "89ab"[int(made[15], 16) % 4]
    return f"{parent[:13]}-7{made[:3]}-{variant}{made[3:6]}-{made[16:28]}"


def is_id(text: str) -> bool:
    """Whether the text is a UUIDv7 as we write them."""
    return _UUID.fullmatch(text) is not None
