"""Door of a closed file: it takes no document until it is opened again."""

from __future__ import annotations

from sqlalchemy.orm import Session

from archive.catalogue import filing_plan
from archive.database.retention_tables import PlanNodeRow
from archive.model.description_fields import Description
from archive.retention.places import codes_of
from signing.ground.errors import Refused


def admit_to_files(
    session: Session, tenant: str, wanted: Description, before: Description | None, *, kept: str
) -> None:
    """Refuse a document given to a closed file, or dated after the closing of its own.

    Args:
        wanted: The description as it would be.
        before: As it is; None for a new document. Files that it names already are not given now.
        kept: French sentence of the refusal about the state of the record or deposit.

    Raises:
        Refused: ``file_closed``.
    """
    named = codes_of(wanted.file, wanted.classification)
    held = set(codes_of(before.file, before.classification)) if before is not None else set()
    dated_anew = before is None or before.document_date != wanted.document_date
    for node in filing_plan.nodes_by_code(session, tenant, named):
        if node.closed_on is None:
            continue
        if node.code not in held:
            raise _closed(node, "file" if node.code != (wanted.classification or "") else "classification", kept)
        if dated_anew and wanted.document_date is not None and wanted.document_date > node.closed_on:
            raise _closed(node, "document_date", kept)


def _closed(node: PlanNodeRow, name: str, kept: str) -> Refused:
    return Refused(
        "file_closed",
        "Le dossier « {node} » est clos depuis le {closed} : il ne reçoit plus de document."
        if name != "document_date"
        else "Le dossier « {node} » a été clos le {closed} : aucun de ses documents ne peut être plus récent.",
        kept=kept,
        action="Rouvrez le dossier en disant pourquoi, ou choisissez-en un autre.",
        pointer=f"/{name}",
        node=node.code,
        closed=node.closed_on,
    )
