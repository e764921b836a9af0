"""Schemas of the filing plan: nodes, files, effects, and the bodies that change them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.http.dependencies import Day
from api.views.schemas import Body
from archive.catalogue.plan_nodes import LONGEST_REASON

_ID = "0193b8a0-7c1e-7a55-9d0e-3f1f6f2f9a01"
Code = Annotated[str, Field(max_length=100, examples=["2.3"])]


class GivenStartBody(Body):
    """A start given with a rule, in the place of its start event."""

    on: Day
    convention: Literal["ours", "seda"] = Field(
        default="ours", description="`seda` : premier jour compté, comme StartDate."
    )


class DeclarationBody(Body):
    """Rules declared on a node; the nearest declaration wins."""

    rules: list[str] = Field(default=[], max_length=20, description="Codes de règles.")
    in_addition: bool = Field(default=False, description="En plus de ce qui est hérité, au lieu de le remplacer.")
    block_all: bool = Field(default=False, description="Rien n’est hérité.")
    blocked: list[str] = Field(default=[], max_length=20, description="Codes qui ne sont pas hérités.")
    starts: dict[str, GivenStartBody] = Field(default={}, description="Départ donné à une règle, par code.")


class ExtentBody(Body):
    """A unit without bytes: paper, plans, objects."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    medium: str | None = Field(default=None, max_length=200, examples=["papier"])
    metres: str | None = Field(default=None, max_length=20, description="Mètres linéaires.", examples=["0.35"])
    first: Day | None = Field(default=None, alias="from", description="Date la plus ancienne.")
    last: Day | None = Field(default=None, alias="to", description="Date la plus récente.")
    place: str | None = Field(default=None, max_length=200, examples=["Magasin 2, travée 14"])


class _Given(Body):
    title: str | None = Field(default=None, max_length=500)
    description: str | None = Field(default=None, max_length=10_000)
    parent_id: str | None = Field(default=None, max_length=36, description="La classe qui le contient ; null : aucune.")
    producer: str | None = Field(default=None, max_length=200, description="Service producteur.")
    retention: DeclarationBody | None = Field(default=None, description="Règles de conservation déclarées ici.")
    access: DeclarationBody | None = Field(default=None, description="Règles d’accès déclarées ici.")
    opened_on: Day | None = Field(default=None, description="Ouverture du dossier.")
    extent: ExtentBody | None = Field(default=None, description="Unité sans fichier numérique.")


class FileGiven(_Given):
    """A file (dossier) to be created."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"code": "MAR-2021-07", "title": "Réfection du pont", "opened_on": "2021-03-01"}},
    )

    code: Code
    title: str = Field(max_length=500)
    closed_on: Day | None = Field(default=None, description="Déjà clos ce jour-là.")


class NodeGiven(FileGiven):
    """A class or a file to be created."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "kind": "class",
                "code": "2.3",
                "title": "Marchés publics",
                "retention": {"rules": ["DEP-MAR-001"]},
            }
        },
    )

    kind: Literal["class", "file"]


class NodeChange(_Given):
    """What changes of a node; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"title": "Marchés publics et achats"}})


class ClosingBody(Body):
    """The day on which a file is closed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"closed_on": "2024-06-30"}})

    closed_on: Day


class ReasonBody(Body):
    """Why a file is opened again, or a node removed."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"reason": "Une pièce est arrivée après la clôture."}}
    )

    reason: str = Field(min_length=1, max_length=LONGEST_REASON)


class FilingBody(Body):
    """Records to be put into a file."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"records": [_ID]}})

    records: list[str] = Field(min_length=1, max_length=200)


class NodeContent(BaseModel):
    """What a node holds itself; what lies in the classes below is not counted."""

    nodes: int
    records: int
    bytes: int
    first_document: str | None
    latest_document: str | None


class PlanNodeView(BaseModel):
    """A class or a file. Its ETag is its number."""

    id: str
    kind: Literal["class", "file"]
    code: str
    title: str
    description: str | None
    parent_id: str | None
    path: list[str] = Field(description="Codes des classes qui le contiennent, de la plus haute à la plus proche.")
    producer: str | None
    retention: DeclarationBody | None
    access: DeclarationBody | None
    opened_on: str | None
    closed_on: str | None
    state: Literal["open", "closed"] | None = Field(description="D’un dossier ; null pour une classe.")
    extent: ExtentBody | None
    number: int
    content: NodeContent


class PlanNodePage(BaseModel):
    """Nodes by code."""

    nodes: list[PlanNodeView]
    next: str | None = Field(description="Curseur de la page suivante.")


class FilePage(BaseModel):
    """Files by code."""

    files: list[PlanNodeView]
    next: str | None = Field(description="Curseur de la page suivante.")


class RecordInFile(BaseModel):
    """A record as a file lists it."""

    id: str
    title: str
    document_type: str | None
    document_date: str | None
    due_on: str | None
    final_action: str
    state: str


class FileRecords(BaseModel):
    """Records of a file, in order of arrival."""

    records: list[RecordInFile]
    next: str | None = Field(description="Curseur de la page suivante.")


class PlanEffect(BaseModel):
    """What a change would do; nothing was changed."""

    records: int = Field(description="Documents dont les dates peuvent changer.")
    due_before: str | None = Field(description="Première échéance, aujourd’hui.")
    due_after: str | None = Field(description="Première échéance, après le changement.")
    whole: bool = Field(description="Tous ont été recalculés ; false : un échantillon.")


class Filed(BaseModel):
    """What became of one record that was to be put into a file."""

    record: str
    filed: bool
    code: str | None = Field(description="Code du refus.")
    detail: str | None


class FiledRecords(BaseModel):
    """Results by record, in the order given."""

    records: list[Filed]


class PlanImport(BaseModel):
    """What an import did, or would do (`dry_run`)."""

    created: int
    changed: int
    closed: int
    unchanged: int
    records: int = Field(description="Documents dont les dates peuvent changer.")
    due_after: str | None = Field(description="Leur première échéance ensuite.")
    whole: bool = Field(description="Tous ont été recalculés ; false : un échantillon.")


class AccessionLine(BaseModel):
    """One line of the accession register."""

    number: int = Field(description="Entrée du journal qui dit que le document est conservé.")
    received_at: str | None
    kept_at: str
    producer: str | None
    title: str | None = Field(description="Absent, comme le reste, quand un gel en réserve la lecture.")
    document_type: str | None
    file: str | None
    bytes: int = Field(description="De ce qui a été reçu.")
    record: str
    deposit: str
    agreement: str | None = Field(description="Convention de versement, au journal.")
    service: str | None = Field(description="Nom du service producteur au jour du versement, après ceux du dessus.")


class ProducerShare(BaseModel):
    """What one producer handed over in the month."""

    producer: str | None
    records: int
    bytes: int


class AccessionPage(BaseModel):
    """A month of the accession register."""

    month: str
    accessions: list[AccessionLine]
    producers: list[ProducerShare]
    next: str | None = Field(description="Curseur de la page suivante.")
