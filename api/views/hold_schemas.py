"""JSON models of holds, for the documentation and the checks of answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class Hold(BaseModel):
    """A hold, in force or not."""

    id: str
    tenant: str
    state: Literal["active", "released", "expired"]
    reason: str
    until: str | None = Field(description="Dernier jour ; null : jusqu’à sa levée.")
    records: list[str] = Field(description="Identifiants ; les 500 premiers.")
    record_count: int = Field(description="Documents tenus.")
    settled_count: int = Field(description="Documents pour lesquels le magasin fait ce qui a été décidé.")
    scope: Literal["list", "subtree", "query"] = Field(description="Liste, sous-arbre du plan, ou requête.")
    node: str | None = Field(description="Classe ou dossier, pour un sous-arbre.")
    query: dict[str, Any] | None = Field(description="Conditions, pour une requête.")
    authority: Literal["judge", "inquiry", "audit", "other"] | None
    reference: str | None
    owner: str | None = Field(description="Qui en répond.")
    review_on: str | None = Field(description="Prochaine revue ; rien ne finit ce jour-là.")
    last_review: str | None = Field(description="Constat de la dernière revue.")
    forbids_move: bool = Field(description="Les documents restent à leur place dans le plan.")
    restricts_reading: bool = Field(description="Seuls ceux qui peuvent geler les lisent.")
    placed_at: str
    placed_by: str | None = Field(description="Nom ; null s’il n’est plus connu.")
    released_at: str | None
    released_by: str | None
    release_reason: str | None
    in_step: bool = Field(description="Le magasin fait ce qui a été décidé.")
    problem: str | None = Field(description="Code de ce qui l’en empêche.")
    remark: str | None = Field(description="Ce qui est à vérifier ; null : rien.")


class HoldPage(BaseModel):
    """Holds, newest first."""

    holds: list[Hold]
    next: str | None = Field(description="Curseur de la page suivante.")


class HeldRecordPage(BaseModel):
    """Ids of the records that a hold covers."""

    records: list[str]
    next: str | None = Field(description="Curseur de la page suivante.")


class HoldReach(BaseModel):
    """What a hold would cover now."""

    record_count: int
    records: list[str] = Field(description="Quelques identifiants.")
    unread: int = Field(description="Documents dont le texte des pages n’est pas encore connu d’une requête.")
