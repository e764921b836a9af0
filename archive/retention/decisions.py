"""Retention decisions: apply a rule and the access rules to one record. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from archive.model.records import Remark
from archive.retention.access import Access
from archive.retention.declarations import Declaration, Level, Node, Path, access_in_force, file_of
from archive.retention.facts import Facts
from archive.retention.resolution import Basis, Part, Resolution, resolve
from archive.retention.rules import Retention, Rule
from signing.ground.clock import iso


@dataclass(frozen=True)
class RetentionDecision:
    """Decision of the schedule for one record, with its reasons.

    Attributes:
        due_on: First day on which anything may be executed.
        basis: What the end rests on.
        parts: Each rule that applies, as JSON.
    """

    retention: Retention
    access: Access
    access_rule: str | None
    remarks: tuple[Remark, ...]
    due_on: date | None
    basis: Basis
    parts: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Resolved:
    """Retention and access of a record, without their words.

    Attributes:
        access_rule: Codes in force, separated by blanks.
    """

    retention: Resolution
    access: Access
    access_rule: str | None


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


def decided(
    resolution: Resolution, access: Access, access_rule: str | None, remarks: Iterable[Remark]
) -> RetentionDecision:
    """Return a decision in the form in which a record keeps it."""
    return RetentionDecision(
        as_retention(resolution),
        access,
        access_rule,
        tuple(remarks),
        resolution.due_on,
        resolution.basis,
        parts_of(resolution),
    )


def parts_of(resolution: Resolution) -> tuple[Mapping[str, Any], ...]:
    """Return the parts of a resolution as JSON: ids and days, no title of a node."""
    return tuple(_part(part) for part in resolution.parts)


def _part(part: Part) -> dict[str, Any]:
    file = file_of(part.path)
    return {
        "rule": part.inherited.rule if part.inherited is not None else None,
        "rule_version": part.rule.version if part.rule is not None else None,
        "start_event": part.rule.start_event if part.rule is not None else None,
        "level": part.node.level.value if part.node is not None else None,
        "node": part.node.code if part.node is not None and part.node.level is not Level.RECORD else None,
        "file": file.code if file is not None else None,
        "starts_on": iso(part.starts_on),
        "ends_on": iso(part.ends_on),
        "final_action": part.final_action.value,
        "basis": part.basis.value,
    }


def access_rule_along(paths: Iterable[Path]) -> str | None:
    """Return the access codes in force along the paths of a record, the nearest declared first."""
    found: dict[str, None] = {}
    for path in paths:
        in_force = {one.rule for one in access_in_force(path).rules}
        declared = [code for node in path if node.access is not None for code in node.access.rules]
        found |= dict.fromkeys(code for code in declared if code in in_force)
    return " ".join(found) or None
