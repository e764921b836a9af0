"""Job of a sandboxed function, and its refusal."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

MAX_PIXELS: Final = 100_000_000
"""Most pixels of an image; a larger one is an attack, or a map that OCR can't read."""


class Rejected(Exception):
    """Error: the tool refuses this file.

    Attributes:
        code: Stable word: ``encrypted``, ``unreadable``, ``too_large`` …
        detail: Message for operators.
    """

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}")


@dataclass(frozen=True)
class Job:
    """Job: one call of a sandboxed function.

    Attributes:
        arguments: JSON values.
        inputs: Name -> path that can be opened for reading.
        outputs: Name -> path that can be opened for writing, *not* replaced or removed.
        folder: Scratch folder, emptied afterwards.
    """

    arguments: dict[str, Any]
    inputs: dict[str, Path] = field(default_factory=dict)
    outputs: dict[str, Path] = field(default_factory=dict)
    folder: Path = Path("/tmp")  # noqa: S108 - the sandbox's own


def run_program(command: list[str], job: Job, *, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    """Run a program that may use the job's descriptors.

    Raises:
        Rejected: ``tool_refused`` when it ends with an error.
    """
    descriptors = [int(path.name) for path in (*job.inputs.values(), *job.outputs.values())]
    ended = subprocess.run(
        command,
        capture_output=True,
        cwd=job.folder,
        pass_fds=descriptors,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if check and ended.returncode != 0:
        said = (ended.stderr or ended.stdout)[-400:].decode("utf-8", "replace").strip()
        raise Rejected("tool_refused", f"{Path(command[0]).name}: {said or ended.returncode}")
    return ended


def program(name: str) -> str | None:
    """Return the path of a program; None if the machine does not have it."""
    return shutil.which(name)
