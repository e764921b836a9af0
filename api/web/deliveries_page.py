"""View-model of the packages of a bordereau of transfer: made, fetched, answered, decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from markupsafe import Markup

from api.access.callers import Caller
from api.http.i18n import _, ngettext, said, translated
from api.views import seda_delivery as views
from api.web import quantities
from api.web.faults import Fault
from api.web.progress import Badge
from archive.disposition.disposals import bordereau
from archive.disposition.transfers import deliveries, outgoing
from archive.exchange.seda.versions import Version
from archive.model.disposals import DisposalAction
from archive.model.seda_states import DeliveryState
from signing.ground.clock import parse_stamp
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from ingestion.assembly import System

MOST: Final = 50
STATES: Final = {
    DeliveryState.MADE: ("wait", "clock", "Attend la réponse du destinataire"),
    DeliveryState.ACCEPTED: ("ok", "check", "Pris en charge par le destinataire"),
    DeliveryState.DOUBTFUL: ("warn", "warn", "Pris en charge avec réserves : à décider"),
    DeliveryState.REFUSED: ("bad", "cross", "Refusé par le destinataire : rien ne part"),
}


@dataclass(frozen=True)
class PackageLine:
    """One package: what it holds, where it stands, what the receiver found."""

    number: int
    identifier: str
    size: Markup
    badge: Badge
    href: str
    proofs: str
    findings: tuple[str, ...]
    reason: str
    waits: bool


@dataclass(frozen=True)
class DeliverySection:
    """One delivery."""

    id: str
    title: Markup
    listing: str
    packages: tuple[PackageLine, ...]
    answerable: bool


@dataclass(frozen=True)
class DeliveriesPage:
    """The packages of a bordereau.

    Attributes:
        left: Records that no receiver has taken over.
    """

    template: ClassVar[str] = "paquets.html"
    tab: ClassVar[str] = "bordereaux"
    help_anchor: ClassVar[str] = "paquets"

    disposal: str
    reference: str
    left: Markup
    may_make: bool
    versions: tuple[str, ...]
    typed: Mapping[str, str]
    deliveries: tuple[DeliverySection, ...]
    faults: tuple[Fault, ...] = ()

    @property
    def json_href(self) -> str:
        """Return the API's address of the same content."""
        return f"/api/v1/seda/deliveries?disposal={self.disposal}"


def deliveries_page(
    system: System, person: Caller, disposal_id: str, typed: Mapping[str, str], faults: Sequence[Fault] = ()
) -> DeliveriesPage:
    """Return the packages of a bordereau, and the form that makes more.

    Raises:
        Refused: ``disposal_not_found``, ``delivery_not_expected``.
    """
    with system.database.read() as session:
        row = bordereau.get(session, person.tenant, disposal_id)
        if row.action != DisposalAction.TRANSFER:
            outgoing.sendable(session, person.tenant, disposal_id)
        left = _left(session, person.tenant, disposal_id)
        found = deliveries.page(session, person.tenant, disposal=row.id, limit=MOST)
        shown = tuple(_section(views.view(one, translated)) for one in found)
    given = {"version": Version.V2_2.value} | dict(typed)
    count = ngettext("{n} document attend un paquet.", "{n} documents attendent un paquet.", left or 0)
    return DeliveriesPage(
        disposal=row.id,
        reference=row.reference,
        left=count,
        may_make=left is not None and left > 0,
        versions=tuple(version.value for version in Version),
        typed=given,
        deliveries=shown,
        faults=tuple(faults),
    )


def _left(session: Session, tenant: str, disposal_id: str) -> int | None:
    """Count the records that may go into a package; None where none is made now."""
    try:
        return len(outgoing.sendable(session, tenant, disposal_id))
    except Refused as error:
        if error.code != "delivery_not_expected":
            raise
        return None


def _section(told: Mapping[str, Any]) -> DeliverySection:
    packages = tuple(_line(one) for one in told["packages"])
    day = quantities.day(parse_stamp(told["sent_at"]))
    return DeliverySection(
        id=told["id"],
        title=_("Envoi du {day} à {to}, SEDA {version}", day=day, to=told["archival_agency"], version=told["version"]),
        listing=told["listing"],
        packages=packages,
        answerable=any(one["state"] != DeliveryState.ACCEPTED for one in told["packages"]),
    )


def _line(one: Mapping[str, Any]) -> PackageLine:
    reply = one["reply"] or {}
    count = ngettext("{n} document", "{n} documents", one["records"])
    kind, icon, word = STATES[DeliveryState(one["state"])]
    return PackageLine(
        number=one["number"],
        identifier=one["identifier"],
        size=_("{count}, {size}", count=count, size=quantities.size(one["bytes"])),
        badge=Badge(kind, icon, said(word)),
        href=one["href"],
        proofs=one["proofs"],
        findings=tuple(finding["detail"] for finding in reply.get("findings", ())),
        reason=reply.get("reason") or "",
        waits=one["state"] == DeliveryState.DOUBTFUL,
    )
