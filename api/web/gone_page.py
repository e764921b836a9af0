"""The view-model of a record that was destroyed: its id, by what, its history; no word of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from markupsafe import Markup

from api.access.callers import Caller
from api.http.i18n import _
from api.web import quantities
from api.web.record_sections import History, events_of
from archive.catalogue.disposals import Departure, departure_of
from archive.catalogue.rows import get

if TYPE_CHECKING:
    from ingestion.assembly import System


@dataclass(frozen=True)
class GonePage:
    """What stays of a record that was destroyed.

    Attributes:
        title: That it is not here any more.
        sentence: Since when, and by which bordereau.
        disposal: Id of the bordereau, for who may see it; else empty.
        reference: Number of the bordereau.
    """

    template: ClassVar[str] = "document_parti.html"
    tab: ClassVar[str] = "recherche"
    help_anchor: ClassVar[str] = "document"

    id: str
    title: Markup
    sentence: Markup
    disposal: str
    reference: str
    history: History

    @property
    def json_href(self) -> str:
        """Return the API's address of its history."""
        return f"/api/v1/records/{self.id}/history"


def gone_page(system: System, person: Caller, record_id: str) -> GonePage | None:
    """Return the page of a record that is gone, in the current language; None if it is here."""
    with system.database.read() as session:
        gone = departure_of(session, person.tenant, record_id)
        if gone is None:
            return None
        history = events_of(session, get(session, person.tenant, record_id))
    sees = person.may("disposal:write") or person.may("disposal:visa")
    return GonePage(
        id=record_id,
        title=_("Ce document a été éliminé"),
        sentence=_sentence(gone),
        disposal=(gone.disposal or "") if sees else "",
        reference=gone.reference or "",
        history=history,
    )


def _sentence(gone: Departure) -> Markup:
    if gone.decided_at is None or gone.reference is None:
        return _("Il n’est plus ici.")
    if gone.done_at is None:
        since = quantities.moment(gone.decided_at)
        return _(
            "Sa destruction est décidée depuis le {since}, par le bordereau {reference}. Elle s’achève.",
            since=since,
            reference=gone.reference,
        )
    day = quantities.moment(gone.done_at)
    return _("Détruit le {day}, par le bordereau {reference}.", day=day, reference=gone.reference)
