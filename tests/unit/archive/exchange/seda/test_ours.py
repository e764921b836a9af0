"""Transfers in our words: which units become nodes and records, and the dates that follow."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.exchange.seda.ours import InOurWords, TransferRecord, declaration, in_our_words
from archive.exchange.seda.reader import read_transfer
from archive.exchange.seda.schema import read_message
from archive.exchange.seda.transfer import RuleBlock, RuleUse
from archive.model.final_actions import FinalAction
from archive.retention.dates import Unit, end_date, to_seda
from archive.retention.declarations import Convention, Declaration, GivenStart, Level, Node
from archive.retention.facts import Facts
from archive.retention.resolution import Basis, Resolution, resolve
from archive.retention.rules import Rule
from tests import seda

OBJECT = seda.grouped("G", seda.binary("O"))
PRODUCER = "<OriginatingAgencyIdentifier>S</OriginatingAgencyIdentifier>"


def ours(units: str, objects: str = OBJECT, version: str = "2.1", management: str = "") -> InOurWords:
    content = seda.manifest(units, objects, version=version, management=PRODUCER + management)
    root, found = read_message(content)
    assert found == []
    reading = read_transfer(root)
    assert reading.findings == ()
    return in_our_words(reading.transfer)


def rule(code: str, years: int, action: FinalAction = FinalAction.DESTROY) -> Rule:
    return Rule(code, 1, code, years, Unit.YEAR, "file_closing", action, validated=True)


RULES = {one.code: one for one in (rule("APP5", 5), rule("APP80", 80), rule("APP10", 10))}


def resolved(found: InOurWords, record: TransferRecord | None = None) -> Resolution:
    one = record or found.records[0]
    return resolve(found.paths(one), Facts(date(1999, 1, 1)), RULES)


@pytest.mark.parametrize(
    ("code", "start", "due", "ends"),
    [("APP5", "2002-01-01", "2007-01-01", "2006-12-31"), ("APP80", "2001-01-01", "2081-01-01", "2080-12-31")],
)
def test_a_start_of_seda_is_the_first_day_counted(code: str, start: str, due: str, ends: str) -> None:
    """Example D11."""
    found = resolved(ours(seda.unit("U", management=seda.appraisal((code, start)), refers="G")))
    assert (str(found.due_on), str(found.ends_on), str(found.starts_on)) == (due, ends, start)
    assert found.basis is Basis.DATED


@given(
    start=st.dates(date(1700, 1, 1), date(9000, 12, 31)),
    duration=st.integers(0, 999),
    unit=st.sampled_from(Unit),
)
def test_what_comes_in_goes_out_with_the_same_start(start: date, duration: int, unit: Unit) -> None:
    given_rule = Rule("R", 1, "R", duration, unit, "file_closing", FinalAction.DESTROY, validated=True)
    declared = declaration(RuleBlock((RuleUse("R", start),), final_action="Destroy"))
    assert declared == Declaration(("R",), in_addition=True, starts={"R": GivenStart(start, Convention.SEDA)})
    due = end_date(start, duration, unit)
    if due is None:
        return
    found = resolve([(Node(Level.FILE, "F", "F", declared),)], Facts(), {"R": given_rule})
    assert found.due_on == due
    assert found.ends_on == due - timedelta(days=1)
    assert to_seda(due, duration, unit, given=start) == start


def test_rules_of_the_whole_transfer_reach_every_unit() -> None:
    found = ours(seda.unit("A", seda.unit("U", refers="G")), management=seda.appraisal(("APP5", "2002-01-01")))
    assert resolved(found).due_on == date(2007, 1, 1)
    assert found.records[0].final_action is FinalAction.DESTROY


def test_rules_add_up_and_the_latest_counts() -> None:
    lower = seda.unit("U", management=seda.appraisal(("APP10", "2001-01-01")), refers="G")
    found = resolved(ours(seda.unit("A", lower, management=seda.appraisal(("APP5", "2002-01-01")))))
    assert {part.rule.code for part in found.parts if part.rule} == {"APP5", "APP10"}
    assert found.due_on == date(2011, 1, 1)


def test_the_same_rule_declared_lower_takes_the_place_of_the_one_above() -> None:
    lower = seda.unit("U", management=seda.appraisal(("APP5", "2010-01-01")), refers="G")
    found = resolved(ours(seda.unit("A", lower, management=seda.appraisal(("APP5", "2002-01-01")))))
    assert found.due_on == date(2015, 1, 1)


def test_the_same_rule_declared_lower_without_a_start_has_none() -> None:
    lower = seda.unit("U", management=seda.appraisal(("APP5", "")), refers="G")
    found = resolved(ours(seda.unit("A", lower, management=seda.appraisal(("APP5", "2002-01-01")))))
    assert (found.due_on, found.basis) == (None, Basis.START_MISSING)


def test_prevented_inheritance_cuts_the_whole_category() -> None:
    cut = seda.appraisal(action="Keep", then="<PreventInheritance>true</PreventInheritance>")
    found = ours(
        seda.unit("A", seda.unit("U", management=cut, refers="G"), management=seda.appraisal(("APP5", "2002-01-01")))
    )
    assert resolved(found).basis is Basis.NO_END
    assert found.records[0].final_action is FinalAction.KEEP


def test_a_rule_that_is_not_inherited_is_cut_alone() -> None:
    above = seda.appraisal(("APP5", "2002-01-01"), ("APP10", "2002-01-01"))
    cut = seda.appraisal(then="<RefNonRuleId>APP10</RefNonRuleId>")
    found = resolved(ours(seda.unit("A", seda.unit("U", management=cut, refers="G"), management=above)))
    assert found.due_on == date(2007, 1, 1)


def test_a_unit_in_two_places_has_a_path_for_each_and_the_latest_counts() -> None:
    units = seda.unit(
        "A", seda.unit("C", seda.unit("U", refers="G")), management=seda.appraisal(("APP5", "2017-01-01"))
    )
    units += seda.unit("B", seda.reference("r", "C"), management=seda.appraisal(("APP5", "2017-05-01")))
    found = ours(units)
    (record,) = found.records
    assert record.ways == (("A", "C"), ("B", "C"))
    assert resolved(found).due_on == date(2022, 5, 1)
    assert not record.in_conflict


def test_different_final_actions_are_a_conflict_and_the_strongest_counts() -> None:
    units = seda.unit("A", seda.unit("U", refers="G"), management=seda.appraisal(("APP5", "2017-01-01"), action="Keep"))
    units += seda.unit("B", seda.reference("r", "U"), management=seda.appraisal(("APP5", "2017-01-01")))
    (record,) = ours(units).records
    assert record.in_conflict
    assert record.final_action is FinalAction.KEEP


def test_without_a_rule_nothing_is_told_and_it_is_kept() -> None:
    found = ours(seda.unit("U", refers="G"))
    assert found.records[0].final_action is None
    assert resolved(found).final_action is FinalAction.KEEP


def test_units_that_hold_others_are_nodes_and_the_last_are_files() -> None:
    units = seda.unit("A", seda.unit("B", seda.unit("U", refers="G"), title="Dossier"), seda.unit("P"))
    found = ours(units)
    levels = {way: node.level for way, node in found.nodes.items()}
    assert levels == {
        (): Level.CLASS,
        ("A",): Level.CLASS,
        ("A", "B"): Level.FILE,
        ("A", "P"): Level.FILE,
    }
    assert next(iter(levels)) == ()
    assert found.nodes["A", "B"].title == "Dossier"
    assert found.records[0].ways == (("A", "B"),)
    assert found.nodes["A", "B"].above == ("A",)


def test_a_unit_of_bytes_with_rules_of_its_own_is_a_file_with_one_record() -> None:
    found = ours(seda.unit("U", management=seda.appraisal(("APP5", "2002-01-01")), refers="G"))
    assert found.nodes["U",].level is Level.FILE
    assert found.records[0].ways == (("U",),)


def test_physical_objects_are_told_on_the_node() -> None:
    physical = '<PhysicalDataObject id="P"><DataObjectVersion>PhysicalMaster</DataObjectVersion></PhysicalDataObject>'
    found = ours(seda.unit("U", refers="G"), seda.grouped("G", physical))
    assert found.records == ()
    assert found.nodes["U",].physical == ("P",)


def test_the_original_is_the_binary_master() -> None:
    objects = seda.grouped("G", seda.binary("D", usage="Dissemination_1"), seda.binary("O"))
    (record,) = ours(seda.unit("U", refers="G"), objects).records
    assert (record.original, record.others) == ("O", ("D",))


def test_the_description_is_ours() -> None:
    content = (
        "<OriginatingAgencyArchiveUnitIdentifier>2026/12</OriginatingAgencyArchiveUnitIdentifier>"
        "<Description>Une lettre</Description><DocumentType>courrier</DocumentType><Language>fr</Language>"
        "<TransactedDate>2015-02</TransactedDate>"
    )
    (record,) = ours(seda.unit("U", title="Lettre", content=content, refers="G")).records
    assert record.description == {
        "title": "Lettre",
        "description": "Une lettre",
        "document_type": "courrier",
        "producer": "S",
        "document_date": "2015-02-28",
        "external_reference": "2026/12",
        "language": "fr",
    }


HOLD = "<Rule>GEL</Rule><HoldEndDate>2032-04-01</HoldEndDate><HoldReason>Contentieux</HoldReason>"


@pytest.mark.parametrize("version", ["2.2", "2.3"])
def test_a_hold_is_held_until_the_day_before_its_end(version: str) -> None:
    """Example H1: held on 2032-03-31, no more on 2032-04-01."""
    (record,) = ours(
        seda.unit("A", seda.unit("U", refers="G"), management=f"<HoldRule>{HOLD}</HoldRule>"), version=version
    ).records
    (hold,) = record.holds
    assert (hold.until, hold.reason) == (date(2032, 3, 31), "Contentieux")


def test_a_hold_is_cut_like_a_rule_and_has_no_end_without_one() -> None:
    lower = seda.unit(
        "U",
        management="<HoldRule><Rule>GEL2</Rule><PreventInheritance>true</PreventInheritance></HoldRule>",
        refers="G",
    )
    (record,) = ours(seda.unit("A", lower, management=f"<HoldRule>{HOLD}</HoldRule>"), version="2.3").records
    assert [(hold.rule, hold.until) for hold in record.holds] == [("GEL2", None)]
