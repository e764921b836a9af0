"""Make proofs from the published journal: from its tiles in the store alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.database.tables import CheckpointRow
from archive.journal.merkle import consistency_proof, inclusion_proof
from archive.journal.tiles import StoredTree
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from archive.objects.port import ObjectStore


def checkpoint(session: Session, number: int | None) -> CheckpointRow:
    """Return the published checkpoint of a number; None asks for the latest.

    Raises:
        Refused: ``checkpoint_not_found``.
    """
    if number is None:
        row = session.scalar(select(CheckpointRow).order_by(CheckpointRow.number.desc()).limit(1))
    else:
        row = session.get(CheckpointRow, number)
    if row is None:
        raise Refused(
            "checkpoint_not_found",
            "Ce scellement du journal n’existe pas.",
            action="Le premier est publié au plus une minute après la première entrée.",
        )
    return row


def published_size(session: Session) -> int:
    """Return the number of entries under the latest checkpoint; 0 when there is none."""
    return session.scalar(select(func.max(CheckpointRow.size))) or 0


def inclusion(
    store: ObjectStore, session: Session, entry: int, number: int | None
) -> tuple[CheckpointRow, list[bytes]]:
    """Return a checkpoint, and the hashes that lead from an entry to its tree head.

    Raises:
        Refused: ``checkpoint_not_found``, ``entry_not_published``.
    """
    under = checkpoint(session, number)
    if entry >= under.size:
        raise Refused(
            "entry_not_published",
            "L’entrée {entry} n’est pas sous ce scellement, qui en compte {size}.",
            action="Attendez le scellement suivant, ou demandez-en un plus récent.",
            pointer="query:entry",
            entry=entry,
            size=under.size,
        )
    return under, inclusion_proof(entry, under.size, StoredTree(store, published_size(session)).node)


def consistency(
    store: ObjectStore, session: Session, older: int, newer: int
) -> tuple[CheckpointRow, CheckpointRow, list[bytes]]:
    """Return two checkpoints, and the hashes that prove that the second only adds to the first.

    Raises:
        Refused: ``checkpoint_not_found``, ``checkpoints_reversed``.
    """
    old, new = checkpoint(session, older), checkpoint(session, newer)
    if old.size > new.size:
        raise Refused(
            "checkpoints_reversed",
            "« from » est plus récent que « to ».",
            action="Échangez-les.",
            pointer="query:from",
        )
    return old, new, consistency_proof(old.size, new.size, StoredTree(store, published_size(session)).node)
