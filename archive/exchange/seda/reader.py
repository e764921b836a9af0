"""Reading of an ``ArchiveTransfer``: from its elements to plain values, and what refers to nothing.

Pure. The message is valid against its schema before it comes here; what a schema can't say is
looked at here: references, loops, groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from archive.exchange.seda.content import read_content
from archive.exchange.seda.elements import (
    Element,
    agency,
    child,
    children,
    others,
    raw,
    text_of,
    texts,
    token,
    tokens,
)
from archive.exchange.seda.findings import Finding, Step, found_ko
from archive.exchange.seda.management import read_management
from archive.exchange.seda.objects import Objects, read_objects
from archive.exchange.seda.places import place_of
from archive.exchange.seda.transfer import Agency, Content, DataObject, Transfer, Unit
from archive.exchange.seda.versions import Version, local_name, version_of

_IN_UNIT: Final = (
    "ArchiveUnitProfile",
    "Management",
    "Content",
    "ArchiveUnit",
    "ArchiveUnitRefId",
    "DataObjectReference",
)


@dataclass(frozen=True)
class ReadTransfer:
    """A transfer as read, and what refers to nothing in it."""

    transfer: Transfer
    findings: tuple[Finding, ...]


@dataclass
class _Reading:
    """Units as they are found.

    Attributes:
        edges: A unit or None for the top, the unit in it, and its element.
    """

    objects: Objects
    units: dict[str, Unit] = field(default_factory=dict)
    edges: list[tuple[str | None, str, Element]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class ReadPackage:
    """Units and objects of a ``DataObjectPackage``, and what refers to nothing in it."""

    units: Mapping[str, Unit] = field(default_factory=dict)
    objects: Mapping[str, DataObject] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def read_transfer(root: Element) -> ReadTransfer:
    """Read a valid ``ArchiveTransfer``."""
    read = read_package(child(root, "DataObjectPackage"))
    return ReadTransfer(replace(read_head(root), units=read.units, objects=read.objects), read.findings)


def read_head(root: Element) -> Transfer:
    """Read what a transfer says of itself, as far as it goes, without its units and objects."""
    package = child(root, "DataObjectPackage")
    management = child(package, "ManagementMetadata") if package is not None else None
    return _head(root, version_of(root.tag) or Version.V2_1, management)


def read_package(package: Element) -> ReadPackage:
    """Read the units and objects of a message; none for None."""
    if package is None:
        return ReadPackage()
    objects = read_objects(package)
    reading = _Reading(objects)
    described = child(package, "DescriptiveMetadata")
    if described is not None:
        _read_units(reading, described)
    units = _linked(reading)
    return ReadPackage(units, objects.objects, (*objects.findings, *reading.findings))


def _head(root: Element, version: Version, management: Element) -> Transfer:
    signature, lists = child(root, "Signature"), child(root, "CodeListVersions")
    unknown = Agency("")
    to, of = child(root, "ArchivalAgency"), child(root, "TransferringAgency")
    of_package: dict[str, Any] = (
        {
            "profile": token(management, "ArchivalProfile"),
            "service_level": token(management, "ServiceLevel"),
            "acquisition": token(management, "AcquisitionInformation"),
            "legal_status": token(management, "LegalStatus"),
            "originating_agency": token(management, "OriginatingAgencyIdentifier"),
            "submission_agency": token(management, "SubmissionAgencyIdentifier"),
        }
        if management is not None
        else {}
    )
    return Transfer(
        version,
        token(root, "MessageIdentifier") or "",
        token(root, "Date") or "",
        agency(to) if to is not None else unknown,
        agency(of) if of is not None else unknown,
        comments=texts(children(root, "Comment")),
        agreement=token(root, "ArchivalAgreement"),
        code_lists={local_name(one.tag): text_of(one) for one in lists} if lists is not None else {},
        management=read_management(management),
        related=tokens(root, "RelatedTransferReference"),
        request_reply=token(root, "TransferRequestReplyIdentifier"),
        signature=raw(signature) if signature is not None else None,
        **of_package,
    )


def _read_units(reading: _Reading, described: Element) -> None:
    """Read every unit, without recursion: a manifest may nest them as deep as a parser reads."""
    waiting: list[tuple[str | None, Element]] = [(None, one) for one in reversed(children(described, "ArchiveUnit"))]
    while waiting:
        parent, element = waiting.pop()
        referred = token(element, "ArchiveUnitRefId")
        if referred is not None:
            reading.edges.append((parent, referred, element))
            continue
        unit = _unit(reading, element)
        reading.units[unit.id] = unit
        reading.edges.append((parent, unit.id, element))
        waiting += [(unit.id, one) for one in reversed(children(element, "ArchiveUnit"))]


def _unit(reading: _Reading, element: Element) -> Unit:
    content = child(element, "Content")
    return Unit(
        id=element.get("id"),
        content=read_content(content) if content is not None else Content(),
        management=read_management(child(element, "Management")),
        profile=token(element, "ArchiveUnitProfile"),
        objects=_referred_objects(reading, element),
        others=others(element, _IN_UNIT),
        place=place_of(element),
    )


def _referred_objects(reading: _Reading, element: Element) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for one in children(element, "DataObjectReference"):
        single, group = token(one, "DataObjectReferenceId"), token(one, "DataObjectGroupReferenceId")
        if single is not None and single in reading.objects.objects:
            found[single] = None
        elif group is not None and group in reading.objects.groups:
            found |= dict.fromkeys(reading.objects.groups[group])
        else:
            name = "DataObjectReferenceId" if single is not None else "DataObjectGroupReferenceId"
            place = place_of(element, "DataObjectReference", name)
            reading.findings.append(
                found_ko(
                    "seda_object_unknown",
                    Step.OBJECTS,
                    "L’unité « {unit} » renvoie à un objet « {target} » qui n’existe pas.",
                    place,
                    unit=element.get("id"),
                    target=single or group or "",
                )
            )
    return tuple(found)


def _linked(reading: _Reading) -> dict[str, Unit]:
    """Return the units with what each lies in, and what lies in each."""
    parents: dict[str, dict[str, None]] = {name: {} for name in reading.units}
    below: dict[str, dict[str, None]] = {name: {} for name in reading.units}
    for parent, target, element in reading.edges:
        if target not in reading.units:
            place = place_of(element, "ArchiveUnitRefId")
            reading.findings.append(
                found_ko(
                    "seda_unit_unknown",
                    Step.UNITS,
                    "L’unité « {target} », à laquelle il est renvoyé ici, n’existe pas.",
                    place,
                    target=target,
                )
            )
        elif parent is not None:
            parents[target][parent] = None
            below[parent][target] = None
    linked = {
        name: replace(unit, parents=tuple(parents[name]), children=tuple(below[name]))
        for name, unit in reading.units.items()
    }
    reading.findings += _loops(linked)
    return linked


def _loops(units: Mapping[str, Unit]) -> list[Finding]:
    """Return the units that lie in themselves: what stays when those without parents go."""
    waits = {name: len(unit.parents) for name, unit in units.items()}
    free = [name for name, count in waits.items() if count == 0]
    while free:
        for below in units[free.pop()].children:
            waits[below] -= 1
            if waits[below] == 0:
                free.append(below)
    turning = _on_loops(units, {name for name, count in waits.items() if count > 0})
    return [
        found_ko(
            "seda_unit_loop",
            Step.UNITS,
            "L’unité « {unit} » se contient elle-même, par {way}.",
            units[name].place,
            unit=name,
            way=" → ".join(way),
        )
        for name, way in turning
    ]


def _on_loops(units: Mapping[str, Unit], left: set[str]) -> list[tuple[str, list[str]]]:
    """Return one loop after another: a walk upwards from what is left must come back."""
    found: list[tuple[str, list[str]]] = []
    seen: set[str] = set()
    for start in units:
        if start not in left or start in seen:
            continue
        way: dict[str, int] = {}
        at = start
        while at not in way and at not in seen:
            way[at] = len(way)
            at = next(parent for parent in units[at].parents if parent in left)
        seen |= way.keys()
        if at in way:
            loop = [name for name, place in way.items() if place >= way[at]]
            found.append((at, [*reversed(loop), at] if loop[0] != at else [at, *reversed(loop)]))
    return found
