"""States in the life of a record. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, assert_never

from archive.model.vocabularies import require_complete


class RecordState(StrEnum):
    """States of a record."""

    KEPT = "kept"
    IN_DISPOSAL = "in_disposal"
    DISPOSED = "disposed"
    TRANSFERRED = "transferred"

    @property
    def destroyed(self) -> bool:
        """Whether nothing of it may be read any more; what was handed over is still here."""
        match self:
            case RecordState.KEPT | RecordState.IN_DISPOSAL | RecordState.TRANSFERRED:
                return False
            case RecordState.DISPOSED:
                return True
            case _:
                assert_never(self)

    @property
    def gone(self) -> bool:
        """Whether it is no longer ours to keep: lawfully eliminated, or handed over."""
        match self:
            case RecordState.KEPT | RecordState.IN_DISPOSAL:
                return False
            case RecordState.DISPOSED | RecordState.TRANSFERRED:
                return True
            case _:
                assert_never(self)


require_complete(RecordState)

GONE: Final = tuple(state for state in RecordState if state.gone)
"""For database queries; for one record, use its state's property."""
DESTROYED: Final = tuple(state for state in RecordState if state.destroyed)
"""The same, of what nobody may read any more."""
