"""Context of a worker's claims, the same for all its deposits."""

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
    """Objects that every claim of a worker uses.

    Attributes:
        stages: The stages in order, up to ``keep``.
        work: Folder of workspaces.
    """

    database: Database
    ledger: Ledger
    store: ObjectStore
    stores: Stores
    stages: tuple[Stage, ...]
    work: Path
    clock: Clock
