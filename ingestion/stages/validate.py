"""Validate: whether the archival form is PDF/A, and the signatures of the original."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from archive.model.records import Remark
from ingestion.settings import IngestionSettings
from ingestion.stages.port import StageInput, StageResult
from ingestion.stages.registry import IDENTIFY, VALIDATE
from ingestion.tools.sandbox import Limits, Sandbox, ToolFailed
from ingestion.tools.verapdf import VeraPdf
from signing.ground.clock import Clock
from signing.reasons import sentence
from signing.trust import Trusted

PROFILE = "2b"


class Tool(NamedTuple):
    """A program that gave a verdict, by its own word; without a name, none did."""

    name: str | None
    version: str | None


NOBODY: Final = Tool(None, None)


class Validate:
    """Stage that validates, with veraPDF where it is installed, else by pikepdf's approval.

    Args:
        trusted: Returns whom received documents are judged by; asked for each, as it is refreshed.
    """

    spec = VALIDATE

    def __init__(
        self,
        sandbox: Sandbox,
        settings: IngestionSettings,
        clock: Clock,
        *,
        trusted: Callable[[], Trusted] = Trusted,
    ) -> None:
        self._sandbox = sandbox
        self._verapdf = VeraPdf.found(settings.verapdf)
        self._clock = clock
        self._trusted = trusted

    def run(self, given: StageInput) -> StageResult:
        """Return facts and both reports."""
        pdfa, findings = self._pdfa(given)
        trusted = self._trusted()
        signature, judge = self._signatures(given, trusted)
        ran = Tool(pdfa["tool"], pdfa["tool_version"]) if pdfa["tool"] is not None else judge
        reports = {
            "reports/pdfa.json": _written(given.folder / "pdfa.json", {**pdfa, "findings": findings}),
            "reports/signatures.json": _written(given.folder / "signatures.json", signature),
        }
        return StageResult(
            "done",
            facts={"pdfa": pdfa, "signature": signature},
            files=reports,
            tool=ran.name,
            tool_version=ran.version,
            parameters={"profile": PROFILE, "trusted_roots": len(trusted.roots)},
            remarks=_remarks(signature),
        )

    def _pdfa(self, given: StageInput) -> tuple[dict[str, Any], list[dict[str, str]]]:
        if "archival.pdf" not in given.files:
            return {"verdict": "unverified", "profile": None, "tool": None, "tool_version": None}, []
        path = given.files["archival.pdf"]
        if self._verapdf is not None:
            judged = self._verapdf.judge(path, PROFILE)
            if judged is not None:
                return judged
        try:
            said = self._sandbox.call("pdfa_check", {}, {"archival": path}, limits=Limits(cpu=300, wall=400))
        except ToolFailed as error:
            findings = [{"rule": error.reason, "detail": error.detail}]
            return {"verdict": "unverified", "profile": PROFILE, "tool": None, "tool_version": None}, findings
        verdict = "compliant" if said["passed"] else "non_compliant"
        judged_by = {"tool": said["tool"], "tool_version": said["tool_version"]}
        return {"verdict": verdict, "profile": PROFILE, **judged_by}, said["findings"]

    def _signatures(self, given: StageInput, trusted: Trusted) -> tuple[dict[str, Any], Tool]:
        if given.facts.get(IDENTIFY.name, {}).get("family") != "pdf":
            return {"verdict": "none", "signatures": []}, NOBODY
        try:
            said = self._sandbox.call(
                "pdf_signatures",
                {"trusted": trusted.as_json(), "at": self._clock().isoformat()},
                {"received": given.files["received"]},
            )
        except ToolFailed as error:
            return {"verdict": "indeterminate", "signatures": [], "reason": f"tool_{error.reason}"}, NOBODY
        return said, Tool(said.pop("tool"), said.pop("tool_version"))


def _written(path: Path, report: dict[str, Any]) -> Path:
    path.write_text(json.dumps(report, ensure_ascii=False, indent=1, sort_keys=True), encoding="utf-8")
    return path


def _remarks(signature: dict[str, Any]) -> tuple[Remark, ...]:
    if signature["verdict"] == "invalid":
        text = "Une signature de l’original n’est pas valide : document changé après coup, ou signature falsifiée."
        return (Remark("signature_invalid", text, VALIDATE.name),)
    if signature["verdict"] == "indeterminate" and signature["signatures"]:
        doubted = [one["reason"] for one in signature["signatures"] if one["verdict"] == "indeterminate"]
        text = "Les signatures de l’original ne peuvent être ni confirmées ni démenties avec les autorités connues ici."
        if "untrusted_chain" not in doubted:
            text = sentence(doubted[0])  # the authority is known: something else is missing, or was done
        return (Remark("signature_indeterminate", text, VALIDATE.name),)
    return ()
