"""Bordereaux on paper: what is printed, what came back, who entered it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.views import disposal as views
from api.views.paper_pdf import BOOKLET, ToSign, paper_pdf
from archive.database.disposal_tables import DisposalLineRow, DisposalRow, DisposalScanRow
from archive.database.tables import TenantRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau, listing, scans, visas
from archive.disposition.disposals.paper import Detail
from archive.model.disposals import LineState
from archive.retention.civil import local_time
from archive.retention.schedule import document_types
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from ingestion.assembly import System


def booklets(session: Session, disposal_id: str, detail: Detail) -> int:
    """Return how many booklets a print has."""
    line = DisposalLineRow
    last = line.group_no if detail is Detail.GROUPS else line.position
    rows = session.scalar(select(func.max(last)).where(line.disposal_id == disposal_id)) or 0
    return max(1, -(-rows // BOOKLET))


def booklet(system: System, caller: Caller, disposal_id: str, detail: Detail, part: int) -> tuple[str, bytes]:
    """Typeset one booklet of a bordereau; return its name as a file, and the PDF.

    Titles are printed as the caller may read them.

    Raises:
        Refused: ``disposal_not_found``, ``visa_not_expected``: it is no more than a draft;
            ``page_not_found``.
    """
    with system.database.read() as session:
        row = bordereau.get(session, caller.tenant, disposal_id)
        require_submitted(row)
        parts = booklets(session, row.id, detail)
        if part > parts:
            raise Refused(
                "page_not_found",
                "Ce document n’a pas de page {page}.",
                action="Vérifiez le nombre de pages.",
                pointer="part",
                page=part,
            )
        act = views.reading(system, session, caller.tenant)
        start = (part - 1) * BOOKLET
        given = ToSign(
            service=session.get_one(TenantRow, caller.tenant).name,
            shown=views.view(act, row),
            visas={one["step"]: one for one in views.visa_views(session, row.id) if one["state"] == "given"},
            detail=detail,
            part=part,
            parts=parts,
            rows=_rows(session, caller, row, detail, start),
            types={one.code: one.label for one in document_types(session, caller.tenant)},
            now=local_time(session, caller.tenant, system.clock()),
        )
    name = f"bordereau-{row.reference}" + (f"-cahier-{part}" if parts > 1 else "")
    return f"{name}.pdf", paper_pdf(given)


def _rows(session: Session, caller: Caller, row: DisposalRow, detail: Detail, start: int) -> list[dict[str, Any]]:
    if detail is Detail.GROUPS:
        found = listing.groups(session, row.id, after=start, limit=BOOKLET)
        return [views.group_view(session, caller.tenant, one) for one in found]
    lines = [
        line
        for line in listing.lines(session, row.id, after=start, limit=BOOKLET)
        if line.position <= start + BOOKLET and line.state != LineState.EXCLUDED
    ]
    return views.line_views(session, views.signing(session, caller, row), lines)


def require_submitted(row: DisposalRow) -> None:
    """Refuse to print what may still change.

    Raises:
        Refused: ``visa_not_expected``.
    """
    if not row.content["submitted_by"]:
        raise Refused(
            "visa_not_expected",
            "Ce bordereau n’est pas encore soumis : sa population peut changer.",
            kept=bordereau.UNCHANGED,
            action="Soumettez-le, puis imprimez-le.",
        )


def scan_view(row: DisposalScanRow) -> dict[str, Any]:
    """Return a scan, with what was read on it."""
    body = row.content
    names = ("pages", "verdict", "unread", "missing", "title_read", "population")
    return {
        "id": row.id,
        "sha256": row.sha256,
        "size": row.size,
        "media_type": row.media_type,
        "virus": body["virus"]["verdict"],
        **{name: body[name] for name in names},
    }


def scan_views(session: Session, disposal_id: str) -> list[dict[str, Any]]:
    """Return the scans of a disposal, in the order in which they came."""
    return [scan_view(one) for one in scans.of(session, disposal_id)]


def require_visa_of(act: Act, disposal_id: str, visa_id: str) -> None:
    """Refuse a visa of another bordereau than the one in the address.

    Raises:
        Refused: ``disposal_not_found``, ``visa_not_found``.
    """
    row = bordereau.get(act.session, act.tenant, disposal_id)
    if visas.get(act, visa_id).disposal_id != row.id:
        raise Refused("visa_not_found", "Ce visa n’existe pas.", action="Vérifiez son identifiant.")
