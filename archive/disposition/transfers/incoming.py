"""Transfers that came: stated when they are examined and when they are taken, and listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from archive.database.batches import batches
from archive.database.seda_tables import SedaPartRow, SedaTransferRow, SedaUnitRow
from archive.disposition.act import Act
from archive.disposition.transfers.content import TransferPart, TransferUnit
from archive.disposition.transfers.texts import packed, unpacked
from archive.journal.types import EntryType
from archive.model.identifiers import is_id
from archive.model.seda_states import TransferState
from archive.model.statement_kinds import StatementKind
from signing.ground.errors import Refused

_CLAIMING: Final = tuple(state.value for state in TransferState if state.claims_identifier)


def state_transfer(
    act: Act, transfer_id: str, expected: int, change: str, body: Mapping[str, Any], reply: bytes | None = None
) -> SedaTransferRow:
    """State a transfer as it is from now on.

    Args:
        reply: The message that answers it, where it is answered.
    """
    told = {**body, "reply": packed(reply) if reply is not None else None}
    act.state(StatementKind.TRANSFER, transfer_id, expected, change, told, EntryType.TRANSFER_STATED)
    return act.session.get_one(SedaTransferRow, transfer_id)


def enter_content(
    session: Session, tenant: str, transfer_id: str, units: Iterable[TransferUnit], parts: Iterable[TransferPart]
) -> None:
    """Enter the units and parts of a transfer that are not there yet."""
    there = session.scalar(select(func.count()).where(SedaUnitRow.transfer_id == transfer_id))
    there = (there or 0) + (session.scalar(select(func.count()).where(SedaPartRow.transfer_id == transfer_id)) or 0)
    if there:
        return
    own: dict[str, Any] = {"transfer_id": transfer_id, "tenant_id": tenant}
    told: list[dict[str, Any]] = [
        own
        | {
            "position": one.position,
            "unit": one.unit,
            "title": one.title,
            "level": one.level,
            "above": one.above,
            "system_id": one.system_id,
            "node": one.is_node,
        }
        for one in units
    ]
    deposited: list[dict[str, Any]] = [
        own
        | {
            "position": one.position,
            "unit": one.unit,
            "object": one.object,
            "deposit_id": one.deposit_id,
            "record_id": one.record_id,
        }
        for one in parts
    ]
    for some in batches(told, 1000):
        session.connection().execute(insert(SedaUnitRow), some)
    for some in batches(deposited, 1000):
        session.connection().execute(insert(SedaPartRow), some)


def next_reference(act: Act) -> str:
    """Return the next number of a tenant's transfers this year; asked in the journal's turn."""
    year = act.today.day.year
    row = SedaTransferRow
    content = row.content["reference"].as_string()
    asked = select(func.count()).where(row.tenant_id == act.tenant, content.like(f"V{year}-%"))
    return f"V{year}-{(act.session.scalar(asked) or 0) + 1:04d}"


def earlier(session: Session, tenant: str, sender: str, identifier: str) -> SedaTransferRow | None:
    """Return the transfer of this sender that is taken, or being taken, under an identifier."""
    row = SedaTransferRow
    asked = select(row).where(row.tenant_id == tenant, row.identifier == identifier, row.sender == sender)
    return session.scalars(asked.where(row.state.in_(_CLAIMING)).order_by(row.id).limit(1)).first()


def reply_of(session: Session, row: SedaTransferRow) -> bytes | None:
    """Return the message that answers a transfer; of one that came twice the first answer."""
    seen = {row.id}
    while row.content["repeats"] is not None and row.content["repeats"] not in seen:
        before = session.get(SedaTransferRow, row.content["repeats"])
        if before is None:
            return None
        row = before
        seen.add(row.id)
    told = row.content["reply"]
    return unpacked(told) if told is not None else None


# -- what is there


def get(session: Session, tenant: str, transfer_id: str) -> SedaTransferRow | None:
    """Return a transfer of this tenant that was examined; None if there is none."""
    row = session.get(SedaTransferRow, transfer_id) if is_id(transfer_id) else None
    return row if row is not None and row.tenant_id == tenant else None


def unit_at(session: Session, transfer_id: str, position: int) -> SedaUnitRow:
    """Return one unit of a transfer.

    Raises:
        Refused: ``transfer_unit_not_found``.
    """
    row = session.get(SedaUnitRow, (transfer_id, position))
    if row is None:
        raise Refused("transfer_unit_not_found", "Ce versement n’a pas cette unité.", action="Vérifiez-la.")
    return row


def units_below(session: Session, transfer_id: str, above: int, *, after: int, limit: int) -> Sequence[SedaUnitRow]:
    """Return units that lie in one, or at the top, in the order of the manifest."""
    row = SedaUnitRow
    asked = select(row).where(row.transfer_id == transfer_id, row.above == above, row.position > after)
    return session.scalars(asked.order_by(row.position).limit(limit)).all()


def counts_below(session: Session, transfer_id: str, units: Sequence[int]) -> dict[int, int]:
    """Return how many units lie in each of these."""
    row = SedaUnitRow
    asked = select(row.above, func.count()).where(row.transfer_id == transfer_id, row.above.in_(units))
    return {above: count for above, count in session.execute(asked.group_by(row.above))}  # noqa: C416 - typed


def parts_of(session: Session, transfer_id: str, units: Sequence[int] | None = None) -> Sequence[SedaPartRow]:
    """Return the parts of a transfer, or of some of its units, in order."""
    row = SedaPartRow
    asked = select(row).where(row.transfer_id == transfer_id)
    if units is not None:
        asked = asked.where(row.unit.in_(units))
    return session.scalars(asked.order_by(row.position)).all()
