"""Read one record from the store; the journal alone decides which bytes belong to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from archive.catalogue.premis import JournalEvent
from archive.catalogue.record_json import representation_values
from archive.custody.findings import Kind
from archive.journal.types import CHANGES, KEPT, RESTORED
from archive.objects import fixity, ocfl
from archive.objects.begun import begun, follows, would_be_published
from archive.objects.layout import RecordFolder, record_key
from archive.objects.ocfl import RECORD_JSON, Content
from archive.objects.port import Listed, ObjectStore, StoredObject, Unreadable, read_all
from signing.ground.errors import Corrupt, Refused

LOST: Final = "00000000-0000-0000-0000-000000000000"
"""Version pinned where none is left: every store reports it as missing."""


@dataclass(frozen=True)
class Fault:
    """One fault of a record: something that is not as it was kept."""

    kind: Kind
    key: str
    detail: str


@dataclass(frozen=True)
class Pinned:
    """One object of a record: its key, its version in the store, and the digest of its bytes."""

    key: str
    sha256: str
    size: int
    state: StoredObject | None
    """The object in the store; None if it is gone."""


@dataclass
class Found:
    """A record as the store holds it.

    Attributes:
        record: ``record.json`` of the head.
        earlier: ``record.json`` of each revision, by the digest that the journal states for it.
        number: OCFL version number of the head.
        pinned: Every object, by key.
        ahead: Whether the store holds a change (or a record) whose journal entry was lost.
        whole: Whether catalogue rows can be made from it.
    """

    folder: RecordFolder
    events: list[JournalEvent]
    record: dict[str, Any] = field(default_factory=dict)
    record_sha256: str = ""
    earlier: dict[str, dict[str, Any]] = field(default_factory=dict)
    inventory: dict[str, Any] = field(default_factory=dict)
    inventory_sha512: str = ""
    number: int = 0
    contents: dict[str, Content] = field(default_factory=dict)
    pinned: dict[str, Pinned] = field(default_factory=dict)
    ahead: bool = False
    whole: bool = False
    unfinished: bool = False
    faults: list[Fault] = field(default_factory=list)

    @property
    def tenant(self) -> str:
        """Tenant in whose folder the record lies."""
        return self.folder.tenant

    @property
    def record_id(self) -> str:
        """Id of the record, from the name of its folder."""
        return self.folder.record_id

    def add(self, kind: Kind, path: str, detail: str) -> None:
        """Add a fault of an object, by its path below the record's folder."""
        self.faults.append(Fault(kind, self.folder.key(path), detail))


Versions = Mapping[str, list[Listed]]
"""Every listed version of every key of one record, oldest first."""


def grouped(items: Iterable[Listed]) -> Iterator[tuple[RecordFolder | None, list[Listed]]]:
    """Group a listing of ``tenants/`` by record folder; keys in no such folder come under None."""
    for folder, group in groupby(items, key=lambda item: folder_of(item.key)):
        yield folder, list(group)


def folder_of(key: str) -> RecordFolder | None:
    """Return the record folder in which a key lies, or None."""
    found = record_key(key)
    return found.folder if found is not None else None


def by_key(items: Iterable[Listed]) -> dict[str, list[Listed]]:
    """Group a sorted listing by key."""
    return {key: list(versions) for key, versions in groupby(items, key=lambda item: item.key)}


def read_record(
    store: ObjectStore,
    folder: RecordFolder,
    listed: Versions,
    events: list[JournalEvent],
    *,
    thorough: bool,
    told_only: bool = False,
    published: datetime | None = None,
) -> Found:
    """Read one record from the store and list its faults.

    Args:
        events: Its entries in the journal, in order.
        thorough: Read every byte instead of inventories and ``record.json`` only.
        told_only: Ignore what the store holds beyond the journal.
        published: Time of the last published entry: what is older and has none was never claimed.
    """
    result = Found(folder, events)
    content = _inventory(store, result, listed, told_only=told_only, published=published)
    if content is None:
        return result
    result.inventory = json.loads(content)
    result.inventory_sha512 = ocfl.sha512(content)
    result.number = int(result.inventory["head"][1:])
    result.contents = ocfl.contents_of(result.inventory)
    _pin_all(store, result, listed, content)
    _read_records(store, result)
    if result.record:
        _compare(result)
    if result.ahead and not result.whole and stated(events) is not None:  # the later state contradicts the journal
        told = read_record(store, folder, listed, events, thorough=thorough, told_only=True)
        told.faults = list(dict.fromkeys([*result.faults, *told.faults]))
        return told
    if thorough:
        _read_everything(store, result)
    return result


