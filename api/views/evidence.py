"""Answer with an evidence bundle: it is made whole and checked first, then sent."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

if TYPE_CHECKING:
    from ingestion.assembly import System

_CHUNK = 1024 * 1024


def make_bundle(system: System, tenant: str, record_id: str, *, content: bool, since: int | None = None) -> IO[bytes]:
    """Make the bundle in a file without a name, once it was verified; the caller closes it.

    Raises:
        Refused: ``record_not_found``, ``bad_journal_size``.
        Corrupt: ``altered``: a bundle with altered bytes would prove nothing;
            ``evidence_contradicts``: our own verifier calls the bundle altered.
    """
    folder = system.settings.home / "spool"  # the machine's temporary folder may itself lie in memory
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".part") as made:
        path = Path(made.name)
        system.evidence.checked_bundle(tenant, record_id, path, content=content, since=since)
        return path.open("rb")


def evidence_response(
    system: System, tenant: str, record_id: str, *, content: bool, since: int | None = None
) -> Response:
    """Answer with the bundle of a record as an attachment.

    Raises:
        Refused: ``record_not_found``, ``bad_journal_size``.
        Corrupt: ``altered``, ``evidence_contradicts``.
    """
    made = make_bundle(system, tenant, record_id, content=content, since=since)
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
