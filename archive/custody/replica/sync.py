"""Copy every object of every record, and the journal, to a second store.

The objects that the catalogue pins are copied under the same keys: content first, a record's heads
last and in the sequence of its versions, so that a rebuild from the copy is possible at each
moment. Each object is read by its version, checked against the digest in catalogue or journal,
written with its lock and its hold, and read back. Versions differ between stores: the table
``copies`` pairs them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import groupby, islice
from pathlib import Path
from typing import Final

from sqlalchemy import delete, select

from archive.catalogue import rows as catalogue
from archive.catalogue.rows import Placed
from archive.custody.findings import Findings, Kind
from archive.custody.reconcile.store import restored
from archive.custody.replica.transfer import Fetched, Source, running
from archive.custody.replica.versions import BATCH, behind, forget_former, rows_of
from archive.database.engine import Database
from archive.database.tables import CopyRow, JournalEntryRow, RecordRow, TenantRow
from archive.journal.types import EntryType
from archive.model.states import RecordState
from archive.objects import fixity, layout, ocfl
from archive.objects.layout import CHECKPOINT, RecordFolder
from archive.objects.ocfl import HEADS, Role
from archive.objects.port import Listed, ObjectStore, StoredObject, Unreadable, found, lock_missing, read_all
from signing.ground.clock import Clock
from signing.ground.errors import Corrupt, Refused

_WRITERS: Final = 4
FOLLOWED: Final = tuple(one for one in EntryType if one.effects.replica.copies)

OnProgress = Callable[[str, int, int | None], None]


class Copies:
    """Keep the second store in step with the first.

    Args:
        folder: Temporary folder for objects too large for memory.
        dead: Records that are gone by a newer journal than the database's.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        copy: ObjectStore,
        folder: Path,
        clock: Clock,
        *,
        dead: frozenset[str] = frozenset(),
        on_progress: OnProgress = lambda _step, _done, _total: None,
    ) -> None:
        self._database = database
        self._store = store
        self._copy = copy
        self._folder = folder
        self._clock = clock
        self._dead = dead
        self._on_progress = on_progress

    # -- which records

    def follow(self, findings: Findings, after: int) -> int:
        """Copy records with entries after a number, and the journal; return the last number."""
        while True:
            with self._database.read() as session:
                query = select(JournalEntryRow.n, JournalEntryRow.subject).where(
                    JournalEntryRow.n > after, JournalEntryRow.type.in_(FOLLOWED)
                )
                lines = session.execute(query.order_by(JournalEntryRow.n).limit(BATCH)).all()
            self._records(findings, list(dict.fromkeys(subject.removeprefix("record:") for _, subject in lines)))
            if not lines:
                break
            after = lines[-1].n
        self._loose(findings)
        return after

    def whole(self, findings: Findings) -> int:
        """Copy everything missed, longer locks included; return how many records were behind."""
        late, after = 0, ""
        while True:
            with self._database.read() as session:
                batch = list(session.scalars(behind(after, self._clock)))
            self._records(findings, batch)
            late += len(batch)
            self._on_progress("copies", late, None)
            if not batch:
                break
            after = batch[-1]
        self._loose(findings, locks=True)
        self._staging(findings)
        return late

    def _records(self, findings: Findings, ids: Sequence[str]) -> None:
        with ThreadPoolExecutor(_WRITERS) as writers:
            list(writers.map(lambda record_id: self.record(findings, record_id), ids))

    def record(self, findings: Findings, record_id: str) -> None:
        """Copy the missing objects of one record and lengthen locks that are too short."""
        with self._database.read() as session:
            row = session.get(RecordRow, record_id)
            if row is None or RecordState(row.state).destroyed or record_id in self._dead:
                return  # what is gone, or is by a newer journal, is not written back
            placed = catalogue.placed(session, record_id)
            known = {(one.key, one.version): one for one in rows_of(session, record_id)}
            held = catalogue.is_held(session, record_id) or any(item.legal_hold for item in placed)
            folder, number = layout.record_folder(row.tenant_id, record_id), row.ocfl_version
        made: list[CopyRow] = []
        heads: list[Placed] = []
        for item in sorted(placed, key=lambda one: _rank(folder.path(one.key))):
            there = known.get((item.key, item.version))
            if there is not None:
                made += self._followed(findings, there, item.locked_until, held=held)
            elif folder.path(item.key) in HEADS:
                heads.append(item)
            else:
                made += self._object(findings, Source(item.key, item.version, item.sha256, record_id), held=held)
        if heads:
            made += self._heads(findings, folder, number, heads, held=held)
        if made:
            with self._database.write() as session:
                for one in made:
                    session.merge(one)
                forget_former(session, record_id)

    # -- one object

    def _object(self, findings: Findings, source: Source, *, held: bool = False) -> list[CopyRow]:
        """Copy one version. On a digest mismatch, report a finding and write nothing."""
        read = False
        try:
            state = self._store.stat(source.key, source.version)
            with self._fetched(source, state) as (content, sha256):
                read = True
                item = self._put(source.key, content, sha256, state.locked_until, held=held or state.legal_hold)
        except (Corrupt, Refused, Unreadable) as error:
            _not_copied(findings, "copy" if read else "store", source.key, error, source.record_id)
            return []
        return [self._row(source.key, source.version, item, sha256, source.record_id)]

    def _put(
        self,
        key: str,
        content: bytes | Path,
        sha256: str,
        until: date | None,
        *,
        held: bool,
        replace: bool = False,
    ) -> StoredObject:
        """Write, lock, hold and read back one object.

        Raises:
            Corrupt: ``lock_missing``, ``altered``.
            Refused: ``object_exists``.
        """
        until = running(until, self._clock)
        item = self._copy.put(key, content, sha256=sha256, retain_until=until, replace=replace)
        if held and not item.legal_hold:
            item = self._copy.hold(key, item.version, on=True)
        if (until is not None and (item.locked_until is None or item.locked_until < until)) or (
            held and not item.legal_hold
        ):
            raise lock_missing(key, until)
        fixity.check(self._copy, key, item.version, sha256=sha256, size=item.size)
        return item

    def _fetched(self, source: Source, state: StoredObject) -> Fetched:
        return Fetched(self._store, source, state, self._folder)

    def _heads(
        self, findings: Findings, folder: RecordFolder, number: int, heads: Sequence[Placed], *, held: bool
    ) -> list[CopyRow]:
        """Write each head once a version, in sequence: sidecar, then inventory."""
        made = []
        record_id = folder.record_id
        with self._database.read() as session:
            again = restored(session, record_id)
        pinned = {folder.path(item.key): item for item in heads}
        for name in sorted(pinned, reverse=True):
            item = pinned[name]
            try:
                earlier = [found(self._store, folder.key(_of_version(name, n))) for n in range(1, number + 1)]
            except Unreadable as error:
                _not_copied(findings, "store", str(error.values["key"]), error, record_id)
                continue
            contents = [content for content in earlier if content is not None]
            if len(contents) < number:
                lost = earlier.index(None) + 1
                findings.add(Kind.MISSING, "store", folder.key(_of_version(name, lost)), "bytes", record=record_id)
                continue
            if hashlib.sha256(contents[-1]).hexdigest() != item.sha256:
                findings.add(Kind.CHANGED, "store", folder.key(_of_version(name, number)), "bytes", record=record_id)
                continue
            written, strays = self._sequence(item.key, contents)
            if strays > again[name]:
                findings.add(Kind.CHANGED, "copy", item.key, "sequence", record=record_id)
                written = written + strays
            state: StoredObject | None = None
            try:
                for content in contents[min(written, number - 1) :]:
                    digest = hashlib.sha256(content).hexdigest()
                    state = self._put(item.key, content, digest, item.locked_until, held=held, replace=True)
            except (Corrupt, Refused, Unreadable) as error:
                _not_copied(findings, "copy", item.key, error, record_id)
                break  # the inventory is never written without its sidecar
            if state is not None:
                made.append(self._row(item.key, item.version, state, item.sha256, record_id))
        return made

    def _sequence(self, key: str, contents: Sequence[bytes]) -> tuple[int, int]:
        """Count the versions of a head that the copy has in sequence, and those outside it."""
        written = strays = 0
        for item in self._copy.list(key):
            if item.key != key or item.marker:
                continue
            try:
                content = read_all(self._copy, key, item.version)
            except Unreadable:
                content = None
            if written < len(contents) and content == contents[written]:
                written += 1
            else:
                strays += 1
        return written, strays

    def _followed(self, findings: Findings, row: CopyRow, until: date | None, *, held: bool) -> list[CopyRow]:
        """As ``_lasting``, but report a copy that is gone or accepts no lock, and go on."""
        try:
            return self._lasting(row, until, held=held)
        except (Corrupt, Refused) as error:
            _not_copied(findings, "copy", row.key, error, row.record_id)
            return []

    def _lasting(self, row: CopyRow, until: date | None, *, held: bool) -> list[CopyRow]:
        """Copy a longer lock, and a hold that was set or released."""
        changed = False
        until = running(until, self._clock)
        if until is not None and (row.locked_until is None or row.locked_until < until):
            state = self._copy.extend_lock(row.key, row.copy_version, until)
            if state.locked_until is None or state.locked_until < until:
                raise lock_missing(row.key, until)
            row.locked_until, changed = state.locked_until, True
        if row.legal_hold != held:
            for item in self._copy.list(row.key):  # earlier heads lie under the one that is paired
                if item.key == row.key and item.version != row.copy_version and not item.marker:
                    self._copy.hold(item.key, item.version, on=held)
            row.legal_hold = self._copy.hold(row.key, row.copy_version, on=held).legal_hold
            changed = True
        return [row] if changed else []

    def _row(self, key: str, version: str, item: StoredObject, sha256: str, record_id: str | None) -> CopyRow:
        now = self._clock()
        return CopyRow(
            key=key,
            version=version,
            copy_version=item.version,
            record_id=record_id,
            size=item.size,
            sha256=sha256,
            locked_until=item.locked_until,
            legal_hold=item.legal_hold,
            copied_at=now,
            checked_at=now,
            verdict="intact",
        )

    # -- objects of no record

    def _loose(self, findings: Findings, *, locks: bool = False) -> None:
        """Copy layout, register, tenants' files and journal; the checkpoint read first goes last.

        Args:
            locks: Ask the first store for the lock of each object, and copy it.
        """
        head = next((item for item in self._store.list(CHECKPOINT) if item.key == CHECKPOINT), None)
        try:
            note = read_all(self._store, CHECKPOINT) if head is not None else None
        except Unreadable as error:
            note = None
            _not_copied(findings, "store", CHECKPOINT, error, None)
        with self._database.read() as session:
            tenants = list(session.scalars(select(TenantRow.id).order_by(TenantRow.id)))
        roots = [key for tenant in tenants for key in sorted(layout.root_files(tenant))]
        for prefix in (*roots, *layout.EVIDENCE):
            items = (item for item in self._store.list(prefix) if item.key != CHECKPOINT and not item.marker)
            self._missing(findings, items, locks=locks)
        if note is not None:
            self._checkpoint(note)

    def _missing(self, findings: Findings, items: Iterator[Listed], *, locks: bool = False) -> None:
        firsts = (next(group) for _, group in groupby(items, key=lambda item: item.key))
        while batch := list(islice(firsts, 200)):
            with self._database.read() as session:
                keys = [item.key for item in batch]
                rows = session.scalars(select(CopyRow).where(CopyRow.key.in_(keys)))
                known = {(row.key, row.version): row for row in rows}
            made: list[CopyRow] = []
            for item in batch:
                there = known.get((item.key, item.version))
                if there is None:
                    made += self._object(findings, Source(item.key, item.version, None))
                elif locks:
                    until = self._store.stat(item.key, item.version).locked_until
                    made += self._followed(findings, there, until, held=there.legal_hold)
            if made:
                with self._database.write() as session:
                    for row in made:
                        session.merge(row)

    def _checkpoint(self, note: bytes) -> None:
        digest = hashlib.sha256(note).hexdigest()
        with self._database.read() as session:
            rows = list(session.scalars(select(CopyRow).where(CopyRow.key == CHECKPOINT)))
        if len(rows) == 1 and rows[0].sha256 == digest:
            return
        item = self._put(CHECKPOINT, note, digest, None, held=False, replace=True)
        with self._database.write() as session:
            session.execute(delete(CopyRow).where(CopyRow.key == CHECKPOINT))
            session.add(self._row(CHECKPOINT, "", item, digest, None))

    def _staging(self, findings: Findings) -> None:
        """Copy waiting deposits without locks; delete copies of those that are gone here."""
        there = (item for item in self._store.list(layout.STAGING) if _is_acknowledged(item.key) and not item.marker)
        seen: set[tuple[str, str]] = set()
        while batch := list(islice(there, 200)):
            seen.update((item.key, item.version) for item in batch)
            self._missing(findings, iter(batch))
        with self._database.read() as session:
            rows = list(session.scalars(select(CopyRow).where(CopyRow.key.startswith(layout.STAGING))))
        for row in rows:
            if (row.key, row.version) in seen:
                continue
            try:
                self._copy.delete(row.key, row.copy_version)
            except Refused as error:
                if error.code != "object_missing":
                    raise
            with self._database.write() as session:
                session.execute(delete(CopyRow).where(CopyRow.key == row.key, CopyRow.version == row.version))