def stated(events: list[JournalEvent]) -> Mapping[str, Any] | None:
    """Return the facts of the last entry that states the record, or None."""
    return next((event.facts for event in reversed(events) if event.type in CHANGES), None)


# -- which inventory


def _inventory(
    store: ObjectStore, result: Found, listed: Versions, *, told_only: bool, published: datetime | None
) -> bytes | None:
    """Return the root inventory in force: the journal's, or a later one not journalled yet."""
    told = stated(result.events)
    current = _bytes(store, listed, result.folder.inventory)
    if told is None:
        whole = current is not None and _sound(store, result, listed, current)
        unclaimed = current is not None and published is not None and would_be_published(None, current, published)
        if not whole or unclaimed:
            result.unfinished = True
            return None
        result.ahead = True
        return current
    if current is not None and ocfl.sha512(current) == told["inventory"]:
        return current
    kind = Kind.CHANGED if current is not None else _unread(listed, result.folder.inventory)
    for key in sorted((k for k in listed if _is_inventory(result.folder, k)), key=len, reverse=True):
        content = _bytes(store, listed, key, sha512=told["inventory"])
        if content is None:
            continue
        later = current if current is not None and follows(content, current) else None
        later = later if later is not None and _sound(store, result, listed, later) else None
        unclaimed = later is not None and published is not None and would_be_published(content, later, published)
        if later is not None and not unclaimed and not told_only:
            result.ahead = True
            return later
        if not unclaimed:
            result.add(kind, ocfl.INVENTORY, "inventory")
        return content
    result.add(kind, ocfl.INVENTORY, "inventory")
    return None


def _bytes(store: ObjectStore, listed: Versions, key: str, *, sha512: str | None = None) -> bytes | None:
    """Read a small object: its latest version, or the one with a digest; None if there is none."""
    for item in reversed(listed.get(key, [])):
        if item.marker:
            continue
        try:
            content = read_all(store, key, item.version)
        except (Refused, Unreadable):
            continue
        if sha512 is None or ocfl.sha512(content) == sha512:
            return content
    return None


def _is_inventory(folder: RecordFolder, key: str) -> bool:
    found = ocfl.object_path(folder.path(key))
    return found is not None and found.role is ocfl.Role.INVENTORY


def _unread(listed: Versions, key: str) -> Kind:
    """Return the kind of fault of a key of which no version could be read."""
    return Kind.MISSING if all(item.marker for item in listed.get(key, [])) else Kind.UNREADABLE


def _sound(store: ObjectStore, result: Found, listed: Versions, content: bytes) -> bool:
    """Whether a root inventory agrees with its sidecar and with the one in its version's folder."""
    try:
        facts = json.loads(content)
        number = int(facts["head"][1:])
    except (ValueError, KeyError, TypeError):
        return False
    return (
        facts.get("id") == ocfl.object_id(result.record_id)
        and _bytes(store, listed, result.folder.sidecar) == ocfl.sidecar(content)
        and _bytes(store, listed, result.folder.key(ocfl.version_inventory(number))) == content
    )


# -- which version of each key


def _pin_all(store: ObjectStore, result: Found, listed: Versions, content: bytes) -> None:
    digests = {path: digest for digest, paths in result.inventory["fixity"]["sha256"].items() for path in paths}
    known = {event.facts["inventory"] for event in result.events if "inventory" in event.facts}
    for number in range(1, result.number + 1):
        path = ocfl.version_inventory(number)
        own = content if number == result.number else _bytes(store, listed, result.folder.key(path))
        if own is None:
            result.add(_unread(listed, result.folder.key(path)), path, "object")
            continue
        if number < result.number and ocfl.sha512(own) not in known and not follows(own, content):
            result.add(Kind.CHANGED, path, "inventory")
        digests[path] = hashlib.sha256(own).hexdigest()
        digests[ocfl.version_sidecar(number)] = hashlib.sha256(ocfl.sidecar(own)).hexdigest()
    digests[ocfl.DECLARATION] = hashlib.sha256(ocfl.DECLARED).hexdigest()
    digests[ocfl.INVENTORY] = hashlib.sha256(content).hexdigest()
    digests[ocfl.SIDECAR] = hashlib.sha256(ocfl.sidecar(content)).hexdigest()
    left = begun(result.folder, result.number, listed)
    for path, digest in digests.items():
        _pin(store, result, listed, path, digest, left.further_heads)
    result.unfinished = bool(left)
    for key in listed:
        if result.folder.path(key) not in digests and key not in left.keys:
            result.add(Kind.UNTRACKED, result.folder.path(key), "object")


