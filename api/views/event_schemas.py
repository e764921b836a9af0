"""Bodies of requests and answers about events that start retention."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.http.dependencies import Day
from api.views.schemas import Body
from archive.retention.admission import LONGEST_EVENT_ID, LONGEST_REFERENCE
from archive.retention.dates import EVENTS

LONGEST_REASON = 2000
EventCode = Annotated[str, Field(json_schema_extra={"enum": sorted(EVENTS)})]


class EventRequest(Body):
    """What happened, in which business case, and when."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "id": "MAR-2021-07:fin",
                "event": "contract_end",
                "reference": "MAR-2021-07",
                "occurred_on": "2024-06-30",
            }
        },
    )

    event: EventCode
    reference: str = Field(
        description=f"Référence de l’affaire, celle que portent ses documents ; {LONGEST_REFERENCE} signes au plus."
    )
    occurred_on: Day
    id: str | None = Field(
        default=None,
        description=f"Identifiant de votre choix, {LONGEST_EVENT_ID} signes au plus ; rejouer le même ne change rien.",
    )
    reason: str | None = Field(default=None, max_length=LONGEST_REASON, description="Pourquoi ; jamais au journal.")


class EventChange(Body):
    """A correction: another day; or a withdrawal. The earlier statements stay."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"occurred_on": "2024-07-31"}})

    occurred_on: Day | None = None
    withdrawn: bool | None = Field(default=None, description="`true` : l’événement n’a pas eu lieu.")
    reason: str | None = Field(default=None, max_length=LONGEST_REASON)


class StatedEvent(BaseModel):
    """An event as one statement gives it."""

    id: str
    event: str
    label: str
    reference: str
    occurred_on: str
    withdrawn: bool
    number: int = Field(description="1, 2, 3 … : l’ETag de l’événement est le dernier.")
    change: str = Field(description="`declared`, `corrected` ou `withdrawn`.")
    reason: str | None
    stated_at: str
    stated_by: str | None
    entry: int


class EventEffect(BaseModel):
    """What an event would do, or has done, to the dates of records."""

    records: int = Field(description="Documents de cette affaire.")
    changed: int = Field(description="Ceux dont les dates changent.")
    earliest_due_on: str | None
    without_end: int = Field(description="Ceux qui n’auraient pas de fin.")


class EventView(StatedEvent):
    """An event as it is now, with all that was stated about it, oldest first."""

    statements: list[StatedEvent]


class EventPage(BaseModel):
    """Events, the one stated last first."""

    events: list[StatedEvent]
    next: str | None = Field(description="Curseur de la page suivante.")
