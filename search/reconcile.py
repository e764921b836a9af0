"""Reconcile the index with the catalogue: missing, stale, doubled or outdated entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.custody.external_sort import Sorter
from archive.custody.findings import Findings, Kind
from archive.database.engine import Database
from archive.database.tables import RecordRow
from archive.model.states import DESTROYED, RecordState
from search.follower import Follower
from search.port import Change, Entry, Remove, SearchIndex, Upsert

_BATCH: Final = 100


@dataclass(frozen=True)
class _Shown:
    """Record in the index: its id and revisions."""

    record_id: str
    revisions: tuple[int, ...]


@dataclass(frozen=True)
class _Wrong:
    kind: Kind
    record_id: str
    anew: bool
    """True when the entry must be removed first: it is there twice, or has a newer revision."""


class IndexReconciliation:
    """Comparison of a tenant's index with its records in order of ids; repairs the index.

    Args:
        load: Reads a record's index entry; None when the record is gone.
    """

    def __init__(
        self,
        database: Database,
        index: SearchIndex,
        follower: Follower,
        load: Callable[[Session, str, str], Entry | None],
    ) -> None:
        self._database = database
        self._index = index
        self._follower = follower
        self._load = load

    def check(self, tenant: str, findings: Findings, *, repair: bool) -> int:
        """Check one tenant; return the number of records in its index.

        Entries that the follower has not reached yet are no drift.
        """
        position = self._index.position(tenant)
        sorter = Sorter()
        shown = 0
        for record_id, revision in self._index.record_ids(tenant):
            sorter.add(f"{record_id} {revision:09d}")
            shown += 1
        batch: list[_Wrong] = []
        try:
            with self._database.read() as session:
                for wrong in self._differences(session, tenant, _shown(iter(sorter)), position):
                    batch.append(wrong)
                    if len(batch) >= _BATCH:
                        self._settle(tenant, findings, batch, repair=repair)
                        batch = []
            self._settle(tenant, findings, batch, repair=repair)
        finally:
            sorter.close()
        return shown

    def _differences(self, session: Session, tenant: str, shown: Iterator[_Shown], position: int) -> Iterator[_Wrong]:
        query = select(RecordRow.id, RecordRow.revision, RecordRow.last_entry)
        query = query.where(RecordRow.tenant_id == tenant, RecordRow.state.not_in(DESTROYED)).order_by(RecordRow.id)
        entry = next(shown, None)
        for row in session.execute(query.execution_options(yield_per=2000)):
            while entry is not None and entry.record_id < row.id:
                yield _Wrong(Kind.UNTRACKED, entry.record_id, anew=True)
                entry = next(shown, None)
            if entry is None or entry.record_id != row.id:
                if row.last_entry <= position:
                    yield _Wrong(Kind.MISSING, row.id, anew=False)
                continue
            if len(entry.revisions) > 1:
                yield _Wrong(Kind.DUPLICATE, row.id, anew=True)
            elif entry.revisions[0] != row.revision and row.last_entry <= position:
                yield _Wrong(Kind.STALE, row.id, anew=entry.revisions[0] > row.revision)
            entry = next(shown, None)
        while entry is not None:
            yield _Wrong(Kind.UNTRACKED, entry.record_id, anew=True)
            entry = next(shown, None)

    def _settle(self, tenant: str, findings: Findings, batch: list[_Wrong], *, repair: bool) -> None:
        """Look at each difference again; report those that remain, and repair them if asked."""
        away: list[Change] = []
        right: list[Change] = []
        still: list[_Wrong] = []
        with self._database.read() as session:
            for wrong in batch:
                row = session.get(RecordRow, wrong.record_id)
                there = row is not None and row.tenant_id == tenant and not RecordState(row.state).destroyed
                if there and wrong.kind is Kind.UNTRACKED:
                    continue  # the record was kept after the catalogue was read
                still.append(wrong)
                if not repair:
                    continue
                entry = self._load(session, tenant, wrong.record_id) if there else None
                if wrong.anew or entry is None:
                    away.append(Remove(wrong.record_id))
                if entry is not None:
                    right.append(Upsert(entry))
        for changes in (away, right):
            if changes:
                self._follower.put_right(tenant, changes)
        for wrong in still:
            record = wrong.record_id
            findings.add(wrong.kind, "index", record, tenant, record=record, done=repair)


def _shown(lines: Iterator[str]) -> Iterator[_Shown]:
    pairs = (line.split(" ") for line in lines)
    for record_id, group in groupby(pairs, key=lambda pair: pair[0]):
        yield _Shown(record_id, tuple(int(revision) for _, revision in group))
