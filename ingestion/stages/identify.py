"""Identify what was received: format by its bytes, pages, encryption, signatures."""

from __future__ import annotations

from archive.model.records import Remark
from ingestion.stages.port import StageInput, StageResult
from ingestion.stages.registry import IDENTIFY
from ingestion.stages.wording import failed
from ingestion.tools.sandbox import Limits, Sandbox, ToolFailed

_LIMITS = Limits(cpu=60, wall=90)


class Identify:
    """Stage that identifies: PRONOM names the format, the file itself gives the rest."""

    spec = IDENTIFY

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def run(self, given: StageInput) -> StageResult:
        """Return facts; no file is made."""
        try:
            facts = self._sandbox.call(
                "identify",
                {"filename": given.facts["deposit"]["filename"]},
                {"received": given.files["received"]},
                limits=_LIMITS,
            )
        except ToolFailed as error:
            return failed(error, puid=None, format_name=None, media_type=None, family="other", readable=False)
        version = facts.pop("tool_version")
        facts.pop("why", None)
        remarks = []
        if facts["extension_mismatch"]:
            remarks.append(
                Remark(
                    "extension_mismatch",
                    f"Le nom du fichier ne correspond pas à son contenu ({facts['format_name'] or 'format inconnu'}).",
                    self.spec.name,
                )
            )
        return StageResult("done", facts=facts, tool="pygfried", tool_version=version, remarks=tuple(remarks))
