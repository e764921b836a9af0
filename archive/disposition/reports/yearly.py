"""Statement of a year: entries, eliminations, transfers, communications, and what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import urlencode

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.catalogue import accessions
from archive.catalogue.reading import Reader
from archive.catalogue.service_names import names_today, shown
from archive.database.access_tables import AccessRequestRow
from archive.database.counter_tables import ServiceCounterRow
from archive.database.tables import RecordRow
from archive.disposition.reports import eliminations
from archive.model.access_requests import AccessKind, AccessState
from archive.model.disposals import DisposalAction
from archive.model.states import GONE

_UNNAMED: Final = "Service non indiqué"
_KINDS: Final = {
    AccessKind.COMMUNICATION: "Communications",
    AccessKind.DEROGATION: "Dérogations",
    AccessKind.EARLY_OPENING: "Ouvertures anticipées",
}
_REFUSED: Final = frozenset({AccessState.REFUSED})


@dataclass(frozen=True)
class Line:
    """One number, with the page of what it counts."""

    label: str
    number: int
    bytes: int | None
    href: str


@dataclass(frozen=True)
class Part:
    """A part of the statement."""

    title: str
    href: str
    lines: tuple[Line, ...]


def parts(session: Session, reader: Reader, first: date, last: date) -> Iterator[Part]:
    """Return the parts of the statement of the days from one to another."""
    tenant = reader.tenant
    yield Part("Entrées par service", "/entrees", tuple(_entries(session, reader, first, last)))
    for title, actions in (
        ("Éliminations par bordereau", (DisposalAction.DESTROY, DisposalAction.REMOVE)),
        ("Transferts par bordereau", (DisposalAction.TRANSFER,)),
    ):
        gone = tuple(
            Line(f"{one.reference}, {one.title}", one.records, one.bytes, f"/bordereaux/{one.disposal}")
            for one in eliminations.every(session, tenant, first, last, actions)
        )
        yield Part(title, "/bordereaux", gone)
    asked = tuple(_communications(session, tenant, first, last))
    yield Part("Communications inscrites", "/communications", asked)
    yield Part("Documents présents par service, au jour de l’état", "/echeances", tuple(_there(session, reader, last)))


def _entries(session: Session, reader: Reader, first: date, last: date) -> Iterator[Line]:
    found = accessions.shares(session, reader, accessions.span_of(session, reader.tenant, first, last))
    names = names_today(session, reader.tenant, [one.producer for one in found], last)
    for one in found:
        href = _href("/entrees", mois=f"{first.year:04}-{first.month:02}", service=one.producer)
        yield Line(shown(one.producer, names, one.producer or "") or _UNNAMED, one.records, one.bytes, href)


def _communications(session: Session, tenant: str, first: date, last: date) -> Iterator[Line]:
    row = AccessRequestRow
    asked = select(row.kind, row.state, func.count()).where(row.tenant_id == tenant)
    asked = asked.where(row.registered_on >= first, row.registered_on <= last).group_by(row.kind, row.state)
    whole, refused = Counter[str](), Counter[str]()
    for kind, state, number in session.execute(asked):
        whole[kind] += number
        refused[kind] += number if AccessState(state) in _REFUSED else 0
    for one in AccessKind:
        if whole[one.value]:
            href = _href("/communications", nature=one.value)
            yield Line(_KINDS[one], whole[one.value], None, href)
            if refused[one.value]:
                refusals = _href("/communications", nature=one.value, etat=AccessState.REFUSED.value)
                yield Line(f"dont {_KINDS[one].lower()} refusées", refused[one.value], None, refusals)


def _there(session: Session, reader: Reader, last: date) -> Iterator[Line]:
    """Count what is there by the kept counts; one by one for whom a hold keeps something from."""
    tenant = reader.tenant
    if reader.is_narrowed(session):
        record = RecordRow
        counted = select(record.producer, func.count(), func.coalesce(func.sum(record.bytes), 0))
        counted = counted.where(record.tenant_id == tenant, record.state.not_in(GONE), *reader.conditions(session))
        found = session.execute(counted.group_by(record.producer)).all()
    else:
        row = ServiceCounterRow
        kept = select(row.producer, func.sum(row.n), func.sum(row.bytes)).where(row.tenant_id == tenant)
        found = session.execute(kept.group_by(row.producer)).all()
    names = names_today(session, tenant, [one[0] for one in found], last)
    for producer, number, size in sorted(found, key=lambda one: (-int(one[1] or 0), one[0] or "")):
        if number:
            label = shown(producer, names, producer or "") or _UNNAMED
            yield Line(label, int(number), int(size), _href("/echeances", service=producer))


def _href(address: str, **asked: str | None) -> str:
    told = {name: value for name, value in asked.items() if value}
    return f"{address}?{urlencode(told)}" if told else address
