"""Pipeline: the ordered stages with their tools, the table of contents of the product.

Name, promise and PREMIS event of each are in ``ingestion.stages.registry``. After these stages
come ``keep`` (the runner passes the package to the archive) and ``index`` (the follower reads the
journal).
"""

from __future__ import annotations

from collections.abc import Callable

from ingestion.settings import IngestionSettings
from ingestion.stages.convert import Convert
from ingestion.stages.identify import Identify
from ingestion.stages.normalise import Normalise
from ingestion.stages.port import Stage, checked
from ingestion.stages.recognise import Recognise
from ingestion.stages.screen import Screen
from ingestion.stages.seal import Seal
from ingestion.stages.validate import Validate
from ingestion.tools.sandbox import Sandbox
from signing.ground.clock import Clock
from signing.port import Signer, Timestamper
from signing.trust import Trusted


def pipeline(
    sandbox: Sandbox,
    settings: IngestionSettings,
    signer: Signer,
    timestamper: Timestamper,
    clock: Clock,
    *,
    trusted: Callable[[], Trusted] = Trusted,
    revocations: Callable[[], Trusted] = Trusted,
) -> tuple[Stage, ...]:
    """Make every stage between reception and keeping, in order.

    Args:
        sandbox: Where foreign bytes are parsed.
        signer: Holds the seal's key; it never enters the sandbox.
        revocations: Returns the revocation data that seals embed.
        trusted: Returns the authorities whose signatures may be valid, and what is known of
            revocations; any other signature stays indeterminate.
    """
    return checked(
        (
            Screen(settings, clock),
            Identify(sandbox),
            Normalise(sandbox),
            Recognise(sandbox, settings),
            Convert(sandbox),
            Validate(sandbox, settings, clock, trusted=trusted),
            Seal(sandbox, signer, timestamper, clock, revocations=revocations),
        )
    )
