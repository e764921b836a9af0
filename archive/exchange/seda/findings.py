"""Findings of the entry checks: what is wrong, where, and whether it refuses the package. Pure.

A finding has a stable code, a French sentence (its English is in the catalogue), the node and line
it is about, and the original message where a program said it. A package is refused by one ``KO``;
a ``WARNING`` leaves it to a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """Outcomes of a check, as replies write them."""

    OK = "OK"
    WARNING = "WARNING"
    KO = "KO"

    @property
    def gravity(self) -> int:
        """Rank among several: the gravest counts."""
        return _GRAVITY.index(self)


_GRAVITY: Final = (Outcome.OK, Outcome.WARNING, Outcome.KO)


class Step(StrEnum):
    """Entry checks, in their order; the words stand in replies for ever."""

    CONTAINER = "CHECK_CONTAINER"
    MANIFEST = "CHECK_MANIFEST"
    AGENCIES = "CHECK_AGENCIES"
    PROFILE = "CHECK_PROFILE"
    OBJECTS = "CHECK_OBJECTS"
    DIGESTS = "CHECK_DIGESTS"
    SIZES = "CHECK_SIZES"
    FORMATS = "CHECK_FORMATS"
    UNITS = "CHECK_UNITS"
    RULES = "CHECK_RULES"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        code: Stable word, listed in docs/seda.md.
        detail: French sentence with ``{places}``: a message id of the catalogue.
        values: Fill the places.
        node: The element, from the nearest one with an id: ``ArchiveUnit[ID12]/Content/Title``.
        line: In the manifest.
        original: Message of the validator, as it was.
    """

    code: str
    outcome: Outcome
    step: Step
    detail: str
    values: Mapping[str, str | int] = field(default_factory=dict)
    node: str = ""
    line: int | None = None
    original: str = ""

    @property
    def french(self) -> str:
        """The sentence, filled."""
        return self.detail.format(**self.values)


@dataclass(frozen=True)
class Place:
    """Where in a manifest something is.

    Attributes:
        node: The element, from the nearest one with an id.
        line: Its line; None where it has none.
    """

    node: str = ""
    line: int | None = None


NOWHERE: Final = Place()


def found_ko(code: str, step: Step, detail: str, place: Place = NOWHERE, **values: str | int) -> Finding:
    """Return a finding that refuses the package."""
    return Finding(code, Outcome.KO, step, detail, values, place.node, place.line)


def found_warning(code: str, step: Step, detail: str, place: Place = NOWHERE, **values: str | int) -> Finding:
    """Return a finding that a person decides about."""
    return Finding(code, Outcome.WARNING, step, detail, values, place.node, place.line)


def gravest(findings: Iterable[Finding]) -> Outcome:
    """Return the outcome of several findings; OK for none."""
    return max((one.outcome for one in findings), key=lambda outcome: outcome.gravity, default=Outcome.OK)
