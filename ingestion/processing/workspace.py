"""Workspace: the folder in which one claim of one deposit does its work; gone afterwards."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from archive.model.records import Digests
from archive.objects.fixity import verified
from archive.objects.port import ObjectStore


class MissingFile(KeyError):
    """A stage asked for a file that no earlier stage left."""


@dataclass(frozen=True)
class Output:
    """A file that a stage left: what it is, and where it is checkpointed, if it is."""

    sha256: str
    sha512: str
    size: int
    key: str | None = None
    version: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As stored in ``stage_runs.outputs``."""
        return {
            "sha256": self.sha256,
            "sha512": self.sha512,
            "size": self.size,
            "key": self.key,
            "version": self.version,
        }

    @classmethod
    def of(cls, path: Path) -> Output:
        """Digest a file."""
        sha256, sha512, size = hashlib.sha256(), hashlib.sha512(), 0
        with path.open("rb") as source:
            while chunk := source.read(1 << 20):
                sha256.update(chunk)
                sha512.update(chunk)
                size += len(chunk)
        return cls(sha256.hexdigest(), sha512.hexdigest(), size)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Output:
        """Read what ``as_json`` wrote."""
        return cls(value["sha256"], value["sha512"], value["size"], value["key"], value["version"])

    @property
    def digests(self) -> Digests:
        """Both digests."""
        return Digests(self.sha256, self.sha512)


class Workspace:
    """A private folder below ``root``.

    Args:
        root: ``home/work``.
        store: Where checkpoints and received bytes come from.
        shared: Fetch into a cache that the other tasks of this machine use too: a register's pages
            are recognised in many tasks, and each needs the whole file.
    """

    def __init__(self, root: Path, store: ObjectStore, *, shared: bool = False) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._store = store
        self.folder = Path(tempfile.mkdtemp(dir=root, prefix="job-"))
        self._cache = root / "shared" if shared else self.folder / "fetched"
        self._cache.mkdir(exist_ok=True)

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def room(self, name: str) -> Path:
        """An empty folder for one stage."""
        return Path(tempfile.mkdtemp(dir=self.folder, prefix=f"{name}-"))

    def fetch(self, output: Output) -> Path:
        """Bytes from staging, verified on the way.

        Raises:
            Corrupt: They are not what was put there.
        """
        place = self._cache / output.sha256
        if place.exists() and place.stat().st_size == output.size:
            os.utime(place)
            return place
        descriptor, temporary = tempfile.mkstemp(dir=self._cache)
        try:
            with os.fdopen(descriptor, "wb") as target:
                for chunk in verified(
                    self._store,
                    output.key or "",
                    output.version or "",
                    sha256=output.sha256,
                    size=output.size,
                ):
                    target.write(chunk)
            Path(temporary).replace(place)
        finally:
            Path(temporary).unlink(missing_ok=True)
        return place


class Files(Mapping[str, Path]):
    """What a stage sees of earlier stages' files: fetched or made again only when it asks.

    Attributes:
        used: Names asked for since the last ``begin``: the inputs of the stage that is running.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._outputs: dict[str, Output] = {}
        self._paths: dict[str, Path] = {}
        self._remake: dict[str, Callable[[], None]] = {}
        self.used: set[str] = set()

    def begin(self) -> None:
        """Forget which files were asked for."""
        self.used = set()

    def add(
        self, name: str, output: Output, path: Path | None = None, remake: Callable[[], None] | None = None
    ) -> None:
        """Register a file: here already, or in staging, or to be made again by ``remake``."""
        self._outputs[name] = output
        self._paths.pop(name, None)
        if path is not None:
            self._paths[name] = path
        if remake is not None:
            self._remake[name] = remake

    def output(self, name: str) -> Output:
        """What is known of a file."""
        return self._outputs[name]

    def digests(self, names: set[str]) -> dict[str, str]:
        """Name -> SHA-256."""
        return {name: self._outputs[name].sha256 for name in sorted(names)}

    def __getitem__(self, name: str) -> Path:
        if name not in self._outputs:
            raise MissingFile(name)
        self.used.add(name)
        if name not in self._paths:
            output = self._outputs[name]
            if output.key is not None:
                self._paths[name] = self._workspace.fetch(output)
            else:
                self._remake[name]()
        return self._paths[name]

    def __contains__(self, name: object) -> bool:
        return name in self._outputs

    def __iter__(self) -> Iterator[str]:
        return iter(self._outputs)

    def __len__(self) -> int:
        return len(self._outputs)
