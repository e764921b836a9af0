"""Schemas of access requests, derogations and early openings."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.http.dependencies import Day
from api.views.schemas import Body
from archive.catalogue.access_steps import LONGEST

KindOfRequest = Literal["communication", "derogation", "early_opening"]
StateOfRequest = Literal["registered", "sent", "answered", "granted", "refused", "withdrawn", "closed"]
StepOfRequest = Literal["send", "answer", "grant", "refuse", "consult", "close", "withdraw"]


class OpeningGiven(Body):
    """What an early opening opens: a node of the filing plan, or a producer's fonds."""

    model_config = ConfigDict(extra="forbid")

    node: str | None = Field(default=None, max_length=36, description="Identifiant d’une classe ou d’un dossier.")
    producer: str | None = Field(default=None, max_length=200, description="Code ou nom d’un service versant.")
    opens_on: Day = Field(description="Premier jour où le public peut lire ; jamais avant la décision.")


class AccessRequestGiven(Body):
    """A request to be registered. Names stay in the register, never in the journal."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "kind": "derogation",
                "requester": "Une chercheuse",
                "subject": "Dossiers d’expropriation de 1962",
                "motive": "Thèse d’histoire",
                "registered_on": "2026-03-31",
            }
        },
    )

    kind: KindOfRequest
    requester: str = Field(min_length=1, max_length=500, description="Qui demande.")
    contact: str | None = Field(default=None, max_length=500)
    subject: str = Field(min_length=1, max_length=LONGEST, description="Ce qui est demandé.")
    motive: str | None = Field(default=None, max_length=LONGEST)
    records: list[str] = Field(default=[], max_length=500, description="Documents d’ici, s’ils sont connus.")
    registered_on: Day | None = Field(default=None, description="À défaut, aujourd’hui.")
    opening: OpeningGiven | None = Field(default=None, description="D’une ouverture anticipée, et d’elle seule.")


class AccessStepGiven(Body):
    """One step of a request."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"step": "send", "on": "2026-04-02", "text": "Direction des routes, par courrier"}
        },
    )

    step: StepOfRequest
    on: Day
    text: str = Field(
        default="",
        max_length=LONGEST,
        description="À qui, ce qu’il a dit, pourquoi, ce qui a été consulté.",
    )
    agreed: bool | None = Field(default=None, description="De `answer` : l’accord du service d’origine.")
    remedies: str | None = Field(
        default=None, max_length=LONGEST, description="De `refuse` : voies de recours ; à défaut, la CADA."
    )


class AccessStepView(BaseModel):
    """A step that was taken."""

    step: StepOfRequest
    on: str
    text: str | None
    agreed: bool | None
    remedies: str | None


class OpeningView(BaseModel):
    """What an early opening opens, by the names of the day when it was registered."""

    node: str | None
    code: str | None
    title: str | None
    producer: str | None
    opens_on: str
    records: int = Field(description="Documents ouverts plus tôt par elle, aujourd’hui.")


class OpeningEffectView(BaseModel):
    """What an early opening would do, if it were decided today."""

    opens_on: str = Field(description="Le jour qu’auraient les documents changés.")
    records: int = Field(description="Documents concernés.")
    changed: int = Field(description="Ceux que le public pourrait lire plus tôt.")
    without_date: int = Field(description="Parmi eux, ceux dont le jour n’est pas connu aujourd’hui.")
    earliest: str | None = Field(description="Aujourd’hui, le premier jour parmi ceux qui changent.")
    latest: str | None = Field(description="Aujourd’hui, le dernier.")
    never: int = Field(description="Ceux que la loi n’ouvre jamais : ils restent fermés.")
    without_rule: int = Field(description="Ceux sans règle d’accès lisible : ils restent fermés.")
    stale: int = Field(description="Ceux dont les dates sont à recalculer.")


class AccessRequestView(BaseModel):
    """An access request, a derogation or an early opening. Its ETag is its number."""

    id: str
    kind: KindOfRequest
    state: StateOfRequest
    requester: str
    contact: str | None
    subject: str
    motive: str | None
    records: list[str]
    registered_on: str
    answer_by: str | None = Field(description="Dernier jour pour répondre à une dérogation : deux mois.")
    warning: Literal["month_passed", "ten_days", "late"] | None
    steps: list[AccessStepView]
    next_steps: list[StepOfRequest]
    opening: OpeningView | None
    number: int


class AccessRequestPage(BaseModel):
    """Requests, the one registered last first."""

    requests: list[AccessRequestView]
    next: str | None = Field(description="Curseur de la page suivante.")
