"""Cursors: opaque, signed places in a list, which a caller can send back but not make up."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from signing.ground.errors import Refused

_MAC = 12


class Cursors:
    """Write and read cursors, signed with a key that every process derives alike.

    Args:
        secret: Any secret of the installation; only a digest of it is used.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.sha256(b"chartrier cursor\0" + secret).digest()

    @classmethod
    def of_installation(cls, log_key: Path) -> Cursors:
        """Make the cursors of an installation from its log key."""
        return cls(log_key.read_bytes() if log_key.exists() else b"")

    def write(self, purpose: str, place: list[Any]) -> str:
        """Return a cursor: a signed place in the list called ``purpose``.

        ``purpose`` names the tenant too, so that no cursor is valid for another tenant.
        """
        body = json.dumps(place, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mac(purpose, body) + body).rstrip(b"=").decode()

    def read(self, purpose: str, cursor: str) -> list[Any]:
        """Return the place that ``write`` was given.

        Raises:
            Refused: ``bad_cursor``.
        """
        try:
            whole = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            whole = b""
        mac, body = whole[:_MAC], whole[_MAC:]
        if not hmac.compare_digest(mac, self._mac(purpose, body)) or not body:
            raise Refused(
                "bad_cursor",
                "Ce curseur n’est pas valable pour cette liste.",
                action="Reprenez la liste à son début, sans « cursor ».",
                pointer="query:cursor",
            )
        place: list[Any] = json.loads(body)
        return place

    def _mac(self, purpose: str, body: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"\0" + body, "sha256")[:_MAC]


def place_in(request: Request, purpose: str, cursor: str | None) -> Any:
    """Return the place that a cursor tells in a list ordered by one value; None for its beginning.

    Raises:
        Refused: ``bad_cursor``.
    """
    cursors: Cursors = request.app.state.cursors
    return cursors.read(purpose, cursor)[0] if cursor is not None else None


def page_answer(request: Request, purpose: str, name: str, shown: list[dict[str, Any]], last: Any) -> JSONResponse:
    """Return a page of a list ordered by one value.

    Args:
        name: Member that has the things shown.
        last: Place of the last of them; None where no page follows.
    """
    cursors: Cursors = request.app.state.cursors
    following = cursors.write(purpose, [last]) if last is not None else None
    answer = JSONResponse({name: shown, "next": following})
    link_next(request, answer, following)
    return answer


def link_next(request: Request, response: Response, cursor: str | None) -> None:
    """Add ``Link: rel="next"`` when there is a cursor of a next page."""
    if cursor is None:
        return
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    target = f"{request.scope['path']}?{urlencode([*query, ('cursor', cursor)])}"
    response.headers["link"] = f'<{target}>; rel="next"'
