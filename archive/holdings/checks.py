"""Checks of a verification, and the verdict on each of four questions. Pure.

Four facts are told apart. The *content*: the bytes are what was kept, which digests prove. The
*custody*: the store guards them as recorded, by version and lock. The *hold*: the store has the
legal hold that was decided. The *journal*: what was published can be read and has the entries about
the record. A record whose locks are missing is intact, its custody is not; and a published journal
that is damaged says nothing about bytes whose digests hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from archive.objects.fixity import Fixity, gravest


class Aspect(StrEnum):
    """The question that a check answers."""

    CONTENT = "content"
    """Whether the document is what was kept: digests, inventory, catalogue, journal."""
    CUSTODY = "custody"
    """Whether the store guards it as recorded."""
    HOLD = "hold"
    """Whether the store has the legal hold that was decided."""
    JOURNAL = "journal"
    """Whether the published journal can be read and covers the entries about the record."""


@dataclass(frozen=True)
class Check:
    """One check; name and detail are French texts."""

    name: str
    verdict: Fixity
    detail: str
    aspect: Aspect = Aspect.CONTENT

    def as_json(self) -> dict[str, str]:
        """Return the check as the API shows it."""
        shown = {"name": self.name, "verdict": self.verdict.value, "detail": self.detail}
        return shown | {"aspect": self.aspect.value}


@dataclass(frozen=True)
class Verification:
    """Result of one verification: every check, and the gravest verdict on each question."""

    at: datetime
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Fixity:
        """The gravest verdict on the document itself."""
        return self.of(Aspect.CONTENT)

    @property
    def is_whole(self) -> bool:
        """Whether the document is intact, guarded as recorded, and as published."""
        return gravest([check.verdict for check in self.checks]) is Fixity.INTACT

    def of(self, aspect: Aspect) -> Fixity:
        """Return the gravest verdict of the checks that answer one question."""
        return gravest([check.verdict for check in self.checks if check.aspect is aspect])

    @property
    def facts(self) -> dict[str, Any]:
        """The verdicts as the journal states them."""
        others = {one.value: self.of(one).value for one in (Aspect.CUSTODY, Aspect.HOLD, Aspect.JOURNAL)}
        return {"verdict": self.verdict.value, **others, "checks": len(self.checks)}

    def as_json(self) -> dict[str, Any]:
        """Return the verification as the API shows it."""
        return self.facts | {"checks": [check.as_json() for check in self.checks]}
