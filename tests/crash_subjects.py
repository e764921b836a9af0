"""What a use case that is cut is about, and how it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingestion.assembly import System


@dataclass
class Subject:
    """What one run of a use case is about.

    Attributes:
        record: Id of its record; empty for a deposit that has none yet.
        given: What the use case needs: a package, a hold, an idempotency key.
        received: The bytes of a deposit that has no record yet.
        claimed: What the journal claims: SHA-512 of the inventory in force, or the id of the
            deposit; None: nothing.
        far: How far the object of an archivist's act has come, by its row and by the journal.
        ends: Whether its record is to be destroyed.
    """

    record: str
    given: Any = None
    received: bytes = b""
    claimed: str | None = None
    far: Callable[[System], tuple[int, int]] | None = None
    ends: bool = False
    cells: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class UseCase:
    """One way to write.

    Attributes:
        prepare: Makes a subject; nothing is cut here.
        act: The work that is cut.
        again: What follows by itself, or by the caller's second try.
        alone: Whether its subject is the whole installation: then readers are asked after each cut,
            those of the running service first, and those of the next start once it is settled.
        short: Whether it is also cut in the short runs.
        moments: Where short runs cut it; empty: at a few steps, and around every commit.
    """

    name: str
    prepare: Callable[[System, Path, int], Subject]
    act: Callable[[System, Subject], Any]
    again: Callable[[System, Subject], Any]
    alone: bool = False
    short: bool = True
    moments: tuple[tuple[str, int], ...] = ()
