"""Erase a folder from a store, and show that nothing of it is left there."""

from __future__ import annotations

from dataclasses import dataclass

from archive.objects.port import ObjectStore
from signing.ground.errors import Refused


@dataclass
class Erased:
    """The result of one erasure.

    Attributes:
        versions: Versions that were destroyed by this run.
        locked: Keys that a lock or a hold still keeps.
        left: Keys that are listed after it.
    """

    versions: int
    locked: list[str]
    left: list[str]

    @property
    def is_gone(self) -> bool:
        """Whether the store lists nothing in the folder any more."""
        return not self.left


def erase(store: ObjectStore, prefix: str) -> Erased:
    """Destroy every version of every key under a prefix, delete markers too.

    Raises:
        Unavailable: The store did not answer; call again.
    """
    done = Erased(0, [], [])
    for item in list(store.list(prefix)):
        try:
            store.delete(item.key, item.version)
            done.versions += 1
        except Refused as error:
            if error.code == "object_locked":
                done.locked.append(item.key)
            elif error.code != "object_missing":  # a run that was killed had destroyed it
                raise
    done.left = sorted({item.key for item in store.list(prefix)})
    return done
