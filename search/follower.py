"""Follower: applies the journal to each tenant's index; its only writer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.database.tables import JournalEntryRow, TenantRow
from archive.journal.effects import IndexEffect
from archive.journal.types import EntryType, registered
from search.port import Change, Entry, Remove, SearchIndex, Upsert
from signing.ground.errors import Unavailable
from signing.ground.machine import fault_of, machine_fault

FOLLOWED: Final = tuple(one for one in EntryType if one.effects.index.changes_the_index)
"""Entry types that change the index."""

_BATCH_ENTRIES: Final = 200
_BATCH_CHARACTERS: Final = 8_000_000
_ATTEMPTS: Final = 3

log = structlog.get_logger(__name__)

Load = Callable[[Session, str, str], Entry | None]
"""(session, tenant, record id) -> its entry now; None when the record is gone."""

Progress = Callable[[int, int], None]
"""Called with (journal entries done, number of all)."""


@dataclass(frozen=True)
class _Line:
    """Parts of a journal entry that the follower needs."""

    n: int
    type: EntryType
    record_id: str


class Follower:
    """Follower: reads the journal after each index's position, applies each entry at least once.

    Args:
        load_entry: Reads a record's index entry, in the session it is given.
    """

    def __init__(self, database: Database, index: SearchIndex, load_entry: Load) -> None:
        self._database = database
        self._index = index
        self._load = load_entry
        self._failures: dict[tuple[str, int | str], int] = {}
        self._held_up: dict[str, str] = {}
        self._turn = threading.Lock()

    def put_right(self, tenant: str, changes: Sequence[Change]) -> None:
        """Apply the reconciler's changes at the index's position, never during a step."""
        with self._turn:
            self._index.apply(tenant, changes, self._index.position(tenant))

    def step(self) -> int:
        """Apply one batch for every tenant with new entries; return the number of entries.

        A tenant whose index or store does not answer waits; the others go on. If the engine answers
        nobody, they wait too, instead of each running into a time-out. When nothing is left, the
        index closes its writer.
        """
        applied = 0
        tenants = iter(self._tenants())
        for tenant in tenants:
            try:
                with self._turn:
                    applied += self._follow(tenant, self._index)
            except Unavailable as error:
                self._hold_up(tenant, error.code, error)
                if error.code.startswith("search_") and not self._engine_answers():
                    for other in tenants:
                        self._hold_up(other, error.code, error)
            except Exception as error:  # noqa: BLE001 - a fault in one index must not stop the others
                fault = machine_fault(error)
                self._hold_up(tenant, fault.code if fault else type(error).__name__, fault or error)
            else:
                self._go_on(tenant)
        if applied == 0:
            with self._turn:
                self._index.release()
        return applied

    def _engine_answers(self) -> bool:
        try:
            self._index.condition()
        except Unavailable:
            return False
        return True

    def _hold_up(self, tenant: str, code: str, error: Exception) -> None:
        """Log a reason once for all its tenants; log again only when the reason changes."""
        reported = code in self._held_up.values()
        before, self._held_up[tenant] = self._held_up.get(tenant), code
        if isinstance(error, Unavailable):
            if not reported:
                log.warning("index_waits", tenant=tenant, code=code)
        elif before != code:
            log.error("index_not_followed", tenant=tenant, code=code, exc_info=error)

    def _go_on(self, tenant: str) -> None:
        code = self._held_up.pop(tenant, None)
        if code is not None and code not in self._held_up.values():
            log.info("index_followed_again", code=code)

    def catch_up(self) -> int:
        """Step until nothing is left; return the number of entries applied."""
        total = 0
        while applied := self.step():
            total += applied
        return total

    def lag(self) -> dict[str, int]:
        """Return the number of entries still to follow, by tenant; only tenants with some."""
        waiting: dict[str, int] = {}
        for tenant in self._tenants():
            position = self._index.position(tenant)
            with self._database.read() as session:
                count = session.scalar(
                    select(func.count())
                    .select_from(JournalEntryRow)
                    .where(
                        JournalEntryRow.tenant_id == tenant,
                        JournalEntryRow.n > position,
                        JournalEntryRow.type.in_(FOLLOWED),
                    )
                )
            if count:
                waiting[tenant] = count
        return waiting

    def rebuild(self, tenant: str, progress: Progress | None = None) -> int:
        """Follow the whole journal into a new index, then swap; return the number of entries.

        The old index answers until the end. Entries added meanwhile are followed before the swap
        or, as the position is kept in the index, right after it.

        Raises:
            Unavailable: The store or the index does not answer; the old index still does.
            Refused: ``rebuild_running``.
        """
        rebuilt = self._index.begin_rebuild(tenant)
        try:
            total, done = self._entries(tenant), 0
            while applied := self._insist(tenant, rebuilt):
                done += applied
                if progress is not None:
                    progress(done, max(total, done))
            if rebuilt.position(tenant) < 0:
                rebuilt.apply(tenant, (), -1)
            self._index.finish_rebuild(tenant, rebuilt)
        finally:
            rebuilt.close()
        return done

    def _insist(self, tenant: str, index: SearchIndex) -> int:
        """Index one batch; a record that cannot be read is retried, then left out."""
        while True:
            try:
                return self._follow(tenant, index)
            except Unavailable as error:
                if error.code not in {"entry_unreadable", "search_entry_refused"}:
                    raise

    def _tenants(self) -> list[str]:
        with self._database.read() as session:
            return list(session.scalars(select(TenantRow.id).order_by(TenantRow.id)))

    def _entries(self, tenant: str) -> int:
        with self._database.read() as session:
            counted = select(func.count()).select_from(JournalEntryRow)
            ours = counted.where(JournalEntryRow.tenant_id == tenant, JournalEntryRow.type.in_(FOLLOWED))
            return session.scalar(ours) or 0

    def _follow(self, tenant: str, index: SearchIndex) -> int:
        """Apply one batch of one tenant to one index; return the number of entries."""
        position = index.position(tenant)
        with self._database.read() as session:  # one session, so that entries and records are of one moment
            lines = _lines(session, tenant, position)
            if not lines:
                return 0
            changes: dict[str, Change] = {}
            characters, done = 0, 0
            for line in lines:
                change = self._change(session, tenant, line, changes)
                if change is not None:
                    changes[line.record_id] = change
                    characters += _weight(change)
                done += 1
                if characters > _BATCH_CHARACTERS:
                    break
        self._apply(tenant, index, changes, lines[done - 1].n)
        return done

    def _apply(self, tenant: str, index: SearchIndex, changes: dict[str, Change], position: int) -> None:
        """Apply one batch, without records that the engine refused too often.

        Raises:
            Unavailable: The engine does not answer, or refused a record that may be tried again;
                the position stays.
        """
        while True:
            try:
                index.apply(tenant, tuple(changes.values()), position)
            except Unavailable as error:
                record_id = str(error.values.get("record"))
                refused = error.code == "search_entry_refused" and isinstance(changes.get(record_id), Upsert)
                if not refused or not self._given_up((tenant, record_id)):
                    raise
                log.exception("index_entry_skipped", tenant=tenant, record=record_id)
                changes[record_id] = Remove(record_id)  # also removes pages that were accepted, and an older state
                index.position(tenant)
            else:
                return

    def _given_up(self, key: tuple[str, int | str]) -> bool:
        """Count a failure; True, and the count is reset, once there were ``_ATTEMPTS``."""
        self._failures[key] = self._failures.get(key, 0) + 1
        if self._failures[key] < _ATTEMPTS:
            return False
        del self._failures[key]
        return True

    def _change(self, session: Session, tenant: str, line: _Line, made: dict[str, Change]) -> Change | None:
        """Return the change that one line requires; None if it is already made or impossible.

        Raises:
            Unavailable: Something needed does not answer, or the record could not be read but may
                be tried again; the position stays before this line.
        """
        match line.type.effects.index:
            case IndexEffect.REMOVE:
                return Remove(line.record_id)
            case IndexEffect.UPSERT:
                return self._upsert(session, tenant, line, made)
            case IndexEffect.NONE:
                return None
            case effect:
                assert_never(effect)

    def _upsert(self, session: Session, tenant: str, line: _Line, made: dict[str, Change]) -> Change | None:
        if isinstance(made.get(line.record_id), Upsert):
            return None  # loaded a moment ago, in the same session
        key = (tenant, line.n)
        try:
            entry = self._load(session, tenant, line.record_id)
        except Exception as error:  # one unreadable record must not block all later ones
            # A fault of the database is no fault of this record, and it spoils the session. A store
            # that does not answer is no fault of the record either.
            away = isinstance(error, Unavailable) and error.code != "object_unreadable"
            if away or isinstance(error, SQLAlchemyError) or fault_of(error) is not None:
                raise
            if not self._given_up(key):
                raise Unavailable(
                    "entry_unreadable", "Un document n’a pas pu être lu pour l’index ; nouvel essai à venir."
                ) from error
            log.exception("index_entry_skipped", tenant=tenant, record=line.record_id)
            return None
        self._failures.pop(key, None)
        return Remove(line.record_id) if entry is None else Upsert(entry)


def _lines(session: Session, tenant: str, after: int) -> list[_Line]:
    question = (
        select(JournalEntryRow.n, JournalEntryRow.type, JournalEntryRow.subject)
        .where(
            JournalEntryRow.tenant_id == tenant,
            JournalEntryRow.n > after,
            JournalEntryRow.type.in_(FOLLOWED),
        )
        .order_by(JournalEntryRow.n)
        .limit(_BATCH_ENTRIES)
    )
    return [
        _Line(n, registered(name), subject.removeprefix("record:")) for n, name, subject in session.execute(question)
    ]


def _weight(change: Change) -> int:
    return sum(map(len, change.entry.pages)) if isinstance(change, Upsert) else 0
