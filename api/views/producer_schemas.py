"""Bodies of requests and answers about services and deposit agreements."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from api.http.dependencies import Day
from api.views.schemas import Body
from archive.model.agreement_terms import DEFAULTS

_NAMES: Final[list[Any]] = [
    {"name": "Direction des routes", "valid_from": None, "valid_until": "2015-12-31"},
    {"name": "Direction des mobilités", "valid_from": "2016-01-01", "valid_until": None},
]


class DatedNameGiven(Body):
    """A name of a service, and the days on which it is its name, both included."""

    model_config = ConfigDict(extra="forbid")

    name: str
    valid_from: Day | None = None
    valid_until: Day | None = None


class FormerPlaceGiven(Body):
    """A place that a service had in the tree, until its last day, included."""

    model_config = ConfigDict(extra="forbid")

    parent: str | None = Field(default=None, description="Code du service au-dessus, alors.")
    rank: str | None = Field(default=None, description="Son rang, alors.")
    until: Day


class ServiceTerms(Body):
    """A service, whole, but for its code."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"parent": "DGS", "rank": "direction", "names": _NAMES}}
    )

    names: list[DatedNameGiven]
    parent: str | None = Field(default=None, description="Code du service au-dessus.")
    rank: str | None = Field(default=None, description="Dans vos mots : direction, service, bureau…")
    opened_on: Day | None = None
    closed_on: Day | None = None
    successors: list[str] = Field(default=[], description="Codes des services qui ont pris la suite.")
    former_places: list[FormerPlaceGiven] = Field(
        default=[], description="Ses places d’avant : `parent` et `rank` valent depuis la dernière."
    )


class ServiceGiven(ServiceTerms):
    """A service with its code."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"code": "ROUTES", "parent": "DGS", "rank": "direction", "names": _NAMES}},
    )

    code: str


class DatedNameView(BaseModel):
    """A name of a service with its first and last day."""

    name: str
    valid_from: str | None
    valid_until: str | None


class FormerPlaceView(BaseModel):
    """A place that a service had in the tree, until its last day, included."""

    parent: str | None
    rank: str
    until: str


class ServiceView(BaseModel):
    """A service, as it is called on one day."""

    code: str
    number: int = Field(description="Augmente à chaque changement ; c’est aussi l’ETag.")
    name: str = Field(description="Nom au jour demandé.")
    above: list[str] = Field(description="Noms, ce jour-là, des services au-dessus, du plus proche au plus haut.")
    depth: int
    parent: str | None
    rank: str
    opened_on: str | None
    closed_on: str | None
    names: list[DatedNameView]
    successors: list[str]
    former_places: list[FormerPlaceView]
    rank_on: str = Field(description="Rang au jour demandé.")


class ServiceList(BaseModel):
    """Services of a tenant, each below the one above it."""

    on: str
    services: list[ServiceView]


class ServiceImport(BaseModel):
    """What a file of services made, or would make."""

    dry_run: bool
    created: int
    changed: int
    unchanged: int


class AgreementTerms(Body):
    """A deposit agreement, whole, but for its code."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "title": "Factures de l’application comptable",
                "services": ["FIN"],
                "formats": ["application/pdf"],
                "max_bytes": 10_000_000,
                "defaults": {"document_type": "facture"},
                "valid_from": "2026-01-01",
            }
        },
    )

    title: str
    reference: str | None = Field(default=None, description="De la convention signée.")
    services: list[str] = Field(default=[], description="Codes ; chacun vaut aussi pour les services au-dessous.")
    depositors: list[str] = Field(default=[], description="`key:<id>` ou `user:<id>` ; vide : tout déposant.")
    document_types: list[str] = Field(default=[], description="Codes ; vide : tous.")
    formats: list[str] = Field(
        default=[], description="Types de contenu (`application/pdf`, `image/*`) ou PRONOM (`fmt/20`) ; vide : tous."
    )
    max_bytes: int | None = Field(default=None, description="D’un fichier.")
    max_per_month: int | None = Field(default=None, description="Versements par mois civil.")
    defaults: dict[str, str] = Field(
        default={}, description=f"Valeurs là où le versement n’en donne pas : {', '.join(DEFAULTS)}."
    )
    valid_from: Day | None = None
    valid_until: Day | None = None
    suspended: bool = False


class AgreementGiven(AgreementTerms):
    """A deposit agreement with its code."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"code": "CONV-2026-01", "title": "Factures", "services": ["FIN"]}},
    )

    code: str


class AgreementView(BaseModel):
    """A deposit agreement, whether it is in force, and what it received this month."""

    code: str
    number: int = Field(description="Augmente à chaque changement ; c’est aussi l’ETag.")
    in_force: bool
    received_this_month: int
    title: str
    reference: str
    services: list[str]
    depositors: list[str]
    document_types: list[str]
    formats: list[str]
    max_bytes: int | None
    max_per_month: int | None
    defaults: dict[str, str]
    valid_from: str | None
    valid_until: str | None
    suspended: bool


class AgreementList(BaseModel):
    """Deposit agreements of a tenant."""

    required: bool = Field(description="Si aucun versement n’est reçu sans convention.")
    agreements: list[AgreementView]


class AgreementPolicy(Body):
    """Whether deposits need an agreement."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"required": True}})

    required: bool
