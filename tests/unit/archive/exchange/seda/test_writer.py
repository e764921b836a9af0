"""Transfers written: valid in each version, and what is read again is what was written."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from archive.exchange.seda.findings import NOWHERE
from archive.exchange.seda.json_form import read, written
from archive.exchange.seda.reader import read_transfer
from archive.exchange.seda.schema import read_message
from archive.exchange.seda.transfer import Transfer
from archive.exchange.seda.versions import Version
from archive.exchange.seda.writer import left_out, write_manifest
from tests import seda

SAMPLES = Path(__file__).parent / "samples"
VERSIONS = ("2.1", "2.2", "2.3")
PERSON = (
    "<Writer><FirstName>Anne</FirstName><BirthName>Sample</BirthName><Gender>F</Gender><BirthDate>1960-02-29</BirthDate>"
    "<BirthPlace><City>Var</City></BirthPlace><Identifier>12</Identifier><Function>Greffière</Function><Role>r</Role></Writer>"
)
CONTENT = (
    "<Title xml:lang='en'>Letter</Title><FilePlanPosition>2.3</FilePlanPosition><SystemId>S</SystemId>"
    "<OriginatingAgencyArchiveUnitIdentifier>2026/12</OriginatingAgencyArchiveUnitIdentifier>"
    "<Description>Une &lt;lettre&gt;\n\nsur deux lignes</Description>"
    "<CustodialHistory><CustodialHistoryItem>Bureau</CustodialHistoryItem></CustodialHistory>"
    "<Type>t</Type><DocumentType>courrier</DocumentType><Language>fr</Language><Status>s</Status><Tag>a</Tag><Tag>b</Tag>"
    "<Keyword><KeywordContent>eau</KeywordContent><KeywordType>subject</KeywordType></Keyword>"
    "<Coverage><Spatial>Var</Spatial></Coverage><OriginatingAgency><Identifier>S</Identifier></OriginatingAgency>"
    f"{PERSON}<Addressee><Corpname>Mairie</Corpname></Addressee><Source>papier</Source>"
    "<CreatedDate>2015</CreatedDate><StartDate>2015-01-01</StartDate><EndDate>2015-12-31</EndDate>"
    "<Event><EventIdentifier>e</EventIdentifier><EventDateTime>2015-01-01T10:00:00</EventDateTime><Outcome>OK</Outcome></Event>"
)
MANAGEMENT = (
    seda.rules("StorageRule", ("D1", "2015-01-01"), then="<FinalAction>Copy</FinalAction>")
    + seda.appraisal(("R1", "2015-01-01"), ("R2", ""), then="<RefNonRuleId>R3</RefNonRuleId>")
    + seda.rules("AccessRule", ("AR048", "2015-01-02"), then="<PreventInheritance>true</PreventInheritance>")
    + seda.rules("DisseminationRule", ("F1", ""))
    + seda.rules("ReuseRule", ("U1", ""))
    + "<ClassificationRule><Rule>C1</Rule><ClassificationAudience>x</ClassificationAudience>"
    "<ClassificationLevel>l</ClassificationLevel><ClassificationOwner>o</ClassificationOwner></ClassificationRule>"
    "<LogBook><Event><EventDateTime>2015-01-01</EventDateTime></Event></LogBook><NeedAuthorization>true</NeedAuthorization>"
)
HOLD = (
    "<HoldRule><Rule>GEL</Rule><StartDate>2024-01-01</StartDate><HoldEndDate>2032-04-01</HoldEndDate>"
    "<HoldOwner>o</HoldOwner><HoldReassessingDate>2030-01-01</HoldReassessingDate><HoldReason>r</HoldReason>"
    "<PreventRearrangement>true</PreventRearrangement></HoldRule>"
)
PHYSICAL = (
    '<PhysicalDataObject id="P"><DataObjectVersion>PhysicalMaster_1</DataObjectVersion><PhysicalId>12</PhysicalId>'
    '<PhysicalDimensions><Height unit="centimetre">21</Height></PhysicalDimensions></PhysicalDataObject>'
)


def read_back(content: bytes) -> Transfer:
    root, found = read_message(content)
    assert [(one.node, one.original) for one in found] == []
    reading = read_transfer(root)
    assert reading.findings == ()
    return reading.transfer


def rewritten(transfer: Transfer) -> bytes:
    out = io.BytesIO()
    write_manifest(out, transfer)
    return out.getvalue()


def without_places(transfer: Transfer) -> Transfer:
    """Lines differ; units that were written at the top move to where they are referred to."""
    return replace(
        transfer,
        units={name: replace(transfer.units[name], place=NOWHERE) for name in sorted(transfer.units)},
        objects={name: replace(one, place=NOWHERE) for name, one in transfer.objects.items()},
    )


def whole(version: str) -> bytes:
    hold = HOLD if version != "2.1" else ""
    objects = seda.grouped("G", seda.binary("O"), PHYSICAL) + seda.grouped("H", seda.binary("D"))
    single = "<DataObjectReference><DataObjectReferenceId>D</DataObjectReferenceId></DataObjectReference>"
    units = seda.unit("A", seda.unit("U", content=CONTENT, management=MANAGEMENT + hold, refers="G"))
    units += seda.unit("B", seda.reference("r", "U"), seda.unit("V", single))
    return seda.manifest(units, objects, version=version)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_read_is_written_and_read_again(version: str) -> None:
    transfer = read_back(whole(version))
    again = rewritten(transfer)
    assert without_places(read_back(again)) == without_places(transfer)
    assert left_out(transfer) == ()
    assert rewritten(read_back(again)) == again


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("sip-*.xml")))
def test_samples_are_written_again(name: str) -> None:
    transfer = read_back((SAMPLES / name).read_bytes())
    assert without_places(read_back(rewritten(transfer))) == without_places(transfer)


@pytest.mark.parametrize("source", VERSIONS)
@pytest.mark.parametrize("target", VERSIONS)
def test_each_version_is_written_as_each_other_and_valid(source: str, target: str) -> None:
    transfer = replace(read_back(whole(source)), version=Version(target))
    again = read_back(rewritten(transfer))
    assert again.version is Version(target)
    assert list(again.units) == list(transfer.units)
    assert left_out(transfer) == (("HoldRule",) if target == "2.1" and source != "2.1" else ())


def test_what_a_version_cannot_tell_is_said() -> None:
    transfer = read_back((SAMPLES / "sip-2.3-signed-embedded.xml").read_bytes())
    old = replace(transfer, version=Version.V2_1)
    assert left_out(old) == ("SigningInformation",)
    assert read_back(rewritten(old)).units["ID12"].content.signing is None


def test_a_unit_in_two_places_is_written_once_and_referred_to() -> None:
    content = rewritten(read_back(whole("2.1"))).decode()
    assert content.count("<Title>U</Title>") == 1
    assert "<ArchiveUnitRefId" in content


def test_signs_that_xml_cannot_hold_are_replaced() -> None:
    transfer = read_back(seda.manifest(seda.unit("U")))
    unit = transfer.units["U"]
    title = replace(unit.content.titles[0], value="a\x00b\x0b\ud800c")
    wrong = replace(unit, content=replace(unit.content, titles=(title,)))
    again = read_back(rewritten(replace(transfer, units={"U": wrong})))
    assert again.units["U"].content.title == "a\ufffdb\ufffd\ufffdc"


@pytest.mark.parametrize("version", VERSIONS)
def test_transfers_leave_the_sandbox_as_json(version: str) -> None:
    transfer = read_back(whole(version))
    assert read(Transfer, written(transfer)) == transfer


@pytest.mark.parametrize("given", [{}, {"version": "2.1"}, [], None, {"version": "9"}])
def test_json_of_something_else_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match=r"not a|is not a valid"):
        read(Transfer, given)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_sender_adds_where_the_standard_is_open_is_kept(version: str) -> None:
    name = "<x:Nom xmlns:x='urn:x'>Mairie &amp; CCAS</x:Nom>"
    more = f"<OrganizationDescriptiveMetadata>{name}</OrganizationDescriptiveMetadata>"
    metadata = "<OtherMetadata><x:Scanner xmlns:x='urn:x'>s</x:Scanner></OtherMetadata>"
    objects = seda.grouped("G", seda.binary("O", more=metadata))
    content = seda.manifest(seda.unit("U", refers="G"), objects, version=version)
    told = content.replace(b"<Identifier>VERSANT</Identifier>", b"<Identifier>VERSANT</Identifier>" + more.encode())
    transfer = read_back(told)
    described = transfer.transferring_agency.description
    assert described is not None
    assert '<x:Nom xmlns:x="urn:x">Mairie &amp; CCAS</x:Nom>' in described.xml
    again = rewritten(transfer)
    assert b"Mairie &amp; CCAS" in again
    assert b"Scanner" in again
    assert without_places(read_back(again)) == without_places(transfer)
