"""Lines of a list of deposits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.http.i18n import _, ngettext, translated
from api.views.deposit import view
from api.web import quantities
from api.web.file_kinds import kind_of
from api.web.progress import Badge, badge
from archive.catalogue.reading import Reader
from archive.database.tables import RecordRow
from archive.model.final_actions import FinalAction
from ingestion.tables import DepositRow


@dataclass(frozen=True)
class Line:
    """One deposit in a list."""

    href: str
    title: str
    meta: str
    day: str
    hour: str
    badge: Badge


def line(session: Session, row: DepositRow, now: datetime, reader: Reader) -> Line:
    """Return the line of a deposit in a list; its id alone where a hold keeps the record."""
    shown = view(session, row, translate=translated)
    record = session.scalar(select(RecordRow).where(RecordRow.deposit_id == row.id)) if row.state == "kept" else None
    if record is not None and reader.hidden_among(session, [record.id]):
        reserved = Badge("warn", "warn", _("Lecture réservée"), _("Un gel réserve la lecture de ce document."))
        day, hour = quantities.near_day(row.received_at, now), quantities.hour(row.received_at)
        return Line(href=f"/documents/{record.id}", title=record.id, meta="", day=day, hour=hour, badge=reserved)
    pages = ngettext("{n} page", "{n} pages", record.pages) if record is not None and record.pages else None
    meta = ", ".join(
        str(part) for part in (kind_of(row.media_type, row.filename), pages, quantities.size(row.size)) if part
    )
    return Line(
        href=f"/documents/{record.id}" if record is not None else f"/depots/{row.id}",
        title=record.title if record is not None else row.fields.get("title") or row.filename,
        meta=meta,
        day=quantities.near_day(row.received_at, now),
        hour=quantities.hour(row.received_at),
        badge=_badge(badge(shown), record),
    )


def _badge(found: Badge, record: RecordRow | None) -> Badge:
    if record is None or found.kind != "ok":
        return found
    missing = [
        str(name)
        for name, value in (
            (_("le type"), record.document_type),
            (_("la date du document"), record.document_date),
        )
        if value is None
    ]
    if missing:
        reason = _("Il manque {what}. Le document est gardé, rien n’est perdu.", what=" et ".join(missing))
        return Badge("warn", "warn", _("À compléter"), reason)
    return Badge("ok", "check", _("Conservé"), _until(record))


def _until(record: RecordRow) -> Markup:
    if record.ends_on is not None:
        return _("Au moins jusqu’au {day}.", day=quantities.day(record.ends_on))
    if FinalAction(record.final_action).kept_for_ever:
        return _("Pour toujours.")
    return _("Sans date de fin pour l’instant.")
