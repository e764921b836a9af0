"""Retention decisions: apply a rule and the access rules to one record. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from archive.model.final_actions import FinalAction
from archive.model.records import Remark
from archive.retention import sentences
from archive.retention.access import Access
from archive.retention.dates import end_date, start_date
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
    """Apply a rule to a record.

    Args:
        rule: None when the type of the document has none.
        phrase: The type with its article, « une facture »; None when the type is not in the list.
        document_type: Label of the type, or its code as given when it is not in the list.
        document_date: Of the document.
        closed_on: End of the business case.
    """
    if rule is None:
        text = sentences.without_rule(phrase, document_type)
        return Retention(None, None, None, None, FinalAction.KEEP, text)
    because = sentences.because_of(rule, phrase or sentences.of_type(document_type))
    start = start_date(rule.start_event, document_date=document_date, closed_on=closed_on)
    if rule.duration is None:
        text = sentences.without_limit(because)
        return Retention(rule.code, rule.version, start, None, rule.final_action, text)
    if start is None:
        text = sentences.without_start(rule, because)
        return Retention(rule.code, rule.version, None, None, rule.final_action, text)
    end = end_date(start, rule.duration, rule.unit)
    if end is None:
        text = sentences.beyond_calendar(rule, because, start)
        return Retention(rule.code, rule.version, start, None, rule.final_action, text)
    text = sentences.dated(rule, because, start, end)
    return Retention(rule.code, rule.version, start, end, rule.final_action, text)
