"""Schemas of exchanges in SEDA: transfers that came, units, findings."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from api.views.schemas import DepositProblem

StateOfTransfer = Literal[
    "received", "working", "quarantined", "unpacked", "refused", "taking", "taken", "repeated", "kept"
]
Checked = Literal["OK", "WARNING", "KO"]


class StepView(BaseModel):
    """The outcome of one entry check."""

    step: str
    outcome: Checked


class FindingView(BaseModel):
    """What an entry check found, and where in the manifest."""

    code: str
    outcome: Checked
    step: str
    detail: str
    node: str
    line: int | None
    original: str


class PartsView(BaseModel):
    """Parts of a transfer that become deposits: in all, kept, set aside."""

    total: int
    kept: int
    aside: int


class TransferView(BaseModel):
    """A transfer that came in a package."""

    id: str
    state: StateOfTransfer
    identifier: str | None
    sender: str | None
    reference: str | None
    archival_agency: str | None
    producer: str | None
    agreement: str | None
    version: str | None
    sent_at: str | None
    comment: str | None
    manifest: str | None
    filename: str | None
    size: int | None
    sha256: str | None
    received_at: str | None
    outcome: Checked | None
    steps: list[StepView]
    findings: list[FindingView]
    units: int
    parts: PartsView
    repeats: str | None
    reply: str | None
    receipt: str | None
    problem: DepositProblem | None


class TransferPage(BaseModel):
    """Some transfers; ``next`` leads to the following ones."""

    transfers: list[TransferView]
    next: str | None


class PartView(BaseModel):
    """An object of a unit, and the deposit and record that it becomes."""

    object: str
    deposit_id: str
    record_id: str
    state: str | None


class UnitView(BaseModel):
    """An archive unit, and the node or record that it becomes."""

    position: int
    unit: str
    title: str
    level: str | None
    kind: Literal["node", "record"] | None
    system_id: str | None
    units: int
    parts: list[PartView]
    findings: list[FindingView]


class UnitPage(BaseModel):
    """Some units of a transfer; ``next`` leads to the following ones."""

    units: list[UnitView]
    next: str | None
