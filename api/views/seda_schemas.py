"""Schemas of exchanges in SEDA: transfers that came, units, findings."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.views.schemas import Body, DepositProblem
from archive.disposition.disposals.population import MOST_LINES

StateOfTransfer = Literal[
    "received", "working", "quarantined", "unpacked", "refused", "taking", "taken", "repeated", "kept"
]
_ID = "0193b8a0-7c1e-7a55-9d0e-3f1f6f2f9a01"
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
    title: str | None = Field(description="null : son document n’est plus ici, ou sa lecture vous est fermée.")
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


class DeliveryGiven(Body):
    """Packages to be made: of a bordereau of transfer, of named records, or of everything."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"disposal_id": _ID, "archival_agency": "FRAD035", "transferring_agency": "VILLE"}
        },
    )

    disposal_id: str | None = Field(default=None, max_length=36, description="Un bordereau de versement soumis.")
    records: list[str] | None = Field(default=None, max_length=MOST_LINES, description="Ou : ces documents, en copie.")
    everything: bool = Field(default=False, description="Ou : tout, pour un départ. Revient à un administrateur.")
    archival_agency: str = Field(min_length=1, max_length=200, description="Identifiant du destinataire.")
    transferring_agency: str | None = Field(default=None, max_length=200, description="Le nôtre, chez lui.")
    version: Literal["2.1", "2.2", "2.3"] = Field(default="2.2", description="Que le destinataire choisit.")
    agreement: str | None = Field(default=None, max_length=200)
    comment: str | None = Field(default=None, max_length=2000)


class RecordSent(Body):
    """Whom a single record is told to be for."""

    archival_agency: str = Field(default="DESTINATAIRE", min_length=1, max_length=200)
    version: Literal["2.1", "2.2", "2.3"] = "2.2"


class DeliveryDecided(Body):
    """What a person decides about a reply with reservations."""

    accept: bool
    reason: str = Field(min_length=1, max_length=2000)


class ReplyView(BaseModel):
    """What the receiver replied about one package."""

    outcome: Checked
    identifier: str
    received_at: str
    decided: bool
    reason: str | None
    findings: list[FindingView]


class PackageView(BaseModel):
    """One package of a delivery."""

    number: int
    identifier: str
    records: int
    units: int
    bytes: int
    manifest: str
    state: Literal["made", "accepted", "doubtful", "refused"]
    href: str
    proofs: str
    reply: ReplyView | None


class LeftOutView(BaseModel):
    """A record that SEDA can't tell: it is in the proofs, whole."""

    record_id: str
    code: str


class DeliveryView(BaseModel):
    """A delivery."""

    id: str
    number: int
    disposal_id: str | None
    purpose: Literal["transfer", "copy", "exit"]
    identifier: str
    sent_at: str
    version: str
    archival_agency: str
    transferring_agency: str
    originating_agency: str
    agreement: str | None
    comment: str | None
    records: int
    left_out: list[LeftOutView]
    listing: str
    packages: list[PackageView]


class DeliveryPage(BaseModel):
    """Some deliveries; ``next`` leads to the following ones."""

    deliveries: list[DeliveryView]
    next: str | None
