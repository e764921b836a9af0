"""Mailing: sends what is queued, and reminds of visas; a duty of ``beat``.

A mail is claimed and counted before the server is called, and noted as sent afterwards. A duty that
dies in between sends it once more, under the same ``Message-ID``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy.orm import Session

from archive.database.guest_tables import InvitationRow, MailRow
from archive.disposition import mails
from archive.disposition.act import Act
from archive.disposition.disposals import reminders
from archive.disposition.disposals.invitations import Standing, standing
from archive.model.mails import MailState
from ingestion.tools.smtp import Message, NotSent, send
from signing.ground.clock import has_passed

if TYPE_CHECKING:
    from ingestion.assembly import System

AGENT: Final = "service:courriels"
BATCH: Final = 20
REMIND_EVERY: Final = timedelta(minutes=10)


@dataclass
class Mailed:
    """The result of one run."""

    sent: int = 0
    failed: int = 0
    reminded: int = 0


class Mailing:
    """Send mails of every tenant.

    Args:
        system: Its settings say by which server; without one nothing is sent, texts are copied.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self._reminded_at: datetime | None = None

    def run(self) -> Mailed:
        """Remind of what is awaited, tell what was refused, then send a batch of what is due."""
        done = Mailed()
        now = self._system.clock()
        if self._reminded_at is None or has_passed(REMIND_EVERY, self._reminded_at, now):
            done.reminded = self.remind()
            self._reminded_at = now
        self._send(done)
        return done

    def remind(self) -> int:
        """Queue reminders and news that are due, tenant by tenant; return how many."""
        system, made = self._system, 0
        with system.database.read() as session:
            there = reminders.tenants(session)
        for tenant in there:
            with system.database.write() as session:
                act = Act(session, system.ledger, tenant, AGENT, system.clock())
                by_server = system.settings.mail is not None
                made += reminders.remind(act, by_server=by_server) + reminders.tell_refusals(act, by_server=by_server)
        return made

    def _send(self, done: Mailed) -> None:
        system = self._system
        if system.settings.mail is None:
            return
        with system.database.read() as session:
            waiting = mails.due(session, system.clock(), BATCH)
        for mail_id in waiting:
            with system.database.write() as session:
                row = mails.begin(session, mail_id, system.clock())
                message = self._message(session, row) if row is not None else None
            if message is None:
                continue
            try:
                send(system.settings.mail, message)
            except NotSent as error:
                done.failed += 1
                with system.database.write() as session:
                    mails.note_failed(session, mail_id, error.why, for_good=error.for_good)
            else:
                done.sent += 1
                with system.database.write() as session:
                    mails.note_sent(session, mail_id, system.clock())

    def _message(self, session: Session, row: MailRow) -> Message | None:
        """Return a mail with its link; None, and failed for good, where the link holds no more."""
        body = row.body
        if row.invitation_id is not None:
            guest = session.get_one(InvitationRow, row.invitation_id)
            if standing(guest, self._system.clock()) is not Standing.OPEN:
                row.state, row.next_at = MailState.FAILED.value, None
                row.problem = "l’invitation a pris fin avant l’envoi"
                return None
            body = body.replace(mails.LINK, self._system.guest_secrets.link(guest))
        return Message(id=row.id, recipient=row.recipient, subject=row.subject, body=body, written_at=row.made_at)
