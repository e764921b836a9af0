"""The position of the index in the journal: views show by it whether a record is findable."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from signing.ground.errors import ChartrierError

if TYPE_CHECKING:
    from ingestion.assembly import System


def position_of(system: System) -> Callable[[str], int]:
    """Return a function: tenant -> the last journal entry that its index has followed.

    It returns -1 for an index that is away: a view must not fail because of the index.
    """

    def ask(tenant: str) -> int:
        try:
            return system.index.position(tenant)
        except ChartrierError:
            return -1

    return ask
