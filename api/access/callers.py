"""Who may call, and what for: scopes, roles, and a caller once known."""

from __future__ import annotations

from dataclasses import dataclass

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
"""What each role of people may do. Nobody who drafts a disposal gives its visa."""


@dataclass(frozen=True)
class Caller:
    """Who makes a request, and what they may do.

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
        """As rows and pseudonyms name it."""
        return f"{self.kind}:{self.id}"

    def may(self, scope: str) -> bool:
        """Whether the caller holds a scope."""
        return scope in self.scopes
