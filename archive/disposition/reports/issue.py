"""Issue a register: typeset, sealed, its digest in the journal; the file goes to who asked."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from archive.catalogue.reading import Reader
from archive.database.engine import Database
from archive.database.report_tables import ReportRow
from archive.database.tables import TenantRow
from archive.disposition.act import Act
from archive.disposition.reports import words
from archive.disposition.reports.figures import head
from archive.disposition.reports.minutes import head_in_words
from archive.disposition.reports.registers import register_of
from archive.exchange.reports.blocks import Report, Table
from archive.exchange.reports.pages import write
from archive.journal.types import EntryType
from archive.model.identifiers import new_id
from archive.model.reports import ReportKind, ReportState
from archive.model.statement_kinds import StatementKind
from archive.retention.civil import today_of


def typeset(
    database: Database,
    reader: Reader,
    kind: ReportKind,
    days: tuple[date, date],
    now: datetime,
    into: Path,
    public_url: str = "",
) -> dict[str, Any]:
    """Typeset a register into a file; return the facts that its statement has.

    Args:
        days: The first and the last, both counted.
        public_url: Address of the service, for links to what is told; empty: there are none.
    """
    first, last = days
    with database.read() as session, into.open("wb") as out:
        register, sealed = register_of(session, reader, kind, first, last), head(session)
        table = Table([one.column for one in register.fields], register.on_paper(public_url), register.total_on_paper)
        report = Report(
            register.title,
            session.get_one(TenantRow, reader.tenant).name,
            words.day(today_of(session, reader.tenant, now).day),
            now,
            [table],
            subtitle=(f"Du {words.day(first)} au {words.day(last)}", *_narrowed(session, reader)),
            head=head_in_words(sealed),
            landscape=True,
            footers=("Registre scellé par cette installation de Chartrier ; son empreinte est au journal.",),
        )
        written = write(report, out)
    return {"rows": written.rows, "pages": written.pages, "head": sealed}


def issued(act: Act, kind: ReportKind, days: tuple[date, date], facts: dict[str, Any], file: Path) -> ReportRow:
    """State that a register was issued, in the caller's transaction."""
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    body = {
        "kind": kind.value,
        "state": ReportState.ISSUED.value,
        "made_on": act.today.day.isoformat(),
        "first": days[0].isoformat(),
        "last": days[1].isoformat(),
        "rows": facts["rows"],
        "head": facts["head"],
        "file": {"sha256": digest, "size": len(content), "pages": facts["pages"]},
    }
    state, more = ReportState.ISSUED.value, {"file": digest}
    made = act.state(StatementKind.REPORT, new_id(), 0, state, body, EntryType.REPORT_ISSUED, more)
    return act.session.get_one(ReportRow, made.subject)


def _narrowed(session: Session, reader: Reader) -> tuple[str, ...]:
    if not reader.is_narrowed(session):
        return ()
    return ("Sans ce qu’un gel réserve à l’archiviste.",)
