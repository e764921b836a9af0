"""Succession: enter in the journal that another seal or authority is in place.

A change is found by comparing what is in place with what was last entered, so that none is missed:
a renewal, a command, other settings, or a crash between any of them and its entry.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables import JournalEntryRow
from archive.journal.effects import Subject
from archive.journal.sequencer import Entry, Ledger
from archive.journal.types import EntryType
from signing.ground.canonical import parse_canonical
from signing.port import Signer, Timestamper

log = structlog.get_logger(__name__)

LONGEST: Final = 7400
"""Base64 characters of a certificate that fit into an entry, with everything else in it."""


def enter_changes(session: Session, ledger: Ledger, signer: Signer, timestamper: Timestamper) -> list[Entry]:
    """Enter a seal and an authority that are not the last ones entered; return the entries.

    The authority that was made here together with the first seal needs no entry.
    """
    opened = _facts(session, EntryType.LOG_OPENED)
    sealed, stamped = _facts(session, EntryType.SEAL_REPLACED), _facts(session, EntryType.AUTHORITY_REPLACED)
    first = hashlib.sha256(base64.b64decode(opened["seal_certificate"])).hexdigest()
    entries = []
    seal = hashlib.sha256(signer.certificate).hexdigest()
    former = sealed["seal"] if sealed else first
    if seal != former:
        facts = {"seal": seal, "former": former, "probative": signer.probative}
        encoded = base64.b64encode(signer.certificate).decode()
        if len(encoded) <= LONGEST:
            facts["seal_certificate"] = encoded
        else:
            facts["seal_certificate_size"] = len(signer.certificate)  # by its digest, in trust/own/
            log.warning("seal_certificate_too_long", seal=seal, size=len(signer.certificate))
        entries.append(_append(session, ledger, EntryType.SEAL_REPLACED, facts))
    implied = not stamped and not timestamper.probative and seal == first
    authority = timestamper.identity
    if authority and not implied and authority != stamped.get("authority"):
        facts = {
            "authority": authority,
            "former": stamped.get("authority", ""),
            "probative": timestamper.probative,
        }
        entries.append(_append(session, ledger, EntryType.AUTHORITY_REPLACED, facts))
    return entries


def _append(session: Session, ledger: Ledger, kind: EntryType, facts: dict[str, Any]) -> Entry:
    return ledger.append(session, type=kind, tenant=None, subject=Subject.LOG, agent="service:signing", facts=facts)


def _facts(session: Session, kind: EntryType) -> dict[str, Any]:
    """Return the facts of the latest entry of a type; empty when there is none."""
    query = select(JournalEntryRow).where(JournalEntryRow.type == kind.value).order_by(JournalEntryRow.n.desc())
    row = session.scalar(query.limit(1))
    return dict(parse_canonical(row.body)["facts"]) if row is not None else {}
