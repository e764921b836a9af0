"""Retention schedule of a tenant: document types, rules, and the dates they give a record."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables import DocumentTypeRow, RetentionRuleRow
from archive.model.description_fields import Description
from archive.model.records import Remark
from archive.retention.access import access_of
from archive.retention.admission import admit_dates, ahead_remark, days_ahead
from archive.retention.circumstances import Circumstances, rule_of
from archive.retention.dates import START_EVENTS
from archive.retention.decisions import Resolved, RetentionDecision, access_rule_along, decided
from archive.retention.declarations import newest_in_files
from archive.retention.facts import Facts
from archive.retention.openings import opened
from archive.retention.packs import DEFAULT_PACK, pack_rules, pack_types, phrase_of
from archive.retention.reasons import Words, in_french
from archive.retention.refusals import overridden
from archive.retention.resolution import resolve
from archive.retention.rules import Rule
from archive.retention.sentences import of_type
from signing.ground.clock import utc_now


def load_pack(session: Session, tenant: str, *, pack: str = DEFAULT_PACK, at: datetime | None = None) -> None:
    """Add the bundled rules, as drafts, and the document types to a tenant.

    Rules and types that it has already are kept.
    """
    now = at or utc_now()
    known = set(session.scalars(select(RetentionRuleRow.code).where(RetentionRuleRow.tenant_id == tenant)))
    for rule, source in pack_rules(pack):
        if rule.code not in known:
            session.add(_row(tenant, rule, source, now))
    types = set(session.scalars(select(DocumentTypeRow.code).where(DocumentTypeRow.tenant_id == tenant)))
    for line in pack_types(pack):
        if line.code not in types:
            session.add(
                DocumentTypeRow(
                    tenant_id=tenant,
                    code=line.code,
                    label=line.label,
                    rule_code=line.rule,
                    access_rule=line.access_rule,
                )
            )
    session.flush()


def document_types(session: Session, tenant: str) -> Sequence[DocumentTypeRow]:
    """Return the tenant's list of document types, by label."""
    query = select(DocumentTypeRow).where(DocumentTypeRow.tenant_id == tenant)
    return session.scalars(query.order_by(DocumentTypeRow.label, DocumentTypeRow.code)).all()


def rule(session: Session, tenant: str, code: str, version: int | None = None) -> Rule | None:
    """Return one rule, in one version or the latest; None if there is none."""
    query = select(RetentionRuleRow).where(RetentionRuleRow.tenant_id == tenant, RetentionRuleRow.code == code)
    if version is not None:
        query = query.where(RetentionRuleRow.version == version)
    row = session.scalars(query.order_by(RetentionRuleRow.version.desc()).limit(1)).first()
    return rule_of(row) if row is not None else None


def rule_for(session: Session, tenant: str, document_type: str | None) -> Rule | None:
    """Return the rule in force for a document type; None for a type unknown or without a rule."""
    row = session.get(DocumentTypeRow, (tenant, document_type)) if document_type else None
    return rule(session, tenant, row.rule_code) if row is not None and row.rule_code else None


def admit(
    session: Session, tenant: str, description: Description, given: Collection[str], now: datetime, *, kept: str
) -> None:
    """Refuse a description given now whose dates can't be true.

    Raises:
        Refused: ``bad_field``.
    """
    there = Circumstances(session, tenant, now)
    admit_dates(description, given, _start_event(resolved(there, description)), there.today, kept=kept)


def decide(
    session: Session, tenant: str, description: Description, now: datetime, record_id: str | None = None
) -> RetentionDecision:
    """Decide retention and access of a record, with remarks on what should be completed.

    Args:
        record_id: None before it is kept.
    """
    there = Circumstances(session, tenant, now)
    found = resolved(there, description, record_id)
    remarks = [*found.retention.remarks, *_unplaced(there, description)]
    ahead = days_ahead(description, _start_event(found), there.today.day)
    if ahead:
        remarks.append(ahead_remark(ahead))
    return decided(found.retention, found.access, found.access_rule, remarks)


def resolved(there: Circumstances, description: Description, record_id: str | None = None) -> Resolved:
    """Resolve retention and access of a record: the one place where its dates come from.

    Args:
        record_id: None before it is kept.
    """
    row, facts = there.type_of(description.document_type), there.facts_of(description)
    paths = there.paths_of(description, record_id, _phrase(row) if row is not None else None)
    access_rule = access_rule_along(paths)
    access = access_of(
        access_rule,
        document_date=facts.document_date,
        closed_on=facts.closed_on,
        death=_latest(facts, "death_date"),
        birth=_latest(facts, "birth_date"),
        newest_in_file=newest_in_files(paths),
    )
    access = opened(access, access_rule, there.openings_over(description))
    retention = overridden(resolve(paths, facts, there.rules()), there.refusal_over(record_id))
    return Resolved(retention, access, access_rule)


def _latest(facts: Facts, event: str) -> date | None:
    """Return the latest day of an event: of several people in a case, the last one counts."""
    return max(facts.events.get(event, ()), default=None)


def _start_event(found: Resolved) -> str | None:
    """Return the start event of the rules in force: one that may lie ahead, where there is one."""
    events = [part.rule.start_event for part in found.retention.parts if part.rule is not None]
    ahead = (name for name in events if name in START_EVENTS and START_EVENTS[name].fixed_ahead)
    return next(ahead, next(iter(events), None))


def _unplaced(there: Circumstances, description: Description) -> list[Remark]:
    codes = there.unknown_files(description)
    if not codes:
        return []
    named = ", ".join(f"« {code} »" for code in codes)
    return [
        Remark(
            "file_unknown", in_french(Words("Pas dans le plan de classement : {files}. À vérifier.", {"files": named}))
        )
    ]


def _phrase(row: DocumentTypeRow) -> str:
    """Return the type with its article; without one for a label that is the tenant's own."""
    return phrase_of(row.code, row.label) or in_french(of_type(row.label))


def _row(tenant: str, given: Rule, source: str, now: datetime) -> RetentionRuleRow:
    return RetentionRuleRow(
        tenant_id=tenant,
        code=given.code,
        version=given.version,
        label=given.label,
        duration=given.duration,
        unit=given.unit.value,
        start_event=given.start_event,
        final_action=given.final_action.value,
        source=source,
        criteria=given.criteria or None,
        access_rule=given.access_rule,
        validated_at=None,
        created_at=now,
    )
