"""Refusals of visas: the final action that a visa gives a record, in place of its rules'. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from archive.model.disposals import LineDecision
from archive.model.final_actions import FinalAction
from archive.retention import sentences
from archive.retention.resolution import Resolution

OVERRIDES: Final[Mapping[str, FinalAction]] = {
    LineDecision.KEEP_DEFINITIVELY.value: FinalAction.KEEP,
    LineDecision.SORT_NEEDED.value: FinalAction.SORT,
}
"""Final action by decision; another decision leaves the rules' own."""


@dataclass(frozen=True)
class VisaRefusal:
    """What the last visa that refused a record asks for.

    Attributes:
        decision: A ``LineDecision``.
        reference: Number of the bordereau.
        decided_on: Day of its last visa.
    """

    decision: str
    reference: str
    decided_on: date


def overridden(found: Resolution, refusal: VisaRefusal | None) -> Resolution:
    """Return a resolution with the final action that a visa decided; its dates stay."""
    action = OVERRIDES.get(refusal.decision) if refusal is not None else None
    if refusal is None or action is None:
        return found
    told = sentences.by_visa(refusal.reference, refusal.decided_on, keeps=action is FinalAction.KEEP)
    return replace(found, final_action=action, decided=told)
