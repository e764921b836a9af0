"""Tables of the kept counts: what a record is counted under, as SQL about its row.

Two counts are kept of every record. By month: its rule, and the month of its due day, for analyses
as of any day. By service: its service and document type as well, and the year of its due day.

Due days are counted by themselves where they are the first of the period, as most are; the other
days of a period are counted together under its second. Whoever counts as of a day within a period
counts that period's records one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.engine import Base
from archive.database.record_conditions import WITHHELD
from archive.model.final_actions import OUTCOME, FinalAction
from archive.model.states import GONE, RecordState

NEVER: Final = date(1, 1, 1)
"""Of a hold, a refusal or a lock: none, or over before the record is due."""
FOR_EVER: Final = date(9999, 12, 31)
"""Of a due day: none. Of a hold: until its release."""
SECOND: Final = 2
"""Day of a period under which all but its first are counted."""

_FIXED: Final = (
    *("basis", "final_action", "rule_code", "rule_version", "other_rules", "disposing", "stale", "sorted"),
    *("due_on", "held_until", "not_before", "locked_until"),
)


class _Counter:
    """Columns of every kept count: what a state on a day depends on, then how many."""

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    tenant_id: Mapped[str] = mapped_column(String(63))
    basis: Mapped[str] = mapped_column(String(24))
    final_action: Mapped[str] = mapped_column(String(10))
    """Where a sorting decided, what it decided: ``RecordRow.outcome``."""
    rule_code: Mapped[str] = mapped_column(String(40))
    """Empty without a rule."""
    rule_version: Mapped[int]
    other_rules: Mapped[str] = mapped_column(Text)
    disposing: Mapped[bool]
    stale: Mapped[bool]
    sorted: Mapped[bool]
    due_on: Mapped[date]
    held_until: Mapped[date]
    not_before: Mapped[date]
    locked_until: Mapped[date]
    n: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)


class RetentionCounterRow(_Counter, Base):
    """One part of the count, by month, of the records that share a key; parts are added up."""

    __tablename__ = "retention_counters"
    # the whole key, so that a change finds its one row; not how many, so that it changes no index
    __table_args__ = (Index("ix_retention_counters_key", "tenant_id", *_FIXED),)


class ServiceCounterRow(_Counter, Base):
    """One part of such a count by service, document type and year."""

    __tablename__ = "service_counters"
    __table_args__ = (Index("ix_service_counters_key", "tenant_id", "producer", "document_type", *_FIXED),)
    producer: Mapped[str] = mapped_column(String(200))
    """Empty without one, as the type."""
    document_type: Mapped[str] = mapped_column(String(100))


CounterRow = RetentionCounterRow | ServiceCounterRow

_DESTROY: Final = f"'{FinalAction.DESTROY.value}'"
_OUTCOME: Final = OUTCOME.format(r="{r}")
_LOCK_COUNTS: Final = f"({_OUTCOME}) = {_DESTROY}"
_STATE: Final = {
    "tenant_id": "{r}.tenant_id",
    "basis": (
        "CASE WHEN {r}.basis = 'dated' AND {r}.due_on IS NULL THEN 'no_end' "
        "ELSE COALESCE({r}.basis, 'rule_missing') END"
    ),
    "final_action": _OUTCOME,
    "rule_code": "COALESCE({r}.rule_code, '')",
    "rule_version": "COALESCE({r}.rule_version, 0)",
    "other_rules": "COALESCE({r}.other_rules, '')",
    "disposing": f"({{r}}.state = '{RecordState.IN_DISPOSAL.value}')",
    "stale": "({r}.stale_since IS NOT NULL)",
    "sorted": "({r}.sorted IS NOT NULL)",
    "due_on": "{due_on}",
    "held_until": "COALESCE({r}.held_until, '0001-01-01')",
    "not_before": "CASE WHEN {r}.not_before > {r}.due_on THEN {r}.not_before ELSE '0001-01-01' END",
    "locked_until": (
        f"CASE WHEN ({WITHHELD}) >= {{r}}.due_on AND {_LOCK_COUNTS} THEN {{r}}.locked_until ELSE '0001-01-01' END"
    ),
}
"""Each column of a key, as SQL about the row ``{r}`` of a record."""
_BY_MONTH: Final = {
    "sqlite": (
        "CASE WHEN {r}.due_on IS NULL THEN '9999-12-31' WHEN substr({r}.due_on, 9) = '01' THEN {r}.due_on "
        "ELSE substr({r}.due_on, 1, 8) || '02' END"
    ),
    "postgresql": (
        "CASE WHEN {r}.due_on IS NULL THEN '9999-12-31' WHEN EXTRACT(DAY FROM {r}.due_on) = 1 THEN {r}.due_on "
        "ELSE {r}.due_on - (EXTRACT(DAY FROM {r}.due_on)::integer - 2) END"
    ),
}
_BY_YEAR: Final = {
    "sqlite": (
        "CASE WHEN {r}.due_on IS NULL THEN '9999-12-31' WHEN substr({r}.due_on, 6) = '01-01' THEN {r}.due_on "
        "ELSE substr({r}.due_on, 1, 5) || '01-02' END"
    ),
    "postgresql": (
        "CASE WHEN {r}.due_on IS NULL THEN '9999-12-31' WHEN EXTRACT(DOY FROM {r}.due_on) = 1 THEN {r}.due_on "
        "ELSE {r}.due_on - (EXTRACT(DOY FROM {r}.due_on)::integer - 2) END"
    ),
}
_THERE: Final = "{r}.state NOT IN (" + ", ".join(f"'{state.value}'" for state in GONE) + ")"


@dataclass(frozen=True)
class KeptCounts:
    """One way in which records are counted.

    Attributes:
        row: Its table.
        own: Columns of its key that others lack, as SQL about the row ``{r}`` of a record.
        due_on: The day under which a due day is counted, by dialect.
    """

    row: type[CounterRow]
    own: Mapping[str, str]
    due_on: Mapping[str, str]

    @property
    def table(self) -> str:
        """Return the name of its table."""
        return self.row.__tablename__

    @property
    def columns(self) -> str:
        """Return the columns of its key, as SQL."""
        return ", ".join({**_STATE, **self.own})

    def key(self, dialect: str, row: str) -> dict[str, str]:
        """Return each column of the key of a record, as SQL about its row of this name."""
        due_on = self.due_on[dialect].format(r=row)
        return {name: told.format(r=row, due_on=due_on) for name, told in {**_STATE, **self.own}.items()}

    def told(self, dialect: str, row: str) -> str:
        """Return the same as a list of a ``SELECT``."""
        return ", ".join(f"{value} AS {name}" for name, value in self.key(dialect, row).items())


def is_there(row: str) -> str:
    """Return the condition, as SQL, that a record is counted at all: it is not gone."""
    return _THERE.format(r=row)


COUNTS: Final = (
    KeptCounts(RetentionCounterRow, {}, _BY_MONTH),
    KeptCounts(
        ServiceCounterRow,
        {"producer": "COALESCE({r}.producer, '')", "document_type": "COALESCE({r}.document_type, '')"},
        _BY_YEAR,
    ),
)
"""Every way in which records are counted."""
