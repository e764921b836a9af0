"""Transfers read into plain values: units in several places, groups wherever they stand, rules."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from archive.exchange.seda.reader import ReadTransfer, read_transfer
from archive.exchange.seda.schema import read_message
from archive.exchange.seda.transfer import Category, Digest, RuleBlock, RuleUse, Transfer
from archive.exchange.seda.versions import Version
from tests import seda

SAMPLES = Path(__file__).parent / "samples"
VERSIONS = ("2.1", "2.2", "2.3")


def reading(content: bytes) -> ReadTransfer:
    root, found = read_message(content)
    assert found == []
    return read_transfer(root)


def read(content: bytes) -> Transfer:
    found = reading(content)
    assert found.findings == ()
    return found.transfer


def codes(content: bytes) -> list[tuple[str, str]]:
    return [(one.code, one.node) for one in reading(content).findings]


def test_the_head_is_read() -> None:
    transfer = read(seda.manifest(seda.unit("U1")))
    assert transfer.version is Version.V2_1
    assert (transfer.identifier, transfer.agreement, transfer.originating_agency) == (
        "VERSEMENT-1",
        "CONVENTION",
        "SERVICE",
    )
    assert (transfer.archival_agency.identifier, transfer.transferring_agency.identifier) == ("ARCHIVES", "VERSANT")
    assert [one.value for one in transfer.comments] == ["Versement d’essai"]


def test_units_are_a_tree_in_the_order_of_the_manifest() -> None:
    transfer = read(seda.manifest(seda.unit("A", seda.unit("B", seda.unit("C")), seda.unit("D")) + seda.unit("E")))
    assert list(transfer.units) == ["A", "B", "C", "D", "E"]
    assert transfer.top == ("A", "E")
    assert transfer.units["A"].children == ("B", "D")
    assert transfer.units["C"].parents == ("B",)


def test_a_unit_lies_in_several_by_reference() -> None:
    units = seda.unit("A", seda.unit("C")) + seda.unit("B", seda.reference("r", "C"))
    transfer = read(seda.manifest(units))
    assert transfer.units["C"].parents == ("A", "B")
    assert transfer.units["B"].children == ("C",)


def test_a_unit_written_at_the_top_and_referred_to_lies_where_it_is_referred_to() -> None:
    transfer = read(seda.manifest(seda.unit("A", seda.reference("r", "B")) + seda.unit("B")))
    assert transfer.top == ("A",)
    assert transfer.units["B"].parents == ("A",)


def test_a_reference_to_nothing_is_refused_on_its_node() -> None:
    content = seda.manifest(seda.unit("A", seda.reference("r", "nobody")))
    assert codes(content) == [("seda_unit_unknown", "ArchiveUnit[r]/ArchiveUnitRefId")]


@pytest.mark.parametrize(
    ("units", "way"),
    [
        (seda.unit("A", seda.reference("r", "A")), "A → A"),
        (seda.unit("A", seda.unit("B", seda.unit("C", seda.reference("r", "A")))), "A → B → C → A"),
        (seda.unit("T", seda.unit("A", seda.unit("B", seda.reference("r", "A")))), "A → B → A"),
    ],
)
def test_loops_are_refused_with_their_way(units: str, way: str) -> None:
    (found,) = reading(seda.manifest(units)).findings
    assert found.code == "seda_unit_loop"
    steps = str(found.values["way"]).split(" → ")
    assert steps[0] == steps[-1] == found.values["unit"]
    turned = steps[:-1]
    assert way in {" → ".join([*turned[at:], *turned[:at], turned[at]]) for at in range(len(turned))}


def test_a_unit_under_a_loop_is_not_called_one() -> None:
    units = seda.unit("A", seda.unit("B", seda.reference("r", "A"), seda.unit("C")))
    (found,) = reading(seda.manifest(units)).findings
    assert found.values["unit"] in {"A", "B"}


GROUP_ID = "<DataObjectGroupId>G</DataObjectGroupId>"
GROUP_REFERENCE = "<DataObjectGroupReferenceId>G</DataObjectGroupReferenceId>"
PHYSICAL = (
    f'<PhysicalDataObject id="P">{GROUP_REFERENCE}<DataObjectVersion>PhysicalMaster</DataObjectVersion>'
    "<PhysicalId>CARTON 12</PhysicalId></PhysicalDataObject>"
)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "objects",
    [
        seda.grouped("G", seda.binary("O"), PHYSICAL.replace(GROUP_REFERENCE, "")),
        seda.binary("O", group=GROUP_ID) + PHYSICAL,
        PHYSICAL + seda.binary("O", group=GROUP_ID),
    ],
    ids=["around", "id first", "reference first"],
)
def test_groups_are_read_wherever_they_stand(version: str, objects: str) -> None:
    transfer = read(seda.manifest(seda.unit("U", refers="G"), objects, version=version))
    assert set(transfer.units["U"].objects) == {"O", "P"}
    assert {one.group for one in transfer.objects.values()} == {"G"}
    physical, binary = transfer.objects["P"], transfer.objects["O"]
    assert (physical.physical, physical.usage, physical.physical_id) == (True, "PhysicalMaster", "CARTON 12")
    assert (binary.physical, binary.usage, binary.number, binary.size) == (False, "BinaryMaster", 1, 18)
    assert (binary.uri, binary.filename, binary.puid) == ("content/O.txt", "O.txt", "x-fmt/111")
    assert binary.digest == Digest("SHA-512", seda.digest(seda.LETTER))


def test_an_object_alone_is_referred_to_by_its_id() -> None:
    refers = "<DataObjectReference><DataObjectReferenceId>O</DataObjectReferenceId></DataObjectReference>"
    transfer = read(seda.manifest(seda.unit("U", refers), seda.binary("O")))
    assert transfer.units["U"].objects == ("O",)


@pytest.mark.parametrize(
    ("objects", "refers", "expected"),
    [
        (seda.grouped("G", seda.binary("O")), "X", ("seda_object_unknown", "ArchiveUnit[U]/DataObjectReference/")),
        (seda.binary("O", group=GROUP_REFERENCE), "G", ("seda_group_unknown", "BinaryDataObject[O]/")),
        (
            seda.binary("O", group=GROUP_ID) + seda.binary("O2", group=GROUP_ID),
            "G",
            ("seda_group_taken", "BinaryDataObject[O2]/"),
        ),
    ],
)
def test_groups_that_are_not_there_or_twice_are_refused(objects: str, refers: str, expected: tuple[str, str]) -> None:
    content = seda.manifest(seda.unit("U", refers=refers), objects)
    found = [one for one in codes(content) if one[0] == expected[0]]
    assert len(found) == 1
    assert found[0][1].startswith(expected[1])


def test_rules_are_read_with_their_starts_and_what_they_cut() -> None:
    management = seda.appraisal(("R1", "2017-01-01"), ("R2", ""), then="<RefNonRuleId>R3</RefNonRuleId>")
    management += seda.rules(
        "AccessRule", ("AR048", "2020-02-29"), then="<PreventInheritance>true</PreventInheritance>"
    )
    blocks = read(seda.manifest(seda.unit("U", management=management))).units["U"].management.blocks
    uses = (RuleUse("R1", date(2017, 1, 1)), RuleUse("R2"))
    assert blocks[Category.APPRAISAL] == RuleBlock(uses, blocked=("R3",), final_action="Destroy")
    assert blocks[Category.ACCESS] == RuleBlock((RuleUse("AR048", date(2020, 2, 29)),), prevents_inheritance=True)


def test_rules_of_the_whole_transfer_are_read() -> None:
    management = "<OriginatingAgencyIdentifier>S</OriginatingAgencyIdentifier>" + seda.appraisal(("R", "2002-01-01"))
    transfer = read(seda.manifest(seda.unit("U"), management=management))
    assert transfer.management.blocks[Category.APPRAISAL].uses == (RuleUse("R", date(2002, 1, 1)),)
    assert transfer.management.others == ()


@pytest.mark.parametrize("version", ["2.2", "2.3"])
def test_holds_are_read(version: str) -> None:
    told = (
        "<HoldRule><Rule>GEL</Rule><StartDate>2024-01-01</StartDate><HoldEndDate>2032-04-01</HoldEndDate>"
        "<HoldOwner>Tribunal</HoldOwner><HoldReassessingDate>2030-01-01</HoldReassessingDate>"
        "<HoldReason>Contentieux</HoldReason><PreventRearrangement>true</PreventRearrangement></HoldRule>"
    )
    unit = read(seda.manifest(seda.unit("U", management=told), version=version)).units["U"]
    (use,) = unit.management.blocks[Category.HOLD].uses
    assert use == RuleUse(
        "GEL", date(2024, 1, 1), date(2032, 4, 1), "Tribunal", date(2030, 1, 1), "Contentieux", forbids_move=True
    )


def test_what_has_no_name_of_ours_is_kept_as_it_was_written() -> None:
    more = "<Description>Une &amp; deux</Description><Coverage><Spatial>Var</Spatial></Coverage>"
    content = read(seda.manifest(seda.unit("U", content=more))).units["U"].content
    assert content.descriptions[0].value == "Une & deux"
    (kept,) = content.others
    space = f"{seda.NAMESPACE}2.1"
    assert (kept.name, kept.xml) == ("Coverage", f'<Coverage xmlns="{space}"><Spatial>Var</Spatial></Coverage>')


def test_signing_information_is_read_from_the_samples() -> None:
    embedded = read((SAMPLES / "sip-2.3-signed-embedded.xml").read_bytes()).units["ID12"].content.signing
    assert embedded is not None
    assert embedded.roles[0] == "SignedDocument"
    detached = read((SAMPLES / "sip-2.3-signed-detached-proofs.xml").read_bytes())
    assert [unit.content.signing.roles for unit in detached.units.values() if unit.content.signing] == [
        ("SignedDocument", "Signature", "Timestamp"),
        ("AdditionalProof",),
        ("AdditionalProof",),
        ("AdditionalProof",),
        ("AdditionalProof",),
    ]
    signing = detached.units["ID12"].content.signing
    assert signing is not None
    assert signing.detached_roles == ("AdditionalProof",)
    assert signing.signatures[0].signer is not None


def test_many_units_under_one_another_are_read_without_recursion() -> None:
    units = "".join(seda.unit(f"U{n}", seda.reference(f"r{n}", f"U{n + 1}")) for n in range(3000)) + seda.unit("U3000")
    transfer = read(seda.manifest(units))
    assert transfer.top == ("U0",)


def test_a_relative_name_space_is_no_fault_of_what_is_kept() -> None:
    content = seda.manifest(seda.unit("U", content="<Coverage><Spatial>Var</Spatial></Coverage>"))
    declared = content.replace(b"<ArchiveTransfer ", b'<ArchiveTransfer xmlns:x="../relative" ')
    (kept,) = read(declared).units["U"].content.others
    assert kept.xml == f'<Coverage xmlns="{seda.NAMESPACE}2.1"><Spatial>Var</Spatial></Coverage>'
