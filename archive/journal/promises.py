"""Promises: entries that a signed receipt names before they are published.

A receipt is a signature over (number, leaf). Until a checkpoint covers the number only the database
has the entry, and a database can be changed. So the store remembers the first leaf that was signed
for a number: a second one is refused, and so is a tree head that contradicts it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from archive.journal.receipts import contradicts
from archive.objects.layout import PROMISES, PromiseKey, promise_key
from archive.objects.port import ObjectStore, read_all
from signing.ground.errors import Refused


class Promises:
    """The promises in one store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def remember(self, n: int, leaf: str) -> None:
        """Remember a leaf hash (hex) for an entry that is not published yet.

        Raises:
            Corrupt: ``journal_contradicts``: another leaf was promised for this number.
        """
        content = leaf.encode()
        try:
            self._store.put(PromiseKey(n).key, content, sha256=hashlib.sha256(content).hexdigest())
        except Refused as error:
            if error.code != "object_exists":
                raise
            raise contradicts(f"entry:{n}", ["leaf"]) from error

    def check(self, size: int, leaf_of: Callable[[int], bytes]) -> None:
        """Compare the promises below a size with the leaves about to be signed.

        Raises:
            Corrupt: ``journal_contradicts``.
        """
        for n, key, version in self._below(size):
            if read_all(self._store, key, version) != leaf_of(n).hex().encode():
                raise contradicts(f"entry:{n}", ["leaf"])

    def fulfil(self, size: int) -> None:
        """Delete the promises that a published tree of this size keeps."""
        for _, key, version in self._below(size):
            self._store.delete(key, version)

    def withdraw(self) -> int:
        """Delete all: their entries were lost with a database and are made again."""
        count = 0
        for _, key, version in self._below(None):
            self._store.delete(key, version)
            count += 1
        return count

    def _below(self, size: int | None) -> Iterator[tuple[int, str, str]]:
        for item in list(self._store.list(PROMISES)):
            found = promise_key(item.key)
            if found is not None and not item.marker and (size is None or found.n < size):
                yield found.n, item.key, item.version
