"""Statements of holds in the store, so that holds come back without a database.

``register/<tenant>/holds/<hold>/placed.json`` and ``released.json`` hold the words of which the
journal's entries carry only digests: the reason may name a case or a person, and the journal never
does. They are made from the catalogue's row and from nothing else, so that they can be written
again with the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Final

from archive.database.tables import HoldRow
from archive.objects.layout import HoldKey, register_key
from signing.ground.canonical import canonical, parse_canonical
from signing.ground.clock import iso, parse_stamp, stamp

PLACED: Final = "placed"
RELEASED: Final = "released"
_MORE: Final = (
    "scope",
    "node_id",
    "query",
    "authority",
    "reference",
    "owner",
    "forbids_move",
    "restricts_reading",
)
"""Columns that a statement of version 2 repeats, besides the day of the first review."""


@dataclass(frozen=True)
class Statement:
    """One statement, as it was read.

    Attributes:
        what: ``placed`` or ``released``.
        at: When the decision was made.
        reason: None where a hold ended by itself.
        until: Last day; only in ``placed``, as ``records``.
        digest: SHA-256 of its bytes, as in the journal.
        more: Columns of the hold's row that only statements of version 2 give.
    """

    tenant: str
    hold: str
    what: str
    at: datetime
    reason: str | None
    until: date | None
    records: tuple[str, ...]
    salt: str
    digest: str
    more: Mapping[str, Any] = field(default_factory=dict)


def placed(row: HoldRow, records: Sequence[str]) -> bytes:
    """Return the statement that a hold was placed.

    Args:
        records: What it covers from the beginning; what a standing hold reaches later has entries.
    """
    told = {
        "v": 1,
        "type": "hold",
        "hold": row.id,
        "tenant": row.tenant_id,
        "placed_at": stamp(row.placed_at),
        "reason": row.reason,
        "until": iso(row.until),
        "records": sorted(records),
        "salt": row.placed_salt,
    }
    if row.scope is not None:
        told |= {"v": 2, "review_on": iso(row.review_on)} | {name: getattr(row, name) for name in _MORE}
    return canonical(told)


def released(row: HoldRow) -> bytes:
    """Return the statement that a hold was released or ended by itself, then without a reason.

    Raises:
        ValueError: The hold is in force.
    """
    if row.released_at is None:
        raise ValueError(f"hold {row.id} is in force")
    return canonical(
        {
            "v": 1,
            "type": "release",
            "hold": row.id,
            "tenant": row.tenant_id,
            "released_at": stamp(row.released_at),
            "reason": row.release_reason,
            "salt": row.release_salt,
        }
    )


def read(key: str, content: bytes) -> Statement:
    """Read a statement from its bytes.

    Raises:
        ValueError: It is not a statement, or not one of this place.
    """
    place = register_key(key)
    if not isinstance(place, HoldKey):
        raise ValueError(f"not the key of a statement: {key}")
    told: dict[str, Any] = parse_canonical(content)
    is_placed = place.what == PLACED
    try:
        if (told["tenant"], told["hold"], told["type"]) != (
            place.tenant,
            place.hold,
            "hold" if is_placed else "release",
        ):
            raise ValueError(f"a statement of another place: {key}")
        return Statement(
            told["tenant"],
            told["hold"],
            place.what,
            parse_stamp(told["placed_at" if is_placed else "released_at"]),
            told["reason"],
            date.fromisoformat(told["until"]) if told.get("until") else None,
            tuple(told["records"]) if is_placed else (),
            told["salt"],
            digest_of(content),
            _more(told) if is_placed and told["v"] > 1 else {},
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"an incomplete statement: {key}") from error


def _more(told: Mapping[str, Any]) -> dict[str, Any]:
    review = told["review_on"]
    return {name: told[name] for name in _MORE} | {"review_on": date.fromisoformat(review) if review else None}


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of a statement, as it is journalled."""
    return sha256(content).hexdigest()
