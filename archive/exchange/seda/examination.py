"""Result of the entry checks of a package. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from archive.exchange.seda.findings import Finding, Outcome, Step, gravest
from archive.exchange.seda.transfer import Transfer


@dataclass(frozen=True)
class Received:
    """The bytes of an object as they came.

    Attributes:
        offset: Of its first byte among those given to the sink.
        puid: Format found; None where it is unknown, or was not looked for.
    """

    object: str
    offset: int
    size: int
    sha256: str
    sha512: str
    puid: str | None = None


@dataclass(frozen=True)
class Examination:
    """What the entry checks found.

    Attributes:
        transfer: None where the manifest could not be read.
        head: What a manifest that its schema refuses says of itself, without units and objects, for
            the reply; None where not even that much is there.
        received: Objects whose bytes are there and are what was declared, by id.
        judged: Steps that were come to; of the others nothing is known.
        manifest: Name of the manifest; empty where none was found.
        manifest_sha256: Its digest; empty where there is none.
    """

    transfer: Transfer | None
    findings: tuple[Finding, ...]
    received: Mapping[str, Received] = field(default_factory=dict)
    judged: tuple[Step, ...] = ()
    manifest: str = ""
    manifest_sha256: str = ""
    head: Transfer | None = None

    @property
    def outcome(self) -> Outcome:
        """The gravest outcome."""
        return gravest(self.findings)

    def outcome_of(self, step: Step) -> Outcome | None:
        """Return the outcome of a step; None where it was not come to."""
        return gravest(one for one in self.findings if one.step is step) if step in self.judged else None

    @property
    def outcomes(self) -> dict[Step, Outcome]:
        """Outcomes of the steps that were come to, in order."""
        return {step: gravest(one for one in self.findings if one.step is step) for step in self.judged}
