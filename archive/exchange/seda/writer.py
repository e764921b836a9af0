"""Writing of an ``ArchiveTransfer``, as a stream: valid in its version, in a fixed order. Pure.

A unit in several places is written whole in the first and referred to from the others; objects are
written within their groups; a digest is lower-case hexadecimal. What a version can't tell is left
out, and told by ``left_out``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final

from lxml import etree

from archive.exchange.seda.content import left_out as left_out_of_content
from archive.exchange.seda.content import write_content
from archive.exchange.seda.elements import Element, add, add_agency, add_raw, add_texts, made
from archive.exchange.seda.management import write_management
from archive.exchange.seda.transfer import Category, DataObject, Management, Transfer, Unit
from archive.exchange.seda.versions import Version

_NOT_IN_2_1: Final = frozenset({"HoldRuleCodeListVersion"})
_BEFORE_VERSION: Final = ("Relationship",)
_OF_2_2: Final = ("DataObjectProfile",)
_OF_2_3: Final = ("PersistentIdentifier", "DataObjectUse", "DataObjectNumber")
_AFTER_SIZE: Final = ("Compressed",)
_AT_THE_END: Final = ("Metadata", "OtherMetadata")
_OF_PHYSICAL: Final = ("PhysicalDimensions",)
_FILE: Final = "FileInfo"


def write_manifest(stream: BinaryIO, transfer: Transfer) -> None:
    """Write the manifest of a transfer."""
    version = transfer.version
    with etree.xmlfile(stream, encoding="utf-8") as out:
        out.write_declaration()
        with out.element(version.tag("ArchiveTransfer"), nsmap={None: version.namespace}):
            _write_all(out, _head(transfer))
            with out.element(version.tag("DataObjectPackage")):
                _write_all(out, _groups(transfer))
                with out.element(version.tag("DescriptiveMetadata")):
                    _Units(transfer, out).write(transfer.top)
                out.write(_management(transfer))
            _write_all(out, _foot(transfer))


def left_out(transfer: Transfer) -> tuple[str, ...]:
    """Return the names of elements that its version can't tell, each once, in order."""
    version = transfer.version
    names: dict[str, None] = {}
    for unit in transfer.units.values():
        names |= dict.fromkeys(left_out_of_content(version, unit.content))
        names |= dict.fromkeys(one.name for one in unit.others)
        names |= dict.fromkeys(_left_out_of(version, unit.management))
    return tuple(names)


def _left_out_of(version: Version, management: Management) -> Iterator[str]:
    if version is Version.V2_1 and Category.HOLD in management.blocks:
        yield Category.HOLD.value
    yield from (one.name for one in management.others if one.name != "LogBook")


def _write_all(out: Any, elements: Iterable[Element]) -> None:
    for one in elements:
        out.write(one)


def _piece(version: Version, name: str) -> Element:
    return etree.Element(version.tag(name), nsmap={None: version.namespace})


def _head(transfer: Transfer) -> Iterator[Element]:
    version = transfer.version
    holder = _piece(version, "head")
    add_texts(holder, version, "Comment", transfer.comments)
    add(holder, version, "Date", transfer.sent_at)
    add(holder, version, "MessageIdentifier", transfer.identifier)
    if transfer.signature is not None:
        add_raw(holder, version, transfer.signature)
    add(holder, version, "ArchivalAgreement", transfer.agreement)
    lists = made(holder, version, "CodeListVersions")
    for name, value in transfer.code_lists.items():
        if version is not Version.V2_1 or name not in _NOT_IN_2_1:
            add(lists, version, name, value)
    return iter(holder)


def _foot(transfer: Transfer) -> Iterator[Element]:
    version = transfer.version
    holder = _piece(version, "foot")
    for one in transfer.related:
        add(holder, version, "RelatedTransferReference", one)
    add(holder, version, "TransferRequestReplyIdentifier", transfer.request_reply)
    add_agency(holder, version, "ArchivalAgency", transfer.archival_agency)
    add_agency(holder, version, "TransferringAgency", transfer.transferring_agency)
    return iter(holder)


def _management(transfer: Transfer) -> Element:
    version = transfer.version
    element = _piece(version, "ManagementMetadata")
    add(element, version, "ArchivalProfile", transfer.profile)
    add(element, version, "ServiceLevel", transfer.service_level)
    add(element, version, "AcquisitionInformation", transfer.acquisition)
    add(element, version, "LegalStatus", transfer.legal_status)
    add(element, version, "OriginatingAgencyIdentifier", transfer.originating_agency)
    add(element, version, "SubmissionAgencyIdentifier", transfer.submission_agency)
    write_management(element, version, transfer.management)
    return element


