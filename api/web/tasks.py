"""View-model of one thing to be done on a home page."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from api.http.i18n import _, number
from archive.disposition.due_figures import MOST


@dataclass(frozen=True)
class Task:
    """Something to be done: how many, what, why, and where.

    Attributes:
        details: Parts of it, each with its own list: address and words.
    """

    n: str
    what: Markup
    why: Markup
    href: str
    act: Markup
    details: tuple[tuple[str, Markup], ...] = ()


def task_of(
    n: int,
    nouns: tuple[Markup, Markup],
    why: Markup,
    href: str,
    act: Markup,
    details: tuple[tuple[str, Markup], ...] = (),
) -> Task | None:
    """Return something to be done; None where there is none of it."""
    if not n:
        return None
    shown = str(_("plus de {n}", n=number(MOST))) if n >= MOST else number(n)
    return Task(shown, nouns[0 if n < 2 else 1], why, href, act, details)
