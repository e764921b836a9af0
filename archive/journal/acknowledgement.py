"""Acknowledge an alarm that only the document which raised it could end."""

from __future__ import annotations

from archive.database.alarms import CONTRADICTS, HISTORY, RECEIPT
from archive.database.engine import Database
from archive.database.tables import AlarmRow
from archive.database.tenancy import EVERYTHING, acting_for
from archive.journal.effects import Subject
from archive.journal.sequencer import Entry, Ledger
from archive.journal.types import EntryType
from signing.ground.clock import Clock, stamp
from signing.ground.errors import Refused


def acknowledge(database: Database, ledger: Ledger, clock: Clock, about: str, *, agent: str) -> Entry:
    """End an alarm about an older proof, as seen and dealt with by an administrator.

    The same proof, shown again and still contradicting the journal, raises it again. Alarms about
    our own rows end when the row is put right, and in no other way.

    Args:
        about: Subject of the alarm.
        agent: The administrator who acknowledges.

    Raises:
        Refused: ``alarm_not_found``, ``alarm_not_acknowledged``.
    """
    with acting_for(EVERYTHING), database.write() as session:
        row = session.get(AlarmRow, (CONTRADICTS, about), with_for_update=True)
        if row is None or row.ended_at is not None:
            raise Refused(
                "alarm_not_found",
                "Il n’y a pas d’alarme en cours sous ce nom.",
                kept="Rien n’a été changé.",
                action="« chartrier alarms show » donne leurs noms.",
            )
        if not about.startswith((HISTORY, RECEIPT)):
            raise Refused(
                "alarm_not_acknowledged",
                "Cette alarme prend fin quand ce qu’elle dit est réparé, pas avant.",
                kept="Rien n’a été changé.",
                action="Réparez-le : docs/operations/alarms.md.",
            )
        row.ended_at = clock()
        return ledger.append(
            session,
            type=EntryType.ALARM_ACKNOWLEDGED,
            tenant=None,
            subject=Subject.LOG,
            agent=agent,
            facts={"about": about, "since": stamp(row.first_at), "times": row.times},
        )