def _groups(transfer: Transfer) -> Iterator[Element]:
    version = transfer.version
    for group, inside in grouped(transfer.objects.values()).items():
        if len(inside) == 1 and inside[0].id == group:
            holder = _piece(version, "objects")
            write_object(holder, version, inside[0])
            yield holder[0]
            continue
        element = _piece(version, "DataObjectGroup")
        element.set("id", group)
        for one in inside:
            write_object(element, version, one)
        yield element


def grouped(objects: Iterable[DataObject]) -> dict[str, list[DataObject]]:
    """Return objects by their group, in order."""
    groups: dict[str, list[DataObject]] = {}
    for one in objects:
        groups.setdefault(one.group, []).append(one)
    return groups


def write_object(parent: Element, version: Version, one: DataObject) -> None:
    """Write an object under its group."""
    element = made(parent, version, "PhysicalDataObject" if one.physical else "BinaryDataObject")
    element.set("id", one.id)
    if version is not Version.V2_1:
        _add_others(element, version, one, _OF_2_2)
    add(element, version, "DataObjectSystemId", one.system_id)
    add(element, version, "DataObjectGroupSystemId", one.group_system_id)
    _add_others(element, version, one, _BEFORE_VERSION)
    add(element, version, "DataObjectVersion", f"{one.usage}_{one.number}" if one.usage else None)
    if version is Version.V2_3:
        _add_others(element, version, one, _OF_2_3)
    if one.physical:
        add(element, version, "PhysicalId", one.physical_id)
        _add_others(element, version, one, _OF_PHYSICAL)
    else:
        _write_file(element, version, one)


def _write_file(element: Element, version: Version, one: DataObject) -> None:
    if one.digest is not None:
        add(element, version, "Uri", one.uri)
        digest = made(element, version, "MessageDigest")
        digest.set("algorithm", one.digest.algorithm)
        digest.text = one.digest.value
    add(element, version, "Size", str(one.size) if one.size else None)
    _add_others(element, version, one, _AFTER_SIZE)
    if one.puid or one.media_type or one.format_name or one.encoding:
        told = made(element, version, "FormatIdentification")
        add(told, version, "FormatLitteral", one.format_name)
        add(told, version, "MimeType", one.media_type)
        add(told, version, "FormatId", one.puid)
        add(told, version, "Encoding", one.encoding)
    if any(other.name == _FILE for other in one.others):
        _add_others(element, version, one, (_FILE,))
    elif one.filename and one.filename.strip():
        told = made(element, version, _FILE)
        add(told, version, "Filename", one.filename)
        add(told, version, "LastModified", one.last_modified)
    _add_others(element, version, one, _AT_THE_END)


def _add_others(parent: Element, version: Version, one: DataObject, names: Iterable[str]) -> None:
    for name in names:
        for other in one.others:
            if other.name == name:
                add_raw(parent, version, other)


class _Units:
    """Writes units, each whole once."""

    def __init__(self, transfer: Transfer, out: Any) -> None:
        self._transfer = transfer
        self._version = transfer.version
        self._out = out
        self._written: set[str] = set()
        self._references = 0
        self._groups = {name: {one.id for one in inside} for name, inside in grouped(transfer.objects.values()).items()}

    def write(self, names: Iterable[str]) -> None:
        """Write units and all that lies in them."""
        for name in names:
            if name in self._written:
                self._refer(name)
            else:
                self._written.add(name)
                self._whole(self._transfer.units[name])

    def _whole(self, unit: Unit) -> None:
        version = self._version
        with self._out.element(version.tag("ArchiveUnit"), id=unit.id):
            holder = _piece(version, "unit")
            add(holder, version, "ArchiveUnitProfile", unit.profile)
            management = made(holder, version, "Management")
            write_management(management, version, unit.management)
            if not len(management):
                holder.remove(management)
            write_content(holder, version, unit.content)
            _write_all(self._out, list(holder))
            self.write(unit.children)
            for element in self._objects(unit):
                self._out.write(element)

    def _refer(self, name: str) -> None:
        version = self._version
        self._references += 1
        own = f"ref{self._references}"
        while own in self._transfer.units or own in self._transfer.objects or own in self._groups:
            own += "-"
        with self._out.element(version.tag("ArchiveUnit"), id=own):
            holder = _piece(version, "unit")
            add(holder, version, "ArchiveUnitRefId", name)
            _write_all(self._out, list(holder))

    def _objects(self, unit: Unit) -> Iterator[Element]:
        """Refer to a whole group where the unit has all of it, else to its objects."""
        version, own = self._version, set(unit.objects)
        for group, inside in grouped(self._transfer.objects[name] for name in unit.objects).items():
            alone = len(inside) == 1 and inside[0].id == group
            whole = not alone and self._groups[group] <= own
            name = "DataObjectGroupReferenceId" if whole else "DataObjectReferenceId"
            for told in (group,) if whole else [one.id for one in inside]:
                element = _piece(version, "DataObjectReference")
                add(element, version, name, told)
                yield element
