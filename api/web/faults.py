"""What was wrong with a form that was sent: a sentence, and the field it is about."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from api.http.i18n import said
from archive.model.description_fields import BY_NAME
from signing.ground.errors import ChartrierError


@dataclass(frozen=True)
class Fault:
    """One line of the list of errors above a form.

    Attributes:
        href: Anchor of the field; empty when none is at fault.
    """

    href: str
    text: str


def in_words(error: ChartrierError) -> Markup:
    """A refusal in the page's language: what happened, then what to do.

    A field under the name of its box.
    """
    field = BY_NAME.get(str(error.values.get("name")))
    values = error.values | ({"name": said(field.label)} if field is not None else {})
    return said(error.detail, **values) + Markup(" ") + said(error.action, **values)
