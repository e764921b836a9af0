"""What every sample must come out as: one table for the unit, end-to-end and
demonstration tests.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@dataclass(frozen=True)
class Expected:
    """Outcome of one sample.

    Attributes:
        pages: ``ocr``, ``text`` or ``blank`` for each page; empty when nothing can be read.
        recall: Least share of the known words that come out, in percent.
        normalise: State of that stage; ``failed`` carries ``reason``.
        archival: Whether a sealed PDF/A must come out.
        signature: Verdict on what the original was signed with, when nobody is trusted.
    """

    file: str
    family: str
    pages: tuple[str, ...] = ()
    recall: float = 0.0
    normalise: str = "done"
    reason: str | None = None
    archival: bool = True
    signature: str = "none"
    remarks: frozenset[str] = frozenset()

    @property
    def path(self) -> Path:
        return SAMPLES / self.file

    @property
    def truth(self) -> list[str]:
        path = SAMPLES / "truth" / f"{Path(self.file).stem}.txt"
        return path.read_text(encoding="utf-8").split("\f") if path.exists() else []


CORPUS = (
    Expected("scan-couleur.jpg", "jpeg", ("ocr",), 98.5),
    Expected("scan-gris-6-pages.pdf", "pdf", ("ocr", "ocr", "blank", "ocr", "ocr", "ocr"), 97.5),
    Expected("tiff-noir-et-blanc.tif", "tiff", ("ocr",) * 3, 97.5),
    Expected("photo-telephone.jpg", "jpeg", ("ocr",), 97.5),
    Expected("deliberations.pdf", "pdf", ("text",) * 3, 99.9),
    Expected("dossier-mixte.pdf", "pdf", ("text", "ocr", "text"), 98.0),
    Expected(
        "convention-signee.pdf",
        "pdf",
        ("text",),
        99.9,
        signature="indeterminate",
        remarks=frozenset({"signatures_not_carried", "signature_indeterminate"}),
    ),
    Expected("casse-un-point.png", "png", ("blank",)),
    Expected("casse-tronque.pdf", "pdf", normalise="failed", reason="unreadable", archival=False),
    Expected(
        "casse-chiffre.pdf",
        "pdf",
        normalise="failed",
        reason="encrypted",
        archival=False,
        signature="indeterminate",
        remarks=frozenset({"signature_indeterminate"}),
    ),
    Expected(
        "casse-programme.pdf",
        "other",
        normalise="skipped",
        reason="no_pages",
        archival=False,
        remarks=frozenset({"extension_mismatch"}),
    ),
)
"""Every sample but the empty file, which is refused at the door."""


def words(text: str) -> list[str]:
    """As counted for recall."""
    return re.findall(r"\w+", text.replace("’", "'"))


def recall(truth: str, read: str) -> float:
    """Share of the known words that were read, as a multiset, in percent."""
    known, found = Counter(words(truth)), Counter(words(read))
    return 100.0 * (known & found).total() / max(1, known.total())
