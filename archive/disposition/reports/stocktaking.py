"""Stocktaking (*récolement*): what is asked for, and what is told of paper units. Pure.

The arrêté of 31 December 1926 asks for it whenever a mayor leaves office: the outgoing one is
discharged of the archives, the incoming one takes charge of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Final

from archive.model.days import iso_day
from archive.model.field_rules import is_text
from signing.ground.errors import Refused

_LONGEST: Final = 200
_LONGEST_REMARK: Final = 2000
MOST_UNITS: Final = 5000
_UNCHANGED: Final = "Aucun récolement n’est demandé."


class Seen(StrEnum):
    """What a person found of a paper unit on its shelf."""

    YES = "yes"
    NO = "no"
    NOT_LOOKED = "not_looked"
    """Nobody looked: nothing is said of it."""


@dataclass(frozen=True)
class Signatory:
    """A person who signs the minutes."""

    name: str
    quality: str

    def as_json(self) -> dict[str, str]:
        """Return the JSON of it."""
        return {"name": self.name, "quality": self.quality}


@dataclass(frozen=True)
class Asked:
    """What a stocktaking is asked with.

    Attributes:
        elected_on: Day of the election, or of the other event that makes it compulsory.
        outgoing: Who is discharged.
        incoming: Who takes charge; None where the same person stays in office.
        archivist: Who made it.
        units: By code, what was found of paper units; others were not looked at.
    """

    elected_on: date
    outgoing: Signatory
    incoming: Signatory | None
    archivist: Signatory
    remark: str = ""
    units: Mapping[str, Seen] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the part of a statement that says it."""
        return {
            "elected_on": self.elected_on.isoformat(),
            "outgoing": self.outgoing.as_json(),
            "incoming": self.incoming.as_json() if self.incoming is not None else None,
            "archivist": self.archivist.as_json(),
            "remark": self.remark,
            "units": {code: seen.value for code, seen in sorted(self.units.items())},
        }


def read_asked(given: Mapping[str, Any], today: date) -> Asked:
    """Read what a stocktaking is asked with.

    Raises:
        Refused: ``bad_stocktaking``, with the field as its pointer.
    """
    try:
        elected_on = iso_day(str(given.get("elected_on") or ""))
    except ValueError as error:
        raise bad_stocktaking("/elected_on", "La date de l’élection manque, ou n’existe pas.") from error
    if elected_on > today:
        raise bad_stocktaking("/elected_on", "L’élection n’a pas encore eu lieu.")
    incoming = given.get("incoming")
    return Asked(
        elected_on,
        _signatory(given.get("outgoing"), "/outgoing"),
        _signatory(incoming, "/incoming") if incoming else None,
        _signatory(given.get("archivist"), "/archivist"),
        _remark(given.get("remark")),
        _units(given.get("units") or {}),
    )


def _signatory(given: Any, pointer: str) -> Signatory:
    told = [given.get(name) if isinstance(given, Mapping) else None for name in ("name", "quality")]
    name, quality = (one.strip() if isinstance(one, str) else "" for one in told)
    if not name or not quality:
        raise bad_stocktaking(pointer, "Écrivez le nom et la qualité de cette personne.")
    if max(len(name), len(quality)) > _LONGEST or not is_text(name) or not is_text(quality):
        raise bad_stocktaking(pointer, "Le nom ou la qualité est illisible, ou dépasse 200 signes.")
    return Signatory(name, quality)


def _remark(given: Any) -> str:
    remark = given.strip() if isinstance(given, str) else ""
    if len(remark) > _LONGEST_REMARK or (remark and not is_text(remark)):
        raise bad_stocktaking("/remark", "L’observation est illisible, ou dépasse 2 000 signes.")
    return remark


def _units(given: Any) -> dict[str, Seen]:
    if not isinstance(given, Mapping) or len(given) > MOST_UNITS:
        raise bad_stocktaking("/units", "« units » donne, par code, ce qui a été vu de 5 000 unités au plus.")
    try:
        return {str(code): Seen(seen) for code, seen in given.items()}
    except ValueError as error:
        raise bad_stocktaking("/units", "Une unité a été vue (yes), manque (no) ou n’a pas été regardée.") from error


def bad_stocktaking(pointer: str, detail: str) -> Refused:
    """Return the refusal of one field."""
    return Refused(
        "bad_stocktaking", detail, kept=_UNCHANGED, action="Corrigez ce champ, puis recommencez.", pointer=pointer
    )
