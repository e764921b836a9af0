"""The fields of a form, as a person typed them."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request

from signing.ground.errors import Refused


async def typed_fields(request: Request) -> dict[str, str]:
    """Return the text of each field; files are left out."""
    async with request.form() as given:
        return texts_of(given)


def texts_of(given: FormData) -> dict[str, str]:
    """Return the text of each field of a form that was read; files are left out."""
    texts = [(name, value) for name, value in given.multi_items() if isinstance(value, str)]
    if any("\0" in name or "\0" in value for name, value in texts):  # no database takes it
        raise Refused(
            "invalid_request",
            "Le formulaire porte un caractère qui n’est pas du texte.",
            action="Retirez ce caractère, puis recommencez.",
        )
    return dict(texts)


class Typed(dict[str, str]):
    """A form as it was sent; what was not sent is empty."""

    def __missing__(self, name: str) -> str:
        """Return the empty text."""
        return ""
