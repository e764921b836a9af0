"""How far the index has followed the journal, for views that say whether a record is findable."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from signing.ground.errors import ChartrierError

if TYPE_CHECKING:
    from ingestion.assembly import System


def position_of(system: System) -> Callable[[str], int]:
    """Where each tenant's index is; one that is away has indexed nothing yet: no reason to fail."""

    def ask(tenant: str) -> int:
        try:
            return system.index.position(tenant)
        except ChartrierError:
            return -1

    return ask
