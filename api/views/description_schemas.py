"""Schemas of a description in the API, made from the registry of its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from api.views.examples import DESCRIPTION, schema_of
from api.views.schemas import Body
from archive.model.description_fields import DESCRIPTION_FIELDS
from archive.model.field_rules import DescriptionField


class _Change(Body):
    """What to change; a field left out stays, ``null`` empties it."""

    model_config = ConfigDict(json_schema_extra={"example": DESCRIPTION})


def _given(field: DescriptionField) -> Any:
    """Return a field of a change: any text, since the archive itself judges every change."""
    schema = {name: value for name, value in schema_of(field).items() if name != "type"}
    return (str | None, Field(default=None, json_schema_extra=schema))


def _shown(field: DescriptionField) -> Any:
    """Return a field of a kept record."""
    return (str if field.required else str | None, Field(description=field.meaning))


if TYPE_CHECKING:
    DescriptionChange = Body
    Described = BaseModel
else:
    DescriptionChange = create_model(
        "DescriptionChange",
        __base__=_Change,
        __doc__=_Change.__doc__,
        **{field.name: _given(field) for field in DESCRIPTION_FIELDS},
    )
    Described = create_model(
        "Described",
        __doc__="What is said of a record.",
        **{field.name: _shown(field) for field in DESCRIPTION_FIELDS if field.in_record},
    )
