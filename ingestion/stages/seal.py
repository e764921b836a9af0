"""Seal the archival PDF: prepared in the sandbox, signed outside, where the key is."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version

from archive.model.records import Remark
from ingestion.stages.port import StageInput, StageResult
from ingestion.stages.registry import SEAL
from ingestion.stages.wording import failed, failed_because, skipped
from ingestion.tools.sandbox import Limits, Sandbox, ToolFailed
from signing.ground.clock import Clock, stamp
from signing.pdf import PreparedSeal, SealFacts, complete
from signing.port import Signer, Timestamper, present
from signing.revocation import Archived, archive_unrevoked
from signing.trust import Trusted

_LIMITS = Limits(cpu=180, wall=300)


class Seal:
    """Stage that seals: PAdES with a time-stamp; the process with the key parses no PDF."""

    spec = SEAL

    def __init__(
        self,
        sandbox: Sandbox,
        signer: Signer,
        timestamper: Timestamper,
        clock: Clock,
        *,
        revocations: Callable[[], Trusted] = Trusted,
    ) -> None:
        self._sandbox = sandbox
        self._revocations = revocations
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
        archived = self._archived(signer)
        arguments = {
            "certificate": signer.certificate.hex(),
            "chain": [one.hex() for one in signer.chain],
            "archived": archived.as_json(),
            "at": self._clock().isoformat(),
        }
        try:
            said = self._sandbox.call("pdf_prepare_seal", arguments, {"source": source}, {"target": made}, _LIMITS)
            prepared = PreparedSeal.from_json(said)
        except ToolFailed as error:
            return failed(error)
        except ValueError:
            return failed_because("pdf_unreadable")
        stamper, clock = self._timestamper, self._clock
        sealed = complete(made, prepared, signer, stamper, source=source, clock=clock, archived=archived)
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
            remarks=_remarks(sealed),
        )

    def _archived(self, signer: Signer) -> Archived:
        """Choose the revocation data to embed.

        Raises:
            Unavailable: ``seal_revoked``: a list says that the seal, or its authority, is revoked.
        """
        known = self._revocations()
        chains = [(signer.certificate, *signer.chain), self._timestamper.chain]
        return archive_unrevoked(chains, known.crls, known.ocsps, self._clock())


def _remarks(sealed: SealFacts) -> tuple[Remark, ...]:
    remarks = []
    if not sealed.probative:
        text = "Cachet et horodatage produits par cette installation : sans valeur probante."
        remarks.append(Remark("seal_not_probative", text, SEAL.name))
    if sealed.level != "B-LT":
        text = (
            "Le cachet ne contient pas toutes les données de révocation de sa chaîne et de son horodatage : "
            "un validateur extérieur qui ne les trouve pas ailleurs le dira indéterminé."
        )
        remarks.append(Remark("seal_without_revocation", text, SEAL.name))
    return tuple(remarks)
