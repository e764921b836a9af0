"""Examine a package of SEDA, and read what comes back for one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

from archive.exchange.seda.container import Bounds, open_container
from archive.exchange.seda.entry import examine
from archive.exchange.seda.json_form import written
from archive.exchange.seda.reply_reader import read_acknowledgement, read_reply
from archive.exchange.seda.schema import schema_of
from archive.exchange.seda.transfer import DataObject
from archive.exchange.seda.versions import Version
from ingestion.tools.sandboxed.identify import pronom
from ingestion.tools.sandboxed.job import Job


def warm() -> None:
    """Compile the schemas, which every child then has."""
    for version in Version:
        schema_of(version)


def seda_examine(job: Job) -> dict[str, Any]:
    """Examine ``package``, against ``profile`` where there is one.

    Writes what was found to ``examination`` (JSON) and the bytes of its objects, one after another,
    to ``objects``, the manifest to ``manifest``, where these are asked for.
    """
    profile = job.inputs["profile"].read_bytes() if "profile" in job.inputs else None
    objects = job.outputs["objects"].open("r+b") if "objects" in job.outputs else None
    with job.inputs["package"].open("rb") as package:
        found = examine(
            package,
            _Objects(job.folder, objects),
            profile=profile,
            unknown_formats=bool(job.arguments.get("unknown_formats")),
        )
    if objects is not None:
        objects.close()
    if "manifest" in job.outputs and found.transfer is not None:
        _hand_manifest(job)
    _tell(job, written(found))
    return {"outcome": found.outcome.value}


def _hand_manifest(job: Job) -> None:
    with job.inputs["package"].open("rb") as package, job.outputs["manifest"].open("r+b") as out:
        container, _ = open_container(package, Bounds())
        for part in container.parts(container.manifest) if container is not None else ():
            out.write(part)


def seda_reply(job: Job) -> dict[str, Any]:
    """Read ``reply``; write what it says to ``examination`` (JSON)."""
    found = read_reply(job.inputs["reply"].read_bytes())
    _tell(job, written(found))
    return {"outcome": found.outcome.value if found.outcome is not None else None}


def seda_acknowledgement(job: Job) -> dict[str, Any]:
    """Read ``acknowledgement``; write what it says to ``examination`` (JSON)."""
    found = read_acknowledgement(job.inputs["acknowledgement"].read_bytes())
    _tell(job, written(found))
    return {"read": found.acknowledgement is not None}


def _tell(job: Job, told: Any) -> None:
    with job.outputs["examination"].open("r+b") as out:
        out.write(json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass"))


class _Objects:
    """Sink that identifies each object from a file of its own, and hands its bytes on."""

    identifies = True

    def __init__(self, folder: Path, out: BinaryIO | None) -> None:
        self._folder = folder
        self._alone = folder / "object"
        self._out = out
        self._name = ""
        self._open: BinaryIO | None = None

    def begin(self, one: DataObject) -> None:
        """Begin the file of an object."""
        self._name = one.filename or one.uri or ""
        self._open = self._alone.open("wb")

    def write(self, part: bytes) -> None:
        """Write to it, and to all objects."""
        if self._open is not None:
            self._open.write(part)
        if self._out is not None:
            self._out.write(part)

    def end(self) -> str | None:
        """Return its PRONOM identifier."""
        if self._open is None:
            return None
        self._open.close()
        self._open = None
        if self._alone.stat().st_size == 0:
            return None
        puid: str | None = pronom(self._alone, self._name, self._folder)["puid"]
        return puid
