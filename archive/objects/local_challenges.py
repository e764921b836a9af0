"""What the account of the service could do to a locked file, past the port (see ``archive.objects.probe``)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from archive.objects.challenges import Attack, attack_refused
from archive.objects.port import StoredObject


class LocalAttacker:
    """The account that the service runs under, turned against its own files."""

    credential = "store"
    attacks: Sequence[Attack] = (Attack.DELETE, Attack.SHORTEN, Attack.OVERWRITE)

    def __init__(self, root: Path) -> None:
        self._root = root

    def attempt(self, attack: Attack, target: StoredObject, until: date) -> None:  # noqa: ARG002
        """See ``siege.Attacker``."""
        path = self._root / target.key
        try:
            if attack is Attack.DELETE:
                path.unlink()
            elif attack is Attack.SHORTEN:
                os.utime(path)
            else:
                path.chmod(0o644)
                path.write_bytes(b"other bytes")
        except OSError as error:
            raise attack_refused(error.strerror) from error
