"""Status of a record in both stores: objects held, last full reading."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from archive.catalogue import rows as catalogue
from archive.custody import reports
from archive.custody.replica.promote import MOVED
from archive.custody.replica.versions import UNVERIFIED, rows_of
from archive.database.tables import RecordRow
from archive.objects.port import Assurance
from signing.ground.clock import stamp


def status(
    session: Session, row: RecordRow, first: tuple[str, Assurance], second: tuple[str, Assurance] | None
) -> list[dict[str, Any]]:
    """Return the ``copies`` of a record as the API shows them.

    Args:
        first: Kind (``files``, ``s3``) and assurance of the first store.
        second: The same of the second store; None if there is none.
    """
    placed = catalogue.placed(session, row.id)
    checked, moved = catalogue.latest_verification(session, row.id), reports.latest(session, MOVED)
    if checked is not None and moved is not None and checked.at < moved.started_at:
        checked = None  # it was a check of the former store
    shown = [
        {
            "store": "first",
            "kind": first[0],
            "assurance": first[1].value,
            "state": checked.verdict if checked is not None else "unverified",
            "objects": len(placed),
            "expected": len(placed),
            "locked_until": _earliest([item.locked_until for item in placed]),
            "checked_at": stamp(checked.at) if checked is not None else None,
        }
    ]
    if second is not None:
        pinned = {(item.key, item.version) for item in placed}
        copied = [one for one in rows_of(session, row.id) if (one.key, one.version) in pinned]
        verdicts = {one.verdict for one in copied}
        worst = next((word for word in ("altered", "missing", "unverifiable") if word in verdicts), None)
        state = UNVERIFIED if UNVERIFIED in verdicts else "intact"
        short = "absent" if not copied else "incomplete"
        shown.append(
            {
                "store": "second",
                "kind": second[0],
                "assurance": second[1].value,
                "state": worst or (state if len(copied) == len(pinned) else short),
                "objects": len(copied),
                "expected": len(pinned),
                "locked_until": _earliest([one.locked_until for one in copied]),
                "checked_at": stamp(min(one.checked_at for one in copied)) if copied and state == "intact" else None,
            }
        )
    return shown


def _earliest(days: list[Any]) -> str | None:
    """Return the day on which the first lock ends; None when an object has no lock."""
    return min(days).isoformat() if days and None not in days else None
