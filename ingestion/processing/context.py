"""What every claim works with: the same for all deposits of a worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archive.database.engine import Database
from archive.journal.sequencer import Ledger
from archive.objects.port import ObjectStore
from ingestion.stages.port import Stage
from signing.ground.clock import Clock

if TYPE_CHECKING:
    from archive.holdings.stores import Stores


@dataclass(frozen=True)
class RunContext:
    """What every claim works with.

    Attributes:
        stages: In order, up to ``keep``.
        work: Folder of workspaces.
    """

    database: Database
    ledger: Ledger
    store: ObjectStore
    stores: Stores
    stages: tuple[Stage, ...]
    work: Path
    clock: Clock
