"""Subject and effects of a journal entry: the parts that every entry type has.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any


class Subject(StrEnum):
    """The subject of an entry: ``deposit:<id>``, ``record:<id>``, ``register`` or ``log``."""

    DEPOSIT = "deposit"
    RECORD = "record"
    REGISTER = "register"
    LOG = "log"

    def fits(self, subject: str) -> bool:
        """Whether the subject of an entry is of this kind."""
        kind, colon, identity = subject.partition(":")
        named = self in {Subject.DEPOSIT, Subject.RECORD}
        return kind == self and bool(colon) == named and bool(identity) == named


class PremisType(StrEnum):
    """Event types that ``premis.json`` states for entries; those of stages come with their runs."""

    INGESTION = "ingestion"
    REGISTRATION = "registration"
    METADATA_MODIFICATION = "metadata modification"
    DERIVATION = "derivation"
    REPLICATION = "replication"
    FIXITY_CHECK = "fixity check"
    POLICY_ASSIGNMENT = "policy assignment"
    DELETION = "deletion"
    TRANSFER = "transfer"
    OTHER = "other"
    """Chosen where no other term fits; never a default."""


class Outcome(Enum):
    """Source of an event's outcome: the presence of the entry, or one of its facts."""

    DONE = "done"
    STATE = "state"
    VERDICT = "verdict"


@dataclass(frozen=True)
class Premis:
    """The statement about an entry in ``premis.json``.

    Attributes:
        type: None for the event of the stage that the entry names.
    """

    type: PremisType | None
    outcome: Outcome = Outcome.DONE


class IndexEffect(Enum):
    """Effect of an entry on the search index."""

    UPSERT = "the record is found as it is now"
    REMOVE = "the record is not found any more"
    NONE = "nothing"


class ReplicaEffect(Enum):
    """Effect of an entry on the second store; the journal itself is always copied."""

    RECORD = "the record is copied again: new versions, locks, holds"
    JOURNAL = "the journal alone"


class RebuildEffect(Enum):
    """Effect of an entry on a rebuild, apart from the entry itself."""

    KEEP = "a record"
    DESCRIBE = "a revision of its description"
    COMPLETE = "a revision of its forms"
    RESTORE = "one more version of an object is right"
    HOLD = "a hold"
    RELEASE = "the end of a hold"
    REGISTER = "a tenant's name, types and rules"
    RECEIVE = "a deposit"
    QUARANTINE = "a deposit's quarantine"
    RETRY = "the end of a quarantine"
    NONE = "nothing"


@dataclass(frozen=True)
class Effects:
    """Effects of an entry on index, replica and rebuild."""

    index: IndexEffect
    replica: ReplicaEffect
    rebuild: RebuildEffect


@dataclass(frozen=True)
class Sentence:
    """Text of an entry in a record's history: French message ids.

    Attributes:
        otherwise: (fact, value, text): the text where that fact has that value.
    """

    text: str
    otherwise: tuple[tuple[str, str, str], ...] = ()

    def of(self, facts: Mapping[str, Any]) -> str:
        """Return the text for these facts."""
        return next((text for fact, value, text in self.otherwise if facts.get(fact) == value), self.text)

    @property
    def all(self) -> tuple[str, ...]:
        """Every possible text."""
        return (self.text, *(text for _, _, text in self.otherwise))
