"""Deliver representations; the digest is checked on the way and a mismatch stops the answer."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.http.conditions import none_match
from archive.catalogue.rows import require_harmless
from archive.objects.fixity import verified, verified_range
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from archive.database.tables import RepresentationRow
    from ingestion.assembly import System

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def attachment(filename: str) -> str:
    """Return a ``Content-Disposition`` header that carries any file name (RFC 6266)."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", filename) or "fichier"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def repr_digest(sha256: str) -> str:
    """Return the ``Repr-Digest`` header of a hexadecimal SHA-256 (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"


def parse_range(request: Request, size: int, tag: str) -> tuple[int, int] | None:
    """Return the first byte and the length that the caller asks for; None for the whole.

    Several ranges at once are answered with the whole, as RFC 9110 allows: no known caller needs
    them, and an attacker could use them to load the server.

    Raises:
        Refused: ``bad_range``.
    """
    condition = request.headers.get("if-range")
    found = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if found is None or (condition is not None and condition != tag) or found[1] == found[2] == "":
        return None
    if found[1] == "":
        length = min(int(found[2]), size)
        first, last = size - length, size - 1
    else:
        first = int(found[1])
        last = min(int(found[2]), size - 1) if found[2] else size - 1
    if found[1] and found[2] and int(found[1]) > int(found[2]):
        return None  # not a range at all: ignored (RFC 9110, 14.1.1)
    if first >= size or last < first:
        raise Refused(
            "bad_range",
            "La plage demandée est hors du fichier, qui compte {size} octets.",
            action="Demandez une plage comprise dans sa taille.",
            pointer="header:Range",
            size=size,
        )
    return first, last - first + 1


def require_confirmed(request: Request, system: System, record_id: str) -> None:
    """Refuse an infected record's bytes unless the caller says they know (``confirm=infected``).

    Raises:
        Refused: ``infected``.
    """
    with system.database.read() as session:
        require_harmless(session, record_id, confirmed=request.query_params.get("confirm") == "infected")


def deliver(request: Request, system: System, row: RepresentationRow, headers: Mapping[str, str]) -> Response:
    """Answer with a representation, whole or in part, or with 304.

    Raises:
        Corrupt: ``altered`` or ``missing``: before the first byte for anything up to 64 MiB; for a
            larger one found altered, the connection is cut before its last byte.
        Refused: ``bad_range``, ``infected``.
    """
    require_confirmed(request, system, row.record_id)
    tag = f'"{row.sha256}"'
    common = {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Repr-Digest": repr_digest(row.sha256),
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization, Cookie",
        **headers,
    }
    if none_match(request, tag):
        return Response(status_code=304, headers=common)
    part = parse_range(request, row.size, tag)
    if part is None:
        chunks = verified(system.store, row.key, row.version, sha256=row.sha256, size=row.size)
        common["Content-Length"] = str(row.size)
        return StreamingResponse(_begun(chunks), headers=common, media_type=row.media_type)
    first, length = part
    chunks = verified_range(
        system.store, row.key, row.version, sha256=row.sha256, size=row.size, offset=first, length=length
    )
    common["Content-Length"] = str(length)
    common["Content-Range"] = f"bytes {first}-{first + length - 1}/{row.size}"
    return StreamingResponse(_begun(chunks), status_code=206, headers=common, media_type=row.media_type)


def _begun(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Fetch the first bytes now, so that an early error becomes an answer, not a broken stream."""
    first = next(chunks, b"")
    return chain((first,), chunks)
