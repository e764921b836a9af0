"""Seal the archival PDF: prepared in the sandbox, signed outside, where the key is."""

from __future__ import annotations

import os
from importlib.metadata import version

from archive.model.records import Remark
from ingestion.stages.port import StageInput, StageResult
from ingestion.stages.registry import SEAL
from ingestion.stages.wording import failed, failed_because, skipped
from ingestion.tools.sandbox import Limits, Sandbox, ToolFailed
from signing.ground.clock import Clock, stamp
from signing.pdf import PreparedSeal, complete
from signing.port import Signer, Timestamper, present

_LIMITS = Limits(cpu=180, wall=300)


class Seal:
    """Stage that seals: PAdES with a time-stamp; the process with the key parses no PDF."""

    spec = SEAL

    def __init__(self, sandbox: Sandbox, signer: Signer, timestamper: Timestamper, clock: Clock) -> None:
        self._sandbox = sandbox
        self._signer = signer
        self._timestamper = timestamper
        self._clock = clock

    def run(self, given: StageInput) -> StageResult:
        """Make ``sealed.pdf``.

        Raises:
            Unavailable: The key or the time-stamping authority does not answer, or is outside its
                validity.
        """
        if "archival.pdf" not in given.files:
            return skipped("nothing_to_seal", "Il n’y a pas de version PDF/A à sceller.")
        source, made = given.files["archival.pdf"], given.folder / "sealed.pdf"
        signer = present(self._signer)
        arguments = {
            "certificate": signer.certificate.hex(),
            "chain": [one.hex() for one in signer.chain],
            "at": self._clock().isoformat(),
        }
        try:
            said = self._sandbox.call("pdf_prepare_seal", arguments, {"source": source}, {"target": made}, _LIMITS)
            prepared = PreparedSeal.from_json(said)
        except ToolFailed as error:
            return failed(error)
        except ValueError:
            return failed_because("pdf_unreadable")
        sealed = complete(made, prepared, signer, self._timestamper, source=source, clock=self._clock)
        with made.open("rb") as file:
            os.fsync(file.fileno())
        seal = {
            "verdict": "valid",
            "level": sealed.level,
            "probative": sealed.probative,
            "sealed_at": stamp(sealed.sealed_at),
            "signer": sealed.signer,
        }
        return StageResult(
            "done",
            facts={"seal": seal},
            files={"sealed.pdf": made},
            tool="pyhanko",
            tool_version=version("pyhanko"),
            parameters={"level": sealed.level, "field": sealed.field},
            remarks=() if sealed.probative else (_not_probative(),),
        )


def _not_probative() -> Remark:
    text = "Cachet et horodatage produits par cette installation : sans valeur probante."
    return Remark("seal_not_probative", text, SEAL.name)
