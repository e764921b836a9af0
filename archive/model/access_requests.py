"""Words of the register of access requests: kinds and states. Pure."""

from __future__ import annotations

from enum import StrEnum


class AccessKind(StrEnum):
    """Kinds of access requests."""

    COMMUNICATION = "communication"
    DEROGATION = "derogation"
    EARLY_OPENING = "early_opening"
    """An act of the archives that opens a part of the plan, or a producer's fonds, to everybody."""


class AccessState(StrEnum):
    """States of an access request, in order."""

    REGISTERED = "registered"
    SENT = "sent"
    ANSWERED = "answered"
    """The originating authority agreed or refused."""
    GRANTED = "granted"
    """Of an early opening: in force."""
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    """An early opening that was in force."""
    CLOSED = "closed"
