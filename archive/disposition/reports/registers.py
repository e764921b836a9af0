"""Registers of the archives: entries, eliminations, communications; the statement of a year.

Each is a table whose rows are read as they are written, for paper and for spreadsheets alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Any, Final, assert_never

from sqlalchemy.orm import Session

from archive.catalogue import access_requests, accessions
from archive.catalogue.access_requests import AccessFilter
from archive.catalogue.access_steps import AccessStep
from archive.catalogue.reading import Reader
from archive.disposition.reports import eliminations, words, yearly
from archive.disposition.reports.yearly import Part
from archive.exchange.reports.blocks import Band, Column, Link
from archive.model.access_requests import AccessKind, AccessState
from archive.model.reports import ReportKind
from archive.retention.civil import civil_day, zone_of
from signing.ground.clock import iso


class Shown(Enum):
    """How the values of a column are written."""

    TEXT = "text"
    DAY = "day"
    NUMBER = "number"
    SIZE = "size"

    def on_paper(self, value: Any) -> str:
        """Return a value as a report writes it."""
        if value is None or value == "":
            return words.NOTHING
        match self:
            case Shown.TEXT:
                return str(value)
            case Shown.DAY:
                return words.day(value)
            case Shown.NUMBER:
                return words.number(value)
            case Shown.SIZE:
                return words.size(value)
            case _:
                assert_never(self)

    def in_a_cell(self, value: Any) -> str:
        """Return a value as a spreadsheet reads it."""
        return iso(value) or "" if isinstance(value, date) else "" if value is None else str(value)


@dataclass(frozen=True)
class Field:
    """Column of a register.

    Attributes:
        page: Address of the page that a value leads to, ``{}`` in the place of the value.
    """

    title: str
    share: float
    shown: Shown = Shown.TEXT
    page: str = ""

    @property
    def column(self) -> Column:
        """The column on paper."""
        return Column(self.title, self.share, right=self.shown in {Shown.NUMBER, Shown.SIZE})


@dataclass
class Register:
    """A register of a span of time.

    Attributes:
        rows: Read once; a text alone is the name of the part that follows.
        total: Of the columns, once all rows were read; None where nothing is added up.
    """

    kind: ReportKind
    title: str
    fields: tuple[Field, ...]
    rows: Iterator[Sequence[Any] | str]
    total: list[Any] = field(default_factory=list)

    def on_paper(self, public_url: str = "") -> Iterator[Sequence[str] | Band]:
        """Return the rows as a report has them.

        Args:
            public_url: Address of the service, for links; empty: there are none.
        """
        for row in self.rows:
            if isinstance(row, str):
                yield Band(row)
                continue
            told = zip(self.fields, row, strict=True)
            yield [
                Link(one.shown.on_paper(value), public_url + one.page.format(value))
                if public_url and one.page and value
                else one.shown.on_paper(value)
                for one, value in told
            ]

    def total_on_paper(self) -> list[str]:
        """Return the last row; empty where nothing is added up."""
        shown = zip(self.fields, self.total, strict=False)
        return ["" if value is None else one.shown.on_paper(value) for one, value in shown]

    def in_cells(self) -> Iterator[list[str]]:
        """Return the rows for a spreadsheet: the part is a column of its own."""
        part = ""
        for row in self.rows:
            if isinstance(row, str):
                part = row
            else:
                told = [one.shown.in_a_cell(value) for one, value in zip(self.fields, row, strict=True)]
                yield [part, *told] if self.has_parts else told

    @property
    def has_parts(self) -> bool:
        """Whether its rows stand in parts."""
        return self.kind is ReportKind.ANNUAL

    @property
    def head(self) -> list[str]:
        """Titles of the columns for a spreadsheet."""
        titles = [one.title for one in self.fields]
        return ["Partie", *titles] if self.has_parts else titles


def register_of(session: Session, reader: Reader, kind: ReportKind, first: date, last: date) -> Register:
    """Return a register of the days from one to another, both counted."""
    made: dict[ReportKind, Callable[[Session, Reader, date, date], Register]] = {
        ReportKind.ACCESSIONS: _accessions,
        ReportKind.ELIMINATIONS: _eliminations,
        ReportKind.COMMUNICATIONS: _communications,
        ReportKind.ANNUAL: _annual,
    }
    return made[kind](session, reader, first, last)


REGISTERS: Final = (ReportKind.ACCESSIONS, ReportKind.ELIMINATIONS, ReportKind.COMMUNICATIONS, ReportKind.ANNUAL)
"""Reports that are made on demand."""

_ACCESSIONS: Final = (
    Field("N°", 1.2, Shown.NUMBER),
    Field("Reçu le", 2, Shown.DAY),
    Field("Conservé le", 2, Shown.DAY),
    Field("Service versant", 3.4),
    Field("Intitulé", 5),
    Field("Type", 2),
    Field("Dossier", 2),
    Field("Convention", 1.6),
    Field("Volume", 1.6, Shown.SIZE),
    Field("Document", 4.6, page="/documents/{}"),
)
_ELIMINATIONS: Final = (
    Field("Bordereau", 1.5),
    Field("Intitulé", 4.5),
    Field("Service producteur", 3),
    Field("Visas", 5.5),
    Field("Dates extrêmes", 2),
    Field("Éliminés le", 2.4),
    Field("Documents", 1.8, Shown.NUMBER),
    Field("Volume", 1.8, Shown.SIZE),
    Field("Identifiant", 4.6, page="/bordereaux/{}"),
)
_COMMUNICATIONS: Final = (
    Field("Inscrite le", 2, Shown.DAY),
    Field("Nature", 2.2),
    Field("Demandeur", 3),
    Field("Objet", 5),
    Field("Réponse avant le", 2, Shown.DAY),
    Field("État", 2),
    Field("Étapes", 5),
    Field("Identifiant", 4.6, page="/communications/{}"),
)
_ANNUAL: Final = (
    Field("Service ou objet", 7),
    Field("Nombre", 2, Shown.NUMBER),
    Field("Volume", 2, Shown.SIZE),
    Field("Liste", 5, page="{}"),
)
_KINDS: Final = {
    AccessKind.COMMUNICATION: "Communication",
    AccessKind.DEROGATION: "Dérogation",
    AccessKind.EARLY_OPENING: "Ouverture anticipée",
}
_STATES: Final = {
    AccessState.REGISTERED: "Inscrite",
    AccessState.SENT: "Transmise",
    AccessState.ANSWERED: "Avis reçu",
    AccessState.GRANTED: "Accordée",
    AccessState.REFUSED: "Refusée",
    AccessState.CLOSED: "Close",
    AccessState.WITHDRAWN: "Retirée",
}
_STEPS: Final[dict[str, str]] = {
    AccessStep.SEND: "transmise",
    AccessStep.ANSWER: "avis reçu",
    AccessStep.GRANT: "accordée",
    AccessStep.REFUSE: "refusée",
    AccessStep.CONSULT: "consultée",
    AccessStep.CLOSE: "close",
    AccessStep.WITHDRAW: "retirée",
}


def _accessions(session: Session, reader: Reader, first: date, last: date) -> Register:
    register = Register(ReportKind.ACCESSIONS, "Registre des entrées", _ACCESSIONS, iter(()))
    zone = zone_of(session, reader.tenant)

    def day(moment: datetime | None) -> date | None:
        return civil_day(moment, zone) if moment is not None else None

    def rows() -> Iterator[Sequence[Any]]:
        number, size = 0, 0
        for one in accessions.every(session, reader, accessions.span_of(session, reader.tenant, first, last)):
            number, size = number + 1, size + one.bytes
            named = one.service or one.producer
            told = (one.title or "Lecture réservée, ou éliminé", one.document_type, one.file, one.agreement)
            yield one.number, day(one.received_at), day(one.kept_at), named, *told, one.bytes, one.record
        register.total[:] = [*[None] * 4, f"{words.count(number, 'entrée', 'entrées')}", *[None] * 3, size, None]

    register.rows = rows()
    return register


def _eliminations(session: Session, reader: Reader, first: date, last: date) -> Register:
    register = Register(ReportKind.ELIMINATIONS, "Registre des éliminations", _ELIMINATIONS, iter(()))

    def rows() -> Iterator[Sequence[Any]]:
        number, size = 0, 0
        for one in eliminations.every(session, reader.tenant, first, last):
            number, size = number + one.records, size + one.bytes
            dates = words.between(one.earliest, one.latest)
            when = " – ".join(words.day(day) for day in dict.fromkeys((one.begun, one.ended)))
            told = (one.reference, one.title, one.producer, " ; ".join(one.visas), dates, when)
            yield *told, one.records, one.bytes, one.disposal
        register.total[:] = [None, "Ensemble", *[None] * 4, number, size, None]

    register.rows = rows()
    return register


def _communications(session: Session, reader: Reader, first: date, last: date) -> Register:
    title = "Registre des communications et dérogations"
    wanted = AccessFilter(registered_from=first, registered_to=last)

    def rows() -> Iterator[Sequence[Any]]:
        for one in access_requests.every(session, reader.tenant, wanted):
            steps = [f"{words.day(step['on'])} : {_STEPS[step['step']]}" for step in one.content["steps"]]
            kind, state = _KINDS[AccessKind(one.kind)], _STATES[AccessState(one.state)]
            yield one.registered_on, kind, one.requester, one.asked, one.answer_by, state, " ; ".join(steps), one.id

    return Register(ReportKind.COMMUNICATIONS, title, _COMMUNICATIONS, rows())


def _annual(session: Session, reader: Reader, first: date, last: date) -> Register:
    title = f"État récapitulatif annuel {first.year}" if first.year == last.year else "État récapitulatif"

    def rows() -> Iterator[Sequence[Any] | str]:
        for part in yearly.parts(session, reader, first, last):
            yield from _part(part)

    return Register(ReportKind.ANNUAL, title, _ANNUAL, rows())


def _part(part: Part) -> Iterator[Sequence[Any] | str]:
    yield part.title
    for one in part.lines:
        yield one.label, one.number, one.bytes, one.href
    if not part.lines:
        yield "Néant", 0, None, part.href
