"""Reconcile the store, version by version, with database and journal; repair nothing.

Both sides come in the order of keys, a record's folder at a time: memory is that of one record. A
difference is checked a second time against the database as it is then, because work goes on
meanwhile.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Select, select, union_all
from sqlalchemy.orm import Session

from archive.custody.findings import Findings, Kind
from archive.custody.rebuild.records import by_key, folder_of, grouped
from archive.database.engine import Database
from archive.database.tables import JournalEntryRow, RecordRow, RepresentationRow, StoredFileRow
from archive.holdings.verify import put_back
from archive.journal.types import RESTORED, EntryType
from archive.model.states import RecordState
from archive.objects import layout, ocfl
from archive.objects.begun import begun
from archive.objects.layout import RecordFolder
from archive.objects.port import Listed, ObjectStore
from signing.ground.clock import Clock
from signing.ground.errors import Refused

_YOUNG: Final = timedelta(seconds=15)
_LOOKS: Final = 4
DISPOSED: Final = RecordState.DISPOSED.value
"""Detail of what is there of a record that is gone."""
_PINNED: Final = ("key", "version", "size", "locked_until", "legal_hold")


class End(Enum):
    """How far the end of a record has come."""

    NONE = "it is kept"
    DECIDED = "its destruction is decided"
    DONE = "it is gone"


@dataclass(frozen=True)
class Expected:
    """One object as the catalogue pins it."""

    key: str
    version: str
    size: int
    locked_until: date | None = None
    legal_hold: bool = False


@dataclass(frozen=True)
class Folder:
    """The catalogue's view of a record's folder.

    Attributes:
        number: Of the OCFL version in force.
        restored: By path, how often an object was restored next to a damaged version.
    """

    number: int
    objects: Mapping[str, Expected]
    restored: Mapping[str, int]


@dataclass(frozen=True)
class Difference:
    """One difference in one key."""

    kind: Kind
    key: str
    detail: str


def compare(
    place: RecordFolder, folder: Folder, listed: Mapping[str, list[Listed]], today: date
) -> tuple[list[Difference], bool]:
    """Return the differences in one record's folder, and whether a change was begun there. Pure."""
    left = begun(place, folder.number, listed)
    differences: list[Difference] = []
    for key in sorted(listed.keys() | folder.objects.keys()):
        expected = folder.objects.get(key)
        if expected is None:
            if key not in left.keys:
                differences.append(Difference(Kind.UNTRACKED, key, "object"))
            continue
        path = place.path(key)
        allowed = folder.number + left.further_heads if path in ocfl.HEADS else 1
        differences += _of_key(expected, listed.get(key, []), allowed + folder.restored.get(path, 0))
    if any(_is_loose(expected, listed.get(key, []), today) for key, expected in folder.objects.items()):
        differences.append(Difference(Kind.UNGUARDED, place.root, "lock"))
    return differences, bool(left)


def _is_loose(expected: Expected, versions: list[Listed], today: date) -> bool:
    """Whether the listing states a lock that ends before the day recorded."""
    pinned = next((item for item in versions if item.version == expected.version), None)
    if pinned is None or pinned.lock is None or expected.locked_until is None or expected.locked_until < today:
        return False
    return pinned.lock[0] is None or pinned.lock[0] < expected.locked_until


def _of_key(expected: Expected, versions: list[Listed], allowed: int) -> Iterator[Difference]:
    key = expected.key
    real = [item for item in versions if not item.marker]
    pinned = next((item for item in real if item.version == expected.version), None)
    if len(real) < len(versions):
        yield Difference(Kind.CHANGED, key, "marker")
    if pinned is None:
        yield Difference(Kind.MISSING, key, "version" if real else "object")
    elif pinned.size != expected.size:
        yield Difference(Kind.CHANGED, key, "size")
    if len(real) > allowed or (pinned is None and real):
        yield Difference(Kind.UNTRACKED, key, "version")


