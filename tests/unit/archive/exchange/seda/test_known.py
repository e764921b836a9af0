"""Transfers against what a tenant knows; of what is not given nothing is said."""

from __future__ import annotations

import pytest

from archive.exchange.seda.findings import Finding, Outcome
from archive.exchange.seda.known import Known, check_known
from archive.exchange.seda.reader import read_transfer
from archive.exchange.seda.schema import read_message
from archive.exchange.seda.transfer import Transfer
from archive.model.final_actions import FinalAction
from tests import seda

ALL = Known(
    frozenset({"ARCHIVES"}),
    frozenset({"SERVICE"}),
    {"CONVENTION": None},
    {"R1": FinalAction.DESTROY, "R2": FinalAction.SORT},
    frozenset({"AR048"}),
)


def transfer(management: str = "", head: str = "<ArchivalAgreement>CONVENTION</ArchivalAgreement>") -> Transfer:
    root, found = read_message(seda.manifest(seda.unit("A", seda.unit("U", management=management)), head=head))
    assert found == []
    return read_transfer(root).transfer


def told(findings: list[Finding]) -> list[tuple[str, Outcome, str]]:
    return [(one.code, one.outcome, one.node) for one in findings]


def test_what_is_known_is_no_finding() -> None:
    rules = seda.appraisal(("R1", "2020-01-01")) + seda.rules("AccessRule", ("AR048", "2020-01-01"))
    assert check_known(transfer(rules), ALL) == []


def test_an_access_rule_of_another_list_is_a_warning_on_its_node() -> None:
    rules = seda.rules("AccessRule", ("AR048", "2020-01-01"))
    assert told(check_known(transfer(rules), Known(access_rules=frozenset()))) == [
        ("seda_access_rule_unknown", Outcome.WARNING, "ArchiveUnit[U]/Management/AccessRule/Rule")
    ]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (Known(archival_agencies=frozenset()), ("seda_archival_agency_unknown", "ArchivalAgency/Identifier")),
        (Known(producers=frozenset()), ("seda_producer_unknown", "ManagementMetadata/OriginatingAgencyIdentifier")),
        (Known(agreements={}), ("seda_agreement_unknown", "ArchivalAgreement")),
        (Known(agreements={"CONVENTION": "P1"}), ("seda_profile_of_another", "ManagementMetadata/ArchivalProfile")),
        (Known(retention_rules={}), ("seda_rule_unknown", "ArchiveUnit[U]/Management/AppraisalRule/Rule")),
    ],
)
def test_what_is_unknown_is_refused_on_its_node_alone(known: Known, expected: tuple[str, str]) -> None:
    rules = seda.appraisal(("R1", "2020-01-01")) + seda.rules("AccessRule", ("AR048", "2020-01-01"))
    assert told(check_known(transfer(rules), known)) == [(expected[0], Outcome.KO, expected[1])]


def test_of_what_is_not_given_nothing_is_said() -> None:
    assert check_known(transfer(seda.appraisal(("X", ""))), Known()) == []
    assert check_known(transfer(head=""), ALL) == []


@pytest.mark.parametrize(("rule", "action"), [("R1", "Keep"), ("R2", "Destroy")])
def test_another_final_action_than_that_of_the_rule_is_a_persons_decision(rule: str, action: str) -> None:
    found = check_known(transfer(seda.appraisal((rule, ""), action=action)), ALL)
    node = "ArchiveUnit[U]/Management/AppraisalRule/FinalAction"
    assert told(found) == [("seda_final_action_differs", Outcome.WARNING, node)]
