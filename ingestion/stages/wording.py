"""Word the reasons why a stage could not do its work; find the document's PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from ingestion.stages.port import Detail, StageInput, StageResult
from ingestion.stages.registry import IDENTIFY, NORMALISE
from ingestion.tools.sandbox import ToolFailed

_OF_CODE: Final = {
    "encrypted": "Le document est protégé par un mot de passe : il est conservé tel quel, sans être lu ni converti.",
    "pdf_encrypted": "Le document est chiffré ; il ne peut pas recevoir de cachet.",
    "pdf_signed": "Le document est déjà signé ; il n’est pas modifié.",
    "unreadable": "Le contenu du fichier est illisible ou incomplet : il est conservé tel quel.",
    "pdf_unreadable": "La structure du document ne permet pas d’y apposer un cachet.",
    "too_large": "Une page est trop grande pour être traitée : le fichier est conservé tel quel.",
    "not_convertible": "Le document ne peut pas devenir un PDF/A sans être altéré : seul l’original est conservé.",
    "tool_refused": "Le document ne peut pas être converti en PDF/A : seul l’original est conservé.",
    "engine_missing": "Le moteur de lecture n’est pas installé sur cette machine.",
}
_OF_REASON: Final = {
    "crashed": "L’outil s’est arrêté brutalement sur ce fichier.",
    "timeout": "Le traitement de ce fichier a dépassé le temps permis.",
    "memory": "Ce fichier demande plus de mémoire que permis.",
    "output": "Le résultat serait plus volumineux que permis.",
    "refused": "L’outil n’a pas pu traiter ce fichier.",
}


def failed(error: ToolFailed, **facts: Any) -> StageResult:
    """Make the result of a stage that failed on the document."""
    text = _OF_CODE.get(error.code) or _OF_REASON[error.reason]
    code = error.code if error.code in _OF_CODE else f"tool_{error.reason}"
    return StageResult("failed", facts=facts, detail=Detail(code, text, {"tool_said": error.detail}))


def failed_because(code: str, **facts: Any) -> StageResult:
    """Make the result of a stage that fails because of a fault found earlier."""
    return StageResult("failed", facts=facts, detail=Detail(code, _OF_CODE[code]))


def skipped(code: str, text: str, **facts: Any) -> StageResult:
    """Make the result of a stage that had nothing to do, with the reason."""
    return StageResult("skipped", facts=facts, detail=Detail(code, text))


def no_pages(**facts: Any) -> StageResult:
    """Make the result of a later stage for a file without pages that we can show."""
    return skipped("no_pages", "Ce fichier n’a pas de pages à traiter : l’original est conservé tel quel.", **facts)


def pdf_of(given: StageInput) -> Path | None:
    """Return the PDF for later stages: the one made from images, or the received file.

    None when the file is neither an image nor a readable PDF.
    """
    if "normalised.pdf" in given.files:
        return given.files["normalised.pdf"]
    identified = given.facts.get(IDENTIFY.name, {})
    if identified.get("family") == "pdf" and identified.get("readable"):
        return given.files["received"]
    return None


def page_count(given: StageInput) -> int:
    """Return the number of pages of that PDF; 0 when there is none."""
    counted = given.facts.get(NORMALISE.name, {}).get("pages") or given.facts.get(IDENTIFY.name, {}).get("pages")
    return int(counted or 0)
