"""JSON of reports: registers, their issues, stocktakings."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.http.dependencies import Day

KindOfReport = Literal["accessions", "eliminations", "communications", "annual", "stocktaking"]


class SignatoryGiven(BaseModel):
    """Une personne qui signe."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=200)
    quality: str = Field(max_length=200, description="Par exemple « maire ».")


class StocktakingGiven(BaseModel):
    """Un récolement à faire."""

    model_config = ConfigDict(extra="forbid")
    elected_on: Day = Field(description="Jour de l’élection, ou du changement de maire.")
    outgoing: SignatoryGiven = Field(description="Qui est déchargé.")
    incoming: SignatoryGiven | None = Field(None, description="Qui prend en charge ; absent : la même personne reste.")
    archivist: SignatoryGiven = Field(description="Qui a fait le récolement.")
    remark: str = Field("", max_length=2000)
    units: dict[str, Literal["yes", "no", "not_looked"]] = Field(
        default_factory=dict, description="Par cote, ce qui a été vu sur les rayons ; les autres : non regardées."
    )


class PeriodGiven(BaseModel):
    """Les jours d’un registre, les deux compris ; à défaut, l’année en cours."""

    model_config = ConfigDict(extra="forbid")
    first: Day | None = None
    last: Day | None = None


class ReportView(BaseModel):
    """Un registre délivré, ou un récolement."""

    id: str
    kind: KindOfReport
    state: Literal["asked", "counted", "issued"]
    made_on: str
    first: str | None
    last: str | None
    rows: int | None
    figures: dict[str, Any] | None = Field(description="D’un récolement : séries, lacunes, état, tête du journal.")
    asked: dict[str, Any] | None = Field(description="D’un récolement : qui, et pour quelle élection.")
    file: dict[str, Any] | None = Field(description="`sha256`, `size` et `pages` du PDF/A scellé.")
    href: str | None = Field(description="Où lire le PDF/A, s’il est gardé.")
    number: int


class ReportPage(BaseModel):
    """Une page de la liste."""

    reports: list[ReportView]
    next: str | None
