"""Criteria of sorting: how the units that are kept are chosen, as they are asked for and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from archive.disposition.sampling import SampleMethod, read_rate
from signing.ground.errors import Refused

MOST_UNITS: Final = 5000
"""Most units of one population: each gets a decision of its own, all in one transaction."""
LONGEST: Final = 2000
FIELDS: Final = ("title", "producer", "external_reference")
"""Fields whose initial may choose; of a file: its title, its producer, its code."""
UNCHANGED: Final = "Rien n’a été changé."


def read_criterion(given: Mapping[str, Any]) -> dict[str, Any]:
    """Read a criterion: its method and what that asks for, as it is stated.

    Raises:
        Refused: ``bad_sample``.
    """
    try:
        method = SampleMethod(given.get("method", ""))
        return {"method": method.value, **_terms(method, given)}
    except (ValueError, TypeError) as error:
        raise bad_sample("/criterion", "Ce critère ne se lit pas : dites la méthode et ce qu’elle demande.") from error


def _terms(method: SampleMethod, given: Mapping[str, Any]) -> dict[str, Any]:
    match method:
        case SampleMethod.RANDOM:
            return {"rate": str(read_rate(str(given.get("rate", ""))))}
        case SampleMethod.SPECIMEN:
            count = given.get("count")
            if not isinstance(count, int) or isinstance(count, bool) or not 0 < count <= MOST_UNITS:
                raise ValueError("no count")
            return {"count": count}
        case SampleMethod.SELECTION:
            words = str(given.get("words") or "").strip()
            if not words or len(words) > LONGEST or "\0" in words:
                raise ValueError("no words")
            return {"words": words}
        case SampleMethod.YEARS:
            endings = sorted({int(one) for one in given.get("endings") or ()})
            if not endings or not set(endings) <= set(range(10)):
                raise ValueError("no digits")
            return {"endings": endings}
        case SampleMethod.INITIALS:
            letters = sorted({str(one).strip() for one in given.get("letters") or ()} - {""})
            field = given.get("field", "title")
            if not letters or field not in FIELDS or any(len(one) > 2 for one in letters):
                raise ValueError("no letters")
            return {"letters": letters, "field": field, "particles": bool(given.get("particles"))}


def bad_sample(pointer: str, detail: str, **values: object) -> Refused:
    """Return the refusal of one part of a sample or a decision."""
    return Refused(
        "bad_sample",
        detail,
        kept=UNCHANGED,
        action="Corrigez cette partie puis recommencez.",
        pointer=pointer,
        **values,
    )
