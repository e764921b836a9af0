"""Views of what a rule pack says otherwise than a tenant's rules, and the decision of each line."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.views.rule import given_of
from archive.catalogue import rule_changes, rule_queries
from archive.catalogue.rule_changes import RuleChange
from archive.database.tables import RetentionRuleRow, TenantRow
from archive.retention.circumstances import rule_of
from archive.retention.packs import PACKS, diff, known_pack, pack_rules
from archive.retention.rule_terms import UNCHANGED, Terms, bad_rule
from archive.retention.rules import Rule
from signing.ground.canonical import canonical
from signing.ground.errors import Refused

ADDED: Final = "added"
CHANGED: Final = "changed"
REMOVED: Final = "removed"
_REASON: Final = "Mise à jour du jeu de règles"


def nearest_pack(session: Session, tenant: str) -> str:
    """Return the pack that most of a tenant's rules come from."""
    ours = rule_queries.rules_of(session, tenant).keys()
    return max(PACKS, key=lambda pack: len(ours & {rule.code for rule, _ in pack_rules(pack)}))


def lines(session: Session, tenant: str, pack: str) -> list[dict[str, Any]]:
    """Return the JSON of each difference, with what was decided about it.

    A rule that the tenant made itself is no difference.

    Raises:
        Refused: ``pack_not_found``.
    """
    theirs = {rule.code: (rule, source) for rule, source in pack_rules(known_pack(pack))}
    ours = {
        code: versions
        for code, versions in rule_queries.rules_of(session, tenant).items()
        if code in theirs or versions[0].created_by is None
    }
    records = rule_queries.records_by_rule(session, tenant)
    found = diff((rule for rule, _ in theirs.values()), (rule_of(versions[-1]) for versions in ours.values()))
    decided = session.scalar(select(TenantRow.pack_decisions).where(TenantRow.id == tenant)) or {}
    told = [
        *((ADDED, rule.code, ()) for rule in found.added),
        *((CHANGED, one.code, one.fields) for one in found.changed),
        *((REMOVED, rule.code, ()) for rule in found.removed),
    ]
    return [
        _line(change, code, fields, _before(ours, code), _after(theirs, code), records.get(code, 0), decided.get(code))
        for change, code, fields in told
    ]


def _line(
    change: str,
    code: str,
    fields: tuple[str, ...],
    before: Terms | None,
    after: Terms | None,
    records: int,
    decided: dict[str, Any] | None,
) -> dict[str, Any]:
    line = {
        "code": code,
        "change": change,
        "fields": list(fields),
        "before": given_of(before) if before is not None else None,
        "after": given_of(after) if after is not None else None,
        "records": records,
    }
    return line | {"decision": decided if decided is not None and decided["line"] == _digest(line) else None}


def _before(ours: dict[str, list[RetentionRuleRow]], code: str) -> Terms | None:
    return rule_changes.terms_of(ours[code][-1]) if code in ours else None


def _after(theirs: dict[str, tuple[Rule, str]], code: str) -> Terms | None:
    if code not in theirs:
        return None
    rule, source = theirs[code]
    return Terms(
        rule.label,
        rule.duration,
        rule.unit,
        rule.start_event,
        rule.final_action,
        source,
        rule.criteria,
        rule.access_rule,
    )


def _digest(line: dict[str, Any]) -> str:
    """Return the digest of what the pack says: another text of it asks again."""
    return hashlib.sha256(canonical({"change": line["change"], "after": line["after"]})).hexdigest()


def decide(session: Session, change: RuleChange, pack: str, code: str) -> tuple[dict[str, Any], Terms | None]:
    """Return the difference of a code, and what the pack says of it.

    Raises:
        Refused: ``pack_not_found``, ``rule_not_found``: there is no difference of this code.
    """
    line = next((one for one in lines(session, change.tenant, pack) if one["code"] == code), None)
    if line is None:
        raise rule_queries.rule_not_found(code)
    theirs = {rule.code: (rule, source) for rule, source in pack_rules(pack)}
    return line, _after(theirs, code)


def apply(
    change: RuleChange, pack: str, line: dict[str, Any], terms: Terms | None, *, accept: bool, reason: str | None
) -> None:
    """Take over what a pack says of a rule, as a draft; or set it aside with a reason.

    Raises:
        Refused: ``bad_rule``: setting aside needs a reason; ``rule_used``: a rule that is gone from
            the pack is still in use.
    """
    why, code = (reason or "").strip(), line["code"]
    if not accept:
        if not why:
            raise bad_rule("reason", "Dites pourquoi vous écartez cette ligne.", "Complétez-le.")
        rule_changes.decide_pack_line(change, pack, code, _digest(line), why)
    elif line["change"] == REMOVED:
        rule_changes.remove(change, code, None)
    elif terms is None:
        raise Refused("rule_not_found", "Le jeu de règles ne l’a plus.", kept=UNCHANGED)
    else:
        rule_changes.apply_file(change, [(code, terms)], why or _REASON)
