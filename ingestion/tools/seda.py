"""Examine packages and replies of SEDA in the sandbox; nothing of them is parsed in this process.

What comes back is plain values and a file with the bytes of all objects, one after another. Who
deposits an object reads its slice and hashes it again: a sandbox is believed as little as its file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from archive.exchange.seda.examination import Examination
from archive.exchange.seda.json_form import read
from archive.exchange.seda.replies import ReadAcknowledgement, ReadReply
from ingestion.tools.sandbox import Limits, Sandbox, ToolFailed

T = TypeVar("T")

_LIMITS: Final = Limits(cpu=3600, wall=7200)
_REPLY_LIMITS: Final = Limits(cpu=120, wall=180)
_LONGEST: Final = 512 * 1024**2
"""Bytes of what comes back in words."""
_LONGEST_REPLY: Final = 128 * 1024**2
_PART: Final = 1 << 20


@dataclass(frozen=True)
class ExaminedPackage:
    """A package that was examined.

    Attributes:
        objects: File with the bytes of its objects; None after a dry run.
        manifest: The manifest as it came; None after a dry run.
    """

    examination: Examination
    objects: Path | None
    manifest: Path | None = None

    def parts(self, name: str) -> Iterator[bytes]:
        """Return the bytes of an object that was received, in parts.

        Raises:
            KeyError: It was not received, or this was a dry run.
        """
        if self.objects is None:
            raise KeyError(name)
        one = self.examination.received[name]
        left = one.size
        with self.objects.open("rb") as file:
            file.seek(one.offset)
            while left and (part := file.read(min(_PART, left))):
                left -= len(part)
                yield part


def examine_package(
    sandbox: Sandbox,
    package: Path,
    folder: Path,
    *,
    profile: Path | None = None,
    unknown_formats: bool = False,
    dry_run: bool = False,
) -> ExaminedPackage:
    """Examine a package.

    Args:
        folder: Gets the file of the objects.
        profile: Archive profile (RelaxNG) that the manifest must fit.
        unknown_formats: Whether an unknown format is left to a person instead of refused.
        dry_run: Whether nothing is unpacked.

    Raises:
        ToolFailed: The sandbox could not finish.
        MachineFault: The machine could not.
        Unavailable: ``sandbox_away``.
    """
    inputs = {"package": package} | ({"profile": profile} if profile is not None else {})
    told, objects, manifest = folder / "examination.json", folder / "objects", folder / "manifest.xml"
    outputs = {"examination": told} | ({} if dry_run else {"objects": objects, "manifest": manifest})
    sandbox.call("seda_examine", {"unknown_formats": unknown_formats}, inputs, outputs, _LIMITS)
    examination = _told(Examination, told)
    return ExaminedPackage(examination, None if dry_run else objects, None if dry_run else manifest)


def examine_reply(sandbox: Sandbox, reply: Path, folder: Path) -> ReadReply:
    """Read a reply that came for what was sent.

    Raises:
        ToolFailed: The sandbox could not finish, or the reply is too long.
        MachineFault: The machine could not.
        Unavailable: ``sandbox_away``.
    """
    return _message(sandbox, "reply", ReadReply, reply, folder)


def examine_acknowledgement(sandbox: Sandbox, acknowledgement: Path, folder: Path) -> ReadAcknowledgement:
    """Read an acknowledgement that came for what was sent.

    Raises:
        ToolFailed: The sandbox could not finish, or the acknowledgement is too long.
        MachineFault: The machine could not.
        Unavailable: ``sandbox_away``.
    """
    return _message(sandbox, "acknowledgement", ReadAcknowledgement, acknowledgement, folder)


def _message(sandbox: Sandbox, name: str, kind: type[T], path: Path, folder: Path) -> T:
    if path.stat().st_size > _LONGEST_REPLY:
        raise ToolFailed("refused", "the message is too long", code="too_large")
    told = folder / f"{name}.json"
    sandbox.call(f"seda_{name}", {}, {name: path}, {"examination": told}, _REPLY_LIMITS)
    return _told(kind, told)


def _told(kind: type[T], path: Path) -> T:
    """Return what the sandbox wrote, and remove the file.

    Raises:
        ToolFailed: It wrote something else.
    """
    try:
        if path.stat().st_size > _LONGEST:
            raise ToolFailed("output", "the answer is too long")
        given: Any = json.loads(path.read_bytes())
        return read(kind, given)
    except (ValueError, RecursionError) as error:
        raise ToolFailed("output", f"not an answer: {error}"[:500]) from error
    finally:
        path.unlink(missing_ok=True)
