"""Workspace: the folder in which one claim of one deposit works; removed afterwards."""

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
from signing.ground.machine import translated


class MissingFile(KeyError):
    """Error: a stage asked for a file that no earlier stage left."""


@dataclass(frozen=True)
class Output:
    """Output: a file that a stage left; its digests, size and checkpoint, if it has one."""

    sha256: str
    sha512: str
    size: int
    key: str | None = None
    version: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON stored in ``stage_runs.outputs``."""
        return {
            "sha256": self.sha256,
            "sha512": self.sha512,
            "size": self.size,
            "key": self.key,
            "version": self.version,
        }

    @classmethod
    def of(cls, path: Path) -> Output:
        """Make an output from a file by its size and digests."""
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
        """Both digests, SHA-256 and SHA-512."""
        return Digests(self.sha256, self.sha512)


class Workspace:
    """Workspace: a private folder below ``root``.

    Args:
        root: Folder of workspaces, ``home/work``.
        store: Holds checkpoints and received bytes.
        shared: Whether to fetch into a cache that other tasks of this machine use too. A register's
            pages are recognised in many tasks, and each needs the whole file.
    """

    def __init__(self, root: Path, store: ObjectStore, *, shared: bool = False) -> None:
        self._store = store
        with translated():
            root.mkdir(parents=True, exist_ok=True)
            self.folder = Path(tempfile.mkdtemp(dir=root, prefix="job-"))
            self._cache = root / "shared" if shared else self.folder / "fetched"
            try:
                self._cache.mkdir(exist_ok=True)
            except OSError:
                shutil.rmtree(self.folder, ignore_errors=True)
                raise

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def room(self, name: str) -> Path:
        """Make an empty folder for one stage."""
        with translated():
            return Path(tempfile.mkdtemp(dir=self.folder, prefix=f"{name}-"))

    def fetch(self, output: Output) -> Path:
        """Fetch a file from staging, with its digest verified.

        Raises:
            Corrupt: The bytes are not those that were put there.
            MachineFault: The machine has no room for it.
        """
        with translated():
            return self._fetch(output)

    def _fetch(self, output: Output) -> Path:
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
    """Files of earlier stages: fetched or made again only when a stage asks for them.

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
        """Add a file: here already, or in staging, or to be made again by ``remake``."""
        self._outputs[name] = output
        self._paths.pop(name, None)
        if path is not None:
            self._paths[name] = path
        if remake is not None:
            self._remake[name] = remake

    def output(self, name: str) -> Output:
        """Return the output of this name."""
        return self._outputs[name]

    def digests(self, names: set[str]) -> dict[str, str]:
        """Return the SHA-256 of each named file."""
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
