"""Errors of a form that was sent: a sentence, and a link to the field at fault."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from api.http.i18n import said
from api.web import quantities
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
    """Return a refusal in the page's language: what happened, then what to do.

    A field is named by its label in the form, a day is written in words.
    """
    field = BY_NAME.get(str(error.values.get("name")))
    values = error.values | ({"name": said(field.label)} if field is not None else {})
    values |= {key: quantities.day(day) for key, day in values.items() if isinstance(day, date)}
    return said(error.detail, **values) + Markup(" ") + said(error.action, **values)