def _pin(store: ObjectStore, result: Found, listed: Versions, path: str, digest: str, further: int) -> None:
    key = result.folder.key(path)
    versions = [item for item in listed.get(key, []) if not item.marker]
    if any(item.marker for item in listed.get(key, [])):
        result.add(Kind.CHANGED, path, "marker")
    expected = result.number + further if path in ocfl.HEADS else 1
    expected += sum(
        e.type in RESTORED and e.facts["path"] == path and e.facts["damaged"] is not None for e in result.events
    )
    if len(versions) > expected:
        result.add(Kind.UNTRACKED, path, "version")
    unread: list[Listed] = []
    chosen = versions[-1] if len(versions) == 1 else _with_digest(store, versions, digest, unread)
    if chosen is None:
        kind = Kind.MISSING if not versions else Kind.UNREADABLE if unread else Kind.CHANGED
        result.add(kind, path, "object")
        chosen = versions[-1] if versions else None
    state = store.stat(key, chosen.version) if chosen is not None else None
    result.pinned[key] = Pinned(key, digest, chosen.size if chosen is not None else 0, state)


def _with_digest(store: ObjectStore, versions: list[Listed], digest: str, unread: list[Listed]) -> Listed | None:
    """Return the latest version with the right bytes; add unreadable ones to ``unread``."""
    for item in reversed(versions):
        found = hashlib.sha256()
        try:
            for chunk in store.read(item.key, item.version):
                found.update(chunk)
        except Refused:
            continue
        except Unreadable:
            unread.append(item)
            continue
        if found.hexdigest() == digest:
            return item
    return None


# -- its content


def _read_records(store: ObjectStore, result: Found) -> None:
    """Read ``record.json`` of the head and of every journalled revision, and check their bytes."""
    told = {e.facts["record"] for e in result.events if e.type in CHANGES}
    for number in range(1, result.number + 1):
        content = ocfl.contents_of(result.inventory, f"v{number}").get(RECORD_JSON)
        head = number == result.number
        if content is None or not (head or content.sha256 in told):
            continue
        pinned = result.pinned[result.folder.key(content.path)]
        try:
            if pinned.state is None:
                raise fixity.missing(pinned.key)
            chunks = fixity.verified(
                store, pinned.key, pinned.state.version, sha256=content.sha256, size=pinned.state.size
            )
            read = json.loads(b"".join(chunks))
        except Corrupt as error:
            if pinned.state is not None:
                result.add(Kind.CHANGED if error.code == "altered" else Kind.MISSING, content.path, "record")
            continue
        except Unreadable:
            result.add(Kind.UNREADABLE, content.path, "record")
            continue
        result.earlier[content.sha256] = read
        if head:
            result.record, result.record_sha256 = read, content.sha256


def _compare(result: Found) -> None:
    """Check the record against its entries and its place, and sizes against the listing."""
    record, told = result.record, stated(result.events)
    if (record.get("record"), record.get("tenant")) != (result.record_id, result.tenant):
        result.add(Kind.CHANGED, RECORD_JSON, "place")
        return
    digests = {form["kind"]: form["digests"]["sha-256"] for form in record["representations"]}
    kept = next((event.facts for event in result.events if event.type in KEPT), None)
    if kept is not None and digests.get("original") != kept["original"]:
        result.add(Kind.CHANGED, RECORD_JSON, "journal")
        return
    if told is not None and not result.ahead and told["record"] != result.record_sha256:
        result.add(Kind.CHANGED, RECORD_JSON, "journal")
        return
    for values in representation_values(record):
        content = result.contents.get(values["name"])
        if content is None or content.sha256 != values["sha256"]:
            result.add(Kind.CHANGED, str(values["name"]), "inventory")
            return
        pinned = result.pinned[result.folder.key(content.path)]
        if pinned.state is not None and pinned.state.size != values["size"]:
            result.add(Kind.CHANGED, content.path, "size")
    result.whole = True


def _read_everything(store: ObjectStore, result: Found) -> None:
    told = {fault.key for fault in result.faults}
    for pinned in result.pinned.values():
        if pinned.state is None or pinned.key in told:
            continue
        try:
            fixity.check(store, pinned.key, pinned.state.version, sha256=pinned.sha256, size=pinned.state.size)
        except Corrupt as error:
            kind = Kind.CHANGED if error.code == "altered" else Kind.MISSING
            result.add(kind, result.folder.path(pinned.key), "bytes")
        except Unreadable:
            result.add(Kind.UNREADABLE, result.folder.path(pinned.key), "bytes")
