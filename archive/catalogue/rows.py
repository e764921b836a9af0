"""Catalogue rows of records in the database: the working copy of what the store holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.catalogue import filing_plan
from archive.catalogue import record_json as metadata
from archive.catalogue.words import note_description
from archive.database.tables import (
    CheckpointRow,
    HeldRecordRow,
    HoldRow,
    RecordRow,
    RepresentationRow,
    StoredFileRow,
    VerificationRow,
)
from archive.model.description_fields import DESCRIPTION_FIELDS
from archive.model.identifiers import is_id
from archive.model.records import Kind
from archive.objects.ocfl import RECORD_JSON
from archive.objects.ocfl_versions import Version
from signing.ground.clock import iso, stamp
from signing.ground.errors import Refused

_ORDER: Final = [kind.value for kind in Kind]


@dataclass(frozen=True)
class Placed:
    """One object of a record, as the catalogue pins it."""

    key: str
    version: str
    size: int
    sha256: str
    locked_until: date | None
    kind: str | None
    """Kind of the representation; None for the record's other files."""
    legal_hold: bool = False


def get(session: Session, tenant: str, record_id: str) -> RecordRow:
    """Return the record, if it belongs to this tenant.

    Raises:
        Refused: ``record_not_found``, in the same words whether the record never existed or belongs
            to another tenant.
    """
    row = session.get(RecordRow, record_id) if is_id(record_id) else None
    if row is None or row.tenant_id != tenant:
        raise Refused("record_not_found", "Ce document n’existe pas.", action="Vérifiez l’identifiant du document.")
    return row


def representation(session: Session, tenant: str, record_id: str, kind: str) -> RepresentationRow:
    """Return one representation of a record.

    Raises:
        Refused: ``record_not_found``, ``representation_missing``.
    """
    get(session, tenant, record_id)
    row = session.get(RepresentationRow, (record_id, kind))
    if row is None:
        raise Refused(
            "representation_missing",
            "Ce document n’a pas de forme « {kind} ».",
            action="Consultez le document : il dit quelles formes existent et pourquoi une autre manque.",
            kind=kind,
        )
    return row


def require_harmless(session: Session, record_id: str, *, confirmed: bool) -> None:
    """Refuse to hand out the bytes of an infected record to somebody who did not say they know.

    Raises:
        Refused: ``infected``.
    """
    row = session.get(RecordRow, record_id)
    if confirmed or row is None or row.verdicts.get("virus", {}).get("verdict") != "infected":
        return
    raise Refused(
        "infected",
        "Un logiciel malveillant a été trouvé dans ce document : il n’est remis qu’à qui le confirme.",
        kept="Le document est gardé tel qu’il a été reçu.",
        action="Si vous savez ce que vous faites, demandez-le avec « confirm=infected ».",
    )


def representations(session: Session, record_id: str) -> Sequence[RepresentationRow]:
    """Return all representations of a record, original first."""
    rows = session.scalars(select(RepresentationRow).where(RepresentationRow.record_id == record_id)).all()
    return sorted(rows, key=lambda row: _ORDER.index(row.kind))


def by_sha256(session: Session, tenant: str, sha256: str) -> Sequence[RecordRow]:
    """Return a tenant's records that hold these bytes in any representation, oldest first."""
    held = select(RepresentationRow.record_id).where(RepresentationRow.sha256 == sha256)
    query = select(RecordRow).where(RecordRow.tenant_id == tenant, RecordRow.id.in_(held))
    return session.scalars(query.order_by(RecordRow.kept_at, RecordRow.id)).all()


def page(session: Session, tenant: str, *, after: str | None = None, limit: int = 50) -> Sequence[RecordRow]:
    """Return a tenant's records in order of their ids, which is that of arrival, after an id."""
    query = select(RecordRow).where(RecordRow.tenant_id == tenant)
    if after is not None:
        query = query.where(RecordRow.id > after)
    return session.scalars(query.order_by(RecordRow.id).limit(limit)).all()


def latest_verification(session: Session, record_id: str) -> VerificationRow | None:
    """Return the last fixity check of a record; None if it was never checked."""
    query = select(VerificationRow).where(VerificationRow.record_id == record_id)
    return session.scalars(query.order_by(VerificationRow.id.desc()).limit(1)).first()


def placed(session: Session, record_id: str) -> list[Placed]:
    """Return every object of a record, representations first."""
    forms = [
        Placed(row.key, row.version, row.size, row.sha256, row.locked_until, row.kind, row.legal_hold)
        for row in representations(session, record_id)
    ]
    query = select(StoredFileRow).where(StoredFileRow.record_id == record_id).order_by(StoredFileRow.key)
    rest = [
        Placed(row.key, row.version, row.size, row.sha256, row.locked_until, None, row.legal_hold)
        for row in session.scalars(query)
    ]
    return forms + rest


def rows(session: Session, record_id: str) -> list[RepresentationRow | StoredFileRow]:
    """Return the rows behind ``placed``, to be changed."""
    forms = session.scalars(select(RepresentationRow).where(RepresentationRow.record_id == record_id))
    files = session.scalars(select(StoredFileRow).where(StoredFileRow.record_id == record_id))
    return [*forms, *files]


