"""Views of the retention schedule, and the changes that a caller asks for."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session

from archive.catalogue import rule_changes, rule_effects, rule_queries
from archive.catalogue.rule_changes import RuleChange
from archive.catalogue.rule_effects import RuleEffect, Supposed, SupposedRule, SupposedType
from archive.database.tables import DocumentTypeRow, RetentionRuleRow
from archive.model.days import Today
from archive.model.folding import folded
from archive.retention.circumstances import in_force, rule_of
from archive.retention.civil import today_of
from archive.retention.packs import Read, text_of
from archive.retention.rule_terms import (
    COLUMNS,
    UNCHANGED,
    UNLIMITED,
    Terms,
    WrongLine,
    access_given,
    admit_code,
    admit_terms,
    read_rules,
)
from signing.ground.canonical import canonical
from signing.ground.clock import iso, stamp
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from ingestion.assembly import System

SECOND_PERSON: Final = "second_person"
LARGEST_FILE: Final = 2 * 1024 * 1024


def version_view(row: RetentionRuleRow) -> dict[str, Any]:
    """Return the JSON of one version of a rule."""
    mark = Read.of(row.source)
    told = ("version", "label", "duration", "unit", "start_event", "final_action", "criteria", "access_rule")
    return {
        **{name: getattr(row, name) for name in told},
        "legal_text": text_of(row.source),
        "read": mark.value if mark is not None else None,
        "valid_from": iso(row.valid_from),
        "created_at": stamp(row.created_at),
        "created_by": row.created_by,
        "reason": row.reason,
        "validated_at": stamp(row.validated_at) if row.validated_at is not None else None,
        "validated_by": row.validated_by,
        "validation": row.validation,
    }


def views(session: Session, tenant: str, today: Today) -> list[dict[str, Any]]:
    """Return the JSON of every rule of a tenant, by code; records are counted once for all."""
    records, types = rule_queries.records_by_rule(session, tenant), rule_queries.types_by_rule(session, tenant)
    return [
        _view(versions, today)
        | {"records": records.get(code, 0), "document_types": [t.code for t in types.get(code, [])]}
        for code, versions in rule_queries.rules_of(session, tenant).items()
    ]


def view(session: Session, tenant: str, code: str, today: Today) -> dict[str, Any]:
    """Return the JSON of a rule with all its versions.

    Raises:
        Refused: ``rule_not_found``.
    """
    versions = rule_queries.get_versions(session, tenant, code)
    types = rule_queries.types_by_rule(session, tenant).get(code, [])
    return _view(versions, today) | {
        "records": rule_queries.records_by_rule(session, tenant).get(code, 0),
        "document_types": [row.code for row in types],
        "versions": [version_view(row) for row in reversed(versions)],
    }


def _view(versions: list[RetentionRuleRow], today: Today) -> dict[str, Any]:
    now = in_force([rule_of(row) for row in versions], today.day)
    last = rule_queries.latest(versions)
    return version_view(last) | {"code": last.code, "in_force": now.version if now is not None else None}


def chosen(
    found: list[dict[str, Any]], words: str = "", validated: bool | None = None, final_action: str | None = None
) -> list[dict[str, Any]]:
    """Return the rules of a list that meet its filters."""
    asked = _words(words)
    return [
        one
        for one in found
        if (not asked or asked in _words(f"{one['code']} {one['label']} {one['legal_text']}"))
        and (validated is None or validated == (one["validated_at"] is not None))
        and (final_action is None or final_action == one["final_action"])
    ]


def _words(text: str) -> str:
    return " ".join(folded(text))


# -- changes


def made(system: System, tenant: str, agent: str, code: str, act: Callable[[RuleChange], None]) -> dict[str, Any]:
    """Make a change and return the JSON of its rule; the records concerned follow by a job.

    Raises:
        Refused: As the change itself.
    """
    act(change_of(system, tenant, agent))
    system.notifier.notify()
    with system.database.read() as session:
        return view(session, tenant, code, today_of(session, tenant, system.clock()))


def change_of(system: System, tenant: str, agent: str) -> RuleChange:
    """Return what a change by this agent needs."""
    return RuleChange(system.register, tenant, agent, system.clock())


def with_both_views(error: Refused, system: System, tenant: str, code: str, sent: Mapping[str, Any]) -> Refused:
    """Add to a failed precondition the rule as it is in place, and what was sent."""
    if error.code == "precondition_failed":
        with system.database.read() as session:
            current = view(session, tenant, code, today_of(session, tenant, system.clock()))
        error.values |= {"current": current, "sent": dict(sent)}
    return error


# -- simulation


def supposed(
    session: Session, tenant: str, code: str | None, document_type: str | None, change: Mapping[str, Any]
) -> Supposed:
    """Return the change that a caller wants to see the effect of.

    Args:
        change: Fields that would change; a rule that does not exist needs all of them, a document
            type that does not exist its label.

    Raises:
        Refused: ``bad_simulation``, ``bad_rule``, ``rule_not_found``, ``document_type_not_found``.
    """
    if (code is None) == (document_type is None):
        raise Refused("bad_simulation", "Nommez une règle, ou un type de document.", kept=UNCHANGED)
    if code is not None:
        versions = rule_queries.versions_of(session, tenant, code)
        if not versions and "label" not in change:
            raise rule_queries.rule_not_found(code)
        told = given_of(rule_changes.terms_of(versions[-1])) if versions else {}
        terms = admit_terms({**told, **change})
        version = versions[-1].version + 1 if versions else 1
        return SupposedRule(terms.as_rule(admit_code(code), version, validated=True))
    kind = session.get(DocumentTypeRow, (tenant, document_type))
    if kind is None:
        if "label" not in change:
            raise rule_queries.type_not_found()
        kind = DocumentTypeRow(tenant_id=tenant, code=document_type, label=change["label"])
    rule = change.get("rule", kind.rule_code)
    if rule is not None:
        rule_queries.get_versions(session, tenant, rule)
    row = DocumentTypeRow(tenant_id=tenant, code=kind.code, label=kind.label, rule_code=rule)
    row.access_rule = access_given(change.get("access_rule", kind.access_rule))
    return SupposedType(row)


def given_of(terms: Terms) -> dict[str, Any]:
    """Return terms in the form in which a caller gives them."""
    return {
        "label": terms.label,
        "legal_text": terms.source,
        "duration": terms.duration,
        "unit": terms.unit.value,
        "start_event": terms.start_event,
        "final_action": terms.final_action.value,
        "criteria": terms.criteria or None,
        "access_rule": terms.access_rule,
        "valid_from": iso(terms.valid_from),
    }


def effect_view(found: RuleEffect) -> dict[str, Any]:
    """Return the JSON of an effect, without the ids of its records."""
    return {
        **{name: getattr(found, name) for name in ("records", "changed", "sooner", "later")},
        "before": {state.value: n for state, n in sorted(found.before.items())},
        "after": {state.value: n for state, n in sorted(found.after.items())},
        "due_before": iso(found.due_before),
        "due_after": iso(found.due_after),
        "disposals": [],
        "must_agree": [],
    }


def simulation(system: System, session: Session, tenant: str, wanted: Supposed) -> dict[str, Any]:
    """Return the JSON of a change's effect, without the ids of its records.

    A version of a rule waits for a second person; a document type follows at once.
    """
    found = effect_view(rule_effects.effect_of(session, tenant, wanted, system.clock()))
    return found | ({"must_agree": [SECOND_PERSON]} if isinstance(wanted, SupposedRule) else {})


# -- files of rules


def import_rules(
    system: System, tenant: str, agent: str, content: bytes, reason: str | None, *, dry_run: bool
) -> dict[str, Any]:
    """Apply a file of rules: all of it, or nothing and every wrong line named.

    Raises:
        Refused: ``bad_rule_file``, ``rule_code_used``; ``too_large``.
    """
    if len(content) > LARGEST_FILE:
        raise Refused("too_large", "Ce fichier est trop volumineux.", kept=UNCHANGED)
    rules, wrong = read_rules(content)
    if wrong:
        raise Refused(
            "bad_rule_file",
            "{n} ligne(s) de ce fichier sont fausses.",
            kept=UNCHANGED,
            action="Corrigez-les, puis renvoyez tout le fichier.",
            n=len(wrong),
            faults=tuple(_at_line(one) for one in wrong),
        )
    if dry_run:
        with system.database.read() as session:
            new = {code: n for code, terms in rules if (n := rule_changes.next_version(session, tenant, code, terms))}
    else:
        new = rule_changes.apply_file(change_of(system, tenant, agent), rules, reason)
        system.notifier.notify()
    return {"rules": new, "unchanged": len(rules) - len(new), "dry_run": dry_run}


def _at_line(wrong: WrongLine) -> Refused:
    """Return the refusal of a line, with the line before its field."""
    wrong.error.pointer = f"/lines/{wrong.line}{wrong.error.pointer or ''}"
    return wrong.error


def exported(session: Session, tenant: str) -> str:
    """Return the latest version of every rule as a file that can be imported again."""
    out = io.StringIO(newline="")
    lines = csv.DictWriter(out, [*COLUMNS, "valid_from"])
    lines.writeheader()
    for code, versions in rule_queries.rules_of(session, tenant).items():
        told = given_of(rule_changes.terms_of(versions[-1]))
        told |= {"code": code, "label_fr": told.pop("label"), "source": told.pop("legal_text")}
        told["duration"] = UNLIMITED if told["duration"] is None else told["duration"]
        lines.writerow({name: "" if value is None else value for name, value in told.items()})
    return out.getvalue()


# -- document types


def type_view(row: DocumentTypeRow, records: int) -> dict[str, Any]:
    """Return the JSON of a document type."""
    return {
        "code": row.code,
        "label": row.label,
        "rule": row.rule_code,
        "access_rule": row.access_rule,
        "records": records,
    }


def type_tag(row: DocumentTypeRow | None) -> str:
    """Return the ETag of a document type; of one that does not exist, of nothing."""
    told = type_view(row, 0) if row is not None else {}
    return f'"{hashlib.sha256(canonical(told)).hexdigest()[:16]}"'


def type_of(session: Session, tenant: str, code: str) -> dict[str, Any]:
    """Return the JSON of a document type of the tenant's list.

    Raises:
        Refused: ``document_type_not_found``.
    """
    row = rule_queries.get_type(session, tenant, code)
    return type_view(row, rule_queries.records_by_type(session, tenant, code).get(code, 0))


def with_both_types(error: Refused, system: System, tenant: str, code: str, sent: Mapping[str, Any]) -> Refused:
    """Add to a failed precondition the document type as it is in place, and what was sent."""
    if error.code == "precondition_failed":
        with system.database.read() as session:
            error.values |= {"current": type_of(session, tenant, code), "sent": dict(sent)}
    return error
