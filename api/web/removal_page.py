"""The view-model of the form that removes what was entered by mistake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from api.access.callers import Caller
from api.views.removal import choices
from api.web.faults import Fault
from archive.disposition.disposals.bordereau import Draft
from archive.model.disposals import Direction, DisposalAction

if TYPE_CHECKING:
    from ingestion.assembly import System

READERS: Final = ("lecteur1", "lecteur2")
"""Names of the two boxes with people."""


@dataclass(frozen=True)
class RemovalPage:
    """The form of a removal.

    Attributes:
        people: Who may be named: id and name.
    """

    template: ClassVar[str] = "retrait.html"
    tab: ClassVar[str] = "bordereaux"
    help_anchor: ClassVar[str] = "bordereaux"
    json_href: ClassVar[str] = "/api/v1/disposals"

    form: Mapping[str, str]
    faults: tuple[Fault, ...]
    people: tuple[tuple[str, str], ...]

    def value(self, name: str) -> str:
        """Return what was typed in a box."""
        return self.form.get(name, "")


def removal_page(
    system: System, person: Caller, form: Mapping[str, str], faults: tuple[Fault, ...] = ()
) -> RemovalPage:
    """Return the form of a removal, in the current language."""
    with system.database.read() as session:
        people = tuple(choices(session, person.tenant))
    return RemovalPage(form, faults, people)


def draft_of(form: Mapping[str, str]) -> Draft:
    """Read the form; its people are named apart."""
    way = form.get("sens", "")
    return Draft(
        action=DisposalAction.REMOVE,
        direction=Direction(way) if way in set(Direction) else Direction.SERVICE_ASKS,
        title=form.get("titre", ""),
        producer=form.get("producteur", "").strip() or None,
        authority=form.get("autorite") == "1",
        records=form.get("documents", "").split(),
        reason=form.get("motif", ""),
    )
