"""Subject and effects of a journal entry: the parts that every entry type has.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, assert_never

from archive.model.premis_types import PremisType
from archive.model.vocabularies import require_complete


class Subject(StrEnum):
    """The subject of an entry: ``deposit:<id>``, ``record:<id>``, ``statement:<kind>:<id>`` ….

    ``register`` and ``log`` are alone of their kind.
    """

    DEPOSIT = "deposit"
    RECORD = "record"
    REGISTER = "register"
    STATEMENT = "statement"
    LOG = "log"

    def fits(self, subject: str) -> bool:
        """Whether the subject of an entry is of this kind."""
        kind, colon, identity = subject.partition(":")
        named = self in {Subject.DEPOSIT, Subject.RECORD, Subject.STATEMENT}
        return kind == self and bool(colon) == named and bool(identity) == named


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

    @property
    def changes_the_index(self) -> bool:
        """Whether the follower has anything to do."""
        match self:
            case IndexEffect.UPSERT | IndexEffect.REMOVE:
                return True
            case IndexEffect.NONE:
                return False
            case _:
                assert_never(self)


class ReplicaEffect(Enum):
    """Effect of an entry on the second store; the journal itself is always copied."""

    RECORD = "the record is copied again: new versions, locks, holds"
    JOURNAL = "the journal alone"

    @property
    def copies(self) -> bool:
        """Whether the record is copied again."""
        match self:
            case ReplicaEffect.RECORD:
                return True
            case ReplicaEffect.JOURNAL:
                return False
            case _:
                assert_never(self)


class RebuildEffect(Enum):
    """Effect of an entry on a rebuild, apart from the entry itself."""

    KEEP = "a record"
    DESCRIBE = "a revision of its description"
    COMPLETE = "a revision of its forms"
    RECOMPUTE = "a revision of its dates"
    ABANDON = "the same revision under a later version"
    RESTORE = "one more version of an object is right"
    HOLD = "a hold"
    RELEASE = "the end of a hold"
    DECIDE = "a hold, or its end, as a whole"
    REGISTER = "a tenant's name, types and rules"
    STATE = "an object of the archivist, as the statement gives it"
    DISPOSE = "a record that is gone"
    RECEIVE = "a deposit"
    QUARANTINE = "a deposit's quarantine"
    RETRY = "the end of a quarantine"
    REFUSE = "a deposit's refusal"
    NONE = "nothing"

    @property
    def states_the_record(self) -> bool:
        """Whether the entry states ``record.json`` and the inventory in force from there on."""
        match self:
            case RebuildEffect.KEEP | RebuildEffect.DESCRIBE | RebuildEffect.COMPLETE:
                return True
            case RebuildEffect.RECOMPUTE | RebuildEffect.ABANDON:
                return True
            case RebuildEffect.RESTORE | RebuildEffect.HOLD | RebuildEffect.RELEASE:
                return False
            case RebuildEffect.REGISTER | RebuildEffect.RECEIVE | RebuildEffect.QUARANTINE | RebuildEffect.RETRY:
                return False
            case RebuildEffect.STATE | RebuildEffect.DECIDE | RebuildEffect.DISPOSE:
                return False
            case RebuildEffect.REFUSE | RebuildEffect.NONE:
                return False
            case _:
                assert_never(self)


require_complete(IndexEffect, ReplicaEffect, RebuildEffect)


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
