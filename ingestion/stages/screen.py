"""Screen for malware, if a scanner answers."""

from __future__ import annotations

from ingestion.settings import IngestionSettings
from ingestion.stages.port import Detail, StageInput, StageResult
from ingestion.stages.registry import SCREEN
from ingestion.tools.clamav import Answer, ClamAv
from signing.ground.clock import Clock, stamp


class Screen:
    """Stage that screens, with ClamAV if a daemon answers; else the verdict is *unverified*."""

    spec = SCREEN

    def __init__(self, settings: IngestionSettings, clock: Clock) -> None:
        self._clamav = ClamAv(settings.clamd_socket)
        self._clock = clock

    def run(self, given: StageInput) -> StageResult:
        """Return the verdict on viruses.

        Raises:
            Unavailable: ``clamd_away``: a daemon was named in the settings and does not answer.
        """
        now = self._clock()
        answer = self._clamav.scan(given.files["received"], now)
        if answer is None:
            virus = {"verdict": "unverified", "tool": None, "at": None, "detail": None}
            text = "Aucun antivirus ne répond sur cette machine : le fichier n’a pas été contrôlé."
            return StageResult("done", facts={"virus": virus}, detail=Detail("no_scanner", text))
        virus = {"verdict": answer.verdict, "tool": answer.tool, "at": stamp(now), "detail": answer.name}
        return StageResult(
            "done",
            facts={"virus": virus},
            tool="clamav",
            tool_version=answer.version,
            detail=_detail(answer),
        )


def _detail(answer: Answer) -> Detail | None:
    if answer.why == "too_large":
        return Detail("too_large_to_scan", "Ce fichier dépasse ce que l’antivirus examine : il n’a pas été contrôlé.")
    if answer.why == "not_examined":
        return Detail("not_scanned", "L’antivirus n’a pas pu lire ce fichier : il n’a pas été contrôlé.")
    if answer.why == "old_signatures":
        text = "Rien n’a été trouvé, mais les signatures de l’antivirus sont trop anciennes ou sans date."
        return Detail("old_signatures", text)
    return None
