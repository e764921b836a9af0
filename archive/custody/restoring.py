"""A damaged object is put back from the copy that is whole, or the copy from the first store; never silently.

The bytes are checked against what catalogue, inventory and journal say before they are written, a new version
stands beside the damaged one, and the catalogue's new pin and the journal's entry are one transaction.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive import catalogue, fixity
from archive.catalogue import Placed
from archive.custody.carrying import Fetched, Source, lock_missing, running
from archive.custody.copies import rows_of
from archive.custody.reading import CHANGES
from archive.database import Database
from archive.ledger import Ledger
from archive.objects import layout
from archive.objects.port import ObjectStore, StoredObject, Unreadable
from archive.records import RecordState
from archive.tables import CopyRow, JournalEntryRow, RecordRow
from signing.clock import Clock
from signing.errors import Corrupt, Refused

FIRST: Final = "first"
SECOND: Final = "second"


@dataclass(frozen=True)
class Restored:
    """What was done about one object.

    Attributes:
        path: Below the record's folder.
        store: ``first`` or ``second``: which of the two was put right; empty: neither has it whole.
    """

    path: str
    store: str


class Restoring:
    """Puts the objects of a record right in both stores."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        store: ObjectStore,
        copy: ObjectStore,
        folder: Path,
        clock: Clock,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._store = store
        self._copy = copy
        self._folder = folder
        self._clock = clock

    def record(self, tenant: str, record_id: str, *, agent: str) -> list[Restored]:
        """Check every object in both stores and put back what is damaged in one of them.

        Raises:
            Refused: ``record_not_found``.
            Corrupt: ``catalogue_differs``: catalogue and journal disagree, so nobody knows which bytes are right.
        """
        with self._database.read() as session:
            row = catalogue.get(session, tenant, record_id)
            placed = catalogue.placed(session, record_id)
            copied = {(one.key, one.version): one for one in rows_of(session, record_id)}
            facts = _stated(session, record_id)
        root = layout.object_root(tenant, record_id)
        self._require_agreement(row, root, placed, copied, facts)
        done = []
        for item in placed:
            there = copied.get((item.key, item.version))
            whole = self._whole(self._store, item, item.version)
            copy_whole = there is not None and self._whole(self._copy, item, there.copy_version)
            path = item.key.removeprefix(f"{root}/")
            if whole and there is not None and not copy_whole:
                self._second(row, item, there, path, agent)
                done.append(Restored(path, SECOND))
            elif not whole and there is not None and copy_whole:
                self._first(row, item, there, path, agent)
                done.append(Restored(path, FIRST))
            elif not whole:
                done.append(Restored(path, ""))
        return done

    # -- before anything is written

    def _require_agreement(
        self,
        row: RecordRow,
        root: str,
        placed: list[Placed],
        copied: dict[tuple[str, str], CopyRow],
        facts: list[dict[str, Any]],
    ) -> None:
        """What the catalogue promises is what the inventory says that the journal's digest is of."""
        if row.state in {RecordState.DISPOSED, RecordState.TRANSFERRED}:
            raise Refused("record_not_kept", "Ce document n’est plus gardé ici ({state}).", state=row.state)
        last = facts[-1] if facts else {}
        inventory = self._inventory(root, row.ocfl_version, placed, copied, str(last.get("inventory")))
        if inventory is None or (last.get("inventory"), last.get("record")) != (
            row.inventory_sha512,
            row.record_json_sha256,
        ):
            raise _differs(root)
        told = json.loads(inventory)
        digests = {path: digest for digest, paths in told["fixity"]["sha256"].items() for path in paths}
        own = hashlib.sha256(inventory).hexdigest()
        digests |= {"inventory.json": own, f"v{row.ocfl_version}/inventory.json": own}
        for item in placed:
            path = item.key.removeprefix(f"{root}/")
            if digests.get(path, item.sha256) != item.sha256:
                raise _differs(item.key)

    def _inventory(
        self,
        root: str,
        number: int,
        placed: list[Placed],
        copied: dict[tuple[str, str], CopyRow],
        sha512: str,
    ) -> bytes | None:
        """The inventory with the journal's digest, from whichever store has it."""
        for path in ("inventory.json", f"v{number}/inventory.json"):
            for item in placed:
                if item.key != f"{root}/{path}":
                    continue
                there = copied.get((item.key, item.version))
                versions = [(self._store, item.version)] + ([(self._copy, there.copy_version)] if there else [])
                for store, version in versions:
                    content = _read(store, item.key, version)
                    if content is not None and layout.sha512(content) == sha512:
                        return content
        return None

    def _whole(self, store: ObjectStore, item: Placed, version: str) -> bool:
        try:
            fixity.check(store, item.key, version, sha256=item.sha256, size=item.size)
        except (Corrupt, Unreadable):  # what can't be read is not whole, whether or not it changed
            return False
        return True

    # -- writing

    def _first(self, row: RecordRow, item: Placed, there: CopyRow, path: str, agent: str) -> None:
        source = Source(item.key, there.copy_version, item.sha256, row.id)
        state = self._copy.stat(item.key, there.copy_version)
        before = _state(self._store, item.key, item.version)
        until = running(item.locked_until, self._clock)
        with Fetched(self._copy, source, state, self._folder) as (content, sha256):
            made = self._store.put(item.key, content, sha256=sha256, retain_until=until, replace=True)
        made = self._guarded(self._store, item, made, held=there.legal_hold)
        with self._database.write() as session:
            self._enter(session, row, item, path, FIRST, made, before, agent)
            for pinned in catalogue.rows(session, row.id):
                if pinned.key == item.key:
                    pinned.version, pinned.locked_until = made.version, made.locked_until
            session.execute(delete(CopyRow).where(CopyRow.key == item.key, CopyRow.record_id == row.id))
            session.flush()
            session.add(_pair(there, version=made.version))

    def _second(self, row: RecordRow, item: Placed, there: CopyRow, path: str, agent: str) -> None:
        source = Source(item.key, item.version, item.sha256, row.id)
        state = self._store.stat(item.key, item.version)
        before = _state(self._copy, item.key, there.copy_version)
        until = running(state.locked_until, self._clock)
        with Fetched(self._store, source, state, self._folder) as (content, sha256):
            made = self._copy.put(item.key, content, sha256=sha256, retain_until=until, replace=True)
        made = self._guarded(self._copy, item, made, held=state.legal_hold)
        now = self._clock()
        with self._database.write() as session:
            self._enter(session, row, item, path, SECOND, made, before, agent)
            kept = session.get_one(CopyRow, (there.key, there.version))
            kept.copy_version, kept.locked_until, kept.legal_hold = made.version, made.locked_until, made.legal_hold
            kept.copied_at = kept.checked_at = now
            kept.verdict = "intact"

    def _guarded(self, store: ObjectStore, item: Placed, made: StoredObject, *, held: bool) -> StoredObject:
        """What was put back has its lock and its hold, and is read again."""
        if held and not made.legal_hold:
            made = store.hold(item.key, made.version, on=True)
        until = running(item.locked_until, self._clock)
        if until is not None and (made.locked_until is None or made.locked_until < until):
            raise lock_missing(item.key, until)
        fixity.check(store, item.key, made.version, sha256=item.sha256, size=item.size)
        return made

    def _enter(
        self,
        session: Session,
        row: RecordRow,
        item: Placed,
        path: str,
        store: str,
        made: StoredObject,
        before: StoredObject | None,
        agent: str,
    ) -> None:
        beside = before is not None and before.version != made.version
        self._ledger.append(
            session,
            type="ObjectRestored",
            tenant=row.tenant_id,
            subject=f"record:{row.id}",
            agent=agent,
            facts={
                "store": store,
                "path": path,
                "sha-256": item.sha256,
                "version": made.version,
                "damaged": before.version if before is not None and beside else None,
            },
        )


def _pair(there: CopyRow, *, version: str) -> CopyRow:
    values = {column.key: getattr(there, column.key) for column in CopyRow.__table__.columns}
    return CopyRow(**(values | {"version": version}))


def _stated(session: Session, record_id: str) -> list[dict[str, Any]]:
    query = select(JournalEntryRow.body).where(
        JournalEntryRow.subject == f"record:{record_id}", JournalEntryRow.type.in_(CHANGES)
    )
    return [json.loads(body)["facts"] for body in session.scalars(query.order_by(JournalEntryRow.n))]


def _read(store: ObjectStore, key: str, version: str) -> bytes | None:
    try:
        return b"".join(store.read(key, version))
    except (Refused, Unreadable):
        return None


def _state(store: ObjectStore, key: str, version: str) -> StoredObject | None:
    try:
        return store.stat(key, version)
    except Refused:
        return None


def _differs(what: str) -> Corrupt:
    return Corrupt(
        "catalogue_differs",
        "Le catalogue et le journal ne disent pas les mêmes empreintes ({what}) : rien n’a été rétabli.",
        action="Lancez « chartrier reconcile », puis refaites le catalogue depuis le magasin sain.",
        what=what,
    )
