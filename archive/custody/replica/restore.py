"""Restore a damaged object from the store that has it whole, with a journal entry.

The bytes are checked against the digests in catalogue, inventory and journal before they are
written; a new version is added after the damaged one; and the catalogue's new pin and the journal's
entry are one transaction.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.catalogue import rows as catalogue
from archive.catalogue.rows import Placed
from archive.custody.replica.transfer import Fetched, Source, running
from archive.custody.replica.versions import rows_of
from archive.database.engine import Database
from archive.database.tables import CopyRow, JournalEntryRow, RecordRow, RepresentationRow, StoredFileRow
from archive.disposition.holds.settling import follow_version, guard, turn_of
from archive.journal.sequencer import Ledger
from archive.journal.types import CHANGES, EntryType
from archive.model.states import RecordState
from archive.objects import fixity, ocfl
from archive.objects.begun import follows
from archive.objects.layout import RecordFolder, record_folder
from archive.objects.ocfl import Role
from archive.objects.port import ObjectStore, StoredObject, Unreadable, lock_missing
from signing.ground.clock import Clock
from signing.ground.errors import Corrupt, Refused

FIRST: Final = "first"
SECOND: Final = "second"


@dataclass(frozen=True)
class Restored:
    """The result for one object.

    Attributes:
        path: Below the record's folder.
        store: ``first`` or ``second``: the store that was repaired; empty: neither has it whole.
    """

    path: str
    store: str


@dataclass(frozen=True)
class Pinned:
    """One record as catalogue, pairs and journal have it, read in one transaction.

    Attributes:
        copied: The pair of each object that has one, by key and version in the first store.
        facts: Of the entries that state the record, in order.
    """

    row: RecordRow
    objects: Sequence[Placed]
    copied: Mapping[tuple[str, str], CopyRow]
    facts: Sequence[Mapping[str, Any]]

    @classmethod
    def load(cls, session: Session, tenant: str, record_id: str) -> Pinned:
        """Read the record.

        Raises:
            Refused: ``record_not_found``.
        """
        return cls(
            catalogue.get(session, tenant, record_id),
            catalogue.placed(session, record_id),
            {(one.key, one.version): one for one in rows_of(session, record_id)},
            _stated(session, record_id),
        )

    @property
    def folder(self) -> RecordFolder:
        """Folder of the record, the same in both stores."""
        return record_folder(self.row.tenant_id, self.row.id)

    @property
    def last(self) -> Mapping[str, Any]:
        """Facts of the latest entry; empty when the journal has no entry about the record."""
        return self.facts[-1] if self.facts else {}

    def path(self, item: Placed) -> str:
        """Return an object's path in the record's folder."""
        return self.folder.path(item.key)

    def pair(self, item: Placed) -> CopyRow | None:
        """Return an object's pair in the second store, or None."""
        return self.copied.get((item.key, item.version))


@dataclass(frozen=True)
class _Repair:
    """One damaged object, and the store to which it will be restored."""

    pinned: Pinned
    item: Placed
    pair: CopyRow
    into: str
    agent: str

    @property
    def path(self) -> str:
        return self.pinned.path(self.item)


