"""Promote the second store to the place of the first."""

from __future__ import annotations

from typing import Any, Final, cast

from sqlalchemy import CursorResult, delete, exists, select, update
from sqlalchemy.orm import Session

from archive.custody import reports
from archive.custody.replica.versions import UNVERIFIED, behind
from archive.database.tables import CopyRow, HeldRecordRow, HoldRow, RepresentationRow, StoredFileRow
from archive.objects.layout import CHECKPOINT
from signing.ground.clock import Clock
from signing.ground.errors import Refused

MOVED: Final = "promote"
"""Name of the report on the latest change of stores."""


def promote(session: Session, clock: Clock) -> int:
    """Pin the second store's versions and swap the pairs; return the number of objects.

    The catalogue takes over the locks and holds that the second store stated. Nothing is claimed of
    the other store, which becomes the copy: it is ``unverified`` until ``CopyCheck`` has read it.
    Where it may not have received the end of a hold yet, it counts as holding, so that the next run
    releases the hold there.

    To be called in one write transaction, with the service stopped, once everything is in step.

    Raises:
        Refused: ``copy_incomplete``: a pinned object is not copied whole.
    """
    late = session.scalar(behind("", clock)) is not None
    damaged = session.scalar(select(CopyRow.key).where(CopyRow.verdict != "intact").limit(1)) is not None
    if late or damaged:
        raise Refused(
            "copy_incomplete",
            "La seconde copie n’est pas complète ou pas intacte : elle ne peut pas prendre la place du magasin.",
            kept="Rien n’a été changé.",
            action="Lancez « chartrier copies --check », réparez ce qu’il montre, puis recommencez.",
        )
    reports.end(session, MOVED, clock(), agreed=True, facts={})
    moved = 0
    for table in (RepresentationRow, StoredFileRow):
        pair = (CopyRow.key == table.key, CopyRow.version == table.version)
        taken: dict[str, Any] = {
            "version": CopyRow.copy_version,
            "locked_until": CopyRow.locked_until,
            "legal_hold": CopyRow.legal_hold,
        }
        made = session.execute(
            update(table)
            .where(exists().where(*pair))
            .values({name: select(column).where(*pair).scalar_subquery() for name, column in taken.items()})
            .execution_options(synchronize_session=False)
        )
        moved += cast("CursorResult[Any]", made).rowcount
    session.execute(delete(CopyRow).where(CopyRow.key == CHECKPOINT))
    waits = (
        HeldRecordRow.record_id == CopyRow.record_id,
        HeldRecordRow.hold_id == HoldRow.id,
        HoldRow.settled_at.is_(None),
    )
    session.execute(  # the next full run reads the locks from the former store
        update(CopyRow)
        .values(
            version=CopyRow.copy_version,
            copy_version=CopyRow.version,
            locked_until=None,
            legal_hold=exists().where(*waits),
            verdict=UNVERIFIED,
        )
        .execution_options(synchronize_session=False)
    )
    return moved
