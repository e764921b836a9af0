"""Take in the scan of a bordereau that came back on paper: screened, read in the sandbox, kept.

The file is judged before it is kept; its bytes are in the store before it is stated.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from archive.database.disposal_tables import DisposalScanRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau, scans
from archive.disposition.disposals.scans import ScanReceived
from archive.holdings.stores import Stores
from archive.objects.fixity import verified
from archive.objects.layout import ScanKey
from archive.retention.dates import farthest_lock
from ingestion.tools.clamav import ClamAv
from ingestion.tools.codes import as_pdf, media_type_of, page_codes
from ingestion.tools.sandbox import Sandbox, ToolFailed
from signing.ground.clock import stamp
from signing.ground.errors import Corrupt, Refused

LARGEST: Final = 512 * 1024**2
_KEPT: Final = "Rien n’a été gardé de cet envoi."


@dataclass(frozen=True)
class PaperIntake:
    """What scans are taken in with.

    Attributes:
        work: Folder for what is made on the way.
    """

    stores: Stores
    sandbox: Sandbox
    scanner: ClamAv
    work: Path

    def take(self, tenant: str, agent: str, disposal_id: str, path: Path, sha256: str) -> DisposalScanRow:
        """Examine a file and keep it as the scan of a bordereau.

        Raises:
            Refused: ``disposal_not_found``, ``visa_not_expected``, ``too_large``,
                ``scan_unreadable``, ``scan_infected``, and as ``scans.reading_of``.
            Unavailable: ``clamd_away``, ``sandbox_away``; the store.
        """
        stores = self.stores
        with stores.database.read() as session:
            row = bordereau.get(session, tenant, disposal_id)
            scans.require_awaited(row)
        received = self._examined(path, sha256)
        scans.reading_of(row, received)
        until = farthest_lock(stores.today, stores.horizon)
        stores.store.put(ScanKey(tenant, row.id, sha256).key, path, sha256=sha256, retain_until=until)
        with stores.database.write() as session:
            act = Act(session, stores.ledger, tenant, agent, stores.clock())
            return scans.attach(act, disposal_id, received)

    def page(self, row: DisposalScanRow, number: int, width: int) -> bytes:
        """Return one page of a scan as a WebP picture.

        Raises:
            Corrupt: ``altered``, ``missing``.
            Refused: ``page_not_found``, ``scan_unreadable``.
        """
        self.work.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=self.work) as folder:
            given, made = Path(folder, "scan"), Path(folder, "page.webp")
            with given.open("wb") as out:
                for chunk in self.content(row):
                    out.write(chunk)
            try:
                document = as_pdf(self.sandbox, given, row.media_type, Path(folder))
                self.sandbox.call("page_image", {"page": number, "width": width}, {"source": document}, {"image": made})
            except ToolFailed as error:
                if error.code == "no_such_page":
                    raise Refused(
                        "page_not_found",
                        "Ce document n’a pas de page {page}.",
                        action="Vérifiez le nombre de pages.",
                        page=number,
                    ) from error
                raise _unreadable() from error
            return made.read_bytes()

    def content(self, row: DisposalScanRow) -> Iterator[bytes]:
        """Return the bytes of a scan, checked: of the version that was written first.

        Raises:
            Corrupt: ``altered``, ``missing``.
        """
        key, store = scans.key_of(row), self.stores.store
        first = next((one for one in store.list(key) if one.key == key and not one.marker), None)
        if first is None:
            raise Corrupt(
                "missing",
                "La copie numérisée n’est plus dans le magasin ({key}).",
                kept="Ce que le bordereau en dit est gardé.",
                action="Prévenez l’administrateur : il faut la rétablir depuis la seconde copie.",
                key=key,
            )
        return verified(store, key, first.version, sha256=row.sha256, size=row.size)

    def _examined(self, path: Path, sha256: str) -> ScanReceived:
        size, media_type = path.stat().st_size, media_type_of(path)
        if size > LARGEST:
            raise Refused(
                "too_large",
                "Cette copie numérisée est trop grande.",
                kept=_KEPT,
                action="Numérisez en noir et blanc, à 200 ou 300 points par pouce.",
                pointer="/file",
            )
        if media_type is None:
            raise _unreadable()
        self.work.mkdir(parents=True, exist_ok=True, mode=0o700)
        virus = self._screened(path)
        with tempfile.TemporaryDirectory(dir=self.work) as folder:
            try:
                codes = page_codes(self.sandbox, as_pdf(self.sandbox, path, media_type, Path(folder)))
            except ToolFailed as error:
                raise _unreadable() from error
        return ScanReceived(sha256, size, media_type, codes, virus)

    def _screened(self, path: Path) -> dict[str, Any]:
        now = self.stores.clock()
        answer = self.scanner.scan(path, now)
        if answer is None:
            return {"verdict": "unverified", "tool": None, "at": None}
        if answer.verdict == "infected":
            raise Refused(
                "scan_infected",
                "Un logiciel malveillant est dans ce fichier ({name}).",
                kept=_KEPT,
                action="Numérisez de nouveau le papier, depuis une machine saine.",
                pointer="/file",
                name=answer.name or "?",
            )
        return {"verdict": answer.verdict, "tool": answer.tool, "at": stamp(now)}


def _unreadable() -> Refused:
    return Refused(
        "scan_unreadable",
        "Ce fichier n’est pas une copie numérisée lisible : ni PDF, ni JPEG, ni PNG, ni TIFF, ou plus de mille pages.",
        kept=_KEPT,
        action="Numérisez le bordereau en PDF, puis recommencez.",
        pointer="/file",
    )
