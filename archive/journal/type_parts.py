"""Parts that several types of journal entries share: subject, PREMIS event, effects. Pure."""

from __future__ import annotations

from typing import Final

from archive.journal.effects import (
    Effects,
    IndexEffect,
    Outcome,
    Premis,
    RebuildEffect,
    ReplicaEffect,
    Subject,
)
from archive.model.premis_types import PremisType

Parts = tuple[Subject, Premis | None, Effects]

STATED: Final[Parts] = (
    Subject.STATEMENT,
    None,
    Effects(IndexEffect.NONE, ReplicaEffect.JOURNAL, RebuildEffect.STATE),
)
"""Of a type whose entries claim a statement about an object of the archivist."""

ABOUT_A_STATEMENT: Final[Parts] = (
    Subject.STATEMENT,
    None,
    Effects(IndexEffect.NONE, ReplicaEffect.JOURNAL, RebuildEffect.NONE),
)
"""Of a type whose entries tell what happened around an archivist's object, and state nothing."""

OF_THE_LOG: Final[Parts] = (
    Subject.LOG,
    None,
    Effects(IndexEffect.NONE, ReplicaEffect.JOURNAL, RebuildEffect.NONE),
)
"""Of a type whose entries tell of the journal, its keys or its clock."""

DISPOSED: Final[Parts] = (
    Subject.RECORD,
    Premis(PremisType.DELETION),
    Effects(IndexEffect.REMOVE, ReplicaEffect.JOURNAL, RebuildEffect.DISPOSE),
)
"""Of a type whose entries tell that a record is destroyed, or about to be."""

TAKEN_IN: Final[Parts] = (
    Subject.DEPOSIT,
    Premis(PremisType.INGESTION),
    Effects(IndexEffect.NONE, ReplicaEffect.JOURNAL, RebuildEffect.RECEIVE),
)
"""Of a type whose entries tell that a deposit is received."""

TAKEN_UP: Final[Parts] = (
    Subject.DEPOSIT,
    Premis(PremisType.OTHER),
    Effects(IndexEffect.NONE, ReplicaEffect.JOURNAL, RebuildEffect.RETRY),
)
"""Of a type whose entries tell that work on a deposit goes on."""

COMPLETED: Final[Parts] = (
    Subject.RECORD,
    Premis(PremisType.DERIVATION),
    Effects(IndexEffect.UPSERT, ReplicaEffect.RECORD, RebuildEffect.COMPLETE),
)
"""Of a type whose entries tell that a record has one more representation."""

KEPT: Final[Parts] = (
    Subject.RECORD,
    Premis(PremisType.REGISTRATION),
    Effects(IndexEffect.UPSERT, ReplicaEffect.RECORD, RebuildEffect.KEEP),
)
"""Of a type whose entries tell that a record is kept."""

CHECKED: Final[Parts] = (
    Subject.RECORD,
    Premis(PremisType.FIXITY_CHECK, Outcome.VERDICT),
    Effects(IndexEffect.NONE, ReplicaEffect.JOURNAL, RebuildEffect.NONE),
)
"""Of a type whose entries tell that a record was verified."""

HELD: Final[Parts] = (
    Subject.RECORD,
    Premis(PremisType.POLICY_ASSIGNMENT),
    Effects(IndexEffect.NONE, ReplicaEffect.RECORD, RebuildEffect.HOLD),
)
"""Of a type whose entries tell that a record is on hold."""

RELEASED: Final[Parts] = (
    Subject.RECORD,
    Premis(PremisType.POLICY_ASSIGNMENT),
    Effects(IndexEffect.NONE, ReplicaEffect.RECORD, RebuildEffect.RELEASE),
)
"""Of a type whose entries tell that a record is on one hold less."""

HOLD_STATED: Final[Parts] = (
    Subject.STATEMENT,
    None,
    Effects(IndexEffect.NONE, ReplicaEffect.JOURNAL, RebuildEffect.DECIDE),
)
"""Of a type whose entries tell that a hold is decided or ended."""

REGISTERED: Final[Parts] = (
    Subject.REGISTER,
    None,
    Effects(IndexEffect.NONE, ReplicaEffect.JOURNAL, RebuildEffect.REGISTER),
)
"""Of a type whose entries tell that the tenant register has changed."""
