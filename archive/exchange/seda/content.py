"""Description of a unit (``Content``), read and written by one table. Pure.

The table has the names of the standard in their order, which is fixed; a part that a version lacks
is not written in it. ``others`` go back to the place of their name; what a sender added beyond the
standard is read and kept, and never written, for no official schema takes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from archive.exchange.seda.agents import (
    add_agents,
    add_events,
    add_keywords,
    add_signing,
    agents,
    events,
    keywords,
    signing,
)
from archive.exchange.seda.elements import (
    Element,
    add,
    add_agency,
    add_raw,
    add_texts,
    agency,
    made,
    others,
    text_of,
    texts,
    whole_text,
)
from archive.exchange.seda.transfer import Content
from archive.exchange.seda.versions import Version

_ALL: Final = frozenset(Version)
_FROM_2_2: Final = frozenset({Version.V2_2, Version.V2_3})
_TO_2_2: Final = frozenset({Version.V2_1, Version.V2_2})
_ONLY_2_3: Final = frozenset({Version.V2_3})

Write = Callable[[Element, Version, str, Any], None]


def _token(elements: list[Element]) -> str | None:
    return text_of(elements[0]) or None


def _string(elements: list[Element]) -> str | None:
    return whole_text(elements[0]) or None


def _tokens(elements: list[Element]) -> tuple[str, ...]:
    return tuple(text for one in elements if (text := text_of(one)))


def _add_tokens(parent: Element, version: Version, name: str, told: tuple[str, ...]) -> None:
    for one in told:
        add(parent, version, name, one)


@dataclass(frozen=True)
class _Kind:
    """How a part is read from its elements, and written."""

    read: Callable[[list[Element]], Any]
    write: Write


_TOKEN: Final = _Kind(_token, add)
_STRING: Final = _Kind(_string, add)
_TOKENS: Final = _Kind(_tokens, _add_tokens)
_TEXTS: Final = _Kind(texts, add_texts)
_AGENCY: Final = _Kind(lambda elements: agency(elements[0]), add_agency)
_AGENTS: Final = _Kind(agents, add_agents)


@dataclass(frozen=True)
class _Part:
    """A part of the description.

    Attributes:
        attribute: Of ``Content``; empty for what is kept as it was written.
    """

    name: str
    attribute: str = ""
    kind: _Kind = _TOKEN
    versions: frozenset[Version] = _ALL


_PARTS: Final = (
    _Part("DescriptionLevel", "level"),
    _Part("Title", "titles", _TEXTS),
    _Part("FilePlanPosition", "file_plan_positions", _TOKENS),
    _Part("SystemId", "system_ids", _TOKENS),
    _Part("OriginatingSystemId", "originating_system_ids", _TOKENS),
    _Part("ArchivalAgencyArchiveUnitIdentifier", "archival_agency_ids", _TOKENS),
    _Part("OriginatingAgencyArchiveUnitIdentifier", "originating_agency_ids", _TOKENS),
    _Part("TransferringAgencyArchiveUnitIdentifier", "transferring_agency_ids", _TOKENS),
    _Part("Description", "descriptions", _TEXTS),
    _Part("CustodialHistory"),
    _Part("Type", "kind", _STRING),
    _Part("DocumentType", "document_type", _STRING),
    _Part("Language", "languages", _TOKENS),
    _Part("DescriptionLanguage", "description_language"),
    _Part("Status", "status"),
    _Part("Version", "version", _STRING),
    _Part("Tag", "tags", _TOKENS),
    _Part("Keyword", "keywords", _Kind(keywords, add_keywords)),
    _Part("Coverage"),
    _Part("OriginatingAgency", "originating_agency", _AGENCY),
    _Part("SubmissionAgency", "submission_agency", _AGENCY),
    _Part("Agent", "agents", _AGENTS, _FROM_2_2),
    _Part("AuthorizedAgent", "authorized_agents", _AGENTS),
    _Part("Writer", "writers", _AGENTS),
    _Part("Addressee", "addressees", _AGENTS),
    _Part("Recipient", "recipients", _AGENTS),
    _Part("Transmitter", "transmitters", _AGENTS),
    _Part("Sender", "senders", _AGENTS),
    _Part("Source", "source", _STRING),
    _Part("RelatedObjectReference"),
    _Part("CreatedDate", "created_on"),
    _Part("TransactedDate", "transacted_on"),
    _Part("AcquiredDate", "acquired_on"),
    _Part("SentDate", "sent_on"),
    _Part("ReceivedDate", "received_on"),
    _Part("RegisteredDate", "registered_on"),
    _Part("StartDate", "starts_on"),
    _Part("EndDate", "ends_on"),
    _Part("DateLitteral", "date_in_words", _TOKEN, _FROM_2_2),
    _Part("Event", "events", _Kind(events, add_events)),
    _Part("Signature", versions=_TO_2_2),
    _Part("SigningInformation", "signing", _Kind(signing, add_signing), _ONLY_2_3),
    _Part("Gps"),
    _Part("OriginatingSystemIdReplyTo", versions=_FROM_2_2),
    _Part("TextContent", "text_contents", _TOKENS, _FROM_2_2),
    _Part("PersistentIdentifier", versions=_ONLY_2_3),
)
_TOLD: Final = {part.name: part for part in _PARTS if part.attribute}


def read_content(element: Element) -> Content:
    """Return the description of a unit."""
    by_name: dict[str, list[Element]] = {}
    space = etree.QName(element).namespace
    for one in element:
        name = etree.QName(one)
        if name.namespace == space and name.localname in _TOLD:
            by_name.setdefault(name.localname, []).append(one)
    told = {_TOLD[name].attribute: _TOLD[name].kind.read(found) for name, found in by_name.items()}
    return Content(**told, others=others(element, _TOLD))


def write_content(parent: Element, version: Version, content: Content) -> None:
    """Write the description of a unit under its element."""
    element = made(parent, version, "Content")
    for part in _PARTS:
        if version not in part.versions:
            continue
        if part.attribute:
            told = getattr(content, part.attribute)
            if told:
                part.kind.write(element, version, part.name, told)
            continue
        for one in content.others:
            if one.name == part.name:
                add_raw(element, version, one)


def left_out(version: Version, content: Content) -> tuple[str, ...]:
    """Return the names of what a version can't tell of a description, or no schema takes."""
    told = [part.name for part in _PARTS if version not in part.versions and part.attribute]
    missing = [name for name in told if getattr(content, _TOLD[name].attribute)]
    takes = {part.name for part in _PARTS if version in part.versions and not part.attribute}
    return (*missing, *(one.name for one in content.others if one.name not in takes))
