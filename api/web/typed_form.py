"""The fields of a form, as a person typed them."""

from __future__ import annotations

from starlette.requests import Request


async def typed_fields(request: Request) -> dict[str, str]:
    """Return the text of each field; files are left out."""
    async with request.form() as given:
        return {name: value for name, value in given.items() if isinstance(value, str)}


class Typed(dict[str, str]):
    """A form as it was sent; what was not sent is empty."""

    def __missing__(self, name: str) -> str:
        """Return the empty text."""
        return ""
