"""The position of the index in the journal: views show by it whether a record is findable."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from api.access.callers import Caller
from archive.catalogue.disposals import decided_since
from signing.ground.errors import ChartrierError

if TYPE_CHECKING:
    from ingestion.assembly import System


def not_to_find(system: System, caller: Caller) -> frozenset[str]:
    """Return the records that a search leaves out, in hits, totals and facets alike.

    They are kept from the caller, or gone since the index last followed the journal.
    """
    position = position_of(system)(caller.tenant)
    with system.database.read() as session:
        hidden = caller.reader.hidden(session)
        return hidden | decided_since(session, caller.tenant, position) if position >= 0 else hidden


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
