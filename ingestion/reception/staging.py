"""Compare staging with deposits: each waiting one has its bytes, and no other bytes remain."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import groupby
from typing import Final

from sqlalchemy import exists, select

from archive.custody.findings import Findings, Kind
from archive.database.engine import Database
from archive.database.tables import RecordRow
from archive.objects.layout import STAGING, DepositFolder, staging_key
from archive.objects.port import ObjectStore
from ingestion.deposits.states import STAGING_HOURS, DepositState
from ingestion.processing.quarantine_decisions import keeps_bytes
from ingestion.tables import DepositRow
from signing.ground.clock import Clock
from signing.ground.errors import Refused

_LEFT: Final = timedelta(hours=STAGING_HOURS)
"""Age up to which bytes without a deposit may belong to one that is being received."""


class Staging:
    """Comparison of ``staging/`` with the deposits."""

    def __init__(self, database: Database, store: ObjectStore, clock: Clock) -> None:
        self._database = database
        self._store = store
        self._clock = clock

    def check(self, findings: Findings, *, clear: Callable[[], int] | None = None) -> None:
        """Compare in both directions and add findings.

        Args:
            clear: Removes what nothing needs; None only compares.
        """
        with self._database.read() as session:
            record = exists().where(RecordRow.deposit_id == DepositRow.id)  # if so, its bytes are the record's original
            query = select(DepositRow).where(DepositRow.state != DepositState.KEPT, ~record)
            for row in session.scalars(query.order_by(DepositRow.id).execution_options(yield_per=500)):
                if keeps_bytes(row):
                    self._waiting(findings, row)
        limit = self._clock() - _LEFT
        stray = 0
        for folder, items in groupby(self._store.list(STAGING), key=lambda item: _folder_of(item.key)):
            if max(item.modified_at for item in items) > limit:
                continue
            known, where = None, folder if isinstance(folder, str) else folder.root
            if isinstance(folder, DepositFolder):
                with self._database.read() as session:
                    known = session.get(DepositRow, folder.deposit)
            if known is None:
                stray += 1
                findings.add(Kind.UNTRACKED, "staging", where, "deposit", done=clear is not None)
        if stray and clear is not None:
            clear()

    def _waiting(self, findings: Findings, row: DepositRow) -> None:
        try:
            state = self._store.stat(row.staging_key, row.staging_version)
        except Refused as error:
            if error.code != "object_missing":
                raise
            with self._database.read() as session:
                again = session.get_one(DepositRow, row.id)
            if again.state != DepositState.KEPT:
                findings.add(Kind.MISSING, "staging", row.staging_key, "bytes")
            return
        if state.size != row.size:
            findings.add(Kind.CHANGED, "staging", row.staging_key, "size")


def _folder_of(key: str) -> DepositFolder | str:
    """Return the deposit's folder of a key, or the key itself if it is in none."""
    found = staging_key(key)
    return found.folder if found is not None else key
