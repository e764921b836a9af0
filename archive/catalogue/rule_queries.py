"""Questions about a tenant's retention schedule: rules with their versions, document types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.database.counter_tables import RetentionCounterRow, ServiceCounterRow
from archive.database.tables import DocumentTypeRow, RetentionRuleRow
from signing.ground.errors import Refused


def rules_of(session: Session, tenant: str) -> dict[str, list[RetentionRuleRow]]:
    """Return every rule of a tenant by code, each with its versions, oldest first."""
    query = select(RetentionRuleRow).where(RetentionRuleRow.tenant_id == tenant, RetentionRuleRow.removed_at.is_(None))
    found: dict[str, list[RetentionRuleRow]] = {}
    for row in session.scalars(query.order_by(RetentionRuleRow.code, RetentionRuleRow.version)):
        found.setdefault(row.code, []).append(row)
    return found


def versions_of(session: Session, tenant: str, code: str, *, removed: bool = False) -> list[RetentionRuleRow]:
    """Return the versions of a rule, oldest first; none of an unknown one.

    Args:
        removed: Whether those of a removed rule are told too.
    """
    query = select(RetentionRuleRow).where(RetentionRuleRow.tenant_id == tenant, RetentionRuleRow.code == code)
    if not removed:
        query = query.where(RetentionRuleRow.removed_at.is_(None))
    return list(session.scalars(query.order_by(RetentionRuleRow.version)))


def get_versions(session: Session, tenant: str, code: str) -> list[RetentionRuleRow]:
    """Return the versions of a rule, oldest first.

    Raises:
        Refused: ``rule_not_found``.
    """
    found = versions_of(session, tenant, code)
    if not found:
        raise rule_not_found(code)
    return found


def labels_of(session: Session, tenant: str, codes: Iterable[str]) -> dict[str, str]:
    """Return the label of each of these rules, as its latest version has it; removed ones too."""
    row = RetentionRuleRow
    query = select(row.code, row.label).where(row.tenant_id == tenant, row.code.in_(set(codes)))
    return {code: label for code, label in session.execute(query.order_by(row.version))}  # noqa: C416 - no pairs to mypy


def latest(versions: Sequence[RetentionRuleRow]) -> RetentionRuleRow:
    """Return the latest version."""
    return versions[-1]


def rule_not_found(code: str) -> Refused:
    """Return the refusal of a rule that the schedule lacks."""
    return Refused(
        "rule_not_found", "Le tableau de gestion n’a pas de règle « {name} ».", action="Vérifiez son code.", name=code
    )


def records_by_rule(session: Session, tenant: str) -> Mapping[str, int]:
    """Return how many records each rule decides, by code, as the kept counts have it."""
    row = RetentionCounterRow
    query = select(row.rule_code, func.sum(row.n)).where(row.tenant_id == tenant, row.rule_code != "")
    return {str(code): int(n) for code, n in session.execute(query.group_by(row.rule_code)) if n}


def records_by_type(session: Session, tenant: str, *codes: str) -> Mapping[str, int]:
    """Return how many records there are of each document type, by code.

    Args:
        codes: Types asked for; none of them: every type.
    """
    row = ServiceCounterRow
    query = select(row.document_type, func.sum(row.n)).where(row.tenant_id == tenant, row.document_type != "")
    if codes:
        query = query.where(row.document_type.in_(codes))
    return {code: int(n) for code, n in session.execute(query.group_by(row.document_type)) if n}


def types_by_rule(session: Session, tenant: str) -> Mapping[str, list[DocumentTypeRow]]:
    """Return the document types of each rule, by code."""
    query = select(DocumentTypeRow).where(DocumentTypeRow.tenant_id == tenant)
    found: dict[str, list[DocumentTypeRow]] = {}
    for row in session.scalars(query.order_by(DocumentTypeRow.label)):
        found.setdefault(row.rule_code or "", []).append(row)
    return found


def get_type(session: Session, tenant: str, code: str) -> DocumentTypeRow:
    """Return a document type of the tenant's list.

    Raises:
        Refused: ``document_type_not_found``.
    """
    row = session.get(DocumentTypeRow, (tenant, code))
    if row is None:
        raise type_not_found()
    return row


def type_not_found() -> Refused:
    """Return the refusal of a document type that the tenant's list lacks."""
    return Refused("document_type_not_found", "Ce type de document n’est pas dans la liste.")
