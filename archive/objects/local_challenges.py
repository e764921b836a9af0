"""Challenges of the local store: changes to a locked file by the service's own account.

They bypass the port; see ``archive.objects.probe``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from archive.objects.challenges import Challenge, challenge_refused
from archive.objects.port import StoredObject


class LocalCredential:
    """The account that the service runs under, used against its own files."""

    credential = "store"
    challenges: Sequence[Challenge] = (Challenge.DELETE, Challenge.SHORTEN, Challenge.OVERWRITE)

    def __init__(self, root: Path) -> None:
        self._root = root

    def attempt(self, challenge: Challenge, target: StoredObject, until: date) -> None:  # noqa: ARG002
        """See ``challenges.Credential``."""
        path = self._root / target.key
        try:
            if challenge is Challenge.DELETE:
                path.unlink()
            elif challenge is Challenge.SHORTEN:
                os.utime(path)
            else:
                path.chmod(0o644)
                path.write_bytes(b"other bytes")
        except OSError as error:
            raise challenge_refused(error.strerror) from error
