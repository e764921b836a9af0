"""Trust file of this installation: for the command line, and for ``/.well-known``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.assembly import System


_LATELY = 10_000


def trust_file_of(system: System) -> bytes:
    """Return the trust file (``archive.evidence.trust``) as canonical JSON."""
    from archive.database.tenancy import EVERYTHING, acting_for
    from archive.evidence.trust import trust_file
    from archive.journal.tiles import StoredTree
    from signing.chains import own_roots
    from signing.trust import AUTHORITY

    own = system.trust.own()
    known = [*own_roots(system.settings.signing.keys), *own.roots, *system.trust.foreign().roots]
    stampers = own.of_role(AUTHORITY)
    with acting_for(EVERYTHING):  # the seal and the journal belong to the installation, to no tenant
        latest = system.publisher.latest()
        published = StoredTree(system.store, latest.size) if latest is not None else None
        with system.database.read() as session:
            key, signer = system.log_key, system.signer
            return trust_file(session, system.ledger, published, key, signer, system.timestamper, known, stampers)


def certificates_to_follow(system: System) -> list[bytes]:
    """Return the DER of our own chains and of the signers of documents received lately."""
    from sqlalchemy import select

    from archive.database.tables import RecordRow
    from archive.database.tenancy import EVERYTHING, acting_for

    found = [system.signer.certificate, *system.signer.chain, *system.timestamper.chain]
    query = select(RecordRow.verdicts).order_by(RecordRow.kept_at.desc()).limit(_LATELY)
    with acting_for(EVERYTHING), system.database.read() as session:  # certificates, of no tenant in particular
        for verdicts in session.scalars(query):
            signatures = (verdicts.get("signature") or {}).get("signatures", ())
            found += [bytes.fromhex(one["certificate"]) for one in signatures if one.get("certificate")]
    return list(dict.fromkeys(found))
