"""Elements of a message: their texts and children read, and written in their order. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from copy import deepcopy
from datetime import date
from typing import Any, Final

from lxml import etree

from archive.exchange.seda.transfer import Agency, Raw, Text
from archive.exchange.seda.versions import Version, local_name, version_of
from archive.exchange.xml_reading import parse

_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_UNWRITABLE: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPACE: Final = " \t\n\r"
Element = Any


def children(element: Element, name: str) -> list[Element]:
    """Return the children of this name, in the name space of the message."""
    found: list[Element] = element.findall(f"{{{etree.QName(element).namespace}}}{name}")
    return found


def child(element: Element, name: str) -> Element:
    """Return the first child of this name; None without one."""
    return next(iter(children(element, name)), None)


def text_of(element: Element) -> str:
    """Return the text of an element, as a token: blanks at its ends and doubled ones fall away."""
    return " ".join((element.text or "").split())


def whole_text(element: Element) -> str:
    """Return the text of an element with its lines, without blanks around."""
    return (element.text or "").strip(_SPACE)


def token(element: Element, name: str) -> str | None:
    """Return the text of a child; None without one, or without text."""
    found = child(element, name)
    return (text_of(found) or None) if found is not None else None


def tokens(element: Element, name: str) -> tuple[str, ...]:
    """Return the texts of the children of this name."""
    return tuple(text for one in children(element, name) if (text := text_of(one)))


def texts(elements: Iterable[Element]) -> tuple[Text, ...]:
    """Return texts with their languages."""
    return tuple(Text(told, one.get(_LANGUAGE)) for one in elements if (told := whole_text(one)))


def truth(element: Element, name: str) -> bool | None:
    """Return a boolean child; None without one."""
    told = token(element, name)
    return None if told is None else told in {"true", "1"}


def day(element: Element) -> date | None:
    """Return a day (``xsd:date``); a time zone says nothing of the day and falls away.

    None for a nil, and beyond the calendar.
    """
    try:
        return date.fromisoformat(text_of(element)[:10])
    except ValueError:
        return None


def raw(element: Element) -> Raw:
    """Return an element as it was written, with the name spaces that it uses.

    Not in canonical form, which does not exist for the relative name space that one may declare.
    """
    alone = deepcopy(element)
    etree.cleanup_namespaces(alone)
    return Raw(local_name(element.tag), etree.tostring(alone, encoding="unicode", with_tail=False))


def others(element: Element, known: Iterable[str]) -> tuple[Raw, ...]:
    """Return the children that have no name here, or another name space."""
    names, version = frozenset(known), version_of(element.tag)
    return tuple(
        raw(one)
        for one in element
        if isinstance(one.tag, str) and (local_name(one.tag) not in names or version_of(one.tag) is not version)
    )


def agency(element: Element) -> Agency:
    """Return an organisation."""
    described = child(element, "OrganizationDescriptiveMetadata")
    return Agency(token(element, "Identifier") or "", raw(described) if described is not None else None)


def writable(text: str) -> str:
    """Return a text without the signs that XML can't hold."""
    return _UNWRITABLE.sub("\ufffd", text)


def made(parent: Element, version: Version, name: str) -> Element:
    """Make a child in the name space of a version."""
    return etree.SubElement(parent, version.tag(name))


def add(parent: Element, version: Version, name: str, text: str | None) -> None:
    """Write a child with a text; nothing for blanks, for an empty element is not valid."""
    if text and text.strip():
        made(parent, version, name).text = writable(text)


def add_texts(parent: Element, version: Version, name: str, told: Iterable[Text]) -> None:
    """Write texts with their languages."""
    for one in told:
        if not one.value.strip():
            continue
        element = made(parent, version, name)
        element.text = writable(one.value)
        if one.language:
            element.set(_LANGUAGE, one.language)


def add_raw(parent: Element, version: Version, told: Raw) -> None:
    """Write an element as it was, in the name space of this version where it was SEDA's."""
    element = parse(told.xml.encode("utf-8"))
    for one in element.iter():
        if isinstance(one.tag, str) and version_of(one.tag) is not None:
            one.tag = version.tag(local_name(one.tag))
    etree.cleanup_namespaces(element)
    parent.append(element)


def add_agency(parent: Element, version: Version, name: str, told: Agency | None) -> None:
    """Write an organisation; nothing without one."""
    if told is None:
        return
    element = made(parent, version, name)
    add(element, version, "Identifier", told.identifier)
    if told.description is not None:
        add_raw(element, version, told.description)
