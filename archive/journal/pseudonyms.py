"""Pseudonyms in the journal: only their secret keys link them to an identity.

Each subject has a random key of its own. Destroying its row leaves every proof valid and the
subject unlinkable, because nothing else leads from the pseudonym to the identity.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables import PseudonymRow

TENANT = "tenant"
AGENT = "agent"


def pseudonym(session: Session, tenant: str | None, kind: str, identity: str) -> str:
    """Return the pseudonym of an identity, made at its first use.

    Args:
        session: A write transaction that holds the journal's lock (see ``Ledger.append``).
        tenant: The tenant to which the subject belongs; None for the installation's own.
        kind: ``tenant`` or ``agent``.
        identity: Tenant id, or ``user:<id>``, ``key:<id>``, ``service:<name>``.
    """
    owner = tenant or ""
    known = session.scalar(
        select(PseudonymRow.pseudonym).where(
            PseudonymRow.tenant_id == owner, PseudonymRow.kind == kind, PseudonymRow.identity == identity
        )
    )
    if known is not None:
        return known
    key = secrets.token_bytes(32)
    made = f"{kind[0]}:{hmac.new(key, identity.encode(), hashlib.sha256).hexdigest()[:32]}"
    session.add(PseudonymRow(pseudonym=made, tenant_id=owner, kind=kind, identity=identity, key=key))
    session.flush()
    return made
