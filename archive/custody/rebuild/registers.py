"""Compare the register with the journal: a file counts only if an entry claims it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archive.catalogue import tenant_register as register
from archive.custody.findings import Kind
from archive.objects.layout import RegisterKey
from archive.objects.port import ObjectStore
from signing.ground.canonical import parse_canonical

Claims = Mapping[str, Mapping[int, str]]
"""By tenant and number, the SHA-256 of each file that an entry of the journal claims."""


@dataclass(frozen=True)
class RegisterFile:
    """One file of the register.

    Attributes:
        sha256: Of its bytes; None if the store answers and can't read it.
        own: Whether its content names the tenant in whose folder it lies.
    """

    tenant: str
    number: int
    sha256: str | None
    own: bool

    @property
    def key(self) -> str:
        """Key of the file in the store."""
        return RegisterKey(self.tenant, self.number).key


def files(store: ObjectStore) -> Iterator[tuple[RegisterFile, bytes]]:
    """Read every register file in order, with its bytes (empty if unreadable)."""
    for tenant, number, content in register.files(store):
        sha256 = hashlib.sha256(content).hexdigest() if content is not None else None
        yield RegisterFile(tenant, number, sha256, _speaks_of(content) == tenant), content or b""


def claims_of(entries: Iterable[tuple[str | None, Mapping[str, Any]]]) -> Claims:
    """Collect the claims of (tenant, facts) of each ``TenantOpened`` and ``RegisterChanged``."""
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for tenant, facts in entries:
        if tenant is not None:
            found[tenant][facts["number"]] = facts["sha-256"]
    return found


def vouched(file: RegisterFile, claims: Claims) -> bool:
    """Whether the journal claims exactly these bytes under this number for this tenant."""
    return file.own and file.sha256 is not None and claims.get(file.tenant, {}).get(file.number) == file.sha256


def compare(there: Iterable[RegisterFile], claims: Claims) -> list[tuple[Kind, str]]:
    """Return each faulty key with its kind of fault. Pure.

    A file that no entry claims, older than a claimed one, is left from a change that was
    interrupted: it is not in force, and no fault.
    """
    found: list[tuple[Kind, str]] = []
    seen: set[tuple[str, int]] = set()
    for file in there:
        seen.add((file.tenant, file.number))
        told = claims.get(file.tenant, {})
        if file.sha256 is None:
            found.append((Kind.UNREADABLE, file.key))
        elif file.number not in told:
            if file.number > max(told, default=0):
                found.append((Kind.UNTRACKED, file.key))
        elif not vouched(file, claims):
            found.append((Kind.CHANGED, file.key))
    for tenant, told in claims.items():
        found += [(Kind.MISSING, RegisterKey(tenant, n).key) for n in told if (tenant, n) not in seen]
    return sorted(found, key=lambda one: one[1])


def _speaks_of(content: bytes | None) -> str | None:
    try:
        return str(parse_canonical(content)["tenant"]) if content is not None else None
    except (ValueError, KeyError, TypeError):
        return None
