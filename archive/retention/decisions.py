"""Retention decisions: apply a rule and the access rules to one record. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from archive.model.records import Remark
from archive.retention.access import Access
from archive.retention.declarations import Declaration, Level, Node
from archive.retention.facts import Facts
from archive.retention.resolution import Resolution, resolve
from archive.retention.rules import Retention, Rule


@dataclass(frozen=True)
class RetentionDecision:
    """Decision of the schedule for one record, with its reasons."""

    retention: Retention
    access: Access
    access_rule: str | None
    remarks: tuple[Remark, ...]


def retention_of(
    rule: Rule | None,
    *,
    phrase: str | None,
    document_type: str | None,
    document_date: date | None,
    closed_on: date | None,
) -> Retention:
    """Apply a rule to a record outside the filing plan: one path, that of its document type.

    Args:
        rule: None when the type of the document has none.
        phrase: The type with its article, « une facture »; None when the type is not in the list.
        document_type: Label of the type, or its code as given when it is not in the list.
        document_date: Of the document.
        closed_on: End of the business case.
    """
    declared = Declaration((rule.code,)) if rule is not None else None
    label = document_type or ""
    kind = Node(Level.DOCUMENT_TYPE, label, label, declared, phrase=phrase)
    path = (kind,) if document_type or rule is not None else ()
    rules = {rule.code: rule} if rule is not None else {}
    return as_retention(resolve((path,), Facts(document_date, closed_on), rules))


def as_retention(resolution: Resolution) -> Retention:
    """Return a resolution in the form in which a record keeps it."""
    return Retention(
        resolution.rule,
        resolution.version,
        resolution.starts_on,
        resolution.ends_on,
        resolution.final_action,
        resolution.explanation,
    )
