"""Findings of the entry checks: what is wrong, where, and whether it refuses the package. Pure.

A finding has a stable code, a French sentence (its English is in the catalogue), the node and line
it is about, and the original message where a program said it. A package is refused by one ``KO``;
a ``WARNING`` leaves it to a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import groupby
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
LONGEST_VALUE: Final = 200
MOST_OF_A_STEP: Final = 500
_ORDER: Final = {step: number for number, step in enumerate(Step)}


def found_ko(code: str, step: Step, detail: str, place: Place = NOWHERE, **values: str | int) -> Finding:
    """Return a finding that refuses the package."""
    return Finding(code, Outcome.KO, step, detail, _shown(values), place.node, place.line)


def found_warning(code: str, step: Step, detail: str, place: Place = NOWHERE, **values: str | int) -> Finding:
    """Return a finding that a person decides about."""
    return Finding(code, Outcome.WARNING, step, detail, _shown(values), place.node, place.line)


def _shown(values: Mapping[str, str | int]) -> dict[str, str | int]:
    """Return values short enough to be read; a manifest may make them as long as itself."""
    return {name: _short(one) if isinstance(one, str) else one for name, one in values.items()}


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"


def bounded(findings: Iterable[Finding], most: int = MOST_OF_A_STEP) -> list[Finding]:
    """Return findings in the order of their steps: so many of each, the gravest first told.

    What is left out is counted, and is no less grave for that.
    """
    told: list[Finding] = []
    for step, inside in groupby(sorted(findings, key=lambda one: _ORDER[one.step]), key=lambda one: one.step):
        of_step = list(inside)
        if len(of_step) <= most:
            told += of_step
            continue
        gravest_first = sorted(of_step, key=lambda one: -one.outcome.gravity)
        more = found_ko(
            "seda_more_errors", step, "{count} autres erreurs ne sont pas détaillées.", count=len(of_step) - most
        )
        told += [*gravest_first[:most], replace(more, outcome=gravest(gravest_first[most:]))]
    return told


def gravest(findings: Iterable[Finding]) -> Outcome:
    """Return the outcome of several findings; OK for none."""
    return max((one.outcome for one in findings), key=lambda outcome: outcome.gravity, default=Outcome.OK)
