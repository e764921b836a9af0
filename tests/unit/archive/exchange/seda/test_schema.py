"""Messages against the official schemas and an archive profile: the node, the line, plain words."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive.exchange.seda.findings import Finding, Outcome, Step
from archive.exchange.seda.schema import MOST_FINDINGS, BadProfile, read_message, validate_profile
from tests import seda

SAMPLES = Path(__file__).parent / "samples"
VERSIONS = ("2.1", "2.2", "2.3")
GROUPED = seda.grouped("G1", seda.binary("O1"))
PLAIN = seda.manifest(seda.unit("U1", refers="G1", level="Item"), GROUPED)


def findings(content: bytes) -> list[Finding]:
    return read_message(content)[1]


def told(content: bytes) -> list[tuple[str, str]]:
    return [(one.code, one.node) for one in findings(content)]


def changed(old: str, new: str, content: bytes = PLAIN) -> bytes:
    assert old.encode() in content
    return content.replace(old.encode(), new.encode(), 1)


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*.xml")))
def test_samples_are_taken_but_for_those_called_invalid(name: str) -> None:
    root, found = read_message((SAMPLES / name).read_bytes())
    assert root is not None
    assert bool(found) is name.startswith("invalid")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_schema_is_chosen_by_the_name_space(version: str) -> None:
    hold = seda.rules("HoldRule", ("GEL-1", "2024-01-01"))
    content = seda.manifest(seda.unit("U1", management=hold, refers="G1"), GROUPED, version=version)
    expected = [("seda_element_not_expected", "ArchiveUnit[U1]/Management/HoldRule")] if version == "2.1" else []
    assert told(content) == expected


@pytest.mark.parametrize("version", ["2.0", "3.0", "2.1.1"])
def test_an_unknown_name_space_is_refused_and_never_guessed(version: str) -> None:
    root, found = read_message(seda.manifest(seda.unit("U1"), version=version))
    assert root is None
    assert [one.code for one in found] == ["seda_version_unknown"]
    assert f"seda:v{version}" in found[0].french


def test_an_extension_that_the_standard_lacks_is_refused_on_its_node() -> None:
    update = "<UpdateOperation><SystemId>X</SystemId></UpdateOperation>"
    management = "<NeedAuthorization>false</NeedAuthorization>" + update
    content = seda.manifest(seda.unit("U1", seda.unit("U2", management=management)))
    (found,) = findings(content)
    assert (found.code, found.node) == ("seda_element_not_expected", "ArchiveUnit[U2]/Management/UpdateOperation")
    assert found.outcome is Outcome.KO
    assert found.step is Step.MANIFEST
    assert found.french.startswith("L’élément « UpdateOperation » n’")
    assert "This element is not expected" in found.original


@pytest.mark.parametrize(
    ("old", "new", "code", "node", "words"),
    [
        (">Item<", ">Bidule<", "seda_value_not_listed", "ArchiveUnit[U1]/Content/DescriptionLevel", "« Bidule »"),
        ("<Title>U1</Title>", "<Bogus/>", "seda_element_not_expected", "ArchiveUnit[U1]/Content/Bogus", "Title"),
        ("<Size>18<", "<Size>-1<", "seda_number_impossible", "BinaryDataObject[O1]/Size", "« -1 »"),
        ("<Size>18<", "<Size>0<", "seda_number_impossible", "BinaryDataObject[O1]/Size", "« 0 »"),
        (' algorithm="SHA-512"', "", "seda_attribute_missing", "BinaryDataObject[O1]/MessageDigest", "« algorithm »"),
        ('="SHA-512"', '="SHA-512" x="1"', "seda_attribute_not_allowed", "BinaryDataObject[O1]/MessageDigest", "« x »"),
        ("<Date>2026", "<Date>20x6", "seda_date_impossible", "Date", "« 20x6-03-12T08:15:30Z »"),
        ('<ArchiveUnit id="U1"', '<ArchiveUnit id="O1"', "seda_id_taken", "ArchiveUnit[O1]", "« O1 »"),
        ('<ArchiveUnit id="U1"', '<ArchiveUnit id="1"', "seda_id_impossible", "ArchiveUnit[1]", "« 1 »"),
        ("<TransferringAgency>", "<TransferringAgency>mot", "seda_text_not_expected", "TransferringAgency", "texte"),
        (
            "<CodeListVersions/>",
            "<CodeListVersions><ReplyCodeListVersion/></CodeListVersions>",
            "seda_value_empty",
            "CodeListVersions/ReplyCodeListVersion",
            "vide",
        ),
        (
            "<MessageIdentifier>VERSEMENT-1</MessageIdentifier>",
            "",
            "seda_element_not_expected",
            "ArchivalAgreement",
            "Attendu à cette place : MessageIdentifier.",
        ),
        (
            "<Identifier>ARCHIVES</Identifier>",
            "",
            "seda_element_missing",
            "ArchivalAgency",
            "il manque un élément. Attendu : Identifier.",
        ),
    ],
)
def test_errors_are_told_in_plain_words_on_their_node(old: str, new: str, code: str, node: str, words: str) -> None:
    (found,) = findings(changed(old, new))
    assert (found.code, found.node) == (code, node)
    assert words in found.french
    assert "seda:v2.1}" not in found.french
    assert found.original
    assert found.line == changed(old, new)[: changed(old, new).index(_tag(node))].count(b"\n") + 1


def _tag(node: str) -> bytes:
    """Return the beginning of the tag of a node."""
    last = node.rpartition("/")[2].partition("[")
    return (f'<{last[0]} id="{last[2][:-1]}"' if last[2] else f"<{last[0]}").encode()


def test_repeated_elements_are_numbered() -> None:
    twice = "<Tag>a</Tag><Tag></Tag>"
    content = seda.manifest(seda.unit("U1", content=twice))
    assert told(content) == [("seda_value_empty", "ArchiveUnit[U1]/Content/Tag[2]")]


def test_only_so_many_errors_are_told() -> None:
    content = seda.manifest("".join(seda.unit(f"U{n}", level="X") for n in range(MOST_FINDINGS + 5)))
    found = findings(content)
    assert len(found) == MOST_FINDINGS + 1
    assert (found[-1].code, found[-1].values) == ("seda_more_errors", {"count": 5})


PROFILE = f"""<grammar xmlns="http://relaxng.org/ns/structure/1.0" ns="{seda.NAMESPACE}2.1">
<start><element name="ArchiveTransfer"><element name="Comment"><value>Versement d’essai</value></element>
<ref name="rest"/></element></start>
<define name="rest"><zeroOrMore><element><anyName/><ref name="any"/></element></zeroOrMore></define>
<define name="any"><zeroOrMore><choice><attribute><anyName/></attribute><text/>
<element><anyName/><ref name="any"/></element></choice></zeroOrMore></define>
</grammar>""".encode()


def test_a_profile_refuses_what_the_schema_takes() -> None:
    good, bad = PLAIN, changed("Versement d’essai", "Autre chose")
    assert findings(bad) == []
    assert validate_profile(read_message(good)[0], PROFILE) == []
    (found,) = validate_profile(read_message(bad)[0], PROFILE)
    assert (found.code, found.node, found.step) == ("seda_profile_value", "Comment", Step.PROFILE)


@pytest.mark.parametrize(
    "profile",
    [
        b"<grammar/>",
        b"not XML",
        b'<grammar xmlns="http://relaxng.org/ns/structure/1.0"><include href="/etc/passwd"/></grammar>',
        b'<!DOCTYPE g [<!ENTITY a "b">]><grammar xmlns="http://relaxng.org/ns/structure/1.0"/>',
    ],
)
def test_a_profile_that_is_none_or_reads_other_files_is_no_profile(profile: bytes) -> None:
    with pytest.raises(BadProfile):
        validate_profile(read_message(PLAIN)[0], profile)


def test_a_profile_that_includes_a_good_file_is_still_none(tmp_path: Path) -> None:
    (tmp_path / "good.rng").write_bytes(PROFILE)
    relaxng = 'xmlns="http://relaxng.org/ns/structure/1.0"'
    profile = f'<grammar {relaxng}><include href="{tmp_path}/good.rng"/></grammar>'.encode()
    with pytest.raises(BadProfile):
        validate_profile(read_message(PLAIN)[0], profile)
