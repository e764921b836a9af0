"""Writing use cases, cut at each of their steps, and what every reader says afterwards.

What is asked of a crash is not only that nothing is lost, but that all readers answer alike
(``tests/crash_readers.py``), about every use case (``tests/crash_cases.py``).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import archive.objects.begun
from archive.custody.offline import check_store
from archive.custody.offline_log import Anchors
from archive.journal.types import EntryType
from archive.objects.fixity import Fixity
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from tests.crash_disposals import EndedReaders, offline_of_ended
from tests.crash_readers import DAMAGED, NONE, NOT_ASKED, WHOLE, DepositReaders, RecordReaders
from tests.crash_subjects import Subject, UseCase
from tests.holdings import system_at
from tests.steps import Steps

_ALONE = {
    "intact": WHOLE,
    "altered": DAMAGED,
    "missing": DAMAGED,
    "unverifiable": NONE,
    "nothing": NONE,
}
"""What ``archive verify`` says without a database: what the journal does not state is no record."""
READERS = ("verify", "reconcile", "evidence", "page", "search", "rebuild", "offline")
CATALOGUE = ("page", "search", "rebuild")
"""Readers of what is stated about a record, whose bytes they don't read."""


Act = Callable[[Subject, tuple[str, int]], bool]


class Matrix:
    """One use case over one installation, its subjects each cut at another step.

    Attributes:
        lines: Step, what was cut, and the cells of the readers.
        tables: Every table, as it was after the cuts and once all was settled.
    """

    def __init__(self, system: System, folder: Path, case: UseCase, steps: Steps) -> None:
        self.system, self.folder, self.case, self.steps = system, folder, case, steps
        self.lines: list[tuple[int, str, Subject]] = []
        self.started: list[System] = []
        self.cuts = 0
        self.tables: list[str] = []

    def run(self, most: int | None, act: Act | None = None) -> None:
        """Cut one subject at each step; at so many of them, evenly, and around every commit.

        All readers are asked then, and again once all is settled.

        Args:
            act: Does the work until a step in another way; whether it came so far.
        """
        rehearsed = self.case.prepare(self.system, self.folder, 0)
        self.steps.run(lambda: self.case.act(self.system, rehearsed))
        names = list(self.steps.told)
        chosen = set(range(len(names)))
        if most is not None and self.case.moments:
            told = [(name, names[: at + 1].count(name)) for at, name in enumerate(names)]
            chosen = {told.index(moment) for moment in self.case.moments}
        elif most is not None:
            apart = max(1, len(names) // most)
            chosen = set(range(apart - 1 if self.case.alone else 0, len(names), apart))
            if not self.case.alone:
                chosen |= {n for n, name in enumerate(names) if name in {"before commit", "committed"}}
        for n, at in enumerate(sorted(chosen), 1):
            subject = self.case.prepare(self.system, self.folder, n)
            moment = names[at], names[: at + 1].count(names[at])
            if (act or self._here)(subject, moment):
                self.lines.append((at, names[at], subject))
                self.cuts += 1
                if self.case.alone:
                    self._judge(f"{n}")
        assert self.cuts, "nothing was cut"
        if not self.case.alone:
            self._judge("all")

    def _judge(self, name: str) -> None:
        with pytest.MonkeyPatch.context() as patch:  # no program can claim any more what was begun a moment ago
            patch.setattr(archive.objects.begun, "CLAIMED_WITHIN", -archive.objects.begun.CLAIMED_WITHIN)
            self._require_agreement(f"rebuilt {name}", settled=False)
            self.settle()
            self._require_agreement(f"rebuilt again {name}", settled=True)
        if self.case.alone:
            self.lines.clear()

    def _require_agreement(self, name: str, *, settled: bool) -> None:
        self.read(self.folder / name, settled=settled)
        self.tables.append(self.table())
        wrong = self.disagreements(settled=settled)
        assert not wrong, "\n".join([*wrong, self.table()])

    def _here(self, subject: Subject, at: tuple[str, int]) -> bool:
        return self.steps.run(lambda: self.case.act(self.system, subject), at)

    # -- readers

    def read(self, home: Path, *, settled: bool) -> None:
        """Ask every reader about every subject; the rebuild is of a copy of the store."""
        system = self.system
        report = Custody(system).reconcile(pause=lambda _seconds: None)
        wrong = {finding["record_id"] for finding in report["findings"]}
        strange = [one for one in report["findings"] if one["record_id"] is None]
        if not settled:  # a register's file comes before its decision; the next change takes it up
            strange = [one for one in strange if (one["kind"], one["detail"]) != ("untracked", "register")]
        system.publisher.publish(force_token=True)
        system.follower.catch_up()
        offline = {one.name.rpartition("%3a")[2]: one.verdict.value for one in check_store(self._store, Anchors())}
        rebuilt = self._rebuilt(home)
        try:
            for _, _, one in self.lines:
                kind = EndedReaders if one.ends else RecordReaders if one.record else DepositReaders
                readers = kind(system, self.folder, settled=settled)
                one.claimed = readers.claimed(one)
                one.cells = {
                    "verify": readers.verify(one),
                    "reconcile": DAMAGED if one.record in wrong or strange else WHOLE if one.claimed else NONE,
                    "evidence": readers.evidence(one),
                    "page": readers.page(one),
                    "search": readers.search(one),
                    "rebuild": readers.rebuild(one, rebuilt),
                    "offline": _ALONE[offline.get(one.record, "nothing")] if one.record else NOT_ASKED,
                }
                if one.ends:
                    one.cells["offline"] = offline_of_ended(system, one, one.cells["offline"])
        finally:
            rebuilt.close()
        if self.case.name == "replace seal":
            self._read_seals()

    def _read_seals(self) -> None:
        """Ask ``archive verify`` who sealed: the trust folder has to name all of them."""
        own = self.system.trust.own()
        named = frozenset(hashlib.sha256(der).hexdigest() for der in own.of_role("seal"))
        faults = {Fixity.ALTERED, Fixity.MISSING, Fixity.UNVERIFIABLE}
        findings = check_store(self._store, Anchors(own.roots, own.roots), named)
        judged = [one for one in findings if one.verdict in faults]
        for _, _, one in self.lines:
            one.cells["offline"] = DAMAGED if judged else one.cells["offline"]

    @property
    def _store(self) -> Path:
        return self.system.settings.home / "store"

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
            cells = {reader: told for reader, told in one.cells.items() if told != NOT_ASKED}
            if self.case.name == "restore" and not settled:  # the bytes are damaged, what is stated is not
                stated = {cells.pop(reader) for reader in CATALOGUE}
                cells |= {"stated": "misstated"} if stated != {WHOLE} else {}
            if len(set(cells.values())) > 1 or (settled and set(cells.values()) != {WHOLE}):
                wrong.append(f"{self.case.name}, step {at} ({name}): {one.cells}")
        return wrong + (self._unentered() if self.case.name == "replace seal" and settled else [])

    def _unentered(self) -> list[str]:
        """Say if the seal in place is not the last that the journal entered."""
        with self.system.database.read() as session:
            entries = self.system.ledger.entries(session, subject="log", limit=1000)
        told = [json.loads(one.body)["facts"]["seal"] for one in entries if one.type == EntryType.SEAL_REPLACED]
        placed = hashlib.sha256(self.system.signer.certificate).hexdigest()
        return [] if placed in told[-1:] else [f"the seal in place ({placed[:8]}) is not the last entered"]

    def settle(self) -> None:
        """Let the service start again: what follows by itself, and the caller's second try."""
        if self.case.alone:
            self.system = system_at(self.system.settings.home, clock=self.system.clock)
            self.started.append(self.system)
            self.system.initialise()
        for _, _, one in self.lines:
            self.case.again(self.system, one)
        Custody(self.system).reconcile(repair=True, pause=lambda _seconds: None)

    def close(self) -> None:
        """Close the systems that were started here."""
        for system in self.started:
            system.close()

    def table(self) -> str:
        """Return the table: step by reader."""
        head = f"{self.case.name:<12} {'step':>4} {'cut before':<18} " + " ".join(f"{name:<10}" for name in READERS)
        lines = [
            f"{'':<12} {at:>4} {name:<18} " + " ".join(f"{one.cells[reader]:<10}" for reader in READERS)
            for at, name, one in self.lines
        ]
        return "\n".join([head, *lines])
