"""Schemas of access requests and derogations."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.http.dependencies import Day
from api.views.schemas import Body
from archive.catalogue.access_steps import LONGEST

KindOfRequest = Literal["communication", "derogation"]
StateOfRequest = Literal["registered", "sent", "answered", "granted", "refused", "closed"]
StepOfRequest = Literal["send", "answer", "grant", "refuse", "consult", "close"]


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


class AccessRequestView(BaseModel):
    """An access request or a derogation. Its ETag is its number."""

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
    number: int


class AccessRequestPage(BaseModel):
    """Requests, the one registered last first."""

    requests: list[AccessRequestView]
    next: str | None = Field(description="Curseur de la page suivante.")
