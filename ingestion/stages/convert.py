"""Convert to the archival form: PDF/A-2b with the recognised text behind the image."""

from __future__ import annotations

from archive.model.records import Remark
from ingestion.stages.port import StageInput, StageResult
from ingestion.stages.registry import CONVERT
from ingestion.stages.wording import failed, no_pages, page_count, pdf_of
from ingestion.tools.sandbox import Limits, Sandbox, ToolFailed

PROFILE = "2b"


class Convert:
    """Stage that converts; images stay unchanged, byte for byte."""

    spec = CONVERT

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def run(self, given: StageInput) -> StageResult:
        """Make ``archival.pdf``."""
        source = pdf_of(given)
        if source is None:
            return no_pages(profile=PROFILE, made=False)
        inputs = {"source": source}
        if "alto.xml" in given.files:
            inputs["alto"] = given.files["alto.xml"]
        made = given.folder / "archival.pdf"
        pages = page_count(given)
        limits = Limits(cpu=120 + 3 * pages, wall=240 + 6 * pages)
        try:
            facts = self._sandbox.call("convert", {}, inputs, {"archival": made}, limits)
        except ToolFailed as error:
            return failed(error, profile=PROFILE, made=False)
        remarks = []
        if facts["dropped_signatures"]:
            remarks.append(
                Remark(
                    "signatures_not_carried",
                    "Les signatures électroniques sont dans l’original ; la version PDF/A n’en reprend que le contenu.",
                    self.spec.name,
                )
            )
        return StageResult(
            "done",
            facts={
                "profile": facts["profile"],
                "made": True,
                "way": facts["way"],
                "dropped_signatures": facts["dropped_signatures"],
            },
            files={"archival.pdf": made},
            tool=facts["tool"],
            tool_version=facts["tool_version"],
            parameters={"profile": PROFILE},
            remarks=tuple(remarks),
        )
