"""Kept counts equal a full count after any mix of writes, whoever makes them and in which order."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from archive.database import retention_counters
from archive.database.counter_tables import COUNTS, FOR_EVER, NEVER, SECOND, RetentionCounterRow, ServiceCounterRow
from archive.database.engine import Database
from archive.database.installation_tables import CopyRow
from archive.database.tables import HeldRecordRow, HoldRow, RecordRow, RepresentationRow, StoredFileRow
from archive.model.identifiers import new_id
from archive.model.states import GONE
from signing.ground.errors import Unavailable
from tests.servers.postgres import owned
from tests.unit.archive.disposition.due_rows import NOW, all_of, drawn, hold, record, release, tenant

KEY: Final = [
    "tenant_id",
    "basis",
    "final_action",
    "rule_code",
    "rule_version",
    "other_rules",
    "disposing",
    "stale",
    "sorted",
    "due_on",
    "held_until",
    "not_before",
    "locked_until",
]
SOME: Final = st.integers(0, 7)
DAYS: Final = st.sampled_from([None, *(date(2031, month, day) for month in (1, 2) for day in (1, 2, 3, 28))])
STEPS: Final = st.one_of(
    st.tuples(st.just("keep"), st.integers(0, 2**32)),
    st.tuples(st.just("change"), SOME, st.integers(0, 2**32)),
    st.tuples(st.just("change several"), SOME, DAYS),
    st.tuples(st.just("hold"), st.sets(SOME, min_size=1, max_size=4), DAYS),
    st.tuples(st.just("end of a hold"), SOME, DAYS),
    st.tuples(st.just("release"), SOME),
    st.tuples(st.just("lock"), SOME, st.integers(0, 2), DAYS),
    st.tuples(st.just("gone"), SOME),
    st.tuples(st.just("removed"), SOME),
    st.tuples(st.just("undone"), SOME, st.integers(0, 2**32)),
    st.tuples(st.just("added up")),
)


class _Undone(Exception):
    """Takes a transaction back."""


class _Writer:
    """Does one step after another in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def run(self, name: str, *given: Any) -> None:
        act: Callable[..., None] = getattr(self, f"_{name.replace(' ', '_')}")
        act(*given)
        self._session.flush()

    def _record(self, n: int) -> RecordRow | None:
        rows = sorted(all_of(self._session), key=lambda row: row.id)
        return rows[n % len(rows)] if rows else None

    def _hold_row(self, n: int) -> HoldRow | None:
        rows = self._session.scalars(select(HoldRow).order_by(HoldRow.id)).all()
        return rows[n % len(rows)] if rows else None

    def _keep(self, seed: int) -> None:
        record(self._session, **drawn(random.Random(seed)))

    def _change(self, n: int, seed: int) -> None:
        row, chance = self._record(n), random.Random(seed)
        name = chance.choice(sorted(drawn(chance)))  # one alone, so that each is seen to count
        others = (value for _ in range(50) if (value := drawn(chance)[name]) != getattr(row, name))
        if row is not None:
            setattr(row, name, next(others, getattr(row, name)))

    def _change_several(self, n: int, day: date | None) -> None:
        some = (RecordRow.bytes % 2 == n % 2) & (RecordRow.tenant_id == "demo")
        self._session.execute(
            update(RecordRow).where(some).values(due_on=day, bytes=RecordRow.bytes + n),
            execution_options={"synchronize_session": False},
        )

    def _hold(self, several: set[int], until: date | None) -> None:
        rows = {row.id: row for n in several if (row := self._record(n)) is not None}
        if rows:
            hold(self._session, *rows.values(), until=until)

    def _end_of_a_hold(self, n: int, day: date | None) -> None:
        row = self._hold_row(n)
        if row is not None:
            row.until = day

    def _release(self, n: int) -> None:
        row = self._hold_row(n)
        if row is not None:
            release(self._session, row)

    def _lock(self, n: int, table: int, day: date | None) -> None:
        row = self._record(n)
        if row is None:
            return
        own: tuple[dict[str, Any], ...] = (
            {"record_id": row.id, "kind": new_id()[:18], "filename": "a", "media_type": "a/b", "sha512": ""},
            {"record_id": row.id},
            {"record_id": row.id, "copy_version": "1", "copied_at": NOW, "checked_at": NOW, "verdict": "ok"},
        )
        tables = (RepresentationRow, StoredFileRow, CopyRow)
        form = {"key": new_id(), "version": "1", "size": 1, "sha256": "", "locked_until": None, "legal_hold": False}
        self._session.execute(insert(tables[table]), [form | own[table]])
        later = update(tables[table]).where(tables[table].record_id == row.id).values(locked_until=day)
        self._session.execute(later, execution_options={"synchronize_session": False})

    def _gone(self, n: int) -> None:
        row = self._record(n)
        if row is not None:
            row.state = "disposed" if row.state != "disposed" else "kept"

    def _removed(self, n: int) -> None:
        row = self._record(n)
        if row is None:
            return
        for table in (RepresentationRow, StoredFileRow, HeldRecordRow, CopyRow):
            self._session.execute(delete(table).where(table.record_id == row.id))
        self._session.delete(row)

    def _undone(self, n: int, seed: int) -> None:
        with suppress(_Undone), self._session.begin_nested():
            self._keep(seed)
            self._change(n, seed)
            self._session.flush()
            raise _Undone
        self._session.expire_all()

    def _added_up(self) -> None:
        retention_counters.compact(self._session.connection())


