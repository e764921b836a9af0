"""The one place where every form is read: fields of a page, and of an upload, are text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated

from fastapi import Depends
from starlette.datastructures import FormData
from starlette.requests import Request

from archive.model.field_rules import is_text
from signing.ground.errors import Refused


@asynccontextmanager
async def read_form(request: Request, *, most: int = 1000) -> AsyncIterator[FormData]:
    """Read the form of a page.

    Args:
        most: Largest number of fields.

    Raises:
        Refused: ``invalid_request``.
    """
    async with AsyncExitStack() as opened:
        try:
            given = await opened.enter_async_context(request.form(max_fields=most))
        except UnicodeError as error:  # the charset that it names can't read it
            raise _no_text() from error
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
    """Refuse NUL and halves of characters in names and values of a form: no database takes them.

    A form in parts may bring halves by its charset.

    Raises:
        Refused: ``invalid_request``.
    """
    if not all(is_text(text) for text in texts):
        raise _no_text()


def _no_text() -> Refused:
    return Refused(
        "invalid_request",
        "Le formulaire porte un caractère qui n’est pas du texte.",
        action="Retirez ce caractère, puis recommencez.",
    )
