"""Tables of SEDA: transfers that came with their units and parts, and deliveries that are sent."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.engine import Base


class SedaTransferRow(Base):
    """A transfer that came and was examined, as its latest statement gives it.

    Its identifier is that of the deposit of its package.
    """

    __tablename__ = "seda_transfers"
    __table_args__ = (
        Index("ix_seda_transfers_tenant", "tenant_id", "id"),
        Index("ix_seda_transfers_state", "tenant_id", "state"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    number: Mapped[int]
    """Of the latest statement."""
    identifier: Mapped[str] = mapped_column(Text)
    """``MessageIdentifier``, as it was told."""
    sender: Mapped[str] = mapped_column(Text)
    """Identifier of the transferring agency, as it was told."""
    state: Mapped[str] = mapped_column(String(10))
    """A ``TransferState``."""
    outcome: Mapped[str] = mapped_column(String(10))
    """``OK``, ``WARNING`` or ``KO``."""
    content: Mapped[dict[str, Any]]
    """Body of the statement."""


class SedaUnitRow(Base):
    """An archive unit of a transfer, for the page that shows it as a tree."""

    __tablename__ = "seda_units"
    __table_args__ = (Index("ix_seda_units_above", "transfer_id", "above", "position"),)
    transfer_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    """1, 2, 3 … in the order of the manifest."""
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    unit: Mapped[str] = mapped_column(Text)
    """Its id in the manifest."""
    title: Mapped[str] = mapped_column(Text)
    level: Mapped[str | None] = mapped_column(String(40))
    """``DescriptionLevel``."""
    above: Mapped[int]
    """Position of the first unit that it lies in; 0 at the top."""
    system_id: Mapped[str | None] = mapped_column(String(36))
    """The node or the record that it becomes; None where the transfer is refused."""
    node: Mapped[bool]
    """Whether ``system_id`` is a node of the filing plan."""


class SedaPartRow(Base):
    """An object of a transfer that becomes a deposit, and so a record."""

    __tablename__ = "seda_parts"
    __table_args__ = (Index("ix_seda_parts_deposit", "deposit_id"),)
    transfer_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    unit: Mapped[int]
    """Position of its unit."""
    object: Mapped[str] = mapped_column(Text)
    """Its id in the manifest."""
    deposit_id: Mapped[str] = mapped_column(String(36))
    record_id: Mapped[str] = mapped_column(String(36))


class SedaDeliveryRow(Base):
    """Packages that are sent, as their latest statement gives them."""

    __tablename__ = "seda_deliveries"
    __table_args__ = (
        Index("ix_seda_deliveries_tenant", "tenant_id", "id"),
        Index("ix_seda_deliveries_disposal", "disposal_id"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    number: Mapped[int]
    disposal_id: Mapped[str | None] = mapped_column(String(36))
    """The bordereau whose records they carry; None: copies, and custody stays."""
    content: Mapped[dict[str, Any]]
    """Body of the statement: sender, receiver, packages with records, manifests and replies."""
