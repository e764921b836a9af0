"""What an entry is about and what follows from it: the parts that every entry type has.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any


class Subject(StrEnum):
    """What an entry is about: ``deposit:<id>``, ``record:<id>``, ``register`` or ``log``."""

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
    """Event types that ``premis.json`` states of entries; those of stages come with their runs."""

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
    """Chosen for what no term names; never a default."""


class Outcome(Enum):
    """Where an event's outcome is read: that it is there says it, or a fact of the entry does."""

    DONE = "done"
    STATE = "state"
    VERDICT = "verdict"


@dataclass(frozen=True)
class Premis:
    """How ``premis.json`` states an entry.

    Attributes:
        type: None = the event of the stage that the entry names.
    """

    type: PremisType | None
    outcome: Outcome = Outcome.DONE


class IndexEffect(Enum):
    """What the follower does in the search index."""

    UPSERT = "the record is found as it is now"
    REMOVE = "the record is not found any more"
    NONE = "nothing"


class ReplicaEffect(Enum):
    """What the second store follows at once; the journal itself is always copied."""

    RECORD = "the record is copied again: new versions, locks, holds"
    JOURNAL = "the journal alone"


class RebuildEffect(Enum):
    """What a rebuild makes again from an entry, beside the entry itself."""

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
    """What readers of the journal do with an entry."""

    index: IndexEffect
    replica: ReplicaEffect
    rebuild: RebuildEffect


@dataclass(frozen=True)
class Sentence:
    """What history shows: French message ids.

    Attributes:
        unless: (fact, value, text): the text where that fact has that value.
    """

    text: str
    unless: tuple[tuple[str, str, str], ...] = ()

    def of(self, facts: Mapping[str, Any]) -> str:
        """The text for these facts."""
        return next((text for fact, value, text in self.unless if facts.get(fact) == value), self.text)

    @property
    def all(self) -> tuple[str, ...]:
        """Every text."""
        return (self.text, *(text for _, _, text in self.unless))
