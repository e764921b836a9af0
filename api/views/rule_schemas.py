"""Schemas of the retention schedule: rules, versions, simulations, pack differences, types."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.http.dependencies import Day
from api.views.schemas import Body
from archive.catalogue.rule_changes import LONGEST_REASON
from archive.model.final_actions import FinalAction
from archive.retention.dates import START_EVENTS
from archive.retention.rule_terms import LONGEST_ACCESS, LONGEST_DURATION, LONGEST_LABEL, LONGEST_TEXT

_EXAMPLE: dict[str, Any] = {
    "label": "Factures et pièces comptables",
    "legal_text": "code de commerce, art. L123-22",
    "duration": 10,
    "unit": "YEAR",
    "start_event": "fiscal_year_end",
    "final_action": FinalAction.DESTROY.value,
}
_STARTS: Any = {"enum": sorted(START_EVENTS)}


class RuleTerms(Body):
    """A rule, whole: each version says everything."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _EXAMPLE | {"reason": "Avis du SIAF"}})

    label: str = Field(max_length=LONGEST_LABEL)
    legal_text: str = Field(max_length=LONGEST_TEXT, description="Texte de loi ou tableau d’où elle vient.")
    duration: int | None = Field(strict=True, ge=0, le=LONGEST_DURATION, description="null : sans limite.")
    unit: Literal["DAY", "MONTH", "YEAR"] = "YEAR"
    start_event: str = Field(json_schema_extra=_STARTS)
    final_action: FinalAction
    criteria: str | None = Field(default=None, max_length=LONGEST_TEXT, description="Critères de tri.")
    access_rule: str | None = Field(default=None, max_length=LONGEST_ACCESS, description="Codes séparés par un blanc.")
    valid_from: Day | None = Field(default=None, description="Premier jour ; null : dès qu’elle est faite.")
    reason: str | None = Field(default=None, max_length=LONGEST_REASON, description="Pourquoi cette version.")


class RuleGiven(RuleTerms):
    """A rule to be created."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"code": "FIN-003"} | _EXAMPLE})

    code: str = Field(max_length=40)


class RuleVersion(BaseModel):
    """One version of a rule; it never changes."""

    version: int
    label: str
    legal_text: str
    read: str | None = Field(description="Lecture de la source : `V` en entier, `P` en partie, `NV` pas du tout.")
    duration: int | None
    unit: str
    start_event: str
    final_action: str
    criteria: str | None
    access_rule: str | None
    valid_from: str | None
    created_at: str
    created_by: str | None
    reason: str | None
    validated_at: str | None
    validated_by: str | None
    validation: str | None


class RuleView(RuleVersion):
    """A rule as its latest version has it."""

    code: str
    in_force: int | None = Field(description="Version en vigueur aujourd’hui.")
    records: int = Field(description="Documents dont elle décide.")
    document_types: list[str]
    versions: list[RuleVersion] | None = None


class RulePage(BaseModel):
    """Rules by code."""

    rules: list[RuleView]
    next: str | None


class Validation(Body):
    """The act of a second person."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"basis": "Visa des Archives départementales du 3 mars 2026"}}
    )

    basis: str | None = Field(default=None, max_length=LONGEST_REASON, description="Sur quoi elle repose.")


class TermsChange(Body):
    """What would change of a rule, or of a document type; what is left out stays."""

    label: str | None = Field(default=None, max_length=LONGEST_LABEL)
    legal_text: str | None = Field(default=None, max_length=LONGEST_TEXT)
    duration: int | None = Field(default=None, strict=True, ge=0, le=LONGEST_DURATION)
    unit: Literal["DAY", "MONTH", "YEAR"] | None = None
    start_event: str | None = Field(default=None, json_schema_extra=_STARTS)
    final_action: FinalAction | None = None
    criteria: str | None = Field(default=None, max_length=LONGEST_TEXT)
    access_rule: str | None = Field(default=None, max_length=LONGEST_ACCESS)
    valid_from: Day | None = None
    rule: str | None = Field(default=None, max_length=40, description="Nouvelle règle d’un type de document.")


class SimulationRequest(Body):
    """A change of a rule, or of the rule of a document type."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"rule": "DEP-FIN-008", "change": {"duration": 5}}}
    )

    rule: str | None = Field(default=None, max_length=40)
    document_type: str | None = Field(default=None, max_length=100)
    change: TermsChange


class Simulation(BaseModel):
    """Effect on the records concerned, as if the change were validated and in force today."""

    records: int
    changed: int = Field(description="Documents dont l’échéance, son fondement ou le sort final changeraient.")
    sooner: int
    later: int
    before: dict[str, int] = Field(description="Par état, aujourd’hui.")
    after: dict[str, int]
    due_before: str | None
    due_after: str | None = Field(description="Première échéance parmi les documents qui changent.")
    ids: list[str]
    next: str | None
    disposals: list[str] = Field(description="Bordereaux touchés.")
    must_agree: list[str] = Field(
        description="`second_person` : une autre personne valide ; vide pour un type de document, qui suit aussitôt."
    )


class ImportResult(BaseModel):
    """Rules of a file: new versions by code; nothing where `dry_run`."""

    rules: dict[str, int]
    unchanged: int
    dry_run: bool


class PackLine(BaseModel):
    """One difference between a pack and the tenant's rules."""

    code: str
    change: Literal["added", "changed", "removed"]
    fields: list[str]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    records: int
    decision: dict[str, Any] | None = Field(description="Ligne écartée, avec son motif ; null : à décider.")


class PackDifference(BaseModel):
    """Difference between a pack and the tenant's rules."""

    pack: str
    lines: list[PackLine]


class PackDecision(Body):
    """A line of a pack taken over, or set aside with a reason."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"code": "DEP-FIN-008", "accept": False, "reason": "Délibération du 3 mars"}},
    )

    code: str = Field(max_length=40)
    accept: bool
    reason: str | None = Field(default=None, max_length=LONGEST_REASON)


class DocumentTypeView(BaseModel):
    """A document type with its rule."""

    code: str
    label: str
    rule: str | None
    access_rule: str | None
    records: int


class DocumentTypes(BaseModel):
    """The tenant's document types, by label."""

    document_types: list[DocumentTypeView]


class DocumentTypeGiven(Body):
    """A document type, whole."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"label": "Facture", "rule": "DEP-FIN-008", "access_rule": None}}
    )

    label: str = Field(min_length=1, max_length=200)
    rule: str | None = Field(default=None, max_length=40)
    access_rule: str | None = Field(default=None, max_length=LONGEST_ACCESS)


class DocumentTypeCreated(DocumentTypeGiven):
    """A document type to be added."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"code": "permis", "label": "Permis", "rule": "COM-URB-001"}}
    )

    code: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")
