"""Static files, compressed once at start.

Their names change with their content, so that browsers can keep them for ever.
"""

from __future__ import annotations

import gzip
import mimetypes
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

STATIC = Path(__file__).parent / "static"
PREFIX = "/static"
HTMX_INTEGRITY = "sha384-Qp9rdC8H7EqOoX+nR0P3RPG2Noji+qdwJlGpfzwQJsfOpp3sGwIdSP9xO3+UlEhn"
"""Digest of ``htmx.min.js`` as its makers published it; a browser refuses any other bytes."""

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".txt": "text/plain"}
_COMPRESSED = frozenset({".js", ".css", ".svg", ".txt"})
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """One static file, ready to send.

    Attributes:
        path: Its path below ``/static/``, with its digest.
        packed: The file compressed by gzip; None for a type that is already compressed.
    """

    path: str
    media_type: str
    plain: bytes
    packed: bytes | None


class Assets:
    """The static folder in memory (some 60 kB).

    Args:
        folder: The folder, read once; ``.md`` files are our own notes and are not served.
    """

    def __init__(self, folder: Path = STATIC) -> None:
        self._by_name: dict[str, Asset] = {}
        self._by_path: dict[str, Asset] = {}
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file.suffix != ".md":
                asset = _load(file, file.relative_to(folder))
                self._by_name[str(file.relative_to(folder))] = asset
                self._by_path[asset.path] = asset

    def url(self, name: str) -> str:
        """Return the address of a file: ``/static/style.3f9c….css`` for ``style.css``."""
        return f"{PREFIX}/{self._by_name[name].path}"

    def answer(self, request: Request, path: str) -> Response:
        """Answer with the file of a hashed name.

        Raises:
            HTTPException: 404 for any other name, also an outdated one.
        """
        asset = self._by_path.get(path)
        if asset is None:
            raise HTTPException(404)
        headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
        body = asset.plain
        if asset.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            body = asset.packed
            headers["Content-Encoding"] = "gzip"
        return Response(body, media_type=asset.media_type, headers=headers)


def _load(file: Path, name: Path) -> Asset:
    plain = file.read_bytes()
    if file.suffix == ".css":
        plain = _tight(plain)
    path = str(name.with_name(f"{name.stem}.{sha256(plain).hexdigest()[:12]}{name.suffix}"))
    media_type = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    packed = gzip.compress(plain, 9, mtime=0) if file.suffix in _COMPRESSED else None
    return Asset(path, media_type, plain, packed)


def _tight(style: bytes) -> bytes:
    """Return a style sheet without comments and idle white space; selectors keep their spaces."""
    text = re.sub(r"/\*.*?\*/", "", style.decode(), flags=re.DOTALL)
    text = re.sub(r"\s+", " ", text)
    return re.sub(r" ?([{};,]) ?", r"\1", text).replace(";}", "}").strip().encode()
