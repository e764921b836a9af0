"""Scans of bordereaux that came back on paper: stated with what was read on them, kept for ever.

The bytes are in the store before a scan is stated; a program that dies in between leaves bytes that
nothing states, which the next attempt with the same file takes over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.disposal_tables import DisposalRow, DisposalScanRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau
from archive.disposition.disposals.paper import ScanFault, ScanReading, ScanVerdict, read_scan
from archive.journal.types import EntryType
from archive.model.disposals import DisposalState
from archive.model.identifiers import is_id, new_id
from archive.model.statement_kinds import StatementKind
from archive.objects.layout import ScanKey
from signing.ground.errors import Refused

_KEPT = "Rien n’a été gardé de cet envoi."
_FAULTS: Mapping[ScanFault, tuple[str, str]] = {
    ScanFault.OTHER_BORDEREAU: (
        "Cette copie est celle d’un autre bordereau (page {at}).",
        "Joignez-la à celui dont elle porte le numéro.",
    ),
    ScanFault.OTHER_POPULATION: (
        "Cette copie porte une autre population que celle qui a été soumise (page {at}).",
        "Imprimez le bordereau tel qu’il est soumis, et faites-le viser.",
    ),
    ScanFault.FOREIGN_PAGES: (
        "Des pages d’un autre bordereau, ou d’une autre impression, sont dans cette copie (page {at}).",
        "Retirez-les, puis numérisez de nouveau.",
    ),
    ScanFault.PAGES_MISSING: (
        "Il manque des pages à cette copie : {missing}.",
        "Numérisez le bordereau entier, puis recommencez.",
    ),
}


@dataclass(frozen=True)
class ScanReceived:
    """A file that came, examined.

    Attributes:
        codes: Texts of the codes of each of its pages.
        virus: Verdict on viruses, with the tool that gave it.
    """

    sha256: str
    size: int
    media_type: str
    codes: Sequence[Sequence[str]]
    virus: Mapping[str, Any]


def reading_of(row: DisposalRow, received: ScanReceived) -> ScanReading:
    """Judge a file by its codes; refuse one that they contradict.

    Raises:
        Refused: ``scan_other_bordereau``, ``scan_other_population``, ``scan_foreign_pages``,
            ``scan_pages_missing``.
    """
    found = read_scan(row.id, row.reference, row.content["population"], received.codes)
    if found.fault is not None:
        detail, action = _FAULTS[found.fault]
        raise Refused(
            found.fault.value,
            detail,
            kept=_KEPT,
            action=action,
            pointer="/file",
            at=", ".join(map(str, found.at[:20])),
            missing=", ".join(found.missing[:20]),
        )
    return found


def require_awaited(row: DisposalRow) -> None:
    """Refuse a scan of a bordereau that waits for no visa.

    Raises:
        Refused: ``visa_not_expected``.
    """
    if row.state != DisposalState.SUBMITTED:
        raise Refused(
            "visa_not_expected",
            "Ce bordereau n’attend pas de visa.",
            kept=_KEPT,
            action="Relisez le bordereau : il dit où il en est.",
        )


def attach(act: Act, disposal_id: str, received: ScanReceived) -> DisposalScanRow:
    """State a scan whose bytes the store has; the same bytes a second time change nothing.

    Raises:
        Refused: ``disposal_not_found``, ``disposal_closed``, ``visa_not_expected``, and as
            ``reading_of``.
    """
    row = bordereau.changeable(act, disposal_id, None)
    require_awaited(row)
    reading = reading_of(row, received)
    there = _by_digest(act.session, row.id, received.sha256)
    if there is not None:
        return there
    body = {
        "disposal_id": row.id,
        "population": row.content["population"],
        "sha256": received.sha256,
        "size": received.size,
        "media_type": received.media_type,
        "virus": dict(received.virus),
        "attached_by": act.agent,
        **reading.as_json(),
    }
    subject = new_id()
    act.state(StatementKind.SCAN, subject, 0, "attached", body, EntryType.DISPOSAL_STATED)
    return act.session.get_one(DisposalScanRow, subject)


def require(act: Act, disposal_id: str, sha256: str, *, attested: bool) -> DisposalScanRow:
    """Return the scan of a visa: one of this bordereau, proven by its codes or by who says so.

    Raises:
        Refused: ``visa_scan_missing``, ``scan_not_attested``.
    """
    row = _by_digest(act.session, disposal_id, sha256)
    if row is None:
        raise Refused(
            "visa_scan_missing",
            "La copie numérisée du bordereau visé manque.",
            kept=bordereau.UNCHANGED,
            action="Joignez-la : elle prouve le visa.",
        )
    if row.verdict != ScanVerdict.PROVEN and not attested:
        raise Refused(
            "scan_not_attested",
            "Les codes de cette copie ne se lisent pas tous : une personne doit dire qu’elle est entière.",
            kept=bordereau.UNCHANGED,
            action="Comparez-la au papier, page par page, puis attestez-le.",
            pointer="/attested",
        )
    return row


def get(session: Session, disposal_id: str, scan_id: str) -> DisposalScanRow:
    """Return a scan of a bordereau.

    Raises:
        Refused: ``scan_not_found``.
    """
    row = session.get(DisposalScanRow, scan_id) if is_id(scan_id) else None
    if row is None or row.disposal_id != disposal_id:
        raise Refused("scan_not_found", "Cette copie numérisée n’existe pas.", action="Vérifiez son identifiant.")
    return row


def of(session: Session, disposal_id: str) -> Sequence[DisposalScanRow]:
    """Return the scans of a bordereau, in the order in which they came."""
    scan = DisposalScanRow
    return session.scalars(select(scan).where(scan.disposal_id == disposal_id).order_by(scan.id)).all()


def key_of(row: DisposalScanRow) -> str:
    """Return the key of a scan's bytes."""
    return ScanKey(row.tenant_id, row.disposal_id, row.sha256).key


def _by_digest(session: Session, disposal_id: str, sha256: str) -> DisposalScanRow | None:
    scan = DisposalScanRow
    return session.scalars(select(scan).where(scan.disposal_id == disposal_id, scan.sha256 == sha256)).first()
