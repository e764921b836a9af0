"""Write a version of an OCFL object, so that an interrupted write can be finished.

Order: content, version inventory and its sidecar, object declaration, root sidecar, root inventory.
Once a version inventory is there, so is all its content: the next attempt finishes that version and
no other. Content that an interrupted attempt left under a name we need is locked and can't be
deleted; ours then gets another name and the inventory lists both, so that a validator finds no
stray file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from archive.objects import fixity, layout, ocfl
from archive.objects.layout import RecordFolder
from archive.objects.ocfl import Content
from archive.objects.port import Listed, ObjectStore, StoredObject, found, lock_missing
from signing.ground.errors import Refused


@dataclass(frozen=True)
class Planned:
    """One file that a new version adds."""

    logical: str
    source: Path | bytes
    sha256: str
    sha512: str

    @classmethod
    def of(cls, logical: str, content: bytes) -> Planned:
        """Plan a small file from its bytes."""
        return cls(logical, content, hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest())


@dataclass(frozen=True)
class Stored:
    """One object of a version, as the store states it."""

    object: StoredObject
    sha256: str


@dataclass(frozen=True)
class Version:
    """A complete version of an object.

    Attributes:
        inventory: Root inventory, byte for byte.
        contents: The state, by logical name.
        stored: Objects that this version added or replaced, by key.
    """

    number: int
    folder: RecordFolder
    inventory: bytes
    contents: Mapping[str, Content]
    stored: dict[str, Stored] = field(default_factory=dict)

    @property
    def inventory_sha512(self) -> str:
        """SHA-512 of the inventory, as in the journal."""
        return hashlib.sha512(self.inventory).hexdigest()

    def key(self, logical: str) -> str:
        """Return the key of a file of the state in the store."""
        return self.folder.key(self.contents[logical].path)


def ensure_root(store: ObjectStore, tenant: str) -> None:
    """Make the tenant's folder an OCFL storage root."""
    for key, content in layout.root_files(tenant).items():
        store.put(key, content, sha256=hashlib.sha256(content).hexdigest())


def find_inventory(store: ObjectStore, folder: RecordFolder, number: int) -> bytes | None:
    """Read a version's own inventory; None if the version was not begun so far."""
    return found(store, folder.key(ocfl.version_inventory(number)))


def write(
    store: ObjectStore,
    folder: RecordFolder,
    planned: Sequence[Planned],
    *,
    until: date,
    created: datetime,
    message: str,
    before: Mapping[str, Any] | None = None,
    state: Mapping[str, Any] | None = None,
) -> Version:
    """Write the next version.

    Args:
        store: The store to write to.
        folder: Of the record.
        planned: New files; files of the version before that are not named again stay in the state.
        until: Lock of every object written.
        created: When the version was decided.
        message: The kind of change, for the inventory.
        before: Inventory of the version before.
        state: Inventory whose state is continued; None: that of the version before.
    """
    number = len(before["versions"]) + 1 if before else 1
    begun = folder.key(ocfl.content_path(number, ""))
    left = {folder.path(item.key): item for item in store.list(begun)}
    continued = state if state is not None else before
    contents = ocfl.contents_of(continued) if continued else {}
    stored: dict[str, Stored] = {}
    for file in planned:
        path, placed = _place(store, folder, ocfl.content_path(number, file.logical), file, until)
        left.pop(path, None)
        stored[placed.key] = Stored(placed, file.sha256)
        contents[file.logical] = Content(file.logical, path, file.sha256, file.sha512)
    for path, item in left.items():
        stray = _stray(store, path, item)
        contents[stray.logical] = stray
        stored[item.key] = Stored(store.extend_lock(item.key, item.version, until), stray.sha256)
    inventory = ocfl.inventory(
        folder.record_id, list(contents.values()), created=created, message=message, before=before
    )
    return finish(store, folder, inventory, until=until, stored=stored)


