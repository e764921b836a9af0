"""Compare the catalogue's rows of one record with what its entries and ``record.json`` say.

The journal decides: rows are a working copy. ``None`` among the documents is one that could not be
read: nothing is claimed about what only it could tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from archive.catalogue import record_json as metadata
from archive.custody.rebuild.rows import changes_of
from archive.custody.reconcile.leaves import Pseudonyms
from archive.database.tables import RecordRow, RepresentationRow, RevisionRow, StoredFileRow, VerificationRow
from archive.journal.pseudonyms import AGENT
from archive.journal.types import CHANGES, KEPT, EntryType, known, registered
from archive.model.states import RecordState
from archive.objects import ocfl
from archive.objects.layout import RecordFolder
from signing.ground.clock import parse_stamp, stamp

_AFTER: Final = timedelta(days=1)
"""Longest time between the start of a check and its entry."""
_ENDS: Final[dict[EntryType | None, RecordState]] = {
    EntryType.DESTRUCTION_DECIDED: RecordState.DISPOSED,
    EntryType.RECORD_DISPOSED: RecordState.DISPOSED,
    EntryType.RECORD_TRANSFERRED: RecordState.TRANSFERRED,
}


@dataclass(frozen=True)
class Told:
    """Everything known about one record.

    Attributes:
        entries: Its journal entries, parsed, in order.
        inventory: The root inventory that the last entry states; None if it can't be read.
        records: ``record.json`` of each revision by its digest, of those that can be read.
        held: Whether the store must hold it; None while a decision has not reached the store.
        state: The state of the record as long as no entry says that it is gone.
    """

    folder: RecordFolder
    row: RecordRow
    forms: Sequence[RepresentationRow]
    files: Sequence[StoredFileRow]
    revisions: Sequence[RevisionRow]
    checks: Sequence[VerificationRow]
    entries: Sequence[Mapping[str, Any]]
    inventory: bytes | None
    records: Mapping[str, Mapping[str, Any]]
    held: bool | None
    state: RecordState
    names: Pseudonyms
    now: datetime

    @property
    def changes(self) -> list[Mapping[str, Any]]:
        """The entries that state the record."""
        return [entry for entry in self.entries if entry["type"] in CHANGES]

    @property
    def in_force(self) -> Mapping[str, Any] | None:
        """``record.json`` that the last entry states; None if it can't be read."""
        return self.records.get(self.changes[-1]["facts"]["record"]) if self.changes else None


def differences(told: Told) -> Iterator[str]:
    """Return ``table.column`` for each value that its entry contradicts.

    Not whether there is an entry at all, nor the last one with its digests: catalogue and journal
    are compared for that, by each run.
    """
    if not told.changes:
        return
    yield from _record(told)
    yield from _forms(told)
    yield from _files(told)
    yield from _protection(told)
    yield from _revisions(told)
    yield from _checks(told)


def _record(told: Told) -> Iterator[str]:
    row = told.row
    kept = [entry["n"] for entry in told.entries if entry["type"] in KEPT]
    ended = [_ENDS[one] for e in told.entries if (one := known(e["type"])) in _ENDS]
    is_again = ended[-1:] == [RecordState.TRANSFERRED] and told.state is RecordState.IN_DISPOSAL
    expected: dict[str, Any] = {
        "kept_entry": kept[0] if kept else told.changes[0]["n"],
        "state": (ended[-1] if ended and not is_again else told.state).value,
    }
    if told.inventory is not None:
        expected["ocfl_version"] = int(json.loads(told.inventory)["head"][1:])
    record = told.in_force
    if record is not None:
        expected = metadata.row_values(record) | expected
    for name, value in expected.items():
        if getattr(row, name) != value:
            yield f"records.{name}"


def _forms(told: Told) -> Iterator[str]:
    record = told.in_force
    if record is None or told.inventory is None:
        return
    contents = ocfl.contents_of(json.loads(told.inventory))
    rows = {row.kind: row for row in told.forms}
    wanted = {values["kind"]: values for values in metadata.representation_values(record)}
    if rows.keys() != wanted.keys():
        yield "representations.kind"
    for kind, values in wanted.items():
        if kind not in rows:
            continue
        content = contents.get(values["name"])
        expected = {name: value for name, value in values.items() if name != "name"}
        if content is not None:
            expected["key"] = told.folder.key(content.path)
        for name, value in expected.items():
            if getattr(rows[kind], name) != value:
                yield f"representations.{name}"


def _files(told: Told) -> Iterator[str]:
    if told.inventory is None:
        return
    inventory = json.loads(told.inventory)
    digests = {
        told.folder.key(path): digest for digest, paths in inventory["fixity"]["sha256"].items() for path in paths
    }
    for row in told.files:
        if row.key in digests and row.sha256 != digests[row.key]:
            yield "stored_files.sha256"


def _protection(told: Told) -> Iterator[str]:
    """Check locks and legal holds that the catalogue claims against what was journalled."""
    until = told.changes[-1]["facts"].get("retain_until")
    least = date.fromisoformat(until) if until else None
    for table, rows in (("representations", told.forms), ("stored_files", told.files)):
        for row in rows:
            if least is not None and (row.locked_until is None or row.locked_until < least):
                yield f"{table}.locked_until"
            if told.held is not None and row.legal_hold != told.held:
                yield f"{table}.legal_hold"


def _revisions(told: Told) -> Iterator[str]:
    rows = {row.revision: row for row in told.revisions}
    wanted: set[int] = set()
    before: Mapping[str, Any] | None = None
    for entry in told.changes:
        facts = entry["facts"]
        after = told.records.get(facts["record"])
        changes = None
        if before is not None and after is not None:
            changes = changes_of(registered(entry["type"]), before, after)
        before = after if after is not None else before
        if "revision" in facts:
            wanted.add(facts["revision"])
        if changes is None:
            continue
        row = rows.get(facts["revision"])
        if row is None:
            yield "revisions.revision"
            continue
        if json.loads(json.dumps(row.changes)) != json.loads(json.dumps(changes)):
            yield "revisions.changes"
        if row.entry != entry["n"]:
            yield "revisions.entry"
        if stamp(row.at) != entry["at"]:
            yield "revisions.at"
        if row.agent != entry["agent"] and not told.names.agrees(entry["agent"], AGENT, row.agent, told.row.tenant_id):
            yield "revisions.agent"
    if rows.keys() - wanted:
        yield "revisions.revision"


def _checks(told: Told) -> Iterator[str]:
    """Compare past verifications with their entries.

    A rebuild brings none back; a routine that found the record intact has no entry.
    """
    entries = [e for e in told.entries if e["type"] == EntryType.FIXITY_CHECKED]
    rows = sorted(told.checks, key=lambda row: row.at)
    unused = list(entries)
    for row in reversed(rows):  # the latest first: one without an entry must not take that of a later one
        if row.at > told.now + timedelta(minutes=5):
            yield "verifications.at"
            continue
        entry = next((e for e in unused if timedelta(0) <= _when(e) - _ms(row.at) <= _AFTER), None)
        if entry is None:
            if row.verdict != "intact":
                yield "verifications.at"
            continue
        unused.remove(entry)
        if row.verdict != entry["facts"]["verdict"]:
            yield "verifications.verdict"
        if len(row.checks) != entry["facts"]["checks"]:
            yield "verifications.checks"
    if rows and any(_when(entry) >= _ms(rows[0].at) for entry in unused):
        yield "verifications.record_id"


def _when(entry: Mapping[str, Any]) -> datetime:
    return parse_stamp(entry["at"])


def _ms(at: datetime) -> datetime:
    return parse_stamp(stamp(at))
