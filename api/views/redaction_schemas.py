"""Schemas of redacted copies."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from api.views.schemas import Body
from ingestion.processing.redaction import LONGEST_REASON, MOST_BOXES

Pixels = Annotated[int, Field(ge=-100_000, le=100_000)]
_EXAMPLE: JsonDict = {
    "reason": "Vie privée d’un tiers.",
    "boxes": [{"page": 1, "x": 120, "y": 340, "width": 210, "height": 24}],
}


class CoveredBox(Body):
    """A place to be painted over, from the top left corner of the page's image."""

    page: int = Field(ge=1, le=100_000, description="À partir de 1.")
    x: Pixels
    y: Pixels
    width: Pixels
    height: Pixels


class RedactionGiven(Body):
    """What is to be hidden: all of it, as each copy replaces the one before."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _EXAMPLE})

    boxes: list[CoveredBox] = Field(min_length=1, max_length=MOST_BOXES)
    reason: str = Field(min_length=1, max_length=LONGEST_REASON)
    image_width: int = Field(
        default=900, ge=100, le=2400, description="Largeur des images de pages sur lesquelles les cadres sont dessinés."
    )


class RedactionView(BaseModel):
    """The redacted copy in force."""

    number: int = Field(description="1 pour la première copie de ce document.")
    made_at: str
    reason: str
    image_width: int
    boxes: list[CoveredBox]
    source: dict[str, str] = Field(description="Forme dont elle montre les pages, et son empreinte.")
    words_left_out: int = Field(description="Mots lus qui n’y sont plus.")
    seal: dict[str, Any]
    pdfa: dict[str, Any]
