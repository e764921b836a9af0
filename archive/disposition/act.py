"""Act: one decision of a person about the records of a tenant, in a write transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from archive.catalogue import filing_plan, statements
from archive.catalogue.statements import Statement
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from archive.model.days import Today
from archive.model.statement_kinds import StatementKind
from archive.retention.civil import today_of


@dataclass(frozen=True)
class Act:
    """An act in one tenant, in a write transaction."""

    session: Session
    ledger: Ledger
    tenant: str
    agent: str
    now: datetime

    @property
    def today(self) -> Today:
        """The tenant's present day, and whether the clock that tells it is trusted."""
        return today_of(self.session, self.tenant, self.now)

    def state(
        self,
        kind: StatementKind,
        subject: str,
        expected: int,
        change: str,
        body: Mapping[str, Any],
        entry_type: EntryType,
        more: Mapping[str, str] | None = None,
    ) -> Statement:
        """State an object, and write the row that repeats it.

        Args:
            more: Digests that its entry has beside that of the statement.

        Raises:
            Refused: ``precondition_failed``.
        """
        made, entry = statements.state(
            self.session,
            self.ledger,
            tenant=self.tenant,
            kind=kind,
            subject=subject,
            expected=expected,
            change=change,
            body=body,
            entry_type=entry_type,
            agent=self.agent,
            now=self.now,
            more=more,
        )
        filing_plan.project(self.session, made, entry)
        return made