def key_of(row: RecordRow, held_until: date | None, *, by_service: bool) -> tuple[Any, ...]:
    """What a record is counted under, told without SQL."""
    due, later = row.due_on, None
    month = 1 if by_service or due is None else due.month
    if due is not None:
        later = row.not_before if row.not_before is not None and row.not_before > due else None
    becomes = row.sorted if row.final_action == "sort" and row.sorted is not None else row.final_action
    destroys = becomes == "destroy"
    locked = row.locked_until if due is not None and row.locked_until is not None and destroys else None
    basis = row.basis or "rule_missing"
    return (
        row.tenant_id,
        "no_end" if basis == "dated" and due is None else basis,
        becomes,
        row.rule_code or "",
        row.rule_version or 0,
        row.other_rules or "",
        row.state == "in_disposal",
        row.stale_since is not None,
        row.sorted is not None,
        FOR_EVER
        if due is None
        else due
        if (due.month, due.day) == (month, 1)
        else due.replace(month=month, day=SECOND),
        held_until or NEVER,
        later or NEVER,
        locked if locked is not None and due is not None and locked >= due else NEVER,
        *((row.producer or "", row.document_type or "") if by_service else ()),
    )


def held(session: Session) -> dict[str, date]:
    """The last held day of each record, told without SQL."""
    found: dict[str, date] = {}
    covered = session.execute(select(HeldRecordRow.record_id, HeldRecordRow.hold_id)).all()
    holds = {row.id: row for row in session.scalars(select(HoldRow))}
    for record_id, hold_id in covered:
        if holds[hold_id].released_at is None:
            found[record_id] = max(found.get(record_id, NEVER), holds[hold_id].until or FOR_EVER)
    return found


def assert_equal_to_a_full_count(session: Session) -> None:
    """Counts, as kept, are those of the records one by one."""
    until = held(session)
    for counts in COUNTS:
        counted: Counter[tuple[Any, ...]] = Counter()
        volume: Counter[tuple[Any, ...]] = Counter()
        for row in all_of(session):
            assert row.held_until == until.get(row.id)
            if row.state not in GONE:
                key = key_of(row, until.get(row.id), by_service=counts.row is ServiceCounterRow)
                counted[key] += 1
                volume[key] += row.bytes
        table: Any = counts.row
        columns = [getattr(table, name) for name in (*KEY, *counts.own)]
        kept = session.execute(select(*columns, func.sum(table.n), func.sum(table.bytes)).group_by(*columns))
        told = {tuple(values): (n, size) for *values, n, size in kept if n or size}
        assert told == {key: (n, volume[key]) for key, n in counted.items()}
    assert retention_counters.miscounted(session.connection()) == 0


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=1, max_size=25))
def test_counts_equal_a_full_count_after_any_mix_of_writes(database: Database, steps: list[tuple[Any, ...]]) -> None:
    with suppress(_Undone), owned(database) as session:  # who serves removes no record
        tenant(session)
        writer = _Writer(session)
        for n in range(3):
            writer.run("keep", n)
        for name, *rest in steps:
            writer.run(name, *rest)
        assert_equal_to_a_full_count(session)
        raise _Undone


def test_each_fact_changed_alone_moves_a_record_in_the_counts(database: Database) -> None:
    chance = random.Random(5)
    with database.write() as session:
        tenant(session)
        rows = [record(session, **drawn(chance)) for _ in range(15)]
        for name in sorted(drawn(chance)):
            for row in rows:
                others = (value for _ in range(50) if (value := drawn(chance)[name]) != getattr(row, name))
                setattr(row, name, next(others))
                session.flush()
            assert_equal_to_a_full_count(session)


@pytest.mark.parametrize("databases", [pytest.param("postgresql", marks=pytest.mark.services)], indirect=True)
def test_counts_stay_equal_while_many_write_and_one_adds_up(database: Database) -> None:
    with database.write() as session:
        tenant(session)
        ids = sorted(record(session, **drawn(random.Random(n))).id for n in range(40))
    over, told = threading.Event(), list[BaseException]()

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(40):
            with suppress(Unavailable), database.write() as session:  # whoever gives way has changed nothing
                some = sorted(chance.sample(ids, 3))
                session.scalars(select(RecordRow).where(RecordRow.id.in_(some)).order_by(RecordRow.id)).all()
                for one in some:
                    values = drawn(chance)
                    session.execute(update(RecordRow).where(RecordRow.id == one).values(**values))
                if chance.random() < 0.2:
                    made = hold(session, *[session.get_one(RecordRow, one) for one in some])
                    if chance.random() < 0.5:
                        release(session, made)

    def add_up() -> None:
        while not over.is_set():
            with database.write() as session:
                retention_counters.compact(session.connection())

    def noted(act: Callable[..., None], *given: Any) -> None:
        try:
            act(*given)
        except BaseException as error:
            told.append(error)

    writers = [threading.Thread(target=noted, args=(write, seed)) for seed in range(4)]
    adding = threading.Thread(target=noted, args=(add_up,))
    for thread in (*writers, adding):
        thread.start()
    for thread in writers:
        thread.join(60)
    over.set()
    adding.join(30)
    assert told == []
    with database.write() as session:
        assert_equal_to_a_full_count(session)
        retention_counters.compact(session.connection())
        assert_equal_to_a_full_count(session)
        for table, own in ((RetentionCounterRow, ()), (ServiceCounterRow, ("producer", "document_type"))):
            columns = [getattr(table, name) for name in (*KEY, *own)]
            parts = session.scalar(select(func.count()).select_from(table))
            assert parts == len(session.execute(select(*columns).group_by(*columns)).all())
