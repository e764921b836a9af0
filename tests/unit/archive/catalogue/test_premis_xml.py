"""``premis.xml``: the constraints of PREMIS 3 that other programs rely on, and nothing made up."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from lxml import etree

from archive.catalogue.premis_xml import NAMESPACE, premis_xml
from archive.journal.types import known
from tests.unit.archive.catalogue.premis_events import record as told_record
from tests.unit.archive.catalogue.test_premis import GOLDEN

NAMES: Final = {"p": NAMESPACE}
TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"

IDENTIFIER: Final = ("Type!", "Value!")
ORDER: Final[dict[str, tuple[str, ...]]] = {
    "premis": ("object+", "event*", "agent*", "rights*"),
    "object intellectualEntity": (
        "objectIdentifier+", "preservationLevel*", "significantProperties*", "originalName?",
        "environmentFunction*", "relationship*", "linkingEventIdentifier*", "linkingRightsStatementIdentifier*",
    ),
    "object file": (
        "objectIdentifier+", "preservationLevel*", "significantProperties*", "objectCharacteristics+",
        "originalName?", "storage*", "signatureInformation*", "relationship*", "linkingEventIdentifier*",
        "linkingRightsStatementIdentifier*",
    ),
    "objectCharacteristics": ("compositionLevel?", "fixity*", "size?", "format+", "creatingApplication*"),
    "fixity": ("messageDigestAlgorithm!", "messageDigest!", "messageDigestOriginator?"),
    "format": ("formatDesignation?", "formatRegistry?", "formatNote*"),
    "formatDesignation": ("formatName!", "formatVersion?"),
    "formatRegistry": ("formatRegistryName!", "formatRegistryKey!", "formatRegistryRole?"),
    "relationship": ("relationshipType!", "relationshipSubType!", "relatedObjectIdentifier+"),
    "event": (
        "eventIdentifier!", "eventType!", "eventDateTime!", "eventDetailInformation*", "eventOutcomeInformation*",
        "linkingAgentIdentifier*", "linkingObjectIdentifier*",
    ),
    "eventDetailInformation": ("eventDetail?",),
    "eventOutcomeInformation": ("eventOutcome?", "eventOutcomeDetail*"),
    "eventOutcomeDetail": ("eventOutcomeDetailNote?",),
    "agent": ("agentIdentifier+", "agentName*", "agentType?", "agentVersion?"),
    **{
        name: tuple(f"{name}{part}" for part in IDENTIFIER)
        for name in ("objectIdentifier", "eventIdentifier", "agentIdentifier", "relatedObjectIdentifier")
    },
    "linkingAgentIdentifier": ("linkingAgentIdentifierType!", "linkingAgentIdentifierValue!", "linkingAgentRole*"),
    "linkingObjectIdentifier": (
        "linkingObjectIdentifierType!", "linkingObjectIdentifierValue!", "linkingObjectRole*",
    ),
}  # fmt: skip
"""Children of each element in the order of the PREMIS 3.0 data dictionary.

