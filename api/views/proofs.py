"""Make proofs from the published journal: from its tiles in the store alone."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.database.tables import CheckpointRow
from archive.journal.merkle import consistency_proof, inclusion_proof, root_hash
from archive.journal.published import PublishedLog
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


@dataclass(frozen=True)
class Extension:
    """Proof that the journal of one size extends that of a smaller one."""

    old_size: int
    old_root: bytes
    new_size: int
    new_root: bytes
    hashes: list[bytes]


def extension(store: ObjectStore, vkey: str, old_size: int, new_size: int | None, old_root: str | None) -> Extension:
    """Return the proof between two sizes of the published journal; None asks for its size of today.

    Args:
        vkey: Verifier key of the log.
        old_root: Root that the caller has for the smaller size, in hexadecimal or base64.

    Raises:
        Refused: ``bad_journal_size``, ``bad_root_hash``, ``root_differs``.
        Corrupt: ``journal_damaged``.
    """
    log = PublishedLog(store, vkey)
    new = log.head.size if new_size is None else new_size
    beyond = [name for name, size in (("from_size", old_size), ("to_size", new)) if size > log.head.size]
    if beyond:
        raise Refused(
            "bad_journal_size",
            "Le journal publié ne compte que {now} lignes, pas {size}.",
            action="Donnez le nombre de lignes que la preuve plus ancienne annonce.",
            pointer=f"query:{beyond[0]}",
            size=str(old_size if beyond[0] == "from_size" else new),
            now=str(log.head.size),
        )
    if old_size > new:
        raise Refused(
            "bad_journal_size",
            "« from_size » ({old}) dépasse « to_size » ({new}) : le journal ne va que vers l’avant.",
            action="Donnez d’abord le plus petit des deux nombres de lignes.",
            pointer="query:from_size",
            old=str(old_size),
            new=str(new),
        )
    mine = root_hash(old_size, log.tree.node)
    if old_root is not None and _root(old_root) != mine:
        raise Refused(
            "root_differs",
            "À {size} lignes, le journal publié n’a pas cette racine.",
            kept="Rien n’a été changé.",
            action="Faites vérifier la preuve qui la porte (page « Vérifier ») : signée par nous, elle donne l’alarme.",
            pointer="query:old_root",
            size=str(old_size),
        )
    hashes = consistency_proof(old_size, new, log.tree.node)
    return Extension(old_size, mine, new, root_hash(new, log.tree.node), hashes)


def _root(text: str) -> bytes:
    try:
        found = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        found = b""
    if len(found) != 32:
        raise Refused(
            "bad_root_hash",
            "« old_root » n’est pas une racine de 32 octets.",
            action="Donnez-la en hexadécimal, ou telle qu’elle est dans le scellement.",
            pointer="query:old_root",
        )
    return found
