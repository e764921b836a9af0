"""A damaged object is put back from the copy that is whole, or the copy from the first store; never silently.

The bytes are checked against what catalogue, inventory and journal say before they are written, a new version
stands beside the damaged one, and the catalogue's new pin and the journal's entry are one transaction.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.catalogue import rows as catalogue
from archive.catalogue.rows import Placed
from archive.custody.rebuild.records import follows
from archive.custody.reconcile.store import HEADS
from archive.custody.replica.transfer import Fetched, Source, running
from archive.custody.replica.versions import rows_of
from archive.database.engine import Database
from archive.database.tables import CopyRow, JournalEntryRow, RecordRow, RepresentationRow, StoredFileRow
from archive.disposition.holds.decisions import guard
from archive.journal.sequencer import Ledger
from archive.journal.types import CHANGES, EntryType
from archive.model.states import RecordState
from archive.objects import fixity, layout
from archive.objects.port import ObjectStore, StoredObject, Unreadable, lock_missing
from signing.ground.clock import Clock
from signing.ground.errors import Corrupt, Refused

FIRST: Final = "first"
SECOND: Final = "second"
_EARLIER: Final = re.compile(r"v[1-9][0-9]*/inventory\.json")


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
            if there is not None and whole != copy_whole:
                done += self._put_back(row, item, there, path, agent, SECOND if whole else FIRST)
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
        if RecordState(row.state).gone:
            raise Refused("record_not_kept", "Ce document n’est plus gardé ici ({state}).", state=row.state)
        last = facts[-1] if facts else {}
        inventory = self._inventory(root, row.ocfl_version, placed, copied, str(last.get("inventory")))
        if inventory is None or (last.get("inventory"), last.get("record")) != (
            row.inventory_sha512,
            row.record_json_sha256,
        ):
            raise _differs(root)
        digests = self._vouched(row.ocfl_version, root, placed, copied, inventory, facts)
        for item in placed:
            if digests.get(item.key.removeprefix(f"{root}/")) != item.sha256:
                raise _differs(item.key)

    def _vouched(
        self,
        number: int,
        root: str,
        placed: list[Placed],
        copied: dict[tuple[str, str], CopyRow],
        inventory: bytes,
        facts: list[dict[str, Any]],
    ) -> dict[str, str]:
        """SHA-256 of every object that the inventory in force, or an earlier one of this record, accounts for."""
        told = json.loads(inventory)
        digests = {path: digest for digest, paths in told["fixity"]["sha256"].items() for path in paths}
        declaration, declared = layout.OBJECT_DECLARATION
        digests[declaration] = _sha256(declared)
        known = {str(fact.get("inventory")) for fact in facts}
        pinned = {item.key.removeprefix(f"{root}/"): item.sha256 for item in placed}
        heads = {f"v{number}/inventory.json": inventory, "inventory.json": inventory}
        for item in placed:
            path = item.key.removeprefix(f"{root}/")
            if path not in heads and _EARLIER.fullmatch(path):
                content = self._either(item, copied, partial(_is, item.sha256))
                if content is None:  # damaged in both: nothing will be written of it
                    digests |= {path: item.sha256, f"{path}.sha512": pinned.get(f"{path}.sha512", "")}
                elif layout.sha512(content) in known or follows(content, inventory):
                    heads[path] = content
        for path, content in heads.items():
            digests |= {path: _sha256(content), f"{path}.sha512": _sha256(layout.sidecar(content))}
        return digests

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
                if item.key == f"{root}/{path}":
                    content = self._either(item, copied, lambda found: layout.sha512(found) == sha512)
                    if content is not None:
                        return content
        return None

    def _either(
        self, item: Placed, copied: dict[tuple[str, str], CopyRow], right: Callable[[bytes], bool]
    ) -> bytes | None:
        """The bytes of a small object, from the first of the two stores that has the right ones."""
        there = copied.get((item.key, item.version))
        versions = [(self._store, item.version)] + ([(self._copy, there.copy_version)] if there else [])
        for store, version in versions:
            content = _read(store, item.key, version)
            if content is not None and right(content):
                return content
        return None

    def _whole(self, store: ObjectStore, item: Placed, version: str) -> bool:
        try:
            fixity.check(store, item.key, version, sha256=item.sha256, size=item.size)
        except (Corrupt, Unreadable):  # what can't be read is not whole, whether or not it changed
            return False
        return True

    # -- writing

    def _put_back(
        self, row: RecordRow, item: Placed, there: CopyRow, path: str, agent: str, into: str
    ) -> list[Restored]:
        """Write one object anew in the store that has it damaged, from the other, and tell the journal.

        Heads are written while the record's row is held: whoever describes it meanwhile writes them too.
        """
        first = into == FIRST
        whole, damaged = (self._copy, self._store) if first else (self._store, self._copy)
        good, bad = (there.copy_version, item.version) if first else (item.version, there.copy_version)
        state = whole.stat(item.key, good)
        before = _state(damaged, item.key, bad)
        until = running(item.locked_until if first else state.locked_until, self._clock)
        source = Source(item.key, good, item.sha256, row.id)
        with Fetched(whole, source, state, self._folder) as (content, sha256):
            write = partial(damaged.put, item.key, content, sha256=sha256, retain_until=until, replace=True)
            made = None if path in HEADS else self._locked(damaged, item, write())
            with self._database.write() as session:
                pinned = _still(session, row, item)
                if pinned is None:
                    return []
                made = made if made is not None else self._locked(damaged, item, write())
                # What was decided since it was read counts, not what either store does yet.
                held = catalogue.is_held(session, row.id) or pinned.legal_hold
                made = guard(damaged, item.key, made.version, on=held)
                if first:
                    _pin(session, row, pinned, there, made)
                else:
                    self._pair_again(session, there, made)
                self._enter(session, row, item, path, into, made, before, agent)
        return [Restored(path, into)]

    def _pair_again(self, session: Session, there: CopyRow, made: StoredObject) -> None:
        now = self._clock()
        kept = session.get(CopyRow, (there.key, there.version))
        if kept is None:
            return  # it was copied anew meanwhile, under the version that counts now
        kept.copy_version, kept.locked_until, kept.legal_hold = made.version, made.locked_until, made.legal_hold
        kept.copied_at = kept.checked_at = now
        kept.verdict = "intact"

    def _locked(self, store: ObjectStore, item: Placed, made: StoredObject) -> StoredObject:
        """What was put back has its lock, and is read again."""
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
            type=EntryType.OBJECT_RESTORED,
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


def _still(session: Session, row: RecordRow, item: Placed) -> RepresentationRow | StoredFileRow | None:
    """The row that pins what was read, its record's row held; None where something else is pinned by now."""
    session.get_one(RecordRow, row.id, with_for_update=True)
    rows = (one for one in catalogue.rows(session, row.id) if (one.key, one.version) == (item.key, item.version))
    return next(rows, None)


def _pin(
    session: Session,
    row: RecordRow,
    pinned: RepresentationRow | StoredFileRow,
    there: CopyRow,
    made: StoredObject,
) -> None:
    """Have the catalogue rest on the new version, and pair that one with the copy."""
    pinned.version, pinned.locked_until, pinned.legal_hold = made.version, made.locked_until, made.legal_hold
    values = {column.key: getattr(there, column.key) for column in CopyRow.__table__.columns}
    session.execute(delete(CopyRow).where(CopyRow.key == pinned.key, CopyRow.record_id == row.id))
    session.flush()
    session.add(CopyRow(**(values | {"version": made.version})))


def _stated(session: Session, record_id: str) -> list[dict[str, Any]]:
    query = select(JournalEntryRow.body).where(
        JournalEntryRow.subject == f"record:{record_id}", JournalEntryRow.type.in_(CHANGES)
    )
    return [json.loads(body)["facts"] for body in session.scalars(query.order_by(JournalEntryRow.n))]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _is(sha256: str, content: bytes) -> bool:
    return _sha256(content) == sha256


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
