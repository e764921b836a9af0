"""Judge PDF/A with veraPDF, where it is installed."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from lxml import etree

from archive.exchange.xml_reading import parser

_SECONDS: Final = 300


class VeraPdf:
    """Command line of veraPDF.

    Args:
        command: Program and first arguments.
    """

    def __init__(self, command: list[str]) -> None:
        self._command = command

    @classmethod
    def found(cls, setting: str) -> VeraPdf | None:
        """Find the command in the settings or on the PATH; None when there is none."""
        if setting:
            return cls(shlex.split(setting))
        program = shutil.which("verapdf")
        return cls([program]) if program else None

    def judge(self, path: Path, profile: str) -> tuple[dict[str, Any], list[dict[str, str]]] | None:
        """Return verdict facts and failed rules; None when it gave no verdict."""
        command = [*self._command, "--format", "xml", "-f", profile, str(path)]
        try:
            ended = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
            report = etree.fromstring(ended.stdout, parser())
        except (OSError, subprocess.TimeoutExpired, etree.XMLSyntaxError, ValueError):
            return None
        said = report.find(".//validationReport")
        if said is None or said.get("isCompliant") not in {"true", "false"}:
            return None
        release = report.find(".//releaseDetails[@id='core']")
        rules = [
            {
                "rule": f"{rule.get('clause')}-{rule.get('testNumber')}",
                "detail": (rule.findtext("description") or "")[:300],
            }
            for rule in report.iterfind(".//rule[@status='failed']")
        ]
        verdict = "compliant" if said.get("isCompliant") == "true" else "non_compliant"
        version = release.get("version") if release is not None else None
        return {"verdict": verdict, "profile": profile, "tool": "veraPDF", "tool_version": version}, rules[:20]
