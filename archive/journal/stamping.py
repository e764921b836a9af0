"""Time-stamps only under a clock that is trusted: a wrong one would be attested."""

from __future__ import annotations

from typing import Any

from archive.database.time_sense import TimeSense
from signing.port import Timestamper


class TrustedTimestamper:
    """Timestamper that asks for no token while the clock is distrusted."""

    def __init__(self, timestamper: Timestamper, sense: TimeSense) -> None:
        self._timestamper = timestamper
        self._sense = sense

    @property
    def name(self) -> str:
        """Name for pages."""
        return self._timestamper.name

    @property
    def probative(self) -> bool:
        """Whether an outside authority attests the time."""
        return self._timestamper.probative

    @property
    def identity(self) -> str:
        """Word that changes when another authority is configured."""
        return self._timestamper.identity

    @property
    def chain(self) -> tuple[bytes, ...]:
        """DER certificates of the last token and the roots."""
        return self._timestamper.chain

    def token(self, digest: bytes) -> bytes:
        """Return a checked token over a SHA-256 digest.

        Raises:
            Unavailable: ``clock_distrusted``, or what the authority answers.
        """
        self._sense.require_trusted()
        return self._timestamper.token(digest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._timestamper, name)
