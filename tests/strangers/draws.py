"""One draw of a mutation, and what mutations share."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from tests.strangers.genuine import Files, Installation, zipped


@dataclass(frozen=True)
class Draw:
    """One draw: ours and theirs, a genuine bundle of ours to alter, and chance."""

    ours: Installation
    theirs: Installation
    name: str
    chance: random.Random

    @property
    def files(self) -> Files:
        """The bundle's members, to be altered."""
        return dict(self.ours.bundles[self.name])

    @property
    def key(self) -> Any:
        """The key of our log."""
        return self.ours.world.log_key

    def pick(self, names: Any) -> Any:
        """Choose one."""
        return self.chance.choice(sorted(names))


Mutant = tuple[str, bytes, bytes]
"""What was done, the zip, the trust file."""


def flipped(content: bytes, chance: random.Random) -> bytes:
    """Return it with one bit changed; of nothing, one byte."""
    if not content:
        return b"!"
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def made(draw: Draw, what: str, files: Files) -> Mutant:
    """Return the mutant of these files, under our own trust."""
    return f"{draw.name}: {what}", zipped(files), draw.ours.trust
