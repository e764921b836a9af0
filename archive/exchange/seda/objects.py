"""Reading of data objects and their groups, in every place where they may stand. Pure.

A group is an element around its objects (from 2.1 on), or an id that its first object gives and
the others refer to, or nothing: then the object is a group of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from archive.exchange.seda.digests import read_digest
from archive.exchange.seda.elements import Element, child, others, text_of, token
from archive.exchange.seda.findings import Finding, Step, found_ko
from archive.exchange.seda.places import place_of
from archive.exchange.seda.transfer import DataObject, Digest
from archive.exchange.seda.versions import local_name, version_of

_BINARY: Final = "BinaryDataObject"
_PHYSICAL: Final = "PhysicalDataObject"
_OBJECTS: Final = frozenset({_BINARY, _PHYSICAL})
_GROUP: Final = "DataObjectGroup"
_GIVES: Final = "DataObjectGroupId"
_REFERS: Final = "DataObjectGroupReferenceId"
_TOLD: Final = (
    "DataObjectSystemId",
    "DataObjectGroupSystemId",
    _REFERS,
    _GIVES,
    "DataObjectVersion",
    "Attachment",
    "Uri",
    "MessageDigest",
    "Size",
    "FormatIdentification",
    "PhysicalId",
)
_LONGEST_NUMBER: Final = 18
_USAGE: Final = re.compile(r"(.+?)(?:_([0-9]{1,9}))?")


@dataclass(frozen=True)
class Objects:
    """The objects of a manifest.

    Attributes:
        objects: By id, in the order of the manifest.
        groups: Ids of objects, by that of their group.
    """

    objects: Mapping[str, DataObject]
    groups: Mapping[str, tuple[str, ...]]
    findings: tuple[Finding, ...] = ()


def read_objects(package: Element) -> Objects:
    """Return the objects of a ``DataObjectPackage``."""
    found: dict[str, DataObject] = {}
    groups: dict[str, list[str]] = {}
    for element in package:
        name = local_name(element.tag) if version_of(element.tag) is not None else ""
        if name == _GROUP:
            groups.setdefault(element.get("id"), [])
            for one in element:
                if local_name(one.tag) in _OBJECTS:
                    _take(found, groups, one, element.get("id"))
        elif name in _OBJECTS:
            told = token(element, _GIVES) or token(element, _REFERS)
            _take(found, groups, element, told or element.get("id"))
    grouped = {group: tuple(ids) for group, ids in groups.items()}
    return Objects(found, grouped, tuple(_wrong_groups(package)))


def _take(found: dict[str, DataObject], groups: dict[str, list[str]], element: Element, group: str) -> None:
    one = _object(element, group)
    found[one.id] = one
    groups.setdefault(group, []).append(one.id)


def _wrong_groups(package: Element) -> list[Finding]:
    """Return groups that are declared twice, or never; an object may stand before its group."""
    told = {one.get("id") for one in package if local_name(one.tag) == _GROUP}
    findings: list[Finding] = []
    for one in package:
        given = token(one, _GIVES)
        if given is not None and given in told:
            findings.append(
                found_ko(
                    "seda_group_taken",
                    Step.OBJECTS,
                    "Le groupe d’objets « {group} » est déclaré deux fois.",
                    place_of(one, _GIVES),
                    group=given,
                )
            )
        told |= {given} if given is not None else set()
    for one in package:
        group = token(one, _REFERS)
        if group is not None and group not in told:
            place, own = place_of(one, _REFERS), one.get("id")
            findings.append(
                found_ko(
                    "seda_group_unknown",
                    Step.OBJECTS,
                    "L’objet « {object} » se dit d’un groupe « {group} » qui n’existe pas.",
                    place,
                    object=own,
                    group=group,
                )
            )
    return findings


def _object(element: Element, group: str) -> DataObject:
    physical = local_name(element.tag) == _PHYSICAL
    usage, number = _usage(token(element, "DataObjectVersion"))
    formats, information = child(element, "FormatIdentification"), child(element, "FileInfo")
    return DataObject(
        id=element.get("id"),
        group=group,
        physical=physical,
        usage=usage,
        number=number,
        system_id=token(element, "DataObjectSystemId"),
        group_system_id=token(element, "DataObjectGroupSystemId"),
        uri=token(element, "Uri"),
        embedded=child(element, "Attachment") is not None,
        digest=_digest(child(element, "MessageDigest")),
        size=_number(token(element, "Size")),
        puid=token(formats, "FormatId") if formats is not None else None,
        media_type=token(formats, "MimeType") if formats is not None else None,
        format_name=token(formats, "FormatLitteral") if formats is not None else None,
        encoding=token(formats, "Encoding") if formats is not None else None,
        filename=token(information, "Filename") if information is not None else None,
        last_modified=token(information, "LastModified") if information is not None else None,
        physical_id=token(element, "PhysicalId"),
        others=others(element, _TOLD),
        place=place_of(element),
    )


def _number(told: str | None) -> int | None:
    """Return a size; one that no file has is as good as a wrong one."""
    found = (told or "").lstrip("+0")
    return int(found[:_LONGEST_NUMBER]) if found.isascii() and found.isdigit() else None


def _usage(told: str | None) -> tuple[str | None, int]:
    if told is None:
        return None, 1
    found = _USAGE.fullmatch(told)
    if found is None:
        return told, 1
    return found.group(1), int(found.group(2) or 1)


def _digest(element: Element) -> Digest | None:
    return read_digest(element.get("algorithm", ""), text_of(element)) if element is not None else None
