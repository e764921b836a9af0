"""The types of journal entries: one definition each, from which every reader takes its own part. Pure.

A name, once published, keeps its meaning for ever; a new meaning is a new type. Nothing else can be
written (``sequencer``). Readers may meet a type that is not here, in the journal of a later version:
``known`` answers None, and what they can't tell they leave untold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Final, Self


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


class EntryType(StrEnum):
    """What an entry tells; a member that leaves out one of its parts can't be defined.

    Attributes:
        subject: What it is about.
        premis: None = not about a record or its deposit, hence never in ``premis.json``.
        in_index: Its effect on the search index.
        in_replica: Its effect on the second store.
        in_rebuild: Its effect on a rebuild.
        sentence: What history shows.
    """

    subject: Subject
    premis: Premis | None
    in_index: IndexEffect
    in_replica: ReplicaEffect
    in_rebuild: RebuildEffect
    sentence: Sentence

    LOG_OPENED = (
        "LogOpened",
        Subject.LOG,
        None,
        IndexEffect.NONE,
        ReplicaEffect.JOURNAL,
        RebuildEffect.NONE,
        Sentence("Journal ouvert, avec sa clé et le cachet qui en répond."),
    )
    DEPOSIT_RECEIVED = (
        "DepositReceived",
        Subject.DEPOSIT,
        Premis(PremisType.INGESTION),
        IndexEffect.NONE,
        ReplicaEffect.JOURNAL,
        RebuildEffect.RECEIVE,
        Sentence("Reçu : {size} octets, empreinte prise, accusé de réception donné."),
    )
    STAGE_COMPLETED = (
        "StageCompleted",
        Subject.DEPOSIT,
        Premis(None, Outcome.STATE),
        IndexEffect.NONE,
        ReplicaEffect.JOURNAL,
        RebuildEffect.NONE,
        Sentence("{stage} : terminé.", (("state", "skipped", "{stage} : sans objet pour ce document."),)),
    )
    STAGE_FAILED = (
        "StageFailed",
        Subject.DEPOSIT,
        Premis(None, Outcome.STATE),
        IndexEffect.NONE,
        ReplicaEffect.JOURNAL,
        RebuildEffect.NONE,
        Sentence("{stage} : échec ; le document est conservé tel que reçu."),
    )
    DEPOSIT_QUARANTINED = (
        "DepositQuarantined",
        Subject.DEPOSIT,
        Premis(PremisType.OTHER),
        IndexEffect.NONE,
        ReplicaEffect.JOURNAL,
        RebuildEffect.QUARANTINE,
        Sentence("Mis à l’écart : un archiviste doit décider."),
    )
    DEPOSIT_RETRIED = (
        "DepositRetried",
        Subject.DEPOSIT,
        Premis(PremisType.OTHER),
        IndexEffect.NONE,
        ReplicaEffect.JOURNAL,
        RebuildEffect.RETRY,
        Sentence("Étapes relancées."),
    )
    DEPOSIT_RECOVERED = (
        "DepositRecovered",
        Subject.DEPOSIT,
        Premis(PremisType.INGESTION),
        IndexEffect.NONE,
        ReplicaEffect.JOURNAL,
        RebuildEffect.RECEIVE,
        Sentence("Réinscrit après la perte de la base, d’après ce que le magasin en gardait."),
    )
    RECORD_KEPT = (
        "RecordKept",
        Subject.RECORD,
        Premis(PremisType.REGISTRATION),
        IndexEffect.UPSERT,
        ReplicaEffect.RECORD,
        RebuildEffect.KEEP,
        Sentence("Rangé dans le magasin avec ses copies et ses preuves."),
    )
    RECORD_DESCRIBED = (
        "RecordDescribed",
        Subject.RECORD,
        Premis(PremisType.METADATA_MODIFICATION),
        IndexEffect.UPSERT,
        ReplicaEffect.RECORD,
        RebuildEffect.DESCRIBE,
        Sentence("Description complétée ou corrigée."),
    )
    RECORD_COMPLETED = (
        "RecordCompleted",
        Subject.RECORD,
        Premis(PremisType.DERIVATION),
        IndexEffect.UPSERT,
        ReplicaEffect.RECORD,
        RebuildEffect.COMPLETE,
        Sentence("Formes du document complétées par un nouveau traitement."),
    )
    RECORD_RECOVERED = (
        "RecordRecovered",
        Subject.RECORD,
        Premis(PremisType.REGISTRATION),
        IndexEffect.UPSERT,
        ReplicaEffect.RECORD,
        RebuildEffect.KEEP,
        Sentence("Réinscrit après la perte de la base, d’après sa fiche dans le magasin."),
    )
    RECORD_DISPOSED = (
        "RecordDisposed",
        Subject.RECORD,
        Premis(PremisType.DELETION),
        IndexEffect.REMOVE,
        ReplicaEffect.JOURNAL,
        RebuildEffect.NONE,
        Sentence("Éliminé : un certificat le constate."),
    )
    RECORD_TRANSFERRED = (
        "RecordTransferred",
        Subject.RECORD,
        Premis(PremisType.TRANSFER),
        IndexEffect.REMOVE,
        ReplicaEffect.JOURNAL,
        RebuildEffect.NONE,
        Sentence("Transféré : un certificat le constate."),
    )
    OBJECT_RESTORED = (
        "ObjectRestored",
        Subject.RECORD,
        Premis(PremisType.REPLICATION),
        IndexEffect.NONE,
        ReplicaEffect.RECORD,
        RebuildEffect.RESTORE,
        Sentence("Fichier « {path} » rétabli depuis la copie saine, après vérification."),
    )
    FIXITY_CHECKED = (
        "FixityChecked",
        Subject.RECORD,
        Premis(PremisType.FIXITY_CHECK, Outcome.VERDICT),
        IndexEffect.NONE,
        ReplicaEffect.JOURNAL,
        RebuildEffect.NONE,
        Sentence("Vérifié : {verdict}."),
    )
    HOLD_PLACED = (
        "HoldPlaced",
        Subject.RECORD,
        Premis(PremisType.POLICY_ASSIGNMENT),
        IndexEffect.NONE,
        ReplicaEffect.RECORD,
        RebuildEffect.HOLD,
        Sentence("Gelé : ne peut pas être éliminé."),
    )
    HOLD_RELEASED = (
        "HoldReleased",
        Subject.RECORD,
        Premis(PremisType.POLICY_ASSIGNMENT),
        IndexEffect.NONE,
        ReplicaEffect.RECORD,
        RebuildEffect.RELEASE,
        Sentence("Gel levé.", (("ended", "expired", "Gel arrivé à son terme."),)),
    )
    HOLD_RECOVERED = (
        "HoldRecovered",
        Subject.RECORD,
        Premis(PremisType.POLICY_ASSIGNMENT),
        IndexEffect.NONE,
        ReplicaEffect.RECORD,
        RebuildEffect.HOLD,
        Sentence("Gel réinscrit après la perte de la base, d’après ce que le magasin en gardait."),
    )
    RELEASE_RECOVERED = (
        "ReleaseRecovered",
        Subject.RECORD,
        Premis(PremisType.POLICY_ASSIGNMENT),
        IndexEffect.NONE,
        ReplicaEffect.RECORD,
        RebuildEffect.RELEASE,
        Sentence("Fin d’un gel réinscrite après la perte de la base, d’après ce que le magasin en gardait."),
    )
    TENANT_OPENED = (
        "TenantOpened",
        Subject.REGISTER,
        None,
        IndexEffect.NONE,
        ReplicaEffect.JOURNAL,
        RebuildEffect.REGISTER,
        Sentence("Service ouvert : nom, types et règles inscrits au registre."),
    )
    REGISTER_CHANGED = (
        "RegisterChanged",
        Subject.REGISTER,
        None,
        IndexEffect.NONE,
        ReplicaEffect.JOURNAL,
        RebuildEffect.REGISTER,
        Sentence("Nom, types ou règles du service modifiés au registre."),
    )
    STORE_MOVED = (
        "StoreMoved",
        Subject.LOG,
        None,
        IndexEffect.NONE,
        ReplicaEffect.JOURNAL,
        RebuildEffect.NONE,
        Sentence("Le catalogue repose désormais sur ce qui était la seconde copie."),
    )

    def __new__(
        cls,
        name: str,
        subject: Subject,
        premis: Premis | None,
        in_index: IndexEffect,
        in_replica: ReplicaEffect,
        in_rebuild: RebuildEffect,
        sentence: Sentence,
    ) -> Self:
        """Make a member of its name and its parts."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.subject, member.premis, member.sentence = subject, premis, sentence
        member.in_index, member.in_replica, member.in_rebuild = in_index, in_replica, in_rebuild
        return member


def known(name: str) -> EntryType | None:
    """The type of an entry that was read; None for one of a later version."""
    return _BY_NAME.get(name)


def registered(name: str) -> EntryType:
    """The type of this name.

    Raises:
        ValueError: Nobody registered it.
    """
    found = known(name)
    if found is None:
        raise ValueError(f"{name!r} is no type of journal entry")
    return found


def rebuilding(*effects: RebuildEffect) -> tuple[EntryType, ...]:
    """The types from which a rebuild makes these things."""
    return tuple(one for one in EntryType if one.in_rebuild in effects)


KEPT: Final = rebuilding(RebuildEffect.KEEP)
"""That a record is kept."""
CHANGES: Final = rebuilding(RebuildEffect.KEEP, RebuildEffect.DESCRIBE, RebuildEffect.COMPLETE)
"""What a record is from there on: the last one states ``record.json`` and the inventory in force."""
RESTORED: Final = rebuilding(RebuildEffect.RESTORE)
RECEIVED: Final = rebuilding(RebuildEffect.RECEIVE)
"""That a deposit was received."""
_BY_NAME: Final = {one.value: one for one in EntryType}
