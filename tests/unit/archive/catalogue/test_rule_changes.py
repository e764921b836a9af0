"""Rules in versions: made, validated by a second person, removed; their effect shown first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from api.views.retention import retention_view
from archive.catalogue import plan_changes, rule_changes, rule_effects, rule_queries
from archive.catalogue import rows as catalogue
from archive.catalogue.plan_changes import PlanChange
from archive.catalogue.rule_changes import RuleChange
from archive.catalogue.rule_effects import SupposedRule, SupposedType
from archive.catalogue.tenant_register import disagreements
from archive.database.retention_tables import PlanNodeRow
from archive.database.tables import DocumentTypeRow, RecordRow, RetentionRuleRow, TenantRow
from archive.disposition.holds.effects import HeldPlaces
from archive.holdings import keep as holdings
from archive.holdings.describe import describe
from archive.holdings.recompute import recompute_stale
from archive.model.final_actions import FinalAction
from archive.retention.dates import Unit
from archive.retention.rule_terms import Terms
from archive.retention.states import DueState
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from signing.ground.errors import Refused
from tests.holdings import keep, lose_database, opened, package, rows, system_at

TERMS = Terms("Factures", 10, Unit.YEAR, "fiscal_year_end", FinalAction.DESTROY, "code de commerce, art. L123-22")
ANNE, BRUNO = "user:anne", "user:bruno"


def change_by(system: System, agent: str) -> RuleChange:
    return RuleChange(system.register, "demo", agent, system.clock())


def row_of(system: System, record: str) -> RecordRow:
    with system.database.read() as session:
        return session.get_one(RecordRow, record)


def versions(system: System, code: str) -> list[RetentionRuleRow]:
    with system.database.read() as session:
        return rule_queries.versions_of(session, "demo", code)


def refused(code: str, act: Callable[..., Any], *args: object) -> Refused:
    with pytest.raises(Refused) as caught:
        act(*args)
    assert caught.value.code == code
    return caught.value


def terms_in_force(system: System, record: str) -> tuple[str, Terms]:
    code = str(row_of(system, record).rule_code)
    return code, rule_changes.terms_of(versions(system, code)[-1])


def locks_of(system: System, record: str) -> dict[str, date]:
    with system.database.read() as session:
        return {row.key: row.locked_until or date.min for row in catalogue.rows(session, record)}


def test_a_version_takes_effect_once_a_second_person_validates_it(system: System, tmp_path: Path) -> None:
    record = keep(system, tmp_path, 1)
    code, terms = terms_in_force(system, record)
    rule_changes.validate(change_by(system, BRUNO), code, 1)
    recompute_stale(system.stores)
    before = row_of(system, record)
    rule_changes.amend(change_by(system, ANNE), code, 1, replace(terms, duration=99, unit=Unit.YEAR), "décret")
    assert row_of(system, record).stale_since is None, "a draft takes no validated version's place"
    refused("rule_own_validation", rule_changes.validate, change_by(system, ANNE), code, 2)
    refused("rule_own_validation", rule_changes.validate, change_by(system, "key:1"), code, 2)
    refused("precondition_failed", rule_changes.validate, change_by(system, BRUNO), code, 1)
    locks = locks_of(system, record)
    rule_changes.validate(change_by(system, BRUNO), code, 2, "délibération")
    assert row_of(system, record).stale_since is not None
    recompute_stale(system.stores)
    after = row_of(system, record)
    assert (after.rule_version, after.stale_since) == (2, None)
    assert before.ends_on is not None
    assert after.ends_on is not None
    assert after.ends_on > before.ends_on
    later = locks_of(system, record)
    assert all(later[key] >= lock for key, lock in locks.items() if key in later)
    refused("rule_already_validated", rule_changes.validate, change_by(system, BRUNO), code, 2)
    assert [(row.version, row.created_by, row.validated_by) for row in versions(system, code)] == [
        (1, None, BRUNO),
        (2, ANNE, BRUNO),
    ]


def test_a_simulation_says_before_what_the_job_then_does(system: System, tmp_path: Path) -> None:
    records = [keep(system, tmp_path, n) for n in range(1, 4)]
    describe(system.stores, "demo", records[2], {"document_date": None}, agent="user:1", expected_revision=1)
    code, terms = terms_in_force(system, records[0])
    rule_changes.validate(change_by(system, BRUNO), code, 1)
    recompute_stale(system.stores)
    shorter = replace(terms, duration=0, unit=Unit.DAY, final_action=FinalAction.DESTROY)
    before = rows(system, "records", "retention_rules", "journal_entries")
    with system.database.read() as session:
        supposed = SupposedRule(shorter.as_rule(code, 2, validated=True))
        found = rule_effects.effect_of(session, "demo", supposed, system.clock())
        page = rule_effects.page_of(session, "demo", supposed, limit=2)
        rest = rule_effects.page_of(session, "demo", supposed, after=page[-1])
    assert rows(system, "records", "retention_rules", "journal_entries") == before
    assert [*page, *rest] == sorted(records)
    assert (found.records, sum(found.before.values()), sum(found.after.values())) == (3, 3, 3)
    rule_changes.amend(change_by(system, ANNE), code, 1, shorter)
    rule_changes.validate(change_by(system, BRUNO), code, 2)
    recompute_stale(system.stores)
    due = [row_of(system, record).due_on for record in records]
    assert found.due_after == min(day for day in due if day is not None)
    assert found.after[DueState.START_MISSING] == due.count(None) == 1
    assert found.after[DueState.LOCKED_UNTIL] + found.after[DueState.NOT_YET] == 2


def test_a_simulation_in_files_says_what_the_job_then_does(system: System, tmp_path: Path) -> None:
    """Closed, open, unknown, two at once, beside a class of its own: each has its own start."""
    code = "ADM-T"
    terms = replace(TERMS, duration=2, start_event="document_date")
    rule_changes.create(change_by(system, ANNE), code, terms)
    rule_changes.validate(change_by(system, BRUNO), code, 1)
    with system.database.write() as session:
        change = PlanChange(session, system.ledger, "demo", ANNE, system.clock(), HeldPlaces())
        for kind, name in (("class", "C"), ("file", "F1"), ("file", "F2"), ("file", "F3")):
            plan_changes.create(change, {"kind": kind, "code": name, "title": name, "retention": {"rules": [code]}})
    places = [
        {"file": "F1"},
        {"file": "F1", "document_date": date(2015, 5, 5)},
        {"file": "F2"},
        {"file": "F1; F3"},
        {"file": "F1", "classification": "C"},
        {"classification": "C"},
        {"file": "F9", "retention_rule": code},
    ]
    records = []
    for n, place in enumerate(places):
        given = package(system, tmp_path, n)
        described = replace(given.description, document_type=None, **{"document_date": date(2020, 1, 1)} | place)
        kept = holdings.keep(system.stores, replace(given, description=described), lambda _session, _kept: None)
        records.append(kept.record_id)
    with system.database.write() as session:
        change = PlanChange(session, system.ledger, "demo", ANNE, system.clock(), HeldPlaces())
        for name, day in (("F1", date(2021, 3, 3)), ("F3", date(2022, 4, 4))):
            node = session.scalars(select(PlanNodeRow).where(PlanNodeRow.code == name)).one()
            plan_changes.close(change, node.id, node.number, day)
    recompute_stale(system.stores)
    before = {record: row_of(system, record).due_on for record in records}
    longer = replace(terms, duration=30)
    with system.database.read() as session:
        supposed = SupposedRule(longer.as_rule(code, 2, validated=True))
        found = rule_effects.effect_of(session, "demo", supposed, system.clock())
        assert list(rule_effects.page_of(session, "demo", supposed)) == sorted(records)
    rule_changes.amend(change_by(system, ANNE), code, 1, longer)
    rule_changes.validate(change_by(system, BRUNO), code, 2)
    recompute_stale(system.stores)
    after = {record: row_of(system, record).due_on for record in records}
    changed = [after[record] for record in records if after[record] != before[record]]
    assert len(set(after.values())) >= 4, "each place dates in its own way"
    assert (found.records, found.changed) == (len(records), len(changed))
    assert found.due_after == min(day for day in changed if day is not None)
    assert found.after == Counter({DueState.NOT_YET: 6, DueState.START_MISSING: 1})


def test_the_version_in_force_changes_on_its_day(system: System, tmp_path: Path) -> None:
    record = keep(system, tmp_path, 1)
    code, terms = terms_in_force(system, record)
    rule_changes.amend(change_by(system, ANNE), code, 1, replace(terms, duration=1, valid_from=date(2999, 1, 1)))
    rule_changes.validate(change_by(system, BRUNO), code, 2)
    assert row_of(system, record).stale_since is None
    assert row_of(system, record).rule_version == 1


def test_a_rule_in_use_is_not_removed_and_a_spent_code_never_comes_back(system: System, tmp_path: Path) -> None:
    record = keep(system, tmp_path, 1)
    code, _ = terms_in_force(system, record)
    assert "document" in str(refused("rule_used", rule_changes.remove, change_by(system, ANNE), code, None))
    refused("rule_code_used", rule_changes.create, change_by(system, ANNE), code, TERMS)
    rule_changes.create(change_by(system, ANNE), "FIN-3", TERMS)
    describe(system.stores, "demo", record, {"retention_rule": "+FIN-3"}, agent="user:1", expected_revision=1)
    refused("rule_used", rule_changes.remove, change_by(system, ANNE), "FIN-3", 1)
    describe(system.stores, "demo", record, {"retention_rule": None}, agent="user:1", expected_revision=2)
    refused("precondition_failed", rule_changes.remove, change_by(system, ANNE), "FIN-3", 2)
    rule_changes.remove(change_by(system, ANNE), "FIN-3", 1)
    refused("rule_not_found", rule_changes.amend, change_by(system, ANNE), "FIN-3", None, TERMS)
    refused("rule_code_used", rule_changes.create, change_by(system, ANNE), "FIN-3", TERMS)
    refused("rule_code_used", rule_changes.apply_file, change_by(system, ANNE), [("FIN-3", TERMS)])


def test_a_type_gets_another_rule_as_simulated(system: System, tmp_path: Path) -> None:
    record = keep(system, tmp_path, 1)
    rule_changes.create(change_by(system, ANNE), "FIN-3", replace(TERMS, duration=3))
    wanted = DocumentTypeRow(tenant_id="demo", code="deliberation", label="Délibération", rule_code="FIN-3")
    with system.database.read() as session:
        found = rule_effects.effect_of(session, "demo", SupposedType(wanted), system.clock())
    assert (found.records, found.changed, found.due_after) == (1, 1, date(2030, 1, 1))
    with pytest.raises(Refused, match="NON"):
        set_rule(system, "NON")
    set_rule(system, "FIN-3")
    assert row_of(system, record).stale_since is not None
    recompute_stale(system.stores)
    assert (row_of(system, record).rule_code, row_of(system, record).due_on) == ("FIN-3", date(2030, 1, 1))


def set_rule(system: System, code: str) -> None:
    rule_changes.set_type(
        change_by(system, ANNE),
        "deliberation",
        lambda _row: None,
        label="Délibération",
        rule_code=code,
        access_rule=None,
    )


class Days:
    """A clock that is set by hand."""

    def __init__(self, *day: int) -> None:
        self.now = datetime(*day, 12, tzinfo=UTC)  # type: ignore[misc, arg-type]

    def __call__(self) -> datetime:
        return self.now


def kept_under(system: System, folder: Path, terms: Terms) -> str:
    """A record of the budget year 2019, under a validated rule."""
    rule_changes.create(change_by(system, ANNE), "R", terms)
    rule_changes.validate(change_by(system, BRUNO), "R", 1)
    set_rule(system, "R")
    given = package(system, folder, 1)
    given = replace(given, description=replace(given.description, fiscal_year="2019"))
    return holdings.keep(system.stores, given, lambda _session, _kept: None).record_id


def test_r4_a_shorter_version_never_shortens_a_lock(tmp_path: Path) -> None:
    clock = Days(2026, 2, 1)
    with opened(tmp_path / "home", clock=clock) as system:
        record = kept_under(system, tmp_path, TERMS)
        assert row_of(system, record).ends_on == date(2029, 12, 31)
        assert max(locks_of(system, record).values()) == date(2027, 3, 8)
        rule_changes.amend(change_by(system, ANNE), "R", 1, replace(TERMS, duration=5))
        rule_changes.validate(change_by(system, BRUNO), "R", 2)
        assert state_of_record(system, record) == "stale"
        recompute_stale(system.stores)
        row = row_of(system, record)
        assert (row.starts_on, row.ends_on, row.rule_version) == (date(2019, 12, 31), date(2024, 12, 31), 2)
        assert max(locks_of(system, record).values()) == date(2027, 3, 8)
        assert state_of_record(system, record) == "locked_until"
        with system.database.read() as session:
            assert retention_view(session, row, clock.now)["may_go_on"] == "2027-03-09"


def test_r5_a_longer_version_lets_the_lock_grow_at_the_next_daily_run(tmp_path: Path) -> None:
    clock = Days(2030, 3, 1)
    with opened(tmp_path / "home", clock=clock) as system:
        record = kept_under(system, tmp_path, TERMS)
        assert row_of(system, record).ends_on == date(2029, 12, 31)
        assert max(locks_of(system, record).values()) == date(2030, 3, 2)
        rule_changes.amend(change_by(system, ANNE), "R", 1, replace(TERMS, duration=15))
        rule_changes.validate(change_by(system, BRUNO), "R", 2)
        assert state_of_record(system, record) == "stale"
        recompute_stale(system.stores)
        assert row_of(system, record).ends_on == date(2034, 12, 31)
        system.locks.extend()
        assert min(locks_of(system, record).values()) == date(2031, 4, 5)


def state_of_record(system: System, record: str) -> str:
    with system.database.read() as session:
        return str(retention_view(session, row_of(system, record), system.clock())["state"])


def test_versions_validations_and_set_aside_lines_come_back_from_the_store_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with opened(home) as system:
        rule_changes.create(change_by(system, ANNE), "FIN-3", TERMS, "avis")
        sorted_out = replace(
            TERMS,
            final_action=FinalAction.SORT,
            criteria="Un sur dix",
            access_rule="AR048",
            valid_from=date(2027, 1, 1),
        )
        rule_changes.amend(change_by(system, ANNE), "FIN-3", 1, sorted_out)
        rule_changes.validate(change_by(system, BRUNO), "FIN-3", 2, "délibération du 3 mars")
        rule_changes.create(change_by(system, ANNE), "FIN-4", TERMS)
        rule_changes.remove(change_by(system, ANNE), "FIN-4", 1)
        rule_changes.decide_pack_line(change_by(system, ANNE), "fr-commune", "COM-ELE-003", "0" * 64, "autre usage")
        with system.database.read() as session:
            assert list(disagreements(session, system.store, "demo")) == []
        before = rows(system, "retention_rules", "document_types", "tenants")
        assert any("user:bruno" in map(str, line) for line in before["retention_rules"])
        system.publisher.publish(force_token=True)
        lose_database(system)
    system = system_at(home)
    try:
        system.prepare_rebuild()
        Custody(system).rebuild()
        assert rows(system, "retention_rules", "document_types", "tenants") == before
        with system.database.write() as session:
            session.get_one(RetentionRuleRow, ("demo", "FIN-3", 1)).validated_by = ANNE
            session.get_one(TenantRow, "demo").pack_decisions = None
        with system.database.read() as session:
            told = set(disagreements(session, system.store, "demo"))
    finally:
        system.close()
    assert told == {"retention_rules.validated_by", "tenants.pack_decisions"}
