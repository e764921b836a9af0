"""What was wrong with a form that was sent: a sentence, and the field it is about."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from api.http.i18n import said
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
    """A refusal in the page's language: what happened, then what to do."""
    return said(error.detail, **error.values) + Markup(" ") + said(error.action, **error.values)
