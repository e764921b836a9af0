"""Cursors: opaque words for the place where the next part of an answer begins. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Final

from search.port import Query
from signing.ground.errors import Refused

_LONGEST: Final = 2000
_MOST: Final = 10_000_000


@dataclass(frozen=True)
class Cursor:
    """Place in an answer: the last record already given, and the count up to it.

    Attributes:
        loosened: How far the question was loosened; the next part must come from the same answer.
        key: The value that orders the records: a score, or a sort key.
    """

    loosened: int
    given: int
    key: float | str
    record_id: str


def write_cursor(query: Query, cursor: Cursor) -> str:
    """Write a cursor as an opaque word that is valid for this question only."""
    values = [_fingerprint(query), cursor.loosened, cursor.given, cursor.key, cursor.record_id]
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(query: Query) -> Cursor | None:
    """Read the cursor of a question; None for its first part.

    Raises:
        Refused: ``bad_cursor`` if it is not ours or belongs to another question.
    """
    if query.after is None:
        return None
    if len(query.after) > _LONGEST:
        raise bad_cursor()
    try:
        padded = query.after + "=" * (-len(query.after) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise bad_cursor() from None
    if not isinstance(values, list) or len(values) != 5:
        raise bad_cursor()
    fingerprint, loosened, given, key, record_id = values
    sound = (
        fingerprint == _fingerprint(query)
        and type(loosened) is int
        and loosened in {0, 1, 2}
        and type(given) is int
        and 0 < given < _MOST
        and isinstance(key, (float, str))
        and isinstance(record_id, str)
    )
    if not sound:
        raise bad_cursor()
    return Cursor(loosened, given, key, record_id)


def bad_cursor() -> Refused:
    """Make the refusal of a cursor that is not ours or belongs to another question."""
    return Refused(
        "bad_cursor",
        "Cette suite de résultats n’existe pas ou appartient à une autre recherche.",
        action="Relancez la recherche depuis le début.",
        pointer="cursor",
    )


def _fingerprint(query: Query) -> str:
    asked = [
        query.tenant,
        query.text,
        sorted((facet, sorted(values)) for facet, values in query.filters.items()),
        str(query.date_from),
        str(query.date_to),
        query.sort.value,
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]