class StoreReconciliation:
    """Compare the whole store with the catalogue.

    Args:
        in_progress: Whether a record that is not in the catalogue is being made.
        restore: Sets the missing locks and holds of a record again; whether it did.
        destroy: Destroys what came back of a record that is gone; whether all of it went.
        ask_locks: Whether to ask a store whose listing has no locks for each of them.
        pause: Sleeps before a second look at fresh writes.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        clock: Clock,
        *,
        in_progress: Callable[[str], bool] = lambda _record: False,
        restore: Callable[[str, str], bool] = lambda _tenant, _record: False,
        destroy: Callable[[str, str], bool] = lambda _tenant, _record: False,
        ask_locks: bool = False,
        pause: Callable[[float], None] = time.sleep,
        on_progress: Callable[[str, int, int | None], None] = lambda _step, _done, _total: None,
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._in_progress = in_progress
        self._restore = restore
        self._destroy = destroy
        self._ask_locks = ask_locks
        self._pause = pause
        self._on_progress = on_progress

    def take(self, findings: Findings) -> int:
        """Check everything below ``tenants/``; return how many records the store holds."""
        seen = 0
        with self._database.read() as session:
            rows = session.execute(_pinned(session).execution_options(yield_per=2000))
            folders = ((place, list(group)) for place, group in groupby(rows, key=lambda row: folder_of(row.key)))
            for place, found, known in _joined(grouped(self._store.list(layout.TENANTS)), folders):
                if place is None:
                    _strangers(findings, found)
                    continue
                seen += bool(found)
                items = self._with_locks(found)
                folder = _folder(known) if known else None
                today = self._clock().date()
                if folder is None or any(compare(place, folder, by_key(items), today)) or self._is_free(folder):
                    self._again(findings, place)
                self._on_progress("store", seen, None)
        return seen

    def _again(self, findings: Findings, place: RecordFolder) -> None:
        """Compare both sides once more as they are now, after a pause for fresh writes."""
        record_id = place.record_id
        for look in range(_LOOKS):
            items = self._with_locks(list(self._store.list(place.prefix)))
            with self._database.read() as session:
                folder, end = _now(session, record_id), end_of(session, record_id)
            if end is not End.NONE:  # what is decided and not done, the next run of its disposal finishes
                came_back = bool(items) and end is End.DONE
                differences = [Difference(Kind.UNTRACKED, place.root, DISPOSED)] if came_back else []
                unfinished = False
            elif folder is None:
                differences = [Difference(Kind.UNTRACKED, place.root, "record")] if items else []
                unfinished = bool(items) and self._in_progress(record_id)
                differences = [] if unfinished else differences
            else:
                differences, unfinished = compare(place, folder, by_key(items), self._clock().date())
                if self._is_free(folder):
                    differences.append(Difference(Kind.UNGUARDED, place.root, "hold"))
            newest = max((item.modified_at for item in items), default=None)
            if not differences or newest is None or self._clock() - newest > _YOUNG or look == _LOOKS - 1:
                break
            self._pause(2)
        if unfinished:
            findings.add_begun(record_id)
        loose = any(one.kind is Kind.UNGUARDED for one in differences)
        restored = loose and self._restore(place.tenant, record_id)
        for one in differences:
            done = restored and one.kind is Kind.UNGUARDED
            done = done or (one.detail == DISPOSED and self._destroy(place.tenant, record_id))
            findings.add(one.kind, "store", one.key, one.detail, record=record_id, done=done)

    def _with_locks(self, items: list[Listed]) -> list[Listed]:
        """Add what the store states of each lock, if it is asked for and the listing has none."""
        if not self._ask_locks:
            return items
        asked = (item for item in items if item.lock is None and not item.marker)
        locks = {(item.key, item.version): self._store.stat(item.key, item.version).locked_until for item in asked}
        return [
            replace(item, lock=(locks[item.key, item.version],)) if (item.key, item.version) in locks else item
            for item in items
        ]

    def _is_free(self, folder: Folder) -> bool:
        """Whether the store lacks a hold that the catalogue claims; such objects are few."""
        for one in folder.objects.values():
            try:
                if one.legal_hold and not self._store.stat(one.key, one.version).legal_hold:
                    return True
            except Refused as error:
                if error.code != "object_missing":
                    raise
        return False


def _pinned(session: Session) -> Select[Any]:
    """Select every object that the catalogue pins, in the order of keys as a store lists them."""
    every = union_all(
        *(
            select(table.record_id, table.key, table.version, table.size, table.locked_until, table.legal_hold)
            for table in (RepresentationRow, StoredFileRow)
        )
    ).subquery()
    order: Any = every.c.key
    if session.get_bind().dialect.name == "postgresql":
        order = order.collate("C")
    return (
        select(*(every.c[name] for name in _PINNED), RecordRow.ocfl_version)
        .join(RecordRow, RecordRow.id == every.c.record_id)
        .order_by(order)
    )


def _joined(
    stored: Iterator[tuple[RecordFolder | None, list[Listed]]], known: Iterator[tuple[RecordFolder | None, list[Any]]]
) -> Iterator[tuple[RecordFolder | None, list[Listed], list[Any]]]:
    """Merge the folders of both sides, each once, in order; other keys come under None."""
    row = next(known, None)
    for place, items in stored:
        if place is None:
            yield None, items, []
            continue
        while row is not None and (row[0] is None or row[0] < place):
            yield row[0], [], row[1]
            row = next(known, None)
        if row is not None and row[0] == place:
            yield place, items, row[1]
            row = next(known, None)
        else:
            yield place, items, []
    while row is not None:
        yield row[0], [], row[1]
        row = next(known, None)


def _folder(rows: list[Any]) -> Folder:
    objects = {row.key: _expected(row) for row in rows}
    return Folder(rows[0].ocfl_version, objects, {})


def _expected(row: Any) -> Expected:
    return Expected(*(getattr(row, name) for name in _PINNED))


def _now(session: Session, record_id: str) -> Folder | None:
    row = session.get(RecordRow, record_id)
    if row is None:
        return None
    again = restored(session, record_id)
    objects: dict[str, Expected] = {}
    for table in (RepresentationRow, StoredFileRow):
        columns = (getattr(table, name) for name in _PINNED)
        for one in session.execute(select(*columns).where(table.record_id == record_id)):
            objects[one.key] = _expected(one)
    return Folder(row.ocfl_version, objects, again)


def restored(session: Session, record_id: str) -> Counter[str]:
    """Count how often each object of a record was restored next to a damaged version."""
    query = select(JournalEntryRow.body).where(
        JournalEntryRow.subject == f"record:{record_id}", JournalEntryRow.type.in_(RESTORED)
    )
    return put_back(json.loads(body) for body in session.scalars(query))


def end_of(session: Session, record_id: str) -> End:
    """Return how far the end of a record has come, by catalogue and journal."""
    row = session.get(RecordRow, record_id)
    if row is None or row.state != RecordState.DISPOSED:
        return End.NONE
    told = (EntryType.DESTRUCTION_DECIDED, EntryType.RECORD_DISPOSED)
    asked = select(JournalEntryRow.type).where(
        JournalEntryRow.subject == f"record:{record_id}", JournalEntryRow.type.in_(told)
    )
    types = set(session.scalars(asked))
    if not types:
        return End.NONE  # a false state, and no reason to overlook what is there
    return End.DONE if EntryType.RECORD_DISPOSED in types else End.DECIDED


def _strangers(findings: Findings, items: list[Listed]) -> None:
    """Check keys outside a tenant's records: only the files of an OCFL root belong there."""
    for key, versions in by_key(items).items():
        content = layout.root_files(layout.tenant_of(key) or "").get(key)
        if content is None:
            findings.add(Kind.UNTRACKED, "store", key, "object")
            continue
        expected = Expected(key, versions[0].version, len(content))
        for one in _of_key(expected, versions, 1):
            findings.add(one.kind, "store", key, one.detail)