def restate(
    store: ObjectStore,
    folder: RecordFolder,
    state: Mapping[str, Any],
    *,
    until: date,
    created: datetime,
    message: str,
    before: Mapping[str, Any],
) -> Version:
    """Write a version with the state of an earlier one; it adds no content.

    Args:
        state: Inventory whose state is stated again.
        before: Inventory of the version before the new one.
    """
    contents = list(ocfl.contents_of(state).values())
    inventory = ocfl.inventory(folder.record_id, contents, created=created, message=message, before=before)
    return finish(store, folder, inventory, until=until, stored={})


def finish_begun(store: ObjectStore, folder: RecordFolder, first: int, *, until: date) -> list[Version]:
    """Finish every version from this number on that a crash left with its inventory."""
    inventories: list[bytes] = []
    while (content := find_inventory(store, folder, first + len(inventories))) is not None:
        inventories.append(content)
    return [finish(store, folder, one, until=until, later=inventories[n + 1 :]) for n, one in enumerate(inventories)]


def finish(
    store: ObjectStore,
    folder: RecordFolder,
    inventory: bytes,
    *,
    until: date,
    stored: dict[str, Stored] | None = None,
    later: Collection[bytes] = (),
) -> Version:
    """Write the documents that follow the content, or those that a crash left unwritten.

    Args:
        store: The store to write to.
        folder: Of the record.
        inventory: Of the version to complete.
        until: Lock of every object.
        stored: Its content, if it was written just now; else it is read from the store.
        later: Inventories of later versions: a head that is at one of them is not put back.
    """
    facts = json.loads(inventory)
    number = int(facts["head"][1:])
    contents = ocfl.contents_of(facts)
    if stored is None:
        stored = {}
        for content in contents.values():
            key = folder.key(content.path)
            if folder.is_in_version(number, key):
                item = _lasting(store, key, until)
                stored[item.key] = Stored(item, content.sha256)
    sidecar = ocfl.sidecar(inventory)
    last: list[tuple[str, bytes, bool]] = [
        (ocfl.version_inventory(number), inventory, False),
        (ocfl.version_sidecar(number), sidecar, False),
        (ocfl.DECLARATION, ocfl.DECLARED, False),
        (ocfl.SIDECAR, sidecar, True),
        (ocfl.INVENTORY, inventory, True),
    ]
    passed = {*later, *(ocfl.sidecar(one) for one in later)}
    for path, document, head in last:
        if head and passed and found(store, folder.key(path)) in passed:
            continue
        digest = hashlib.sha256(document).hexdigest()
        item = store.put(folder.key(path), document, sha256=digest, retain_until=until, replace=head)
        stored[item.key] = Stored(item, digest)
    return Version(number, folder, inventory, contents, stored)


def read_back(store: ObjectStore, version: Version, until: date) -> None:
    """Require the lock of every object written, as the store states it, and read all again.

    Raises:
        Corrupt: ``altered``, ``missing``, or ``lock_missing``.
    """
    for key, stored in version.stored.items():
        if stored.object.locked_until is None or stored.object.locked_until < until:
            raise lock_missing(key, until)
        fixity.check(store, key, stored.object.version, sha256=stored.sha256, size=stored.object.size)


def _place(store: ObjectStore, folder: RecordFolder, path: str, file: Planned, until: date) -> tuple[str, StoredObject]:
    try:
        return path, store.put(folder.key(path), file.source, sha256=file.sha256, retain_until=until)
    except Refused as error:
        if error.code != "object_exists":
            raise
    path = ocfl.beside(path, file.sha256)
    return path, store.put(folder.key(path), file.source, sha256=file.sha256, retain_until=until)


def _lasting(store: ObjectStore, key: str, until: date) -> StoredObject:
    item = store.stat(key)
    return store.extend_lock(key, item.version, until)


def _stray(store: ObjectStore, path: str, item: Listed) -> Content:
    one, other = hashlib.sha256(), hashlib.sha512()
    for chunk in store.read(item.key, item.version):
        one.update(chunk)
        other.update(chunk)
    return Content(ocfl.attempt_name(path), path, one.hexdigest(), other.hexdigest())
