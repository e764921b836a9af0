"""Transfer one object between stores: identity, checked bytes, lock."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from datetime import UTC, date
from pathlib import Path
from typing import Final

from archive.objects import fixity
from archive.objects.port import ObjectStore, StoredObject
from signing.ground.clock import Clock

_IN_HAND: Final = 8 << 20


@dataclass(frozen=True)
class Source:
    """One version in the first store.

    Attributes:
        sha256: The digest to expect; None if it is unknown: the bytes are then copied as read.
    """

    key: str
    version: str
    sha256: str | None
    record_id: str | None = None


class Fetched:
    """The checked bytes of one object: in memory if small, else in a file deleted afterwards."""

    def __init__(self, store: ObjectStore, source: Source, state: StoredObject, folder: Path) -> None:
        self._store, self._source, self._state, self._folder = store, source, state, folder
        self._path: Path | None = None

    def __enter__(self) -> tuple[bytes | Path, str]:
        digest, content = hashlib.sha256(), bytearray()
        chunks = self._store.read(self._source.key, self._source.version)
        if self._state.size <= _IN_HAND:
            for chunk in chunks:
                content += chunk
            digest.update(content)
        else:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as target:
                self._path = Path(target.name)
                for chunk in chunks:
                    digest.update(chunk)
                    target.write(chunk)
        if self._source.sha256 is not None and digest.hexdigest() != self._source.sha256:
            self.__exit__()
            raise fixity.altered(self._source.key)
        return self._path if self._path is not None else bytes(content), digest.hexdigest()

    def __exit__(self, *_given: object) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def running(until: date | None, clock: Clock) -> date | None:
    """Return a lock that still runs; None for an ended one, which no S3 accepts."""
    return until if until is not None and until >= clock().astimezone(UTC).date() else None
