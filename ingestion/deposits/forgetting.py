"""Leave no word of what was destroyed in the index and in the database's files.

An index keeps for a while what it removed, and no engine of ours can show that it is gone: the
tenant's index is made again, and the old one, which answers meanwhile, removed. That costs as much
as there are records. It is done at once after a destruction, then no more often than keeps it to a
twentieth of the time, and at least once a day. What is owed is told by the journal: a run that dies
here owes it still.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.custody import reports
from archive.database.engine import Database
from archive.database.tables import JournalEntryRow, RecordRow
from archive.holdings.gone import OF_A_RECORD
from archive.journal.types import EntryType
from ingestion.tables import DepositRow, PageTaskRow, StageRunRow
from search.follower import Follower
from signing.ground.clock import Clock, has_passed, parse_stamp, stamp
from signing.ground.errors import Refused

FORGETTING: Final = "forgetting"
"""Name of its report: by tenant, what is owed and what was done."""
GONE: Final = (EntryType.RECORD_DISPOSED, EntryType.RECORD_TRANSFERRED)
_SHARE: Final = 20
"""An index is made again in at most one part of so many of the time."""
_AT_LEAST: Final = timedelta(days=1)

_EMPTIED: Final = tuple(
    table.__tablename__ for table in (RecordRow, *OF_A_RECORD, DepositRow, StageRunRow, PageTaskRow)
)
"""Tables in which rows of what is gone are emptied or deleted."""

log = structlog.get_logger(__name__)


class Forgetting:
    """Makes the indexes again that hold words of what is gone, and empties the database's files.

    Args:
        owner: The role that owns the tables, where it is another one.
    """

    def __init__(self, database: Database, follower: Follower, clock: Clock, owner: str | None = None) -> None:
        self._database = database
        self._follower = follower
        self._clock = clock
        self._owner = owner
        self._read = -1

    def run(self) -> list[str]:
        """Make again each index that owes it and whose turn has come; return their tenants.

        Raises:
            Unavailable: A store, the index or the database did not answer; it is owed still.
        """
        known = self._owed()
        done = []
        for tenant, told in sorted(known["tenants"].items()):
            if not self._is_due(told):
                continue
            begun, last = time.monotonic(), told["gone"]
            try:
                self._follower.rebuild(tenant)
            except Refused as error:
                log.warning("index_not_made_again", tenant=tenant, code=error.code)
                continue
            seconds = round(time.monotonic() - begun, 3)
            known["tenants"][tenant] = {"gone": last, "done": last, "at": stamp(self._clock()), "seconds": seconds}
            done.append(tenant)
            self._keep(known)
        if done:
            self._database.forget()
            self._database.vacuum(self._owner, _EMPTIED)
        return done

    def owe(self, tenant: str) -> None:
        """Note that words of what is gone are there, of which no entry of this database tells.

        So it is after a restore: the entries are in a newer journal than the database's.
        """
        known = self._owed()
        told = known["tenants"].get(tenant, {"done": -1, "gone": -1, "at": None, "seconds": 0.0})
        known["tenants"][tenant] = {**told, "gone": max(told["gone"], told["done"] + 1)}
        self._keep(known)

    def _owed(self) -> dict[str, Any]:
        """Return what is known, with what the journal tells since it was last read."""
        with self._database.read() as session:
            known = known_of(session)
            after, entry = max(self._read, known["read"]), JournalEntryRow
            asked = select(entry.tenant_id, func.max(entry.n)).where(entry.n > after, entry.type.in_(GONE))
            new = {tenant: n for tenant, n in session.execute(asked.group_by(entry.tenant_id)) if tenant is not None}
            self._read = session.scalar(select(func.max(entry.n))) or 0
        for tenant, n in new.items():
            before = known["tenants"].get(tenant, {"done": -1, "at": None, "seconds": 0.0})
            known["tenants"][tenant] = {**before, "gone": n}
        known["read"] = self._read
        if new:
            self._keep(known)
        return known

    def _keep(self, known: dict[str, Any]) -> None:
        with self._database.write() as session:
            agreed = all(told["done"] >= told["gone"] for told in known["tenants"].values())
            reports.end(session, FORGETTING, self._clock(), agreed=agreed, facts={**known})

    def _is_due(self, told: dict[str, Any]) -> bool:
        if told["done"] >= told["gone"]:
            return False
        wait = min(timedelta(seconds=told["seconds"] * _SHARE), _AT_LEAST)
        return told["at"] is None or has_passed(wait, parse_stamp(told["at"]), self._clock())


def known_of(session: Session) -> dict[str, Any]:
    """Return the last entry that was read, and by tenant the last that is gone and that is done."""
    report = reports.latest(session, FORGETTING)
    told: dict[str, Any] = dict(report.facts) if report is not None else {}
    return {"read": told.get("read", -1), "tenants": {**told.get("tenants", {})}}


def owing(session: Session) -> list[str]:
    """Return the tenants whose index may still have words of what is gone in its files."""
    told = known_of(session)["tenants"]
    return sorted(tenant for tenant, one in told.items() if one["done"] < one["gone"])
