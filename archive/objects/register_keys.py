"""Keys of the store below ``register/``: tenants, holds and the archivist's statements. Pure.

A part of ``layout``, through which every other module reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

REGISTER: Final = "register/"
TENANT_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

_FILE: Final = re.compile(rf"{REGISTER}({TENANT_NAME.pattern})/([0-9]{{6}})\.json")
_HOLD: Final = re.compile(rf"{REGISTER}({TENANT_NAME.pattern})/holds/({_UUID})/(placed|released)\.json")
_STATEMENT: Final = re.compile(
    rf"{REGISTER}({TENANT_NAME.pattern})/statements/([a-z]{{1,20}})/({_UUID})/([0-9]{{6}})\.json"
)

_REPORT: Final = re.compile(rf"{REGISTER}({TENANT_NAME.pattern})/reports/({_UUID})\.pdf")


@dataclass(frozen=True)
class RegisterKey:
    """A file of a tenant's register; padded numbers make a listing follow their order."""

    tenant: str
    number: int

    @property
    def key(self) -> str:
        """Key of the file."""
        return f"{register_folder(self.tenant)}{self.number:06d}.json"

    @property
    def announced(self) -> str:
        """What an entry of the journal announces it by."""
        return f"{self.number:06d}"


@dataclass(frozen=True)
class HoldKey:
    """A statement about a hold."""

    tenant: str
    hold: str
    what: str

    @property
    def key(self) -> str:
        """Key of the statement."""
        return f"{register_folder(self.tenant)}holds/{self.hold}/{self.what}.json"

    @property
    def announced(self) -> str:
        """What an entry of the journal announces it by."""
        return f"{self.hold}/{self.what}"


@dataclass(frozen=True)
class StatementKey:
    """One statement about a node, an event or another object of the archivist.

    Attributes:
        kind: Kind of its object.
        subject: Identifier of its object.
        number: 1, 2, 3 … of this object.
    """

    tenant: str
    kind: str
    subject: str
    number: int

    @property
    def key(self) -> str:
        """Key of the statement."""
        return f"{register_folder(self.tenant)}statements/{self.kind}/{self.subject}/{self.number:06d}.json"

    @property
    def announced(self) -> str:
        """What an entry of the journal announces it by."""
        return f"{self.kind}:{self.subject}:{self.number}"


@dataclass(frozen=True)
class ReportKey:
    """The sealed file of a report that is kept: the minutes of a stocktaking."""

    tenant: str
    report: str

    @property
    def key(self) -> str:
        """Key of the file."""
        return f"{register_folder(self.tenant)}reports/{self.report}.pdf"

    @property
    def announced(self) -> str:
        """What an entry of the journal announces it by."""
        return f"report:{self.report}.pdf"


def register_folder(tenant: str) -> str:
    """Return the prefix of all keys of a tenant's register."""
    return f"{REGISTER}{tenant}/"


def register_key(key: str) -> RegisterKey | HoldKey | StatementKey | ReportKey | None:
    """Parse a key below ``register/``; None for a key that we never write."""
    if match := _FILE.fullmatch(key):
        return RegisterKey(match[1], int(match[2]))
    if match := _HOLD.fullmatch(key):
        return HoldKey(match[1], match[2], match[3])
    if match := _REPORT.fullmatch(key):
        return ReportKey(match[1], match[2])
    match = _STATEMENT.fullmatch(key)
    return StatementKey(match[1], match[2], match[3], int(match[4])) if match else None
