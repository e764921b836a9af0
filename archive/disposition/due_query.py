"""Questions to the analysis: filters over the catalogue, without the day and the state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select

from archive.catalogue.reading import may_be_read_by_all
from archive.database.retention_tables import PlanNodeRow, RecordNodeRow
from archive.database.tables import RecordRow
from archive.model.final_actions import FinalAction

Sql = ColumnElement[Any]


@dataclass(frozen=True)
class DueQuery:
    """Filters; None: not asked for.

    Attributes:
        node: Code of a class or file, with all that lies below it.
        text: Words of a title, or a reference.
        read_by_all: Only records whose reading nothing restricts.
    """

    rule: str | None = None
    producer: str | None = None
    document_type: str | None = None
    node: str | None = None
    year: int | None = None
    action: FinalAction | None = None
    text: str | None = None
    read_by_all: bool = False

    @property
    def narrows(self) -> bool:
        """Whether it leaves records out."""
        return self != DueQuery()

    def conditions(self, tenant: str) -> list[Sql]:
        """Return the conditions on a record."""
        row, found = RecordRow, []
        for column, value in (
            (row.rule_code, self.rule),
            (row.producer, self.producer),
            (row.document_type, self.document_type),
        ):
            if value is not None:
                found.append(column == value if value else column.is_(None))
        if self.read_by_all:
            found.append(may_be_read_by_all(tenant))
        if self.action is not None:
            found.append(row.final_action == self.action)
        if self.year is not None:
            found.append(row.due_on.between(date(self.year, 1, 1), date(self.year, 12, 31)))
        if self.node is not None:
            below = _below(tenant, self.node)
            found.append(exists().where(RecordNodeRow.record_id == row.id, RecordNodeRow.node_id.in_(below)))
        if self.text:
            found.append(
                or_(
                    row.title.icontains(self.text, autoescape=True),
                    row.external_reference == self.text,
                )
            )
        return found


def _below(tenant: str, code: str) -> Any:
    """Select a node and all that lies below it."""
    node = PlanNodeRow
    tree = select(node.id).where(node.tenant_id == tenant, node.code == code).cte(recursive=True)
    tree = tree.union(select(node.id).where(node.parent_id == tree.c.id))
    return select(tree.c.id)
