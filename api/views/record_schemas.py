"""Bodies of answers about records and verifications; fields are added, never renamed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from api.views.description_schemas import Described
from api.views.schemas import Digests, JsonObject
from archive.model.final_actions import FinalAction
from archive.model.states import RecordState
from archive.retention.resolution import Basis
from archive.retention.states import DueState


def _words(vocabulary: type[StrEnum], title: str) -> WithJsonSchema:
    """Return the schema of a vocabulary: its words in place, not a component with a name."""
    return WithJsonSchema({"enum": [word.value for word in vocabulary], "title": title, "type": "string"})


class FormatView(BaseModel):
    """What PRONOM calls it."""

    puid: str | None = Field(examples=["fmt/20"])
    name: str | None


class StoreView(BaseModel):
    """Where the bytes are and until when they are locked."""

    assurance: Literal["advisory", "enforced"]
    key: str
    version: str
    locked_until: str | None
    legal_hold: bool


class Representation(BaseModel):
    """One form of a record."""

    kind: Literal["original", "archival", "text", "preview", "redacted"]
    filename: str
    media_type: str
    format: FormatView
    size: int
    digests: Digests
    href: str
    store: StoreView


class TextFacts(BaseModel):
    """How much text was read, and how surely."""

    words: int
    mean_confidence: float | None = Field(description="De 0 à 1.")


class ReasonView(BaseModel):
    """One reason: a stable word, and its sentence in the caller's language."""

    code: str
    sentence: str


class RetentionPart(BaseModel):
    """One rule that applies to a record, along one way to it."""

    rule: str | None
    rule_version: int | None
    start_event: str | None
    level: Literal["record", "file", "class", "document_type"] | None = Field(description="Où la règle est donnée.")
    node: str | None = Field(description="Cote du dossier, de la classe ou du type qui la donne.")
    file: str | None = Field(description="Le dossier dont la clôture compte.")
    starts_on: str | None
    ends_on: str | None
    final_action: Annotated[FinalAction, _words(FinalAction, "Final Action")]
    basis: Annotated[Basis, _words(Basis, "Basis")]


class Retention(BaseModel):
    """Until when, and why."""

    rule: str | None
    rule_version: int | None
    starts_on: str | None
    ends_on: str | None
    final_action: Annotated[FinalAction, _words(FinalAction, "Final Action")]
    explanation: str
    due_on: str | None = Field(description="Premier jour où quelque chose peut être fait ; le lendemain de la fin.")
    basis: Annotated[Basis, _words(Basis, "Basis")]
    state: Annotated[DueState, _words(DueState, "Due State")] = Field(description="Aujourd’hui, un seul.")
    may_go_on: str | None = Field(description="Premier jour possible, gels et verrous compris.")
    stale_since: str | None = Field(description="Depuis quand les dates sont à recalculer ; `null` : justes.")
    validated: bool = Field(description="Chaque règle qui s’applique est validée.")
    node: str | None
    nodes: list[str] = Field(description="Cotes des classes où il est rangé.")
    file: str | None
    files: list[str] = Field(description="Ses dossiers.")
    parts: list[RetentionPart] = Field(description="Vide : gardé par une version antérieure.")
    reasons: list[ReasonView] = Field(description="Une phrase par date ; vide tant que les dates sont à recalculer.")
    blockers: list[ReasonView] = Field(description="Ce qui s’oppose aujourd’hui, puis le premier jour possible.")


class Access(BaseModel):
    """From when the public may read it, and why."""

    rule: str | None
    communicable_on: str | None
    explanation: str
    reasons: list[ReasonView] = Field(description="Dans votre langue ; vide tant que les dates sont à recalculer.")


class Warning(BaseModel):  # noqa: A001 - the word of the contract
    """A remark about the record."""

    code: str
    detail: str
    stage: str | None


class IndexState(BaseModel):
    """Stored and indexed are two facts."""

    state: Literal["indexed", "pending"]


