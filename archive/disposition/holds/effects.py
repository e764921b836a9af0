"""Effect of holds on the filing plan: records stay where they are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from archive.catalogue.plan_reach import tree_below
from archive.catalogue.reading import Reader
from archive.database.retention_tables import RecordNodeRow
from archive.database.tables import HeldRecordRow, HoldRow, RecordRow
from signing.ground.errors import Refused

PLACING = frozenset({"file", "classification"})
"""Fields of a description that place a record in the plan."""


@dataclass(frozen=True)
class HeldPlaces:
    """What a change of the filing plan owes to the holds on the records below a node."""

    def leave(self, session: Session, tenant: str, node: str) -> None:
        """Refuse to move a node with records that must stay where they are.

        Raises:
            Refused: ``held_in_place``.
        """
        _require_none(session, RecordRow.id.in_(_below(tenant, node)))


def require_movable(session: Session, record_id: str, fields: Collection[str]) -> None:
    """Refuse a description that moves a record which must stay where it is.

    Args:
        fields: The fields that change.

    Raises:
        Refused: ``held_in_place``.
    """
    if PLACING & set(fields):
        _require_none(session, RecordRow.id == record_id)


def _below(tenant: str, node: str) -> ColumnElement[str]:
    tree = tree_below(tenant, [node], "moved")
    return select(RecordNodeRow.record_id).where(RecordNodeRow.node_id.in_(select(tree.c.id)))  # type: ignore[return-value]


def _require_none(session: Session, among: ColumnElement[bool]) -> None:
    bound = exists().where(
        HeldRecordRow.record_id == RecordRow.id,
        HeldRecordRow.hold_id == HoldRow.id,
        HoldRow.released_at.is_(None),
        HoldRow.forbids_move,
    )
    first = session.scalar(select(RecordRow).where(among, bound).order_by(RecordRow.id).limit(1))
    if first is not None:
        hidden = Reader(first.tenant_id, reads_all=False).hidden_among(session, [first.id])
        raise Refused(
            "held_in_place",
            "Un gel interdit de déplacer « {title} » dans le plan de classement.",
            kept="Rien n’a été changé.",
            action="Levez d’abord ce gel, ou laissez les documents à leur place.",
            title=first.id if hidden else first.title,
        )
