"""The bundled packs line by line, how a pack is read, and how it differs from a tenant's rules."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.database.engine import Database
from archive.database.tables import DocumentTypeRow, RetentionRuleRow, TenantRow
from archive.model.description_fields import Description
from archive.model.final_actions import FinalAction
from archive.retention import schedule
from archive.retention.access import access_codes, access_of
from archive.retention.circumstances import Circumstances
from archive.retention.dates import START_EVENTS, Unit
from archive.retention.packs import (
    DEFAULT_PACK,
    FIELDS,
    NOT_IN_THE_TABLE,
    PACKS,
    Read,
    diff,
    known_pack,
    pack_folder,
    pack_rules,
    pack_types,
    phrase_of,
    read_pack,
)
from archive.retention.rules import Rule
from signing.ground.errors import Refused
from tests.pack_tables import BORN, HAPPENED, example, path_of, table
from tests.servers.postgres import Databases

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
LINES = [(pack, rule, source) for pack in PACKS for rule, source in pack_rules(pack)]


@pytest.fixture
def database(databases: Databases, tmp_path: Path) -> Iterator[Database]:
    made = Database(databases.fresh(tmp_path).url)
    with made.write() as session:
        session.add(TenantRow(id="demo", name="Démo", created_at=NOW))
    yield made
    made.dispose()


def counted(rule: Rule) -> tuple[date, date]:
    """Start and end of a line in the example, reckoned here and not by the code under test."""
    start = BORN if rule.start_event == "birth_date" else HAPPENED
    if rule.start_event in {"calendar_year_end", "fiscal_year_end"}:
        start = date(start.year, 12, 31)
    if rule.start_event == "school_year_end":
        start = date(start.year, 8, 31)
    assert rule.duration is not None
    match rule.unit:
        case Unit.DAY:
            return start, start + timedelta(rule.duration)
        case Unit.MONTH:
            month = start.month - 1 + rule.duration
            year, month = start.year + month // 12, month % 12 + 1
        case Unit.YEAR:
            year, month = start.year + rule.duration, start.month
    return start, date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


# -- the bundled packs


@pytest.mark.parametrize(("pack", "rule", "source"), LINES, ids=lambda value: getattr(value, "code", ""))
def test_every_line_computes_its_example(pack: str, rule: Rule, source: str) -> None:
    made = example(rule)
    sure = source.startswith("[V] ")
    assert made.as_drafted.final_action is made.validated.final_action is rule.final_action
    if rule.duration is None:
        assert made.as_drafted.due_on is made.validated.due_on is None
    else:
        start, end = counted(rule)
        assert (made.validated.starts_on, made.validated.ends_on) == (start, end)
        assert made.validated.due_on == end + timedelta(1)
        assert made.as_drafted.due_on == (end + timedelta(1) if sure else None)
    told = {remark.code for remark in made.as_drafted.remarks}
    assert ("rule_unsure" in told) is (not sure and rule.duration is not None)
    if rule.access_rule:
        assert made.access is not None
        assert made.access.decided_by in access_codes(rule.access_rule)


@pytest.mark.parametrize("pack", PACKS)
def test_a_pack_is_whole(pack: str) -> None:
    rules, types = pack_rules(pack), pack_types(pack)
    codes = {rule.code for rule, _ in rules}
    assert {line.rule for line in types} <= codes
    assert len({line.code for line in types}) == len(types)
    assert all(line.phrase.startswith(("un ", "une ")) for line in types)
    for rule, _ in rules:
        assert bool(rule.criteria) is (rule.final_action is FinalAction.SORT), rule.code


def test_each_pack_has_the_number_of_lines_that_was_checked() -> None:
    assert {pack: (len(pack_rules(pack)), len(pack_types(pack))) for pack in PACKS} == {
        "fr-departement": (61, 32),
        "fr-commune": (115, 64),
    }


@pytest.mark.parametrize("pack", PACKS)
def test_one_label_has_one_phrase_in_every_pack(pack: str) -> None:
    for line in pack_types(pack):
        assert phrase_of(line.code, line.label) == line.phrase
    assert phrase_of("facture", "Note d’honoraires") is None


@pytest.mark.parametrize("pack", PACKS)
def test_the_tables_in_the_documentation_are_those_of_the_packs(pack: str) -> None:
    """``make rule-tables`` writes them."""
    assert path_of(pack).read_text(encoding="utf-8") == table(pack)


def test_towns_find_a_type_for_each_of_their_trades() -> None:
    trades = {line.rule.split("-")[1] for line in pack_types("fr-commune")}
    assert {"ETC", "ELE", "URB", "CIM", "ECO", "REC", "POL", "SOC", "EAU", "VOI", "FIN", "MAR", "RH"} <= trades


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("contentieux", "AR048 AR054"),
        ("dossier_mdph", "AR048 AR043"),
        ("dossier_apa", "AR048 AR043"),
        ("dossier_aide_enfance", "AR048 AR060"),
        ("conge_maladie", "AR048 AR043"),
    ],
)
def test_what_disclosed_too_early_waits_for_the_longer_delay(kind: str, rule: str) -> None:
    (line,) = [line for line in pack_types("fr-departement") if line.code == kind]
    assert line.access_rule == rule
    known = {"document_date": date(2000, 1, 1), "closed_on": None, "birth": date(1990, 1, 1)}
    alone = [access_of(code, **known).communicable_on for code in access_codes(rule)]  # type: ignore[arg-type]
    assert access_of(rule, **known).communicable_on == max(alone)  # type: ignore[arg-type,type-var]


def test_tenders_count_from_the_signature_of_the_contract() -> None:
    for pack, prefix in (("fr-departement", "DEP"), ("fr-commune", "COM")):
        rules = {rule.code: rule for rule, _ in pack_rules(pack)}
        for code in (f"{prefix}-MAR-001", f"{prefix}-MAR-002"):
            assert (rules[code].start_event, rules[code].duration) == ("contract_signature", 5)
        (contract,) = [line for line in pack_types(pack) if line.code == "contrat"]
        assert "-MAR-" not in contract.rule
        assert rules[contract.rule].start_event == "contract_end"


# -- reading


HEAD = ",".join(FIELDS)


@pytest.mark.parametrize(
    "line",
    [
        "A,x,1,YEAR,some_day,KEEP,,,[V] s",
        "A,x,1,YEAR,document_date,KEEP,,,somebody said so",
        "A,x,1,YEAR,document_date,KEEP,,,[X] s",
        "A,x,1,FORTNIGHT,document_date,KEEP,,,[V] s",
        "A,x,1000,YEAR,document_date,KEEP,,,[V] s",
        "A,x,-1,YEAR,document_date,KEEP,,,[V] s",
        "A,x,some,YEAR,document_date,KEEP,,,[V] s",
        "A,x,1,YEAR,document_date,BURN,,,[V] s",
        "A,x,1,YEAR,document_date,KEEP,how to sort,,[V] s",
        "A,x,1,YEAR,document_date,KEEP,,AR048 AR999,[V] s",
        "A,x,1,YEAR,document_date,KEEP,,,[V] s\nA,x,2,YEAR,document_date,KEEP,,,[V] s",
    ],
)
def test_a_senseless_line_spoils_the_pack(tmp_path: Path, line: str) -> None:
    path = tmp_path / "pack.csv"
    path.write_text(f"{HEAD}\n{line}\n")
    with pytest.raises(ValueError):
        read_pack(path)


def test_a_pack_without_criteria_and_access_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pack.csv"
    path.write_text(
        "code,label_fr,duration,unit,start_event,final_action,source\nA,x,1,YEAR,document_date,SORT,[P] s\n"
    )
    ((rule, source),) = read_pack(path)
    assert (rule.criteria, rule.access_rule, rule.sure, source) == ("", None, False, "[P] s")


@pytest.mark.parametrize(
    ("source", "mark"), [("[V] s", "V"), ("[P] s", "P"), ("[NV] s", "NV"), ("s", None), ("", None)]
)
def test_a_source_says_how_far_it_was_read(source: str, mark: str | None) -> None:
    found = Read.of(source)
    assert (found.value if found else None) == mark


def test_an_unknown_pack_is_refused_with_the_known_ones() -> None:
    assert known_pack("fr-commune") == "fr-commune"
    with pytest.raises(Refused) as refused:
        known_pack("fr-region")
    assert refused.value.code == "pack_not_found"
    assert "fr-departement, fr-commune" in str(refused.value.action).format(known=refused.value.values["known"])


# -- what a tenant gets


def test_a_line_that_nobody_read_gives_no_end_until_it_is_validated(database: Database) -> None:
    letter = Description("Lettre", document_type="liste_emargement", document_date=date(2026, 3, 12))
    with database.write() as session:
        schedule.load_pack(session, "demo", pack="fr-commune")
        before = schedule.decide(session, "demo", letter, NOW)
        session.get_one(RetentionRuleRow, ("demo", "COM-ELE-003", 1)).validated_at = NOW
        session.flush()
        after = schedule.decide(session, "demo", letter, NOW)
    assert (before.retention.starts_on, before.retention.ends_on) == (date(2026, 3, 12), None)
    assert [remark.code for remark in before.remarks] == ["rule_unsure"]
    assert "lue en entier" in before.retention.explanation
    assert (after.retention.ends_on, after.remarks) == (date(2031, 3, 12), ())


def test_a_rule_of_the_tenants_own_needs_no_mark(database: Database) -> None:
    with database.write() as session:
        schedule.load_pack(session, "demo")
        old = session.get_one(RetentionRuleRow, ("demo", "DEP-ADM-007", 1))
        columns = {column.name: getattr(old, column.name) for column in RetentionRuleRow.__table__.columns}
        session.add(RetentionRuleRow(**(columns | {"version": 2, "source": "délibération du 3 mars 2020"})))
        session.flush()
        found = schedule.rule(session, "demo", "DEP-ADM-007")
    assert found is not None
    assert (found.version, found.sure) == (2, True)


def test_a_town_gets_the_types_and_rules_of_its_pack(database: Database) -> None:
    with database.write() as session:
        schedule.load_pack(session, "demo", pack="fr-commune")
        rules = {row.code for row in session.query(RetentionRuleRow)}
        kind = session.get_one(DocumentTypeRow, ("demo", "registre_naissances_mariages"))
        assert rules == {rule.code for rule, _ in pack_rules("fr-commune")}
        assert (kind.rule_code, kind.access_rule) == ("COM-ETC-001", "AR056")
        decision = schedule.decide(
            session,
            "demo",
            Description("Naissances 1950", document_type=kind.code, closed_on=date(1950, 12, 31)),
            NOW,
        )
    assert decision.access.communicable_on == date(2026, 1, 1)
    assert decision.retention.ends_on == date(2070, 12, 31)
    assert "un registre des naissances ou des mariages" in decision.retention.explanation


# -- the difference between a pack and a tenant's rules


def rules_of(pack: str) -> list[Rule]:
    return [rule for rule, _ in pack_rules(pack)]


def test_a_tenant_that_has_the_pack_differs_in_nothing() -> None:
    assert not diff(rules_of(DEFAULT_PACK), rules_of(DEFAULT_PACK))
    later = [replace(rule, version=3, validated=True, valid_from=date(2026, 1, 1)) for rule in rules_of(DEFAULT_PACK)]
    assert not diff(rules_of(DEFAULT_PACK), later), "version, validity and validation are the tenant's own"


def test_the_rules_of_a_new_tenant_are_those_of_its_pack(database: Database) -> None:
    with database.write() as session:
        schedule.load_pack(session, "demo", pack="fr-commune")
        ours = Circumstances(session, "demo", NOW).rules().values()
    assert not diff(rules_of("fr-commune"), ours, unknown=NOT_IN_THE_TABLE)
    other = diff(rules_of("fr-departement"), ours, unknown=NOT_IN_THE_TABLE)
    assert (len(other.added), len(other.removed)) == (60, 114)
    assert [change.code for change in other.changed] == ["COM-POL-001"], "the one rule that both have"


def test_what_a_pack_would_change_is_told_rule_by_rule() -> None:
    theirs = rules_of(DEFAULT_PACK)
    ours = [replace(theirs[0], duration=12, label="Autre"), *theirs[2:], replace(theirs[1], code="OWN-1")]
    found = diff(theirs, ours)
    assert [rule.code for rule in found.added] == [theirs[1].code]
    assert [rule.code for rule in found.removed] == ["OWN-1"]
    (changed,) = found.changed
    assert (changed.code, changed.fields) == (theirs[0].code, ("label", "duration"))
    assert (changed.before.duration, changed.after.duration) == (12, theirs[0].duration)
    assert found


SOME = st.lists(st.sampled_from(rules_of(DEFAULT_PACK)), unique_by=lambda rule: rule.code, max_size=12)


@given(pack=SOME, own=SOME, longer=st.sets(st.integers(0, 11)))
def test_a_diff_accepted_whole_leaves_no_difference(pack: list[Rule], own: list[Rule], longer: set[int]) -> None:
    own = [replace(rule, duration=500) if index in longer else rule for index, rule in enumerate(own)]
    found = diff(pack, own)
    after = {rule.code: rule for rule in own}
    after |= {rule.code: rule for rule in found.added} | {change.code: change.after for change in found.changed}
    for rule in found.removed:
        del after[rule.code]
    assert not diff(pack, after.values())
    assert {rule.code for rule in found.added} == {rule.code for rule in pack} - {rule.code for rule in own}
    assert all(change.fields == ("duration",) for change in found.changed)


def test_every_start_event_of_a_pack_is_known_and_the_files_have_the_columns() -> None:
    for pack in PACKS:
        first = (pack_folder() / f"{pack}.csv").read_text(encoding="utf-8").splitlines()[0]
        assert first == HEAD
        assert {rule.start_event for rule in rules_of(pack)} <= START_EVENTS.keys()
