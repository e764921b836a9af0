"""Errors of the whole product: three kinds, each with the action to take.

::

    ChartrierError
    ├── Refused       the deposit or the request is at fault; never retried
    ├── Unavailable   something we need does not answer; retried with back-off
    └── Corrupt       integrity is broken; alarm, never retried, never swallowed

The French texts are the message ids of the catalogue; ``values`` fill their
``{places}`` after translation. HTTP statuses live in ``api/http/errors.py`` only.
"""

from __future__ import annotations


class ChartrierError(Exception):
    """Base of the three kinds.

    Args:
        code: Stable snake_case code, part of the public contract.
        detail: What happened, in French, with ``{places}`` for ``values``.
        kept: What was kept, in French; empty when nothing was at stake.
        action: What to do, in French; empty when there is nothing to do.
        pointer: JSON Pointer or parameter name at fault, if there is one.
        values: Fills the places of the three texts.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        kept: str = "",
        action: str = "",
        pointer: str | None = None,
        **values: object,
    ) -> None:
        self.code = code
        self.detail = detail
        self.kept = kept
        self.action = action
        self.pointer = pointer
        self.values = values
        super().__init__(code, detail)

    def __str__(self) -> str:
        texts = (self.detail, self.kept, self.action)
        return " ".join(text.format(**self.values) for text in texts if text)


class Refused(ChartrierError):
    """The request cannot be honoured; trying again changes nothing."""


class Unavailable(ChartrierError):
    """A store, broker, authority or tool did not answer; trying later may work.

    Attributes:
        retry_after: Seconds after which a caller may try again.
    """

    retry_after: int = 5


class Corrupt(ChartrierError):
    """Bytes are not what was promised. A person must look."""
