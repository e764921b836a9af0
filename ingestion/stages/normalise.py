"""Normalise: images become one PDF; a PDF stays unchanged."""

from __future__ import annotations

from importlib.metadata import version

from ingestion.stages.port import Detail, StageInput, StageResult
from ingestion.stages.registry import IDENTIFY, NORMALISE
from ingestion.stages.wording import failed, failed_because, no_pages
from ingestion.tools.sandbox import Limits, Sandbox, ToolFailed

_IMAGES = frozenset({"jpeg", "png", "tiff"})


class Normalise:
    """Stage that normalises; the image's own bytes go into the PDF."""

    spec = NORMALISE

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def run(self, given: StageInput) -> StageResult:
        """Make ``normalised.pdf`` for images; count the pages for all."""
        found = given.facts[IDENTIFY.name]
        family = found["family"]
        if family == "pdf":
            if not found["readable"]:
                return failed_because("encrypted" if found.get("encrypted") else "unreadable")
            detail = Detail("already_pdf", "Le document est déjà un PDF.")
            return StageResult("done", facts={"pages": found["pages"]}, detail=detail)
        if family not in _IMAGES:
            return no_pages()
        if not found["readable"]:
            return failed_because("unreadable")
        made = given.folder / "normalised.pdf"
        limits = Limits(cpu=60 + 5 * int(found["pages"] or 1), wall=120 + 10 * int(found["pages"] or 1))
        try:
            facts = self._sandbox.call(
                "normalise", {}, {"received": given.files["received"]}, {"normalised": made}, limits
            )
        except ToolFailed as error:
            return failed(error)
        return StageResult(
            "done",
            facts=facts,
            files={"normalised.pdf": made},
            tool="img2pdf",
            tool_version=version("img2pdf"),
        )
