"""``premis.xml``: a record's objects, events and agents in PREMIS 3, for other programs. Pure.

Made of ``record.json`` and ``premis.json`` when a record leaves; it states nothing that they do not
state. Element names and their order are those of the PREMIS 3.0 data dictionary (Library of
Congress, https://www.loc.gov/standards/premis/v3/).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, indent, register_namespace, tostring

from archive.objects import ocfl

NAMESPACE: Final = "http://www.loc.gov/premis/v3"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_UNFIT: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold."""
_UNIDENTIFIED: Final = "unknown"
"""The data dictionary's word for a format that nobody identified (1.5.4)."""

register_namespace("premis", NAMESPACE)
register_namespace("xsi", _XSI)


def premis_xml(record: Mapping[str, Any], premis: Mapping[str, Any]) -> bytes:
    """Write the PREMIS 3 document of a record.

    Args:
        record: Content of ``record.json``.
        premis: Content of ``premis.json``.
    """
    root = Element(_name("premis"), {"version": "3.0"})
    whole = ocfl.object_id(record["record"])
    _entity(root, whole, record["representations"])
    for form in record["representations"]:
        _file(root, whole, form)
    agents: dict[tuple[str, str], tuple[str, str | None]] = {}
    for event in premis["events"]:
        _event(root, whole, record["representations"], event, agents)
    for (kind, value), (name, version) in agents.items():
        agent = SubElement(root, _name("agent"))
        _identifier(agent, "agentIdentifier", kind, value)
        if kind == "software":
            _texts(agent, (("agentName", name), ("agentType", "software"), ("agentVersion", version)))
    indent(root, " ")
    content: str = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{content}\n'.encode()


def _entity(root: Element, whole: str, forms: Iterable[Mapping[str, Any]]) -> None:
    entity = SubElement(root, _name("object"), {f"{{{_XSI}}}type": "premis:intellectualEntity"})
    _identifier(entity, "objectIdentifier", "URN", whole)
    for form in forms:
        _related(entity, "includes", _file_id(whole, form))


def _file(root: Element, whole: str, form: Mapping[str, Any]) -> None:
    file = SubElement(root, _name("object"), {f"{{{_XSI}}}type": "premis:file"})
    _identifier(file, "objectIdentifier", "URN", _file_id(whole, form))
    features = SubElement(file, _name("objectCharacteristics"))
    for algorithm, name in (("SHA-256", "sha-256"), ("SHA-512", "sha-512")):
        fixity = SubElement(features, _name("fixity"))
        _texts(fixity, (("messageDigestAlgorithm", algorithm), ("messageDigest", form["digests"][name])))
    _texts(features, (("size", str(form["size"])),))
    kind = SubElement(features, _name("format"))
    designation = SubElement(kind, _name("formatDesignation"))
    _texts(designation, (("formatName", form["format"]["name"] or _UNIDENTIFIED),))
    if form["format"]["puid"]:
        registry = SubElement(kind, _name("formatRegistry"))
        _texts(registry, (("formatRegistryName", "PRONOM"), ("formatRegistryKey", form["format"]["puid"])))
    _texts(file, (("originalName", form["filename"]),))
    _related(file, "is included in", whole)


def _event(
    root: Element,
    whole: str,
    forms: Iterable[Mapping[str, Any]],
    event: Mapping[str, Any],
    agents: dict[tuple[str, str], tuple[str, str | None]],
) -> None:
    """Add one event and remember its agents; a type that we don't know keeps its journal's name."""
    element = SubElement(root, _name("event"))
    if event["entry"] is not None:
        _identifier(element, "eventIdentifier", "journal entry", str(event["entry"]))
    else:
        _identifier(element, "eventIdentifier", "stage", event["stage"])
    _texts(element, (("eventType", event["type"] or event["journal_type"]), ("eventDateTime", event["at"])))
    detail = "; ".join(
        f"{word}: {event[name]}" for word, name in (("journal type", "journal_type"), ("stage", "stage")) if event[name]
    )
    _texts(SubElement(element, _name("eventDetailInformation")), (("eventDetail", detail),))
    _outcome(element, event)
    for kind, value in _agents_of(event, agents):
        _identifier(element, "linkingAgentIdentifier", kind, value)
    _identifier(element, "linkingObjectIdentifier", "URN", whole)
    objects = event.get("objects") or {"inputs": {}, "outputs": {}}
    for role, side in (("source", "inputs"), ("outcome", "outputs")):
        digests = set(objects[side].values())
        for form in forms:
            if form["digests"]["sha-256"] in digests:
                link = _identifier(element, "linkingObjectIdentifier", "URN", _file_id(whole, form))
                _texts(link, (("linkingObjectRole", role),))


def _outcome(element: Element, event: Mapping[str, Any]) -> None:
    detail = (event.get("tool") or {}).get("detail")
    if event["outcome"] is None and detail is None:
        return
    outcome = SubElement(element, _name("eventOutcomeInformation"))
    _texts(outcome, (("eventOutcome", event["outcome"]),))
    if detail is not None:
        text = detail if isinstance(detail, str) else json.dumps(detail, ensure_ascii=False, sort_keys=True)
        _texts(SubElement(outcome, _name("eventOutcomeDetail")), (("eventOutcomeDetailNote", text),))


def _agents_of(
    event: Mapping[str, Any], agents: dict[tuple[str, str], tuple[str, str | None]]
) -> list[tuple[str, str]]:
    """Return identifiers of who and what acted: the journal's pseudonym, the tool."""
    found: list[tuple[str, str]] = []
    if event["agent"] is not None:
        found.append(("journal pseudonym", event["agent"]))
        agents[found[-1]] = (event["agent"], None)
    tool = event.get("tool") or {}
    if tool.get("tool"):
        found.append(("software", " ".join(part for part in (tool["tool"], tool["version"]) if part)))
        agents[found[-1]] = (tool["tool"], tool["version"])
    return found


def _file_id(whole: str, form: Mapping[str, Any]) -> str:
    return f"{whole}#{form['name']}"


def _related(element: Element, how: str, other: str) -> None:
    relationship = SubElement(element, _name("relationship"))
    _texts(relationship, (("relationshipType", "structural"), ("relationshipSubType", how)))
    _identifier(relationship, "relatedObjectIdentifier", "URN", other)


def _identifier(element: Element, name: str, kind: str, value: str) -> Element:
    identifier = SubElement(element, _name(name))
    _texts(identifier, ((f"{name}Type", kind), (f"{name}Value", value)))
    return identifier


def _texts(element: Element, texts: Iterable[tuple[str, str | None]]) -> None:
    for name, text in texts:
        if text is not None:
            SubElement(element, _name(name)).text = _UNFIT.sub("\ufffd", text)


def _name(local: str) -> str:
    return f"{{{NAMESPACE}}}{local}"
