"""Dependencies shared by the endpoints: the assembled system, and moments with a zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends
from pydantic import AfterValidator
from starlette.requests import Request

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


Moment = Annotated[datetime, AfterValidator(_zoned)]
"""A moment in UTC, from what a caller writes; without a zone it is read as UTC."""
