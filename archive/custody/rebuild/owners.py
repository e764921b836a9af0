"""Find the tenant of journal entries when the pseudonym keys were lost with the database."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any, Final

from archive.catalogue import tenant_register as register
from archive.custody.findings import Findings, Kind
from archive.custody.rebuild import registers
from archive.objects import layout
from archive.objects.layout import DepositFolder
from archive.objects.port import ObjectStore

_SAMPLES: Final = 25
"""Subjects tried for a pseudonym that the register does not explain."""


class Owners:
    """Find the tenant behind a pseudonym from the subjects of its entries."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._known: dict[str, str] = {}
        self._subjects: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._registered: dict[str, str] = {}
        self._tenants: set[str] = set()
        self._claimed: list[tuple[str, dict[str, Any]]] = []
        for file, _ in registers.files(store):
            if file.sha256 is not None and file.own:
                self._registered[file.sha256] = file.tenant
            self._tenants.add(file.tenant)

    def show(self, body: bytes) -> None:
        """Read one entry."""
        entry = json.loads(body)
        name = entry["tenant"]
        if name is not None and entry["subject"] == register.SUBJECT:
            self._claimed.append((name, entry["facts"]))
        if name is None or name in self._known:
            return
        if entry["subject"] == register.SUBJECT:
            owner = self._registered.get(entry["facts"].get("sha-256"))
            if owner is not None:
                self._known[name] = owner
                self._subjects.pop(name, None)
            return
        kind, _, identity = entry["subject"].partition(":")
        samples = self._subjects[name][kind]
        if len(samples) < _SAMPLES and identity not in samples:
            samples.append(identity)

    def resolve(self, findings: Findings) -> None:
        """Search the store for the owners of unknown pseudonyms; list those that stay unknown."""
        open_ = {name: subjects for name, subjects in self._subjects.items() if name not in self._known}
        if not open_:
            return
        self._tenants |= {layout.tenant_of(item.key) or "" for item in self._store.list(layout.TENANTS)}
        self._tenants |= {layout.tenant_of(item.key) or "" for item in self._store.list(layout.STAGING)}
        for name, subjects in open_.items():
            owner = self._of_records(subjects["record"]) or self._of_deposits(subjects["deposit"])
            if owner is not None:
                self._known[name] = owner
            else:
                findings.add(Kind.UNTRACKED, "journal", name, "tenant")

    def of(self, pseudonym: str | None) -> str | None:
        """Return the tenant; None for the installation's own entries and for unknown pseudonyms."""
        return None if pseudonym is None else self._known.get(pseudonym)

    def claims(self) -> registers.Claims:
        """Return the register files that the journal claims; call after ``resolve``."""
        return registers.claims_of((self.of(name), facts) for name, facts in self._claimed)

    def _of_records(self, ids: list[str]) -> str | None:
        for record_id in ids:
            for tenant in sorted(self._tenants):
                prefix = layout.record_folder(tenant, record_id).prefix
                if next(iter(self._store.list(prefix)), None) is not None:
                    return tenant
        return None

    def _of_deposits(self, ids: list[str]) -> str | None:
        for deposit_id in ids:
            for tenant in sorted(self._tenants):
                described = DepositFolder(tenant, deposit_id).statement
                if next(iter(self._store.list(described)), None) is not None:
                    return tenant
        return None