``!`` stands for one, ``+`` for some, ``?`` and ``*`` as usual.
"""


def record(**changes: Any) -> dict[str, Any]:
    form = {
        "kind": "original",
        "name": "original/original.pdf",
        "filename": "Arrêté n° 114 <été>.pdf",
        "media_type": "application/pdf",
        "format": {"puid": "fmt/276", "name": "PDF 1.7"},
        "size": 12,
        "digests": {"sha-256": "00", "sha-512": "bb"},
    }
    text = form | {
        "kind": "text",
        "name": "text/alto.xml",
        "format": {"puid": None, "name": None},
        "digests": {"sha-256": "11", "sha-512": "cc"},
    }
    return told_record() | {"representations": [form | changes, text]}


def document(**changes: Any) -> Any:
    return etree.fromstring(premis_xml(record(**changes), json.loads(GOLDEN.read_bytes())))


def local(element: Any) -> str:
    name: str = etree.QName(element).localname
    return f"{name} {element.get(TYPE).removeprefix('premis:')}" if name == "object" else name


def faults(element: Any) -> list[str]:
    """Every child out of its place or number, from here down."""
    names, place, found = [etree.QName(child).localname for child in element], -1, []
    allowed = [name.rstrip("!+?*") for name in ORDER.get(local(element), ())]
    for name in names:
        if name not in allowed or allowed.index(name) < place:
            found.append(f"{local(element)}: {name}")
        else:
            place = allowed.index(name)
    for name in ORDER.get(local(element), ()):
        number = names.count(name[:-1])
        if (name[-1] in "!+" and not number) or (name[-1] in "!?" and number > 1):
            found.append(f"{local(element)}: {number} {name}")
    return found + [fault for child in element for fault in faults(child)]


def test_it_has_the_elements_of_premis_3_in_their_order() -> None:
    root = document()
    assert (root.tag, root.get("version")) == (f"{{{NAMESPACE}}}premis", "3.0")
    assert faults(root) == []


def test_every_event_of_the_json_is_there_with_its_own_words() -> None:
    stated = json.loads(GOLDEN.read_bytes())["events"]
    told = document().findall("p:event", NAMES)
    assert [event.findtext("p:eventType", namespaces=NAMES) for event in told] == [one["type"] for one in stated]
    assert [event.findtext("p:eventDateTime", namespaces=NAMES) for event in told] == [one["at"] for one in stated]
    outcomes = [event.findtext("p:eventOutcomeInformation/p:eventOutcome", namespaces=NAMES) for event in told]
    assert outcomes == [one["outcome"] for one in stated]
    identifiers = [tuple(event.find("p:eventIdentifier", NAMES).itertext()) for event in told]
    assert len(identifiers) == len(set(identifiers))


def test_what_is_linked_is_there() -> None:
    root = document()
    for kind in ("Object", "Agent"):
        there = set(root.xpath(f"p:{kind.lower()}/p:{kind.lower()}Identifier//text()", namespaces=NAMES))
        linked = root.xpath(f"//p:linking{kind}Identifier/p:linking{kind}IdentifierValue/text()", namespaces=NAMES)
        assert linked
        assert set(linked) <= there


def test_an_event_names_what_it_read_and_what_it_made() -> None:
    root = document()
    screened = next(event for event in root.findall("p:event", NAMES) if "virus check" in event.itertext())
    links = screened.findall("p:linkingObjectIdentifier", NAMES)
    roles = {
        link.findtext("p:linkingObjectIdentifierValue", namespaces=NAMES).rpartition("#")[2]: link.findtext(
            "p:linkingObjectRole", namespaces=NAMES
        )
        for link in links
    }
    assert roles["original/original.pdf"] == "source"
    assert roles["text/alto.xml"] == "outcome"


def test_a_format_that_nobody_identified_is_unknown_and_has_no_key() -> None:
    formats = document().findall(".//p:format", NAMES)
    assert [one.findtext("p:formatDesignation/p:formatName", namespaces=NAMES) for one in formats] == [
        "PDF 1.7",
        "unknown",
    ]
    assert [one.findtext("p:formatRegistry/p:formatRegistryKey", namespaces=NAMES) for one in formats] == [
        "fmt/276",
        None,
    ]


@pytest.mark.parametrize("name", ["a\x00b\x0b.pdf", "\ud83d.pdf", "<&\"'>.pdf", "\ufffe.pdf"])
def test_any_file_name_gives_a_document(name: str) -> None:
    told = document(filename=name).findtext("p:object/p:originalName", namespaces=NAMES)
    assert told is not None
    assert told.endswith(".pdf")


def test_an_entry_of_a_later_version_keeps_the_name_of_its_journal() -> None:
    assert known("CosignedElsewhere") is None
    event = {"entry": 9, "journal_type": "CosignedElsewhere", "type": None, "at": "2026-03-12T08:15:30.123Z",
             "outcome": None, "agent": None, "stage": None}  # fmt: skip
    root = etree.fromstring(premis_xml(record(), {"v": 1, "object": "x", "events": [event]}))
    assert faults(root) == []
    assert root.findtext("p:event/p:eventType", namespaces=NAMES) == "CosignedElsewhere"
    assert root.find("p:event/p:eventOutcomeInformation", NAMES) is None
