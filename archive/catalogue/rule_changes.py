"""Changes of a tenant's retention schedule: rules in versions, their validation, document types.

Each is a change of the register, so that every version comes back from the store alone. A version
is never edited: a change makes the next one. Records whose rule in force changes are stale from the
same transaction on; a store lock is never shortened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, cast, or_, select, update
from sqlalchemy.orm import Session

from archive.catalogue.rule_effects import by_rule, by_rules
from archive.catalogue.rule_queries import get_versions, latest, rule_not_found, versions_of
from archive.catalogue.stale import mark_early, mark_late
from archive.catalogue.tenant_register import Register
from archive.database.retention_tables import PlanNodeRow
from archive.database.tables import DocumentTypeRow, RecordRow, RetentionRuleRow, TenantRow
from archive.model.states import GONE
from archive.retention.circumstances import in_force, rule_of
from archive.retention.civil import today_of
from archive.retention.rule_terms import UNCHANGED, Terms, admit_code, admit_type
from archive.retention.rules import Rule
from signing.ground.errors import Refused

LONGEST_REASON: Final = 2000


@dataclass(frozen=True)
class RuleChange:
    """A change of one tenant's schedule.

    Attributes:
        agent: Who makes it.
        now: When; records whose rule in force changes are stale since then.
    """

    register: Register
    tenant: str
    agent: str
    now: datetime


def create(change: RuleChange, code: str, terms: Terms, reason: str | None = None) -> None:
    """Create a rule: its first version.

    Raises:
        Refused: ``bad_rule``; ``rule_code_used``.
    """
    admit_code(code)

    def make(session: Session) -> None:
        if versions_of(session, change.tenant, code, removed=True):
            raise _used(code)
        _add(session, change, code, 1, terms, reason)

    _made(change, make, [code])


def amend(change: RuleChange, code: str, expected: int | None, terms: Terms, reason: str | None = None) -> None:
    """Make the next version of a rule.

    Args:
        expected: Latest version that the caller read; None = whichever it is.

    Raises:
        Refused: ``rule_not_found``, ``precondition_failed``.
    """

    def make(session: Session) -> None:
        row = _expected(session, change.tenant, code, expected)
        _add(session, change, code, row.version + 1, terms, reason)

    _made(change, make, [code])


def validate(change: RuleChange, code: str, expected: int | None, basis: str | None = None) -> None:
    """Validate the latest version of a rule: from then on it allows destruction.

    Args:
        basis: What it rests on, in words.

    Raises:
        Refused: ``rule_not_found``, ``precondition_failed``; ``rule_already_validated``;
            ``rule_own_validation``: who made a version is not who validates it.
    """

    def make(session: Session) -> None:
        row = _expected(session, change.tenant, code, expected)
        if row.validated_at is not None:
            raise Refused("rule_already_validated", "Cette version est déjà validée.", kept=UNCHANGED)
        if row.created_by == change.agent or not change.agent.startswith("user:"):
            raise _own(is_person=change.agent.startswith("user:"))
        row.validated_at, row.validated_by = change.now, change.agent
        row.validation = (basis or "").strip()[:LONGEST_REASON] or None

    _made(change, make, [code])


def _own(*, is_person: bool) -> Refused:
    return Refused(
        "rule_own_validation",
        "Qui a fait une version ne la valide pas : c’est l’acte d’une seconde personne."
        if is_person
        else "Une clé d’application ne valide pas de règle : c’est l’acte d’une personne.",
        kept="La version reste à valider ; elle donne des dates, et rien ne peut être éliminé par elle.",
        action="Demandez-le à un autre archiviste. Seul dans votre commune ? Au maire ou aux Archives "
        "départementales : votre administrateur leur ouvre un compte d’archiviste.",
    )


def remove(change: RuleChange, code: str, expected: int | None) -> None:
    """Remove a rule that nothing uses; its versions stay in the register, its code is spent.

    Raises:
        Refused: ``rule_not_found``, ``precondition_failed``, ``rule_used``.
    """

    def make(session: Session) -> None:
        _expected(session, change.tenant, code, expected)
        used = uses(session, change.tenant, code)
        if used:
            raise Refused(
                "rule_used",
                "La règle « {name} » sert encore : {uses}.",
                kept=UNCHANGED,
                action="Donnez-leur d’abord une autre règle.",
                name=code,
                uses=", ".join(used),
            )
        wanted = (RetentionRuleRow.tenant_id == change.tenant, RetentionRuleRow.code == code)
        session.execute(update(RetentionRuleRow).where(*wanted).values(removed_at=change.now))

    _made(change, make, [code])


def apply_file(change: RuleChange, rules: Iterable[tuple[str, Terms]], reason: str | None = None) -> dict[str, int]:
    """Apply a file of rules as a whole; return the new version of each rule that changes.

    Raises:
        Refused: ``rule_code_used``: a code of a removed rule.
    """
    wanted = dict(rules)
    made: dict[str, int] = {}

    def make(session: Session) -> None:
        made.clear()
        for code, terms in sorted(wanted.items()):
            version = _next(session, change, code, terms, reason)
            if version is not None:
                made[code] = version

    _made(change, make, sorted(wanted))
    return made


def _next(session: Session, change: RuleChange, code: str, terms: Terms, reason: str | None) -> int | None:
    """Add a version where the terms differ from the latest one; return its number."""
    version = next_version(session, change.tenant, code, terms)
    if version is not None:
        _add(session, change, code, version, terms, reason)
    return version


def next_version(session: Session, tenant: str, code: str, terms: Terms) -> int | None:
    """Return the number that a version with these terms would have; None if the latest has them.

    Raises:
        Refused: ``rule_code_used``: the rule was removed.
    """
    told = versions_of(session, tenant, code, removed=True)
    if told and told[-1].removed_at is not None:
        raise _used(code)
    if not told:
        return 1
    return told[-1].version + 1 if terms_of(told[-1]) != terms else None


def _used(code: str) -> Refused:
    return Refused(
        "rule_code_used",
        "Le code « {name} » est ou était celui d’une règle.",
        kept=UNCHANGED,
        action="Changez cette règle par une nouvelle version, ou choisissez un autre code.",
        pointer="/code",
        name=code,
    )


def create_type(change: RuleChange, code: str, *, label: str, rule_code: str | None, access_rule: str | None) -> None:
    """Add a document type to the list.

    Raises:
        Refused: ``document_type_exists``, ``rule_not_found``, ``bad_rule``.
    """

    def unknown(row: DocumentTypeRow | None) -> None:
        if row is not None:
            raise type_exists(code)

    set_type(change, code, unknown, label=label, rule_code=rule_code, access_rule=access_rule)


def type_exists(code: str) -> Refused:
    """Return the refusal of a new document type whose code is taken."""
    return Refused(
        "document_type_exists",
        "Le type de document « {name} » est déjà dans la liste.",
        kept="La liste n’a pas été changée.",
        action="Choisissez un autre code.",
        pointer="/code",
        name=code,
    )


def set_type(
    change: RuleChange,
    code: str,
    expected: Callable[[DocumentTypeRow | None], None],
    *,
    label: str,
    rule_code: str | None,
    access_rule: str | None,
) -> None:
    """Change a document type, or add one to the list.

    Args:
        expected: Refuses a type that is not as the caller read it.

    Raises:
        Refused: ``rule_not_found``, ``bad_rule``, and what ``expected`` raises.
    """
    label = admit_type(code, label)

    def make(session: Session) -> None:
        if rule_code is not None and not versions_of(session, change.tenant, rule_code):
            raise rule_not_found(rule_code)
        row = session.get(DocumentTypeRow, (change.tenant, code))
        expected(row)
        if row is None:
            row = DocumentTypeRow(tenant_id=change.tenant, code=code)
            session.add(row)
        row.label, row.rule_code, row.access_rule = label, rule_code, access_rule
        session.flush()

    _registered(
        change, make, lambda _session: (RecordRow.tenant_id == change.tenant) & (RecordRow.document_type == code)
    )


def decide_pack_line(change: RuleChange, pack: str, code: str, digest: str, reason: str) -> None:
    """Set aside what a pack says of a rule, with a reason; another text of the pack asks again.

    Args:
        digest: Of the line of the pack.
    """

    def make(session: Session) -> None:
        row = session.get_one(TenantRow, change.tenant, with_for_update=True)
        told = {"pack": pack, "line": digest, "reason": reason, "by": change.agent, "at": change.now.isoformat()}
        row.pack_decisions = {**(row.pack_decisions or {}), code: told}
        session.flush()

    change.register.change(change.tenant, make, agent=change.agent)


# -- what they share


def _made(change: RuleChange, make: Any, codes: Sequence[str]) -> None:
    """Make a change, and mark the records of the rules whose version in force it changes."""
    before: dict[str, Rule | None] = {}

    def changed(session: Session) -> None:
        for code in codes:
            before[code] = _in_force(session, change, code)
        make(session)
        session.flush()

    def concerned(session: Session) -> ColumnElement[bool] | None:
        others = [code for code in codes if _in_force(session, change, code) != before[code]]
        return by_rules(change.tenant, others) if others else None

    _registered(change, changed, concerned)


def _registered(
    change: RuleChange, make: Callable[[Session], None], concerned: Callable[[Session], ColumnElement[bool] | None]
) -> None:
    """Make and register a change; mark the records that it concerns, before and after its entry.

    The entry makes writers wait for each other: a record that is kept meanwhile is marked after it,
    or is judged by the change.

    Args:
        concerned: Told once the change is made; None: no record.
    """

    def early(session: Session) -> None:
        if (condition := concerned(session)) is not None:
            mark_early(session, condition, change.now)

    def late(session: Session) -> None:
        if (condition := concerned(session)) is not None:
            mark_late(session, condition, change.now)

    change.register.change(change.tenant, make, before_entry=early, in_transaction=late, agent=change.agent)


def _in_force(session: Session, change: RuleChange, code: str) -> Rule | None:
    day = today_of(session, change.tenant, change.now).day
    return in_force([rule_of(row) for row in versions_of(session, change.tenant, code)], day)


def _expected(session: Session, tenant: str, code: str, expected: int | None) -> RetentionRuleRow:
    row = latest(get_versions(session, tenant, code))
    if expected is not None and row.version != expected:
        raise changed_meanwhile()
    return row


def changed_meanwhile() -> Refused:
    """Return the refusal of a change that started from another state."""
    return Refused(
        "precondition_failed",
        "Quelqu’un d’autre l’a modifié entre-temps.",
        kept="Votre modification n’a pas été enregistrée.",
        action="Relisez ce qui est en place, puis recommencez.",
    )


def _add(session: Session, change: RuleChange, code: str, version: int, terms: Terms, reason: str | None) -> None:
    session.add(
        RetentionRuleRow(
            tenant_id=change.tenant,
            code=code,
            version=version,
            label=terms.label,
            duration=terms.duration,
            unit=terms.unit.value,
            start_event=terms.start_event,
            final_action=terms.final_action.value,
            source=terms.source,
            criteria=terms.criteria or None,
            access_rule=terms.access_rule,
            valid_from=terms.valid_from,
            created_at=change.now,
            created_by=change.agent,
            reason=(reason or "").strip()[:LONGEST_REASON] or None,
        )
    )
    session.flush()


def terms_of(row: RetentionRuleRow) -> Terms:
    """Return the terms of a version."""
    rule = rule_of(row)
    return Terms(
        rule.label,
        rule.duration,
        rule.unit,
        rule.start_event,
        rule.final_action,
        row.source,
        rule.criteria,
        rule.access_rule,
        rule.valid_from,
    )


def uses(session: Session, tenant: str, code: str) -> list[str]:
    """Return what uses a rule, each as ``kind code``: documents, types, nodes of the plan."""
    named = f'"{code}"'
    types = select(DocumentTypeRow.code).where(DocumentTypeRow.tenant_id == tenant, DocumentTypeRow.rule_code == code)
    nodes = select(PlanNodeRow.code).where(
        PlanNodeRow.tenant_id == tenant,
        PlanNodeRow.removed.is_(False),
        cast(PlanNodeRow.retention, Text).contains(named, autoescape=True),
    )
    records = select(RecordRow.id).where(
        or_(by_rule(tenant, code), _declares(tenant, code)), RecordRow.state.not_in(GONE)
    )
    found = [f"type « {one} »" for one in session.scalars(types.order_by(DocumentTypeRow.code).limit(3))]
    found += [f"« {one} » du plan" for one in session.scalars(nodes.order_by(PlanNodeRow.code).limit(3))]
    return found + [f"document {one}" for one in session.scalars(records.limit(3))]


def _declares(tenant: str, code: str) -> Any:
    return (RecordRow.tenant_id == tenant) & RecordRow.retention_rule.contains(code, autoescape=True)