class Copy(BaseModel):
    """Status of the record in one store."""

    store: Literal["first", "second"]
    kind: Literal["files", "s3"]
    assurance: Literal["advisory", "enforced"]
    state: Literal["intact", "altered", "missing", "unverifiable", "unverified", "incomplete", "absent"]
    objects: int
    expected: int
    locked_until: str | None
    checked_at: str | None = Field(description="Dernière relecture complète ; `null` : aucune.")


class Proof(BaseModel):
    """Place of the record in the journal."""

    entry: int
    checkpoint: int | None = Field(description="Premier scellement qui la couvre ; `null` : pas encore scellée.")


class HoldOnRecord(BaseModel):
    """A hold in force: the record is not disposed of, whatever the date."""

    id: str
    reason: str
    until: str | None = Field(description="Dernier jour ; null : jusqu’à sa levée.")
    placed_at: str
    in_step: bool = Field(description="Le magasin fait ce qui a été décidé.")


class Record(Described):
    """What is kept."""

    id: str
    tenant: str
    deposit_id: str
    revision: int
    state: Annotated[RecordState, _words(RecordState, "State")]
    filename: str
    service: str | None = Field(
        description="Nom du service producteur le jour du versement, après ceux au-dessus ; null : inconnu."
    )
    kept_at: str
    pages: int | None
    text: TextFacts | None
    representations: list[Representation]
    verdicts: JsonObject = Field(description="`virus`, `pdfa`, `signature`, `seal`.")
    retention: Retention
    holds: list[HoldOnRecord] = Field(description="Gels en vigueur.")
    access: Access
    warnings: list[Warning]
    index: IndexState
    proof: Proof
    copies: list[Copy]


class Word(BaseModel):
    """One word and its place, in pixels of the page image."""

    text: str
    x: int
    y: int
    width: int
    height: int
    confidence: float


class PageWords(BaseModel):
    """The words of one page."""

    page: int
    width: int
    height: int
    words: list[Word]


class HistoryEntry(BaseModel):
    """One event."""

    n: int
    at: str
    type: str
    sentence: str
    agent: str | None
    entry: JsonObject = Field(description="L’entrée du journal.")
    leaf_hash: str
    answered_by: int | None = Field(
        default=None, description="Accusation à tort : numéro de l’entrée qui y répond ; `null` : aucune."
    )


class History(BaseModel):
    """What happened to a record, oldest first."""

    entries: list[HistoryEntry]


class Check(BaseModel):
    """One check and its verdict."""

    name: str
    verdict: str
    detail: str
    aspect: Literal["content", "custody", "hold", "journal"] = Field(
        default="content",
        description="Le document lui-même, la garde du magasin (verrous), le gel, ou le journal publié.",
    )


class Verification(BaseModel):
    """The weakest verdict on the document, on its guard, and every check behind them."""

    verdict: Literal["intact", "altered", "missing", "unverifiable"]
    custody: Literal["intact", "missing", "unverifiable"] = Field(
        description="`missing` : un verrou manque dans le magasin ; les octets ne sont pas en cause."
    )
    hold: Literal["intact", "missing", "unverifiable"] = Field(
        description="`missing` : le magasin n’a pas le gel qui a été décidé."
    )
    journal: Literal["intact", "altered", "unverifiable"] = Field(
        description="`altered` : le journal publié est abîmé ou raccourci ; les octets ne sont pas en cause."
    )
    checks: list[Check]


class PublicCheck(Check):
    """One check of a public verification."""

    about: Literal["bytes", "journal", "seal", "signature", "bundle", "receipt", "page"] = Field(
        description="Ce qui a été contrôlé."
    )


class Finding(BaseModel):
    """One finding of a public verification: its verdict is the worst of its checks."""

    verdict: Literal["intact", "altered", "missing", "unverifiable", "unknown"]
    because: list[str] = Field(description="Les contrôles qui donnent ce verdict.")
    kind: Literal["record", "bundle", "receipt", "file"]
    checks: list[PublicCheck]
    record: JsonObject | None
    signatures: JsonObject | None
    receipt: JsonObject | None = Field(description="Ce que dit un récépissé signé par nous.")
