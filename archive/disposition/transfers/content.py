"""Content of a transfer that came: its units, and the parts that become deposits. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TransferUnit:
    """A unit of a transfer, and what it becomes.

    Attributes:
        above: Position of the first unit that it lies in; 0 at the top.
        is_node: Whether it becomes a node; else ``system_id`` is a record.
    """

    position: int
    unit: str
    title: str
    level: str | None
    above: int
    system_id: str | None
    is_node: bool


@dataclass(frozen=True)
class TransferPart:
    """An object that becomes a deposit.

    Attributes:
        unit: Position of its unit; 0 for the manifest itself.
    """

    position: int
    unit: int
    object: str
    deposit_id: str
    record_id: str
