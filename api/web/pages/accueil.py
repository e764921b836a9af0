"""Home: deposit, what is left to do, my last deposits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from markupsafe import Markup
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from api.access.auth import Caller
from api.access.permissions import PageNeeds
from api.http.i18n import _, ngettext, translated
from api.views.deposit import view
from api.web import quantities
from api.web.file_kinds import kind_of
from api.web.progress import Badge, badge
from api.web.render import in_language, pages_of, system_of
from archive.database.tables import DocumentTypeRow, RecordRow
from archive.model.final_actions import FinalAction
from archive.model.identifiers import new_id
from ingestion.deposits.queries import newest
from ingestion.tables import DepositRow

router = APIRouter(include_in_schema=False)

SHOWN = 10


@dataclass(frozen=True)
class Line:
    """One deposit in a list."""

    href: str
    title: str
    meta: str
    day: str
    hour: str
    badge: Badge


@router.get("/")
def home(request: Request, person: Annotated[Caller, Depends(PageNeeds())]) -> Response:
    """The page a clerk starts from."""
    return show_home(request, person)


def show_home(
    request: Request,
    person: Caller,
    *,
    faults: list[dict[str, str]] | None = None,
    received: int = 0,
    status: int = 200,
) -> Response:
    """The home page, with what went wrong in the last sending if something did."""
    system = system_of(request)
    now = system.clock()
    with in_language(request), system.database.read() as session:
        mine = newest(session, person.tenant, agent=person.agent, limit=SHOWN)
        return pages_of(request).answer(
            request,
            "accueil.html",
            status=status,
            tab="accueil",
            help_anchor="deposer",
            json_href=f"/api/v1/deposits?limit={SHOWN}",
            today=now,
            lines=[line(session, row, now) for row in mine],
            total=count(session, person),
            todo=_todo(session, person),
            types=document_types(session, person.tenant),
            limit=quantities.size(system.settings.ingestion.max_deposit_bytes),
            idempotency_key=new_id(),
            faults=faults or [],
            received=received,
        )


def line(session: Session, row: DepositRow, now: datetime) -> Line:
    """A deposit as a list shows it."""
    shown = view(session, row, translate=translated)
    record = session.scalar(select(RecordRow).where(RecordRow.deposit_id == row.id)) if row.state == "kept" else None
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
        badge=_line_badge(badge(shown), record),
    )


def _line_badge(found: Badge, record: RecordRow | None) -> Badge:
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
    return Badge("ok", "check", _("Conservé"), until(record))


def until(record: RecordRow) -> Markup:
    """How long, in five words."""
    if record.ends_on is not None:
        return _("Au moins jusqu’au {day}.", day=quantities.day(record.ends_on))
    if FinalAction(record.final_action).kept_for_ever:
        return _("Pour toujours.")
    return _("Sans date de fin pour l’instant.")


def count(session: Session, person: Caller, state: str | None = None) -> int:
    """How many deposits are this person's."""
    question = (
        select(func.count())
        .select_from(DepositRow)
        .where(DepositRow.tenant_id == person.tenant, DepositRow.agent == person.agent)
    )
    if state is not None:
        question = question.where(DepositRow.state == state)
    return session.scalar(question) or 0


def _todo(session: Session, person: Caller) -> dict[str, int]:
    incomplete = session.scalar(
        select(func.count())
        .select_from(RecordRow)
        .join(DepositRow, DepositRow.id == RecordRow.deposit_id)
        .where(
            RecordRow.tenant_id == person.tenant,
            DepositRow.agent == person.agent,
            or_(RecordRow.document_type.is_(None), RecordRow.document_date.is_(None)),
        )
    )
    return {
        "incomplete": incomplete or 0,
        "aside": count(session, person, "quarantined"),
        "refused": count(session, person, "refused"),
    }


def document_types(session: Session, tenant: str) -> list[tuple[str, str]]:
    """Code and label of the tenant's document types, by label."""
    rows = session.execute(
        select(DocumentTypeRow.code, DocumentTypeRow.label)
        .where(DocumentTypeRow.tenant_id == tenant)
        .order_by(DocumentTypeRow.label)
    )
    return [(code, label) for code, label in rows]
