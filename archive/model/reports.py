"""Reports of the archives: kinds and states. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from archive.model.vocabularies import require_complete


class ReportKind(StrEnum):
    """Kinds of reports that the archives issue."""

    ACCESSIONS = "accessions"
    """*Registre des entrées*."""
    ELIMINATIONS = "eliminations"
    """*Registre des éliminations*."""
    COMMUNICATIONS = "communications"
    """*Registre des communications et dérogations*."""
    ANNUAL = "annual"
    """*État récapitulatif annuel*."""
    STOCKTAKING = "stocktaking"
    """*Récolement*, with its minutes of discharge and of taking charge."""

    @property
    def is_kept(self) -> bool:
        """Whether its file is kept in the store; of the others the journal has the digest."""
        match self:
            case ReportKind.STOCKTAKING:
                return True
            case ReportKind.ACCESSIONS | ReportKind.ELIMINATIONS | ReportKind.COMMUNICATIONS | ReportKind.ANNUAL:
                return False
            case _:
                assert_never(self)


class ReportState(StrEnum):
    """States of a report."""

    ASKED = "asked"
    """Nothing of it is counted yet."""
    COUNTED = "counted"
    """Its figures stand; its file is not sealed yet."""
    ISSUED = "issued"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to it."""
        match self:
            case ReportState.ISSUED:
                return True
            case ReportState.ASKED | ReportState.COUNTED:
                return False
            case _:
                assert_never(self)


require_complete(ReportKind, ReportState)
