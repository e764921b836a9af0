"""The page of a person's calendar addresses: made, shown once, revoked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy.orm import Session

from api.access.calendar_links import links_of
from api.access.callers import Caller
from api.web import quantities
from api.web.faults import Fault


@dataclass(frozen=True)
class LinkLine:
    """One address in force; its token is not known any more."""

    id: str
    made: str
    used: str


@dataclass(frozen=True)
class CalendarPage:
    """The addresses of a person.

    Attributes:
        address: The one that was just made, to be shown this once; else empty.
    """

    template: ClassVar[str] = "calendrier.html"
    tab: ClassVar[str] = "echeances"
    help_anchor: ClassVar[str] = "calendrier"
    json_href: ClassVar[str] = ""

    lines: tuple[LinkLine, ...]
    address: str = ""
    faults: tuple[Fault, ...] = ()


def calendar_page(session: Session, person: Caller, address: str = "", faults: tuple[Fault, ...] = ()) -> CalendarPage:
    """Return the page of a person's addresses, in the current language."""
    lines = tuple(
        LinkLine(row.id, quantities.day(row.created_at), quantities.day(row.last_used_at))
        for row in links_of(session, person)
    )
    return CalendarPage(lines, address, faults)
