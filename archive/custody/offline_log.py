"""Journal as its bundles state it, and roots that are trusted, for the offline check."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from archive.disposition.holds.statements import PLACED, RELEASED
from archive.journal.effects import RebuildEffect
from archive.journal.types import EntryType, rebuilding
from archive.objects.fixity import Fixity
from signing.ground.clock import parse_stamp

HOUR: Final = timedelta(hours=1)
_REGISTERED: Final = frozenset(rebuilding(RebuildEffect.REGISTER))
_STATED: Final = frozenset(rebuilding(RebuildEffect.STATE))
_DISPOSED: Final = frozenset(rebuilding(RebuildEffect.DISPOSE))
_RELEASES: Final = frozenset(rebuilding(RebuildEffect.RELEASE))


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        name: Its path in the store, or what it is.
        detail: One French sentence.
    """

    name: str
    verdict: Fixity
    detail: str


@dataclass(frozen=True)
class Claim:
    """A file of the register, as an entry announces it: whose, its number or its hold, and when."""

    tenant: str
    what: str
    at: datetime


@dataclass
class Log:
    """A journal read from its bundles.

    Attributes:
        vkey: The log's verifier key.
        leaves: Leaf hashes, in order.
        stated: Subject -> facts of the last entry that states an inventory.
        moments: Number and time of an entry an hour, at least.
        claims: By SHA-256, the files of the register that entries claim.
        ending: Subjects of records whose destruction was decided.
        gone: Those of records that were shown to be gone.
    """

    vkey: str
    origin: str
    leaves: list[bytes] = field(default_factory=list)
    stated: dict[str, dict[str, Any]] = field(default_factory=dict)
    moments: list[tuple[int, datetime]] = field(default_factory=list)
    claims: dict[str, Claim] = field(default_factory=dict)
    ending: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def read(self, n: int, entry: dict[str, Any], leaf: bytes) -> None:
        """Take what the checks need of one entry."""
        facts, at = entry["facts"], parse_stamp(entry["at"])
        if "inventory" in facts:
            self.stated[entry["subject"]] = facts
        if not self.moments or at - self.moments[-1][1] >= HOUR:
            self.moments.append((n, at))
        if entry["type"] in _DISPOSED:
            (self.gone if entry["type"] == EntryType.RECORD_DISPOSED else self.ending).add(entry["subject"])
        if entry["type"] in _REGISTERED:
            self.claims[facts["sha-256"]] = Claim(entry["tenant"], f"{facts['number']:06d}", at)
        elif entry["type"] in _STATED:
            _, _, what = entry["subject"].partition(":")
            self.claims[facts["statement"]] = Claim(entry["tenant"], f"{what}:{facts['number']}", at)
            if "file" in facts:  # the minutes of a stocktaking lie in the register too
                self.claims[facts["file"]] = Claim(entry["tenant"], f"{what}.pdf", at)
        elif "statement" in facts:
            what = RELEASED if entry["type"] in _RELEASES else PLACED
            self.claims[facts["statement"]] = Claim(entry["tenant"], f"{facts['hold']}/{what}", at)
        self.leaves.append(leaf)


@dataclass(frozen=True)
class Anchors:
    """Trusted roots (DER), each for its own purpose; without one chains stay unverifiable."""

    seals: tuple[bytes, ...] = ()
    stamps: tuple[bytes, ...] = ()
