"""States of a mail, and what an address and a name in one may hold. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, assert_never

from archive.model.vocabularies import require_complete

LONGEST_ADDRESS: Final = 254
"""Signs of an address (RFC 5321)."""
LONGEST_NAME: Final = 200
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,188}[A-Za-z0-9])?")


class MailState(StrEnum):
    """States of a mail."""

    WAITING = "waiting"
    """To be sent, now or at its next attempt."""
    SENT = "sent"
    """A server has taken it, or a person says that they sent it."""
    FAILED = "failed"
    """Not sent after the last attempt."""
    TO_COPY = "to_copy"
    """A person sends it: no server is set, or no address is known."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more is done about it."""
        match self:
            case MailState.SENT:
                return True
            case MailState.WAITING | MailState.FAILED | MailState.TO_COPY:
                return False
            case _:
                assert_never(self)


def is_address(text: str) -> bool:
    """Whether a text is one address of mail, in ASCII, and nothing else."""
    return len(text) <= LONGEST_ADDRESS and ".." not in text and _ADDRESS.fullmatch(text) is not None


def is_line(text: str) -> bool:
    """Whether a text is one line, without any sign that begins another one or hides."""
    return text.isprintable()


require_complete(MailState)
