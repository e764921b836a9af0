"""Dependencies shared by the endpoints: the assembled system, days, moments with a zone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends
from pydantic import AfterValidator, BeforeValidator
from starlette.requests import Request

from archive.model.days import iso_day

if TYPE_CHECKING:
    from ingestion.assembly import System
else:
    # FastAPI evaluates annotations: the name suffices, without loading the module.
    System = Any


def system_of(request: Request) -> System:
    """Return the assembled system that serves this request."""
    system: System = request.app.state.system
    return system


Assembled = Annotated[System, Depends(system_of)]


def _zoned(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:  # the first or the last day there is, in another zone
        raise ValueError("date hors du calendrier") from error


def _written_day(given: object) -> date:
    """Refuse what is no written day: a number of seconds, a moment, a week."""
    try:
        return iso_day(given if isinstance(given, str) else "")
    except ValueError as error:
        raise ValueError("pas une date : écrivez-la ainsi, 2026-03-12") from error


Day = Annotated[date, BeforeValidator(_written_day)]
"""A day, ``YYYY-MM-DD`` and nothing else."""

Moment = Annotated[datetime, AfterValidator(_zoned)]
"""A moment in UTC, from what a caller writes; without a zone it is read as UTC."""
