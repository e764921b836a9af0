"""Run a stocktaking: asked for, counted, its minutes sealed, kept and claimed.

Three statements. A program that dies goes on where it was: figures that stand are not counted
again, and a file that it had already written is taken if it is these minutes, with a seal.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue import statements
from archive.database.engine import Database
from archive.database.report_tables import ReportRow
from archive.database.tables import TenantRow
from archive.disposition.act import Act
from archive.disposition.reports.figures import figures
from archive.disposition.reports.minutes import minutes
from archive.disposition.reports.stocktaking import Asked
from archive.exchange.reports.pages import write
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from archive.model.identifiers import new_id
from archive.model.reports import ReportKind, ReportState
from archive.model.statement_kinds import StatementKind
from archive.objects.layout import ReportKey
from archive.objects.port import ObjectStore, found
from archive.retention.dates import farthest_lock
from signing.ground.clock import Clock
from signing.ground.errors import Corrupt, Refused

AGENT: Final = "service:recolement"
_COUNTED, _ISSUED = "counted", "issued"

Seal = Callable[[Path, Path], Any]
"""Seals a file of ours into another."""


@dataclass
class Taken:
    """The result of one run.

    Attributes:
        issued: Stocktakings whose minutes are kept now.
        failed: Error code by stocktaking.
    """

    issued: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def ask(act: Act, given: Asked) -> ReportRow:
    """Ask for a stocktaking, in the caller's transaction; the run makes it."""
    body = given.as_json() | {
        "kind": ReportKind.STOCKTAKING.value,
        "state": ReportState.ASKED.value,
        "made_on": act.today.day.isoformat(),
    }
    made = act.state(StatementKind.REPORT, new_id(), 0, ReportState.ASKED.value, body, EntryType.REPORT_ISSUED)
    return act.session.get_one(ReportRow, made.subject)


class Stocktaker:
    """Make the stocktakings that were asked for.

    Args:
        seal: Seals the minutes.
        horizon: Lock of each file; 0 = for as long as a store can.
        certain: Gives the moment by which locks are judged.
        folder: For files in the making.
    """

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        store: ObjectStore,
        seal: Seal,
        clock: Clock,
        horizon: int,
        certain: Clock,
        folder: Path,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._store = store
        self._seal = seal
        self._clock = clock
        self._horizon = horizon
        self._certain = certain
        self._folder = folder

    def is_any_new(self) -> bool:
        """Whether a stocktaking is not finished."""
        with self._database.read() as session:
            return bool(_open(session, 1))

    def run(self) -> Taken:
        """Bring every stocktaking to its end; one failure doesn't stop the rest.

        Raises:
            Unavailable: Store, signer or database did not answer; call again.
        """
        done = Taken()
        with self._database.read() as session:
            waiting = _open(session, 100)
        for report in waiting:
            try:
                self._advance(report)
                done.issued += 1
            except (Corrupt, Refused) as error:
                done.failed[report] = error.code
        return done

    def _advance(self, report: str) -> None:
        with self._database.read() as session:
            row = session.get_one(ReportRow, report)
            state, body = ReportState(row.state), dict(row.content)
            told = None
            if state is ReportState.ASKED:
                # in a transaction that only reads: a million records must not keep writers waiting
                told = figures(session, row.tenant_id, date.fromisoformat(body["made_on"]), body["units"])
        if told is not None:
            self._state(row, row.number, body | {"state": ReportState.COUNTED.value, "figures": told}, _COUNTED)
        self._issue(report)

    def _issue(self, report: str) -> None:
        with self._database.read() as session:
            row = session.get_one(ReportRow, report)
            name = session.get_one(TenantRow, row.tenant_id).name
            counted = statements.latest(session, row.tenant_id, StatementKind.REPORT, report)
        if counted is None or row.state != ReportState.COUNTED:
            return
        key = ReportKey(row.tenant_id, report).key
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            plain, sealed = Path(scratch) / "minutes.pdf", Path(scratch) / "sealed.pdf"
            with plain.open("wb") as out:
                written = write(minutes(name, counted.body, counted.at), out)
            there = self._left(key, plain)
            if there is None:
                self._seal(plain, sealed)
                there = sealed.read_bytes()
                until = farthest_lock(self._certain().date(), self._horizon)
                self._store.put(key, sealed, sha256=hashlib.sha256(there).hexdigest(), retain_until=until)
        digest = hashlib.sha256(there).hexdigest()
        file = {"sha256": digest, "size": len(there), "pages": written.pages}
        body = {**counted.body, "state": ReportState.ISSUED.value, "file": file}
        self._state(row, counted.number, body, _ISSUED, {"file": digest})

    def _left(self, key: str, plain: Path) -> bytes | None:
        """Return the file that a run left which died before it claimed it; None: there is none.

        Raises:
            Corrupt: ``report_contradicts``: what lies there is not these minutes.
        """
        there = found(self._store, key)
        given = plain.read_bytes()
        if there is not None and (len(there) == len(given) or not there.startswith(given)):
            raise Corrupt(
                "report_contradicts",
                "Le magasin a déjà un autre fichier à la place de ce procès-verbal.",
                kept="Il n’est pas remplacé.",
                action="Prévenez l’administrateur.",
            )
        return there

    def _state(
        self, row: ReportRow, expected: int, body: dict[str, Any], change: str, more: dict[str, str] | None = None
    ) -> None:
        with self._database.write() as session:
            act = Act(session, self._ledger, row.tenant_id, AGENT, self._clock())
            act.state(StatementKind.REPORT, row.id, expected, change, body, EntryType.REPORT_ISSUED, more)


def _open(session: Session, most: int) -> list[str]:
    row = ReportRow
    asked = select(row.id).where(row.state.in_([one.value for one in ReportState if not one.is_final]))
    return list(session.scalars(asked.order_by(row.id).limit(most)))
