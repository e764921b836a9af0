"""Scopes, the roles that grant them, and an authenticated caller."""

from __future__ import annotations

from dataclasses import dataclass

from archive.catalogue.reading import Reader

SCOPES = (
    "deposit:write",
    "record:read",
    "record:describe",
    "retention:write",
    "hold:write",
    "disposal:write",
    "disposal:visa",
    "journal:read",
    "admin",
)
ROLES: dict[str, frozenset[str]] = {
    "clerk": frozenset({"deposit:write", "record:read"}),
    "reader": frozenset({"record:read"}),
    "archivist": frozenset(SCOPES) - {"disposal:visa", "admin"},
    "controller": frozenset({"record:read", "disposal:visa", "journal:read"}),
    "tenant_admin": frozenset(
        {"deposit:write", "record:read", "record:describe", "hold:write", "journal:read", "admin"}
    ),
    "platform_admin": frozenset(
        {"deposit:write", "record:read", "record:describe", "hold:write", "journal:read", "admin"}
    ),
}
"""Scopes of each role. No role both drafts a disposal and gives its visa."""


@dataclass(frozen=True)
class Caller:
    """The person or application that makes a request, with its scopes.

    Attributes:
        kind: ``user`` or ``key``.
        role: Role of a person; None for a key.
        csrf: Token that each form of this session must carry; None for a key.
    """

    kind: str
    id: str
    name: str
    tenant: str
    scopes: frozenset[str]
    role: str | None = None
    service: str | None = None
    csrf: str | None = None

    @property
    def agent(self) -> str:
        """Return the agent name used in rows and pseudonyms: ``kind:id``."""
        return f"{self.kind}:{self.id}"

    @property
    def reader(self) -> Reader:
        """Return what they read of records: who may place holds reads what holds restrict."""
        return Reader(self.tenant, reads_all=self.may("hold:write"), agent=self.agent)

    def may(self, scope: str) -> bool:
        """Return whether the caller holds a scope."""
        return scope in self.scopes