def enter(session: Session, record: Mapping[str, Any], version: Version, entry: int) -> RecordRow:
    """Write the rows of a record that was just kept; ``record`` is its ``record.json``."""
    row = RecordRow(
        **metadata.row_values(record),
        ocfl_version=version.number,
        inventory_sha512=version.inventory_sha512,
        record_json_sha256=version.contents[RECORD_JSON].sha256,
        kept_entry=entry,
        last_entry=entry,
    )
    session.add(row)
    session.flush()
    note_description(session, row)
    names: dict[str, dict[str, Any]] = {
        version.key(values.pop("name")): values for values in metadata.representation_values(record)
    }
    for key, values in names.items():
        item = version.stored[key].object
        session.add(
            RepresentationRow(
                **values,
                key=key,
                version=item.version,
                locked_until=item.locked_until,
                legal_hold=item.legal_hold,
            )
        )
    enter_files(session, record["record"], version, exclude=set(names))
    filing_plan.place(session, row, record)
    return row


def enter_files(session: Session, record_id: str, version: Version, *, exclude: set[str]) -> None:
    """Enter the objects that a version added or replaced, except representations."""
    for key, stored in version.stored.items():
        if key not in exclude:
            session.merge(
                StoredFileRow(
                    record_id=record_id,
                    key=key,
                    version=stored.object.version,
                    size=stored.object.size,
                    sha256=stored.sha256,
                    locked_until=stored.object.locked_until,
                    legal_hold=stored.object.legal_hold,
                )
            )
    session.flush()


def revise(session: Session, row: RecordRow, record: Mapping[str, Any], version: Version, entry: int) -> None:
    """Update the row of a record to a new revision."""
    for name, value in metadata.row_values(record).items():
        if name != "state":
            setattr(row, name, value)
    row.ocfl_version = version.number
    row.inventory_sha512 = version.inventory_sha512
    row.record_json_sha256 = version.contents[RECORD_JSON].sha256
    row.last_entry = entry
    session.flush()
    filing_plan.place(session, row, record)
    note_description(session, row)
    enter_files(session, row.id, version, exclude=set())


def holds_on(session: Session, record_id: str) -> Sequence[HoldRow]:
    """Return the holds in force on a record, oldest first."""
    query = select(HoldRow).join(HeldRecordRow, HeldRecordRow.hold_id == HoldRow.id)
    query = query.where(HeldRecordRow.record_id == record_id, HoldRow.released_at.is_(None))
    return session.scalars(query.order_by(HoldRow.id)).all()


def is_held(session: Session, record_id: str) -> bool:
    """Whether a hold in force covers a record, by decision: the store may still lack the hold."""
    return bool(holds_on(session, record_id))


def view(
    session: Session,
    tenant: str,
    record_id: str,
    *,
    assurance: str = "advisory",
    indexed_to: int | None = None,
) -> dict[str, Any]:
    """Return a record as the API writes it.

    Args:
        session: Any transaction.
        tenant: The tenant that owns the record.
        record_id: The record.
        assurance: The assurance of the store.
        indexed_to: Journal position of the tenant's index; None if unknown, which means pending.

    Raises:
        Refused: ``record_not_found``.
    """
    row = get(session, tenant, record_id)
    indexed = indexed_to is not None and indexed_to >= row.last_entry
    return {
        **{name: getattr(row, name) for name in ("id", "deposit_id", "revision", "state")},
        **{field.name: field.as_json(getattr(row, field.name)) for field in DESCRIPTION_FIELDS if field.in_record},
        "tenant": row.tenant_id,
        "filename": row.filename,
        "kept_at": stamp(row.kept_at),
        "pages": row.pages,
        "text": None if row.words is None else {"words": row.words, "mean_confidence": row.mean_confidence},
        "representations": [_form(form, assurance) for form in representations(session, row.id)],
        "verdicts": row.verdicts,
        "retention": {
            "rule": row.rule_code,
            "rule_version": row.rule_version,
            "starts_on": iso(row.starts_on),
            "ends_on": iso(row.ends_on),
            "final_action": row.final_action,
            "explanation": row.retention_explanation,
        },
        "holds": [_hold(session, hold, row.id) for hold in holds_on(session, row.id)],
        "access": {
            "rule": row.access_rule,
            "communicable_on": iso(row.communicable_on),
            "explanation": row.access_explanation,
        },
        "warnings": row.warnings,
        "index": {"state": "indexed" if indexed else "pending"},
        "proof": {"entry": row.kept_entry, "checkpoint": checkpoint_over(session, row.kept_entry)},
    }


def _hold(session: Session, row: HoldRow, record_id: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "reason": row.reason,
        "until": iso(row.until),
        "placed_at": stamp(row.placed_at),
        "in_step": session.get_one(HeldRecordRow, (row.id, record_id)).settled_at is not None,
    }


def checkpoint_over(session: Session, entry: int) -> int | None:
    """Return the number of the first checkpoint over an entry; None while it is only sequenced."""
    return session.scalar(select(func.min(CheckpointRow.number)).where(CheckpointRow.size > entry))


def _form(row: RepresentationRow, assurance: str) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "filename": row.filename,
        "media_type": row.media_type,
        "format": {"puid": row.puid, "name": row.format_name},
        "size": row.size,
        "digests": {"sha-256": row.sha256, "sha-512": row.sha512},
        "store": {
            "assurance": assurance,
            "key": row.key,
            "version": row.version,
            "locked_until": iso(row.locked_until),
            "legal_hold": row.legal_hold,
        },
    }