def _not_copied(
    findings: Findings, place: str, key: str, error: Corrupt | Refused | Unreadable, record_id: str | None
) -> None:
    """Report why an object was not copied, and which of the two stores is at fault.

    Raises:
        Corrupt: An error that copying does not expect.
        Refused: The same.
    """
    known_faults = {
        "object_exists": (Kind.CHANGED, "object"),
        "lock_missing": (Kind.CHANGED, "lock"),
        "altered": (Kind.CHANGED, "bytes"),
        "digest_mismatch": (Kind.CHANGED, "bytes"),
        "missing": (Kind.MISSING, "bytes"),
        "object_missing": (Kind.MISSING, "bytes"),
        "object_unreadable": (Kind.UNREADABLE, "bytes"),
    }
    if error.code not in known_faults:
        raise error
    kind, detail = known_faults[error.code]
    findings.add(kind, place, key, detail, record=record_id)


def _rank(path: str) -> tuple[int, str]:
    """Sort key for writing a record: content, version inventories, declaration, heads."""
    found = ocfl.object_path(path)
    if found is None or found.role is Role.DECLARATION:
        return 2, path
    if found.role is Role.CONTENT:
        return 0, path
    return (3, path) if found.version is None else (1, path)


def _of_version(head: str, number: int) -> str:
    """Return the path of a head's file in the folder of one version."""
    return ocfl.version_inventory(number) if head == ocfl.INVENTORY else ocfl.version_sidecar(number)


def _is_acknowledged(key: str) -> bool:
    staged = layout.staging_key(key)
    return staged is not None and staged.is_acknowledged
