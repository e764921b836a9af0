"""Rest of a worker while its machine can't work: nothing is claimed and nothing counts.

Messages that come meanwhile are void, as if lost; the sweeper sends others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from signing.ground.machine import Fault, MachineFault, require_room

FIRST: Final = 2.0
LONGEST: Final = 60.0
"""Seconds of the first pause, and of the longest; each is twice the one before."""


class Rest:
    """Rest: the pauses of one worker process.

    Args:
        work: Folder of workspaces, whose disk needs room before anything is claimed.
        now: Seconds that only grow.
        require: Refuses to begin on a full disk.
    """

    def __init__(
        self,
        work: Path,
        now: Callable[[], float] = time.monotonic,
        *,
        require: Callable[[Path], None] = require_room,
    ) -> None:
        self._work = work
        self._now = now
        self._require = require
        self._fault: MachineFault | None = None
        self._until = 0.0
        self._pause = 0.0

    def require_over(self) -> None:
        """Let work begin, unless the worker rests or its disk has no room.

        Raises:
            MachineFault: The one that it rests for.
        """
        if self._fault is not None and self._now() < self._until:
            raise self._fault
        try:
            self._require(_nearest(self._work))
        except MachineFault as error:
            self.begin(error)
            raise

    def begin(self, fault: MachineFault) -> float:
        """Begin a pause, longer than the last; return its seconds.

        Want of memory pauses only the document that met it: others may need less.
        """
        self._pause = min(LONGEST, self._pause * 2 or FIRST)
        if fault.fault is not Fault.MEMORY:
            self._fault, self._until = fault, self._now() + self._pause
        return self._pause

    def end(self) -> None:
        """Forget the pauses: work was done."""
        self._fault, self._pause = None, 0.0


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
