"""Check the whole replica: bytes, locks, and that it holds nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sqlalchemy import func, select, tuple_

from archive.custody.findings import Findings, Kind
from archive.custody.rebuild import journal as published
from archive.custody.rebuild.records import by_key, grouped
from archive.custody.reconcile.store import restored
from archive.database.engine import Database
from archive.database.tables import CopyRow, RecordRow
from archive.objects import fixity
from archive.objects.layout import JOURNAL, TENANTS, RecordFolder, bare
from archive.objects.ocfl import HEADS
from archive.objects.port import Listed, ObjectStore, StoredObject, Unreadable
from signing.ground.clock import Clock
from signing.ground.errors import Corrupt, Refused

_BATCH: Final = 200
_READERS: Final = 4
_KINDS: Final = {"missing": Kind.MISSING, "unverifiable": Kind.UNREADABLE}

OnProgress = Callable[[str, int, int | None], None]


class CopyCheck:
    """Read the copy and report each object's fault."""

    def __init__(
        self,
        database: Database,
        copy: ObjectStore,
        clock: Clock,
        *,
        on_progress: OnProgress = lambda _step, _done, _total: None,
    ) -> None:
        self._database = database
        self._copy = copy
        self._clock = clock
        self._on_progress = on_progress

    def run(self, findings: Findings) -> int:
        """Check every object, then the listing, then the journal; return how many objects."""
        with self._database.read() as session:
            total = session.scalar(select(func.count()).select_from(CopyRow)) or 0
        done, after = 0, ("", "")
        with ThreadPoolExecutor(_READERS) as readers:
            while True:
                with self._database.read() as session:
                    query = select(CopyRow).where(tuple_(CopyRow.key, CopyRow.version) > after)
                    batch = list(session.scalars(query.order_by(CopyRow.key, CopyRow.version).limit(_BATCH)))
                if not batch:
                    break
                verdicts = list(readers.map(self._object, batch))
                self._note(findings, batch, verdicts)
                done += len(batch)
                after = (batch[-1].key, batch[-1].version)
                self._on_progress("check", done, total)
        for folder, items in grouped(self._copy.list(TENANTS)):
            if folder is not None:
                self._strays(findings, folder, items)
        self._journal(findings)
        return done

    def _object(self, row: CopyRow) -> tuple[str, StoredObject | None]:
        """Judge the bytes of one copy; return what the store states of it as well."""
        try:
            fixity.check(self._copy, row.key, row.copy_version, sha256=row.sha256, size=row.size)
            state = self._copy.stat(row.key, row.copy_version)
        except Corrupt as error:
            return error.code, None
        except Refused:
            return "missing", None
        except Unreadable:
            return "unverifiable", None
        return "intact", state

    def _note(
        self, findings: Findings, batch: Sequence[CopyRow], verdicts: Sequence[tuple[str, StoredObject | None]]
    ) -> None:
        """Store the verdict on the bytes; a lock or a hold that is gone is set at the next copy."""
        now = self._clock()
        with self._database.write() as session:
            for row, (verdict, state) in zip(batch, verdicts, strict=True):
                kept = session.get(CopyRow, (row.key, row.version))
                if kept is None or kept.copy_version != row.copy_version:
                    continue  # copied anew meanwhile
                kept.checked_at = now
                kept.verdict = verdict
                if verdict != "intact":
                    findings.add(_KINDS.get(verdict, Kind.CHANGED), "copy", row.key, "bytes", record=row.record_id)
                elif state is not None and _is_unguarded(row, state):
                    findings.add(Kind.UNGUARDED, "copy", row.key, "lock", record=row.record_id)
                    kept.locked_until, kept.legal_hold = state.locked_until, state.legal_hold

    def _strays(self, findings: Findings, folder: RecordFolder, items: list[Listed]) -> None:
        record_id = folder.record_id
        with self._database.read() as session:
            keys = set(session.scalars(select(CopyRow.key).where(CopyRow.record_id == record_id)))
            number = session.scalar(select(RecordRow.ocfl_version).where(RecordRow.id == record_id)) or 0
            again = restored(session, record_id)
        for key, versions in by_key(items).items():
            path = folder.path(key)
            real = [item for item in versions if not item.marker]
            if len(real) < len(versions):
                findings.add(Kind.CHANGED, "copy", key, "marker", record=record_id)
            if key not in keys:
                findings.add(Kind.UNTRACKED, "copy", key, "object", record=record_id)
            elif len(real) > (number if path in HEADS else 1) + again[path]:
                findings.add(Kind.UNTRACKED, "copy", key, "version", record=record_id)

    def _journal(self, findings: Findings) -> None:
        """Check the copied journal by itself: a rebuild from the copy relies on it."""
        try:
            head = published.read_head(self._copy)
            if head is not None:
                published.check(self._copy, head, published.stamped(self._copy, head), lambda _body: None)
        except (Corrupt, Refused) as error:
            findings.add(Kind.CHANGED, "copy", str(error.values.get("path", bare(JOURNAL))), error.code)
        except Unreadable as error:
            findings.add(Kind.UNREADABLE, "copy", str(error.values["key"]), "bytes")


def _is_unguarded(row: CopyRow, state: StoredObject) -> bool:
    """Whether a copy lacks the lock or the hold that it had."""
    if row.legal_hold and not state.legal_hold:
        return True
    return row.locked_until is not None and (state.locked_until is None or state.locked_until < row.locked_until)
