"""Schemas of the bodies that the API reads and writes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from api.views import examples
from ingestion.stages.registry import STEP_NAMES

JsonObject = dict[str, Any]


class Body(BaseModel):
    """Something a caller sends: unknown fields are refused, so that a typo is not silently lost."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        """Refuse NUL and lone surrogates, which neither database nor journal can store."""
        if not _is_readable(value):
            raise ValueError("texte illisible")
        return value


def _is_readable(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)
    if isinstance(value, dict):
        return all(_is_readable(name) and _is_readable(one) for name, one in value.items())
    return not isinstance(value, list | tuple) or all(map(_is_readable, value))


class ProblemFault(BaseModel):
    """One point of the request that is at fault."""

    pointer: str = Field(description="Pointeur JSON, ou « query:nom ».", examples=["/title"])
    detail: str


class Problem(BaseModel):
    """RFC 9457."""

    type: str = Field(description="Page qui explique le code.")
    title: str
    status: int
    code: str = Field(description="Code stable.", examples=["idempotency_key_reused"])
    detail: str = Field(description="Ce qui s’est passé.")
    kept: str = Field(description="Ce qui a été conservé.")
    action: str = Field(description="Que faire.")
    errors: list[ProblemFault]
    trace_id: str


class Me(BaseModel):
    """The caller."""

    kind: Literal["user", "key"] | str
    id: str
    name: str
    tenant: str
    role: str | None = None
    scopes: list[str]


class Digests(BaseModel):
    """Lower-case hex."""

    sha256: str = Field(alias="sha-256", examples=["9f86d081884c7d659a2feaa0c55ad015"])
    sha512: str = Field(alias="sha-512")


class StageView(BaseModel):
    """One stage of a deposit."""

    name: Annotated[str, Field(json_schema_extra={"enum": [*STEP_NAMES]})]
    state: Literal["waiting", "running", "done", "skipped", "failed"]
    done: int | None
    total: int | None
    started_at: str | None
    ended_at: str | None
    detail: str | None


class DepositProblem(BaseModel):
    """What stopped a deposit."""

    code: str
    detail: str
    action: str


class ReceiptLink(BaseModel):
    """Place of a deposit in the journal."""

    entry: int
    leaf_hash: str
    href: str


class Deposit(BaseModel):
    """A deposit and how far it has come."""

    model_config = ConfigDict(json_schema_extra={"example": examples.DEPOSIT})

    id: str
    state: Literal["received", "working", "kept", "quarantined", "refused", "unpacked"]
    tenant: str
    filename: str
    media_type: str
    size: int
    digests: Digests
    received_at: str
    record_id: str | None
    duplicate_of: list[str]
    stages: list[StageView]
    problem: DepositProblem | None
    receipt: ReceiptLink
    fields: dict[str, str]
    agreement: str | None = Field(default=None, description="Convention de versement qui s’est appliquée.")
    agreed: dict[str, str] = Field(default={}, description="Champs qu’elle donne et que le versement ne donnait pas.")


class DepositPage(BaseModel):
    """Deposits, newest first."""

    deposits: list[Deposit]
    next: str | None = Field(description="Curseur de la page suivante.")


class DepositPlan(BaseModel):
    """What would become of a deposit (dry run)."""

    model_config = ConfigDict(extra="allow")

    size: int
    digests: Digests
    agreement: str | None = Field(default=None, description="Convention de versement qui s’appliquerait.")


class Receipt(BaseModel):
    """A signed receipt and what checks it; the note's text is the canonical JSON of ``receipt``."""

    receipt: JsonObject
    note: str
    state: Literal["sequenced", "published"] = "sequenced"
    key: str = Field(description="La clé du journal ; à comparer avec une clé reçue par une autre voie.")
    entry: str = Field(description="La ligne du journal, octet pour octet.")
    proof: str | None = Field(description="Sa preuve d’inclusion (C2SP tlog-proof), une fois publiée.")


class Match(BaseModel):
    """A passage that matches; `page` 0 is the title or the description."""

    page: int
    text: str
    ranges: list[tuple[int, int]]


class Hit(BaseModel):
    """A record found."""

    record_id: str
    title: str
    document_type: str | None
    document_date: str | None
    score: float
    matches: list[Match]


class Total(BaseModel):
    """How many in all."""

    value: int
    relation: Literal["exact"]


class FacetCount(BaseModel):
    """How many have this value."""

    value: str
    count: int


class SearchAnswer(BaseModel):
    """Hits in order, exact total, facets."""

    hits: list[Hit]
    total: Total
    facets: dict[str, list[FacetCount]]
    loosened: bool = Field(description="Rien d’exact : mots voisins (tolérance de lecture).")
    took_ms: int
    next: str | None


class JournalEntry(BaseModel):
    """One line of the journal; ``body`` is the hashed text, byte for byte."""

    n: int
    at: str
    type: str
    subject: str
    leaf_hash: str
    entry: JsonObject
    body: str


class EntryPage(BaseModel):
    """Entries in order."""

    entries: list[JournalEntry]
    next: int | None = Field(description="À redonner dans `after`.")


class Checkpoint(BaseModel):
    """A signed tree head."""

    number: int
    size: int
    root: str
    note: str
    published_at: str
    token: str | None


class InclusionProof(BaseModel):
    """From an entry to a head."""

    entry: int
    leaf_hash: str
    checkpoint: int
    size: int
    root: str
    hashes: list[str]
    tlog_proof: str


class Head(BaseModel):
    """A tree head; without a number when it was asked for by its size."""

    checkpoint: int | None
    size: int
    root: str


class ConsistencyProof(BaseModel):
    """From one head to a later one."""

    older: Head = Field(alias="from")
    newer: Head = Field(alias="to")
    hashes: list[str]


class Key(BaseModel):
    """A key, without its text."""

    id: str
    name: str
    prefix: str
    tenant: str
    scopes: list[str]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None


class NewKey(Key):
    """A key just made, with its text, this once."""

    key: str


class KeyPage(BaseModel):
    """Keys of a tenant."""

    keys: list[Key]