class Restoring:
    """Restore the damaged objects of a record in both stores."""

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
        """Check every object in both stores and restore those damaged in one of them.

        Raises:
            Refused: ``record_not_found``.
            Corrupt: ``catalogue_differs``: catalogue and journal disagree, so the right bytes are
                unknown.
        """
        with self._database.read() as session:
            pinned = Pinned.load(session, tenant, record_id)
        self._require_agreement(pinned)
        done = []
        for item in pinned.objects:
            pair = pinned.pair(item)
            whole = self._whole(self._store, item, item.version)
            copy_whole = pair is not None and self._whole(self._copy, item, pair.copy_version)
            if pair is not None and whole != copy_whole:
                done += self._put_back(_Repair(pinned, item, pair, SECOND if whole else FIRST, agent))
            elif not whole:
                done.append(Restored(pinned.path(item), ""))
        return done

    # -- before anything is written

    def _require_agreement(self, pinned: Pinned) -> None:
        """Require that catalogue, inventory and the journal's digest agree."""
        row, last = pinned.row, pinned.last
        if RecordState(row.state).destroyed:
            raise Refused("record_not_kept", "Ce document n’est plus gardé ici ({state}).", state=row.state)
        inventory = self._inventory(pinned)
        if inventory is None or (last.get("inventory"), last.get("record")) != (
            row.inventory_sha512,
            row.record_json_sha256,
        ):
            raise _differs(pinned.folder.root)
        digests = self._vouched(pinned, inventory)
        for item in pinned.objects:
            if digests.get(pinned.path(item)) != item.sha256:
                raise _differs(item.key)

    def _vouched(self, pinned: Pinned, inventory: bytes) -> dict[str, str]:
        """Return the SHA-256, by path, of every object that an inventory of this record covers."""
        told = json.loads(inventory)
        digests = {path: digest for digest, paths in told["fixity"]["sha256"].items() for path in paths}
        digests[ocfl.DECLARATION] = _sha256(ocfl.DECLARED)
        known = {str(fact.get("inventory")) for fact in pinned.facts}
        by_path = {pinned.path(item): item.sha256 for item in pinned.objects}
        heads = {ocfl.version_inventory(pinned.row.ocfl_version): inventory, ocfl.INVENTORY: inventory}
        for item in pinned.objects:
            path = pinned.path(item)
            if path not in heads and _is_inventory(path):
                content = self._either(pinned, item, partial(_is, item.sha256))
                if content is None:  # damaged in both: it will not be written
                    digests |= {path: item.sha256, ocfl.sidecar_of(path): by_path.get(ocfl.sidecar_of(path), "")}
                elif ocfl.sha512(content) in known or follows(content, inventory):
                    heads[path] = content
        for path, content in heads.items():
            digests |= {path: _sha256(content), ocfl.sidecar_of(path): _sha256(ocfl.sidecar(content))}
        return digests

    def _inventory(self, pinned: Pinned) -> bytes | None:
        """Return the inventory with the journal's digest, from either store, or None."""
        sha512 = str(pinned.last.get("inventory"))
        for path in (ocfl.INVENTORY, ocfl.version_inventory(pinned.row.ocfl_version)):
            for item in pinned.objects:
                if pinned.path(item) == path:
                    content = self._either(pinned, item, lambda found: ocfl.sha512(found) == sha512)
                    if content is not None:
                        return content
        return None

    def _either(self, pinned: Pinned, item: Placed, right: Callable[[bytes], bool]) -> bytes | None:
        """Return the right bytes of a small object from the first store that has them, or None."""
        pair = pinned.pair(item)
        versions = [(self._store, item.version)] + ([(self._copy, pair.copy_version)] if pair else [])
        for store, version in versions:
            content = _read(store, item.key, version)
            if content is not None and right(content):
                return content
        return None

    def _whole(self, store: ObjectStore, item: Placed, version: str) -> bool:
        try:
            fixity.check(store, item.key, version, sha256=item.sha256, size=item.size)
        except (Corrupt, Unreadable):  # an unreadable object is not whole, whether or not it changed
            return False
        return True

    # -- writing

    def _put_back(self, repair: _Repair) -> list[Restored]:
        """Write one object again, from the other store, and journal it.

        In the record's turn: a description writes heads too.
        """
        row, item, pair, first = repair.pinned.row, repair.item, repair.pair, repair.into == FIRST
        whole, damaged = (self._copy, self._store) if first else (self._store, self._copy)
        good, bad = (pair.copy_version, item.version) if first else (item.version, pair.copy_version)
        state = whole.stat(item.key, good)
        before = _state(damaged, item.key, bad)
        until = running(item.locked_until if first else state.locked_until, self._clock)
        source = Source(item.key, good, item.sha256, row.id)
        with (
            self._database.turn(turn_of(row.id)),
            Fetched(whole, source, state, self._folder) as (content, sha256),
        ):
            with self._database.read() as session:
                now_pinned = _pinned(session, row, item)
                if now_pinned is None:
                    return []
                # The decisions made since it was read count, not the present state of either store.
                held = catalogue.is_held(session, row.id) or now_pinned.legal_hold
            made = self._locked(
                damaged, item, damaged.put(item.key, content, sha256=sha256, retain_until=until, replace=True)
            )
            made = guard(damaged, item.key, made.version, on=held)
            with self._database.write() as session:
                session.get_one(RecordRow, row.id, with_for_update=True)
                now_pinned = _pinned(session, row, item)
                if now_pinned is None:
                    return []
                if first:
                    _pin(session, row, now_pinned, pair, made)
                    follow_version(session, row.id)
                else:
                    self._pair_again(session, pair, made)
                self._enter(session, repair, made, before)
        return [Restored(repair.path, repair.into)]

    def _pair_again(self, session: Session, there: CopyRow, made: StoredObject) -> None:
        now = self._clock()
        kept = session.get(CopyRow, (there.key, there.version))
        if kept is None:
            return  # it was copied anew meanwhile, under the version that counts now
        kept.copy_version, kept.locked_until, kept.legal_hold = made.version, made.locked_until, made.legal_hold
        kept.copied_at = kept.checked_at = now
        kept.verdict = "intact"

    def _locked(self, store: ObjectStore, item: Placed, made: StoredObject) -> StoredObject:
        """Require the lock on a restored object, and read it again."""
        until = running(item.locked_until, self._clock)
        if until is not None and (made.locked_until is None or made.locked_until < until):
            raise lock_missing(item.key, until)
        fixity.check(store, item.key, made.version, sha256=item.sha256, size=item.size)
        return made

    def _enter(self, session: Session, repair: _Repair, made: StoredObject, before: StoredObject | None) -> None:
        beside = before is not None and before.version != made.version
        self._ledger.append(
            session,
            type=EntryType.OBJECT_RESTORED,
            tenant=repair.pinned.row.tenant_id,
            subject=f"record:{repair.pinned.row.id}",
            agent=repair.agent,
            facts={
                "store": repair.into,
                "path": repair.path,
                "sha-256": repair.item.sha256,
                "version": made.version,
                "damaged": before.version if before is not None and beside else None,
            },
        )


def _pinned(session: Session, row: RecordRow, item: Placed) -> RepresentationRow | StoredFileRow | None:
    """Return the row that still pins the object, or None."""
    rows = (one for one in catalogue.rows(session, row.id) if (one.key, one.version) == (item.key, item.version))
    return next(rows, None)


def _pin(
    session: Session,
    row: RecordRow,
    pinned: RepresentationRow | StoredFileRow,
    there: CopyRow,
    made: StoredObject,
) -> None:
    """Pin the new version in the catalogue, and pair it with the copy."""
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


def _is_inventory(path: str) -> bool:
    found = ocfl.object_path(path)
    return found is not None and found.role is Role.INVENTORY


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
