"""Writing use cases, cut at each of their steps, and what every reader says afterwards.

Each reader answers one question about a subject: is it *whole*, as the journal states it? What is
asked of a crash is not only that nothing is lost, but that all readers answer alike.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import archive.objects.begun
from archive.catalogue import rows as catalogue
from archive.custody.offline import check_store
from archive.custody.offline_log import Anchors
from archive.custody.replica.restore import FIRST
from archive.database.tables import HoldRow, JournalEntryRow, RecordRow
from archive.disposition.locks import Locks
from archive.holdings import keep as holdings
from archive.holdings.abandon import abandon
from archive.holdings.complete import complete
from archive.holdings.describe import describe
from archive.holdings.keep import Kept
from archive.holdings.verify import look
from archive.journal.types import CHANGES
from archive.model.records import ArchivalPackage
from ingestion.assembly import System
from ingestion.deposits.states import DepositState
from ingestion.operations.custody import Custody
from ingestion.tables import DepositRow
from signing.ground.errors import ChartrierError
from tests.holdings import keep, package, receive, stored_file, system_at
from tests.steps import Steps

_ALONE = {
    "intact": "whole",
    "altered": "damaged",
    "missing": "damaged",
    "unverifiable": "none",
    "nothing": "none",
}
"""What ``archive verify`` says without a database: what the journal does not state is no record."""
READERS = ("verify", "reconcile", "evidence", "page", "search", "rebuild", "offline")


@dataclass
class Subject:
    """What one run of a use case is about.

    Attributes:
        record: Id of its record; empty for a deposit that has none yet.
        given: What the use case needs: a package, a hold, an idempotency key.
        claimed: SHA-512 of the inventory in force by the journal; None: no record is claimed.
    """

    record: str
    given: Any = None
    claimed: str | None = None
    cells: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class UseCase:
    """One way to write.

    Attributes:
        prepare: Makes a subject; nothing is cut here.
        act: The work that is cut.
        again: What follows by itself, or by the caller's second try.
    """

    name: str
    prepare: Callable[[System, Path, int], Subject]
    act: Callable[[System, Subject], Any]
    again: Callable[[System, Subject], Any]


def _kept(system: System, folder: Path, n: int) -> Subject:
    return Subject(keep(system, folder, n))


def _packed(system: System, folder: Path, n: int) -> Subject:
    deposit = receive(system, f"%PDF original {n}".encode(), f"key-{n}")
    given = package(system, folder, n)
    given = replace(
        given,
        files=(replace(given.files[0], filename=deposit.filename), *given.files[1:]),
        tenant_name=deposit.tenant_name,
        salts=dict(deposit.salts or {}),
        record_id=deposit.record_id,
        deposit_id=deposit.id,
        deposit_entry=deposit.entry,
        received_at=deposit.received_at,
    )
    return Subject(given.record_id, given)


def _keep(system: System, subject: Subject) -> Any:
    def kept(session: Session, _kept: Kept) -> None:
        session.get_one(DepositRow, subject.given.deposit_id).state = DepositState.KEPT

    return holdings.keep(system.stores, subject.given, kept)


def _incomplete(system: System, folder: Path, n: int) -> Subject:
    given: ArchivalPackage = package(system, folder, n)
    original = replace(given, files=given.files[:1])
    holdings.keep(system.stores, original, lambda _session, _kept: None)
    return Subject(given.record_id, given)


def _complete(system: System, subject: Subject) -> Any:
    return complete(system.stores, subject.given, "user:1", lambda _session, _kept: None)


def _describe(system: System, subject: Subject) -> Any:
    changes = {"title": f"Nouveau {subject.record[-6:]}"}
    return describe(system.stores, "demo", subject.record, changes, agent="user:1", expected_revision=1)


def _described(system: System, subject: Subject) -> None:
    with suppress(ChartrierError):  # its revision may be the second by now
        _describe(system, subject)


def _hold(system: System, subject: Subject) -> None:
    hold = system.holds.place("demo", [subject.record], reason="Contentieux", until=None, agent="user:1")
    system.holds.settle(hold)


def _held(system: System, folder: Path, n: int) -> Subject:
    subject = _kept(system, folder, n)
    _hold(system, subject)
    with system.database.read() as session:
        subject.given = catalogue.holds_on(session, subject.record)[0].id
    return subject


def _release(system: System, subject: Subject) -> None:
    system.holds.release("demo", subject.given, reason="Jugé", agent="user:1")
    system.holds.settle(subject.given)


def _begun(system: System, folder: Path, n: int) -> Subject:
    """A change that died between store and database, as a crash of ``describe`` leaves it."""
    subject = _kept(system, folder, n)
    with pytest.MonkeyPatch.context() as patch:
        assert Steps(patch).run(lambda: _describe(system, subject), "before commit")
    return subject


def _damaged(system: System, folder: Path, n: int) -> Subject:
    subject = _kept(system, folder, n)
    Custody(system).copy_everything()
    stored_file(system, subject.record, "original.pdf").unlink()
    return subject


def _restore(system: System, subject: Subject) -> None:
    assert {one.store for one in Custody(system).restore("demo", subject.record, agent="user:1")} <= {FIRST}


def _late(system: System, folder: Path, n: int) -> Subject:
    """A record whose locks are due: they end sooner than half the horizon."""
    subject = _kept(system, folder, n)
    system.clock.days += 6  # type: ignore[attr-defined]
    return subject


def _extend(system: System, _subject: Subject) -> None:
    """The daily run, by a clock that is trusted: a jump would only delay it."""
    Locks(system.database, system.store, system.clock, system.settings.archive.lock_horizon_days).extend()


def _nothing(_system: System, _folder: Path, n: int) -> Subject:
    return Subject("", f"key-{n}")


def _receive(system: System, subject: Subject) -> Any:
    return receive(system, f"received {subject.given}".encode(), subject.given)


def _aside(system: System, folder: Path, n: int) -> Subject:
    deposit = _receive(system, Subject("", f"key-{n}"))
    with system.database.write() as session:
        session.get_one(DepositRow, deposit.id).state = DepositState.QUARANTINED
    return Subject("", deposit.id)


def _retry(system: System, subject: Subject) -> None:
    with suppress(ChartrierError):  # done already
        system.retry("demo", subject.given, "user:1")


USE_CASES = (
    UseCase("receive", _nothing, _receive, _receive),
    UseCase("retry", _aside, _retry, _retry),
    UseCase("keep", _packed, _keep, _keep),
    UseCase("complete", _incomplete, _complete, _complete),
    UseCase("describe", _kept, _describe, _described),
    UseCase("abandon", _begun, lambda s, one: abandon(s.stores, "demo", one.record, at_once=True), _described),
    UseCase("hold", _kept, _hold, lambda system, _one: system.holds.run()),
    UseCase("release", _held, _release, lambda system, _one: system.holds.run()),
    UseCase("extend", _late, _extend, _extend),
    UseCase("restore", _damaged, _restore, _restore),
)


Act = Callable[[Subject, tuple[str, int]], bool]


class Matrix:
    """One use case over one installation, its subjects each cut at another step.

    Attributes:
        lines: Step, what was cut, and the cells of the readers.
    """

    def __init__(self, system: System, folder: Path, case: UseCase, steps: Steps) -> None:
        self.system, self.folder, self.case, self.steps = system, folder, case, steps
        self.lines: list[tuple[int, str, Subject]] = []

    def cut(self, most: int | None, act: Act | None = None) -> None:
        """Cut one subject at each step; at so many of them, evenly, and around every commit.

        Args:
            act: Does the work until a step in another way; whether it came so far.
        """
        rehearsed = self.case.prepare(self.system, self.folder, 0)
        self.steps.run(lambda: self.case.act(self.system, rehearsed))
        names = list(self.steps.told)
        chosen = set(range(len(names)))
        if most is not None:
            chosen = set(range(0, len(names), max(1, len(names) // most)))
            chosen |= {n for n, name in enumerate(names) if name in {"before commit", "committed"}}
        for n, at in enumerate(sorted(chosen), 1):
            subject = self.case.prepare(self.system, self.folder, n)
            moment = names[at], names[: at + 1].count(names[at])
            if (act or self._here)(subject, moment):
                self.lines.append((at, names[at], subject))
        assert self.lines, "nothing was cut"

    def _here(self, subject: Subject, at: tuple[str, int]) -> bool:
        return self.steps.run(lambda: self.case.act(self.system, subject), at)

    # -- readers

    def read(self, home: Path) -> None:
        """Ask every reader about every subject; the rebuild is of a copy of the store."""
        system = self.system
        report = Custody(system).reconcile(pause=lambda _seconds: None)
        wrong = {finding["record_id"] for finding in report["findings"]}
        strange = [one for one in report["findings"] if one["record_id"] is None]
        system.publisher.publish(force_token=True)
        system.follower.catch_up()
        offline = {one.name.rpartition("%3a")[2]: one.verdict.value for one in check_store(self._store, Anchors())}
        rebuilt = self._rebuilt(home)
        try:
            for _, _, one in self.lines:
                one.claimed = self._claimed(system, one)
                one.cells = {
                    "verify": self._verified(one),
                    "reconcile": "whole" if one.record not in wrong and not strange else "damaged",
                    "evidence": self._proven(one),
                    "page": self._shown(system, one),
                    "search": self._found(one),
                    "rebuild": self._shown(rebuilt, one),
                    "offline": _ALONE[offline.get(one.record, "nothing")],
                }
        finally:
            rebuilt.close()

    @property
    def _store(self) -> Path:
        return self.system.settings.home / "store"

    def _claimed(self, system: System, one: Subject) -> str | None:
        query = select(JournalEntryRow.body).where(
            JournalEntryRow.subject == f"record:{one.record}", JournalEntryRow.type.in_(CHANGES)
        )
        with system.database.read() as session:
            bodies = list(session.scalars(query.order_by(JournalEntryRow.n)))
        return json.loads(bodies[-1])["facts"]["inventory"] if bodies else None

    def _verified(self, one: Subject) -> str:
        if one.claimed is None:
            return "none" if self._row(self.system, one) is None else "unclaimed record"
        return "whole" if look(self.system.stores, "demo", one.record).is_whole else "damaged"

    def _proven(self, one: Subject) -> str:
        target = self.folder / "evidence.zip"
        try:
            self.system.evidence.checked_bundle("demo", one.record, target)
        except ChartrierError as error:
            return {"record_not_found": "none", "missing": "damaged", "altered": "damaged"}.get(error.code, error.code)
        with zipfile.ZipFile(target) as bundle:
            inventory = hashlib.sha512(bundle.read("inventory.json")).hexdigest()
        return "whole" if inventory == one.claimed else "another inventory"

    def _shown(self, system: System, one: Subject) -> str:
        """What a page shows is the catalogue; its holds are those that the journal states."""
        row = self._row(system, one)
        if row is None:
            return "none"
        with system.database.read() as session:
            shown = catalogue.view(session, "demo", one.record)
            holds = {hold["id"] for hold in shown["holds"]}
            stated = {h.id for h in session.scalars(select(HoldRow)) if h.released_at is None}
        agreed = row.inventory_sha512 == one.claimed and holds <= stated
        return "whole" if agreed else "another state"

    def _found(self, one: Subject) -> str:
        row = self._row(self.system, one)
        revision = dict(self.system.index.record_ids("demo")).get(one.record)
        if row is None or revision is None:
            return "none" if row is None and revision is None else "not found"
        return "whole" if revision == row.revision else "another revision"

    def _row(self, system: System, one: Subject) -> RecordRow | None:
        with system.database.read() as session:
            return session.get(RecordRow, one.record)

    def _rebuilt(self, home: Path) -> System:
        shutil.copytree(self._store, home / "store")
        shutil.copytree(self.system.settings.home / "keys", home / "keys")
        system = system_at(home, clock=self.system.clock)
        system.prepare_rebuild()
        Custody(system).rebuild()
        return system

    # -- verdicts

    def disagreements(self, *, settled: bool) -> list[str]:
        """Return the lines whose readers don't answer alike, or, once settled, not all whole."""
        wrong = []
        for at, name, one in self.lines:
            cells = dict(one.cells)
            if not one.record:
                cells = {"reconcile": cells["reconcile"]}
            if one.claimed is None:
                cells["reconcile"] = "none" if cells["reconcile"] == "whole" else cells["reconcile"]
            if self.case.name == "restore" and not settled:  # only these read all that is in the store
                cells = {reader: cells[reader] for reader in ("verify", "reconcile", "evidence", "offline")}
            if len(set(cells.values())) > 1 or (settled and one.record and set(cells.values()) != {"whole"}):
                wrong.append(f"{self.case.name}, step {at} ({name}): {one.cells}")
        return wrong

    def settle(self) -> None:
        """Let the service start again: what follows by itself, and the caller's second try."""
        for _, _, one in self.lines:
            self.case.again(self.system, one)
        Custody(self.system).reconcile(repair=True, pause=lambda _seconds: None)

    def table(self) -> str:
        """Return the table: step by reader."""
        head = f"{self.case.name:<10} {'step':>4} {'cut before':<18} " + " ".join(f"{name:<10}" for name in READERS)
        lines = [
            f"{'':<10} {at:>4} {name:<18} " + " ".join(f"{one.cells[reader]:<10}" for reader in READERS)
            for at, name, one in self.lines
        ]
        return "\n".join([head, *lines])


def unclaimed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program can claim any more what was begun a moment ago."""
    monkeypatch.setattr(archive.objects.begun, "CLAIMED_WITHIN", -archive.objects.begun.CLAIMED_WITHIN)
