"""Questions to the analysis: filters over the catalogue, without the day and the state."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from archive.catalogue.reading import may_be_read_by_all
from archive.catalogue.service_names import texts_of
from archive.database.counter_tables import FOR_EVER, CounterRow, RetentionCounterRow, ServiceCounterRow
from archive.database.retention_tables import PlanNodeRow, RecordNodeRow
from archive.database.tables import RecordRow
from archive.model.final_actions import FinalAction

Sql = ColumnElement[Any]
MANY: Final = 20_000
"""Records from which on they are many."""
_NAMED: Final = {"sqlite": 500, "postgresql": 20_000}
"""Nodes that a question names one by one at most; PostgreSQL misjudges a tree by far."""


@dataclass(frozen=True)
class DueQuery:
    """Filters; None: not asked for.

    Attributes:
        action: What is done in the end: where a sorting decided, what it decided.
        node: Code of a class or file, with all that lies below it.
        text: Words of a title, or a reference.
        read_by_all: Only records whose reading nothing restricts.
        producer: Code of a service, or a name of it: with its other names.
        producers: All by which records name that service (see ``planned``).
        decided: Only what a sorting decided, or only what a rule says; None: both (see ``parts``).
        many_below: Whether very many records lie below the node (see ``planned``).
        asks_each: Whether each record met is asked whether it does, instead of looking those below
            up first; the answer is the same. PostgreSQL joins the two as suits it.
        below: The node and all that lies below it, where they are few: so that they are counted.
    """

    rule: str | None = None
    producer: str | None = None
    document_type: str | None = None
    node: str | None = None
    year: int | None = None
    action: FinalAction | None = None
    text: str | None = None
    read_by_all: bool = False
    many_below: bool = field(default=False, compare=False)
    decided: bool | None = field(default=None, compare=False)
    producers: tuple[str, ...] = field(default=(), compare=False)
    asks_each: bool = field(default=False, compare=False)
    below: tuple[str, ...] | None = field(default=None, compare=False)

    def planned(self, session: Session, tenant: str) -> DueQuery:
        """Return the same question, with all names of its service, as suits its node's size."""
        if self.producer:
            return replace(self, producers=texts_of(session, tenant, self.producer))._planned(session, tenant)
        return self._planned(session, tenant)

    def _planned(self, session: Session, tenant: str) -> DueQuery:
        if self.node is None:
            return self
        dialect = session.get_bind().dialect.name
        nodes = tuple(session.scalars(_below(tenant, self.node).limit(_NAMED[dialect] + 1)))
        named = nodes if len(nodes) <= _NAMED[dialect] else None
        among = _below(tenant, self.node) if named is None else named
        below = select(RecordNodeRow.record_id).where(RecordNodeRow.node_id.in_(among))
        number = session.scalar(select(func.count()).select_from(below.limit(MANY).subquery())) or 0
        many = number >= MANY
        return replace(self, many_below=many, asks_each=many and dialect == "sqlite", below=named)

    @property
    def narrows(self) -> bool:
        """Whether it leaves records out."""
        return self != DueQuery()

    @property
    def looks_up(self) -> bool:
        """Whether its few records are looked up: no other index is to be walked for them."""
        return self.node is not None and not self.many_below

    @property
    def is_counted(self) -> bool:
        """Whether kept counts answer it."""
        return self.kept_in is not None

    @property
    def kept_in(self) -> type[CounterRow] | None:
        """Return the kept counts that answer it, but for what not everybody reads."""
        told = DueQuery(rule=self.rule, action=self.action, year=self.year, read_by_all=self.read_by_all)
        if self == told:
            return RetentionCounterRow
        if self == replace(told, producer=self.producer, document_type=self.document_type):
            return ServiceCounterRow
        return None

    def conditions_on_counts(self, row: type[CounterRow]) -> list[Sql]:
        """Return the same conditions on these kept counts, where they answer it."""
        found = list[Sql]()
        if self.rule is not None:
            found.append(row.rule_code == self.rule)
        if self.action is not None:
            found.append(row.final_action == self.action)
        if self.year is not None:
            found += [row.due_on.between(date(self.year, 1, 1), date(self.year, 12, 31)), row.due_on != FOR_EVER]
        if row is ServiceCounterRow:
            if self.producer is not None:
                found.append(ServiceCounterRow.producer.in_(self.producers or (self.producer,)))
            if self.document_type is not None:
                found.append(ServiceCounterRow.document_type == self.document_type)
        return found

    def conditions(self, tenant: str) -> list[Sql]:
        """Return the conditions on a record."""
        row, found = RecordRow, []
        for column, value in ((row.rule_code, self.rule), (row.document_type, self.document_type)):
            if value is not None:
                found.append(column == value if value else column.is_(None))
        if self.producer is not None:
            named = self.producers or (self.producer,)
            found.append(row.producer.in_(named) if self.producer else row.producer.is_(None))
        if self.action is not None:
            # no index of its own beside another value: SQLite would take it, however many it has
            narrow = found or self.looks_up
            found.append(self._becomes(self.action, row.final_action.concat("") if narrow else row.final_action))
        if self.read_by_all:
            found.append(may_be_read_by_all(tenant))
        if self.year is not None:
            found.append(row.due_on.between(date(self.year, 1, 1), date(self.year, 12, 31)))
        if self.node is not None:
            below: Any = _below(tenant, self.node) if self.below is None else self.below
            if self.asks_each:
                # of the record's few nodes, not of the many below: SQLite would try each of those
                among = RecordNodeRow.node_id.concat("").in_(below)
                found.append(exists().where(RecordNodeRow.record_id == row.id, among))
            else:
                found.append(row.id.in_(select(RecordNodeRow.record_id).where(RecordNodeRow.node_id.in_(below))))
        if self.text:
            found.append(
                or_(
                    row.title.icontains(self.text, autoescape=True),
                    row.external_reference == self.text,
                )
            )
        return found

    def parts(self) -> list[DueQuery]:
        """Return questions that together ask the same, each answered by one index."""
        if self.action is None or self.action is FinalAction.SORT:
            return [self]
        return [replace(self, decided=False), replace(self, decided=True)]

    def _becomes(self, action: FinalAction, column: Any) -> Sql:
        """Return the condition of the records that a final action is done to."""
        by_rule: Sql = column == action
        if action is FinalAction.SORT:
            return and_(by_rule, RecordRow.sorted.is_(None))
        by_decision: Sql = and_(column == FinalAction.SORT, RecordRow.sorted == action)
        if self.decided is None:
            return or_(by_rule, by_decision)
        return by_decision if self.decided else by_rule


def _below(tenant: str, code: str) -> Any:
    """Select a node and all that lies below it."""
    node = PlanNodeRow
    tree = select(node.id).where(node.tenant_id == tenant, node.code == code).cte(recursive=True)
    tree = tree.union(select(node.id).where(node.tenant_id == tenant, node.parent_id == tree.c.id))
    return select(tree.c.id)
