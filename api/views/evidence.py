"""Answer with an evidence bundle: it is made whole and checked first, then sent."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

if TYPE_CHECKING:
    from ingestion.assembly import System

_IN_MEMORY = 8 * 1024 * 1024
_CHUNK = 1024 * 1024


def make_bundle(system: System, tenant: str, record_id: str, *, content: bool) -> IO[bytes]:
    """Make the bundle in a file without a name, placed at its beginning; the caller closes it.

    Raises:
        Refused: ``record_not_found``.
        Corrupt: ``altered``: a bundle with altered bytes would prove nothing.
    """
    folder = system.settings.home / "spool"  # the machine's temporary folder may itself lie in memory
    folder.mkdir(parents=True, exist_ok=True)
    made: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(folder))  # noqa: SIM115 - the caller closes it
    try:
        system.evidence.bundle(tenant, record_id, made, content=content)
    except BaseException:
        made.close()
        raise
    made.seek(0)
    return made


def evidence_response(system: System, tenant: str, record_id: str, *, content: bool) -> Response:
    """Answer with the bundle of a record as an attachment.

    Raises:
        Refused: ``record_not_found``.
        Corrupt: ``altered``.
    """
    made = make_bundle(system, tenant, record_id, content=content)
    made.seek(0, 2)
    size = made.tell()
    made.seek(0)

    def chunks() -> Iterator[bytes]:
        with made:
            while chunk := made.read(_CHUNK):
                yield chunk

    headers = {
        "Content-Disposition": f'attachment; filename="preuve-{record_id}.zip"',
        "Content-Length": str(size),
        "Cache-Control": "private, no-store",
    }
    return StreamingResponse(chunks(), media_type="application/zip", headers=headers)
