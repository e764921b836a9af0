"""Places of a transfer's units: the node or deposit that each becomes, with its identifier. Pure.

Every identifier comes from that of the package and the ids of its manifest, so that work which is
begun again, even after the loss of the database, makes nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from archive.catalogue.plan_nodes import LONGEST_TEXT, LONGEST_TITLE, MOST_LEVELS, NodeKind
from archive.disposition.transfers.content import TransferPart, TransferUnit
from archive.exchange.seda.examination import Examination
from archive.exchange.seda.findings import Finding, Place, Step, found_ko
from archive.exchange.seda.ours import InOurWords, TransferNode, TransferRecord
from archive.exchange.seda.transfer import Transfer
from archive.model.description_fields import BY_NAME
from archive.model.field_rules import FieldKind
from archive.model.identifiers import derived_id
from archive.retention.declarations import Level
from archive.retention.places import SEPARATOR

MANIFEST: Final = "manifest"
"""Stands for the manifest among the objects of a transfer: no XML id of the schema hides it, since
its part has no unit."""
_KINDS: Final = {Level.CLASS: NodeKind.CLASS, Level.FILE: NodeKind.FILE}
_LONGEST_REFERENCE: Final = len("V2026-0000/")
_PHYSICAL: Final = "physique"

Way = tuple[str, ...]


@dataclass(frozen=True)
class PlacedNode:
    """A node that a transfer makes: its identifier, and what ``read_node`` reads of it."""

    node_id: str
    given: Mapping[str, Any]


@dataclass(frozen=True)
class PlacedPart:
    """A part that becomes a deposit: its names, and the fields of its description."""

    part: TransferPart
    filename: str
    media_type: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Placed:
    """A transfer as nodes and deposits of ours; nodes stand before those in them."""

    nodes: tuple[PlacedNode, ...] = ()
    parts: tuple[PlacedPart, ...] = ()
    units: tuple[TransferUnit, ...] = ()
    holds: Mapping[Any, tuple[str, ...]] = field(default_factory=dict)
    """Records of each hold that the transfer brings."""


def place(
    transfer_id: str,
    reference: str,
    examination: Examination,
    words: InOurWords,
    producer_name: Callable[[str | None], str | None],
) -> Placed:
    """Return the places of everything in a transfer.

    Args:
        reference: Number of the transfer: its nodes have codes below it.
        producer_name: Returns our name of a service, as the transfer names it.
    """
    transfer = examination.transfer
    if transfer is None:
        return Placed()
    codes = {way: f"{reference}/{n}" if way else reference for n, way in enumerate(words.nodes)}
    nodes = tuple(
        PlacedNode(_node_id(transfer_id, way), _given(transfer_id, transfer, way, node, codes))
        for way, node in words.nodes.items()
    )
    positions = {unit: position for position, unit in enumerate(transfer.units, 1)}
    parts = [
        _manifest(transfer_id, examination, _places(((),), words, codes), producer_name(transfer.originating_agency))
    ]
    holds: dict[Any, list[str]] = {}
    for record in words.records:
        for name in (record.original, *record.others):
            part = TransferPart(len(parts) + 1, positions[record.unit], name, *_ids(transfer_id, name))
            fields = _fields(record, name, transfer, words, codes, producer_name)
            one = transfer.objects[name]
            filename = (one.filename or "").strip() or PurePosixPath(one.uri or name).name
            parts.append(
                PlacedPart(part, filename[:1000], (one.media_type or "application/octet-stream")[:120], fields)
            )
            for hold in record.holds:
                holds.setdefault(hold, []).append(part.record_id)
    told = {hold: tuple(records) for hold, records in holds.items()}
    return Placed(nodes, tuple(parts), _units(transfer_id, transfer, words, positions), told)


def require_placeable(transfer: Transfer, words: InOurWords) -> list[Finding]:
    """Return what stands against the places of a transfer: too deep, or too many of one record."""
    findings = []
    deep = next((way for way in words.nodes if len(way) + 1 > MOST_LEVELS), None)
    if deep is not None:
        findings.append(
            found_ko(
                "seda_too_deep_for_plan",
                Step.UNITS,
                "L’unité « {unit} » est au niveau {level} ; le plan de classement en a {most} au plus.",
                _place_of(transfer, deep[-1]),
                unit=deep[-1],
                level=len(deep),
                most=MOST_LEVELS - 1,
            )
        )
    longest = _LONGEST_REFERENCE + len(str(len(words.nodes))) + 2
    for record in words.records:
        if len(record.ways) > 1 and len(record.ways) * longest > BY_NAME["file"].limit:
            findings.append(
                found_ko(
                    "seda_too_many_places",
                    Step.UNITS,
                    "L’unité « {unit} » se trouve à {count} endroits à la fois ; au plus {most} sont lus.",
                    _place_of(transfer, record.unit),
                    unit=record.unit,
                    count=len(record.ways),
                    most=BY_NAME["file"].limit // longest,
                )
            )
            break
    return findings


def description_fields(record: TransferRecord) -> dict[str, str]:
    """Return the fields of a record that ours can hold; a manifest may tell longer ones."""
    told: dict[str, str] = {}
    for name, value in record.description.items():
        one = BY_NAME[name]
        clean = value.strip()
        if one.kind in {FieldKind.TEXT, FieldKind.PROSE}:
            clean = one.cut(clean)
        if clean and len(clean) <= one.limit and "\0" not in clean:
            told[name] = clean
    return told


def unit_place(transfer: Transfer, unit: str, *below: str) -> Place:
    """Return the place of a part of a unit in the manifest."""
    place = transfer.units[unit].place
    return Place("/".join((place.node, *below)), place.line)


def _place_of(transfer: Transfer, unit: str) -> Place:
    return transfer.units[unit].place


def _node_id(transfer_id: str, way: Way) -> str:
    return derived_id(transfer_id, "node:" + "/".join(way))


def _ids(transfer_id: str, name: str) -> tuple[str, str]:
    return derived_id(transfer_id, f"deposit:{name}"), derived_id(transfer_id, f"record:{name}")


def _given(
    transfer_id: str, transfer: Transfer, way: Way, node: TransferNode, codes: Mapping[Way, str]
) -> dict[str, Any]:
    return {
        "kind": _KINDS[node.level].value,
        "code": codes[way],
        "title": _short(node.title, LONGEST_TITLE),
        "description": _short(node.description, LONGEST_TEXT) if node.description else None,
        "parent_id": _node_id(transfer_id, node.above) if node.above is not None else None,
        "retention": node.retention,
        "access": node.access,
        "extent": _extent(transfer, node),
    }


def _extent(transfer: Transfer, node: TransferNode) -> dict[str, str] | None:
    """Return the extent of a unit without bytes."""
    if not node.physical:
        return None
    told = {"medium": _PHYSICAL}
    shelf = next(
        (transfer.objects[one].physical_id for one in node.physical if transfer.objects[one].physical_id), None
    )
    told |= {"place": _short(shelf, 200)} if shelf else {}
    if node.begins is not None and node.ends is not None and node.begins <= node.ends:
        told |= {"from": node.begins.isoformat(), "to": node.ends.isoformat()}
    return told


def _fields(
    record: TransferRecord,
    name: str,
    transfer: Transfer,
    words: InOurWords,
    codes: Mapping[Way, str],
    producer_name: Callable[[str | None], str | None],
) -> dict[str, str]:
    told = description_fields(record)
    if name != record.original:
        usage = transfer.objects[name].usage or "autre forme"
        told["title"] = BY_NAME["title"].cut(f"{told.get('title', record.unit)} ({usage})")
    producer = producer_name(told.get("producer"))
    if producer:
        told["producer"] = producer[: BY_NAME["producer"].limit]
    return told | _places(record.ways, words, codes)


def _places(ways: tuple[Way, ...], words: InOurWords, codes: Mapping[Way, str]) -> dict[str, str]:
    """Return the fields that place a record: its class, or its files."""
    if len(ways) == 1 and words.nodes[ways[0]].level is Level.CLASS:
        return {"classification": codes[ways[0]]}
    return {"file": f"{SEPARATOR} ".join(codes[way] for way in ways)}


def _manifest(
    transfer_id: str, examination: Examination, places: Mapping[str, str], producer: str | None
) -> PlacedPart:
    """Return the manifest itself as a part: it tells for ever what came, and how."""
    identifier = examination.transfer.identifier if examination.transfer is not None else ""
    fields = {"title": BY_NAME["title"].cut(f"Bordereau de versement {identifier}")} | dict(places)
    if producer:
        fields["producer"] = producer[: BY_NAME["producer"].limit]
    part = TransferPart(1, 0, MANIFEST, *_ids(transfer_id, f"{MANIFEST}:"))
    return PlacedPart(part, PurePosixPath(examination.manifest).name, "application/xml", fields)


def _units(
    transfer_id: str, transfer: Transfer, words: InOurWords, positions: Mapping[str, int]
) -> tuple[TransferUnit, ...]:
    nodes: dict[str, str] = {}
    for way in words.nodes:
        if way:
            nodes.setdefault(way[-1], _node_id(transfer_id, way))
    records: dict[str, str] = {}
    for record in words.records:
        records.setdefault(record.unit, _ids(transfer_id, record.original)[1])
    return tuple(
        TransferUnit(
            positions[name],
            name,
            _short(unit.content.title or name, LONGEST_TITLE),
            unit.content.level,
            positions[unit.parents[0]] if unit.parents else 0,
            nodes.get(name) or records.get(name),
            name in nodes,
        )
        for name, unit in transfer.units.items()
    )


def units_alone(transfer: Transfer) -> tuple[TransferUnit, ...]:
    """Return the units of a refused transfer, which become nothing."""
    positions = {unit: position for position, unit in enumerate(transfer.units, 1)}
    return tuple(
        TransferUnit(
            positions[name],
            name,
            _short(unit.content.title or name, LONGEST_TITLE),
            unit.content.level,
            positions[unit.parents[0]] if unit.parents and unit.parents[0] in positions else 0,
            None,
            is_node=False,
        )
        for name, unit in transfer.units.items()
    )


def _short(text: str | None, longest: int) -> str:
    clean = (text or "").strip().replace("\0", "")
    return clean if len(clean) <= longest else clean[: longest - 1].rstrip() + "…"
