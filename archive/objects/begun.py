"""What a change that was begun and never claimed leaves in a record's folder. Pure.

The version in force is the one that the journal states last. Each change writes the folder of the
next version, then the two heads, then claims them in one transaction of database and journal. A
crash before that transaction leaves files that no entry states: they are *begun, not claimed*. They
are locked and can't be removed, and they change nothing: the version in force has all its files.

Every reader takes its answer from here: verification, reconciliation, rebuild and evidence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from archive.objects import ocfl
from archive.objects.layout import RecordFolder
from archive.objects.ocfl import Role
from archive.objects.port import Listed
from signing.ground.clock import parse_stamp

CLAIMED_WITHIN: Final = timedelta(minutes=15)
"""Longest time from the writing of a version to the commit that claims it.

PostgreSQL ends an idle transaction after ten minutes.
"""

Versions = Mapping[str, Sequence[Listed]]
"""Every listed version of every key of one record, oldest first."""


@dataclass(frozen=True)
class Begun:
    """Files of the versions after the one in force.

    Attributes:
        number: Number of the version in force.
        whole: Number of the last begun version that has its inventory, so that its content is
            complete; ``number`` if there is none.
        keys: The files; those of at most one further version have no inventory yet.
        newest: When the last of them was written.
    """

    folder: RecordFolder
    number: int
    whole: int
    keys: frozenset[str]
    newest: datetime | None

    def __bool__(self) -> bool:
        """Whether any change was begun."""
        return bool(self.keys)

    @property
    def inventories(self) -> list[str]:
        """Keys of the inventories of begun versions, in order."""
        return [self.folder.key(ocfl.version_inventory(n)) for n in range(self.number + 1, self.whole + 1)]

    @property
    def further_heads(self) -> int:
        """How many more versions each head may have: one a begun version with its inventory."""
        return self.whole - self.number

    def may_go_on(self, now: datetime) -> bool:
        """Whether the change may still be claimed by the program that began it."""
        return self.newest is not None and now - self.newest <= CLAIMED_WITHIN


def begun(folder: RecordFolder, number: int, listed: Versions) -> Begun:
    """Return what was begun after the version in force, from a listing of the record's folder.

    A file that was written over, hidden, or that no version of ours would hold is not among it.
    """
    keys: set[str] = set()
    whole = number
    while True:
        here = [key for key in listed if _is_begun(folder, whole + 1, key, listed[key])]
        complete = folder.key(ocfl.version_inventory(whole + 1)) in here
        keys.update(key for key in here if complete or _is_content(folder, key))
        if not complete:
            break
        whole += 1
    newest = max((item.modified_at for key in keys for item in listed[key]), default=None)
    return Begun(folder, number, whole, frozenset(keys), newest)


def _is_begun(folder: RecordFolder, number: int, key: str, versions: Sequence[Listed]) -> bool:
    found = ocfl.object_path(folder.path(key))
    return found is not None and found.version == number and len(versions) == 1 and not versions[0].marker


def _is_content(folder: RecordFolder, key: str) -> bool:
    found = ocfl.object_path(folder.path(key))
    return found is not None and found.role is Role.CONTENT


def is_sound(left: Begun, in_force: bytes, listed: Versions, read: Callable[[Listed], bytes]) -> bool:
    """Whether begun versions only add to the one in force, and heads are of these versions alone.

    Args:
        in_force: Inventory of the version in force.
        read: Reads one version of a small object.
    """
    inventories = [in_force]
    for key in left.inventories:
        inventories.append(read(listed[key][0]))
        sidecar = listed.get(ocfl.sidecar_of(key))
        if not follows(inventories[-2], inventories[-1]):
            return False
        if sidecar and read(sidecar[0]) != ocfl.sidecar(inventories[-1]):
            return False
    heads = {
        left.folder.inventory: set(inventories),
        left.folder.sidecar: {ocfl.sidecar(one) for one in inventories},
    }
    for key, allowed in heads.items():
        further = list(listed.get(key, []))[-left.further_heads :] if left.further_heads else []
        if any(item.marker or read(item) not in allowed for item in further):
            return False
    return True


def follows(before: bytes, after: bytes) -> bool:
    """Whether a later inventory only adds to an earlier one."""
    try:
        old, new = json.loads(before), json.loads(after)
        return (
            new["id"] == old["id"]
            and len(new["versions"]) > len(old["versions"])
            and all(new["versions"].get(name) == version for name, version in old["versions"].items())
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def would_be_published(in_force: bytes | None, after: bytes, published: datetime) -> bool:
    """Whether a later inventory is so old that a published journal would have its entry.

    Args:
        in_force: Inventory that the journal states; None for a record that it does not know.
        after: A later one, that it does not state.
        published: Time of the last published entry.
    """
    try:
        first = f"v{len(json.loads(in_force)['versions']) + 1 if in_force is not None else 1}"
        return parse_stamp(json.loads(after)["versions"][first]["created"]) + CLAIMED_WITHIN < published
    except (ValueError, KeyError, TypeError):
        return False
