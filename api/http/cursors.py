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
from starlette.responses import Response

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


def link_next(request: Request, response: Response, cursor: str | None) -> None:
    """Add ``Link: rel="next"`` when there is a cursor of a next page."""
    if cursor is None:
        return
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    target = f"{request.scope['path']}?{urlencode([*query, ('cursor', cursor)])}"
    response.headers["link"] = f'<{target}>; rel="next"'
