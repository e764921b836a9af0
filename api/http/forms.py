"""The one place where every form is read: fields of a page, and of an upload, are text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends
from starlette.datastructures import FormData
from starlette.requests import Request

from signing.ground.errors import Refused


@asynccontextmanager
async def read_form(request: Request, *, most: int = 1000) -> AsyncIterator[FormData]:
    """Read the form of a page.

    Args:
        most: Largest number of fields.

    Raises:
        Refused: ``invalid_request``.
    """
    async with request.form(max_fields=most) as given:
        for name, value in given.multi_items():
            admit_text(name, value if isinstance(value, str) else value.filename or "")
        yield given


def texts_of(given: FormData) -> dict[str, str]:
    """Return the text of each field of a form that was read; files are left out."""
    return {name: value for name, value in given.multi_items() if isinstance(value, str)}


async def typed_fields(request: Request) -> dict[str, str]:
    """Return the text of each field; files are left out.

    Raises:
        Refused: ``invalid_request``.
    """
    async with read_form(request) as given:
        return texts_of(given)


TypedFields = Annotated[dict[str, str], Depends(typed_fields)]
"""The fields of a page's form, where its route needs no more of the request."""


def admit_text(*texts: str) -> None:
    """Refuse NUL in names and values of a form: no text of ours has it, no database takes it.

    Raises:
        Refused: ``invalid_request``.
    """
    if any("\0" in text for text in texts):
        raise Refused(
            "invalid_request",
            "Le formulaire porte un caractère qui n’est pas du texte.",
            action="Retirez ce caractère, puis recommencez.",
        )
