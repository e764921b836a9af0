"""Mandate to destroy: what statements and the published journal say, never the rows alone.

A false row of the database obtains nothing: the bordereau, its population and its visas are read
from their statements, whose digests must be those of entries under a published checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.catalogue import statements
from archive.catalogue.statements import Statement
from archive.database.disposal_tables import DisposalChunkRow, DisposalRow, DisposalVisaRow
from archive.database.retention_tables import StatementRow
from archive.database.tables import CheckpointRow, JournalEntryRow
from archive.disposition.disposals.decisions import Answers, Outcome, outcome, read_answers
from archive.disposition.disposals.frozen import FrozenLine, lines_digest, population_digest, read_line
from archive.disposition.disposals.projection import GIVEN
from archive.disposition.disposals.terms import (
    COOLING_DAYS,
    first_day_of_execution,
    is_fresh,
    silence_agrees,
    steps_of,
)
from archive.holdings.inclusion import Line, Sequenced, check_inclusion
from archive.holdings.stores import Stores
from archive.journal.published import SharedLog
from archive.model.disposals import Direction, DisposalAction, VisaMeans, VisaStep
from archive.model.names import folded_name
from archive.model.statement_kinds import StatementKind
from archive.objects.fixity import Fixity
from signing.ground.canonical import parse_canonical
from signing.ground.errors import Corrupt, Unavailable


@dataclass(frozen=True)
class ProvenVisa:
    """A visa as its statement gives it, its entry published."""

    step: VisaStep
    given_on: date
    person: str
    answers: Answers


@dataclass(frozen=True)
class Mandate:
    """A disposal whose bordereau, population and visas are proven.

    Attributes:
        body: Of the bordereau's latest statement.
        lines: The frozen population by record, lines that were taken out left out.
    """

    disposal: str
    tenant: str
    body: Mapping[str, Any]
    lines: Mapping[str, FrozenLine]
    visas: tuple[ProvenVisa, ...]

    @property
    def action(self) -> DisposalAction:
        """What is executed."""
        return DisposalAction(self.body["action"])

    @property
    def first_day(self) -> date:
        """First day on which it may be executed, counted from the last visa."""
        stop = date.fromisoformat(self.body["stop_until"])
        last = [visa.given_on for visa in self.visas]
        return max([stop + timedelta(days=1), *(first_day_of_execution(day) for day in last)])

    def says(self, line: FrozenLine) -> Outcome:
        """Return what its visas say together of a line."""
        return outcome([visa.answers for visa in self.visas], line.record, line.group)

    def is_fresh(self, day: date, locked_since: date | None) -> bool:
        """Whether each visa still counts on a day."""
        return all(is_fresh(visa.given_on, day, locked_since=locked_since) for visa in self.visas)


def mandate(stores: Stores, disposal_id: str) -> Mandate:
    """Read a disposal from its statements, and prove each of them.

    Raises:
        Corrupt: ``disposal_contradicted``: rows, statements and journal disagree.
        Unavailable: ``disposal_unproven``: an entry is not published yet.
    """
    with stores.database.read() as session:
        row = session.get_one(DisposalRow, disposal_id)
        told = _latest(session, StatementKind.DISPOSAL, [disposal_id])
        chunk, visa = DisposalChunkRow, DisposalVisaRow
        asked = select(chunk.id).where(chunk.disposal_id == disposal_id).order_by(chunk.position)
        parts = _latest(session, StatementKind.LINES, list(session.scalars(asked)))
        given = list(session.scalars(select(visa.id).where(visa.disposal_id == disposal_id)))
        visas = _latest(session, StatementKind.VISA, given)
        lines = Sequenced(
            tuple(line for _, line in (*told, *parts, *visas)),
            session.scalar(select(func.max(CheckpointRow.size))) or 0,
        )
    _require_published(stores, lines)
    body = told[0][0].body
    found = Mandate(
        disposal_id,
        row.tenant_id,
        body,
        _population(disposal_id, body, [one for one, _ in parts]),
        tuple(_visa(one.body, body) for one, _ in visas if one.body["state"] == GIVEN),
    )
    _require_visas(disposal_id, body, found.visas, [one.body for one, _ in visas if one.body["state"] == GIVEN])
    return found


def stated_body(session: Session, row: DisposalRow) -> Mapping[str, Any]:
    """Return what the latest statement says of a disposal: its row must say the same.

    So that nobody who writes rows alone makes the next statement repeat what they wrote.

    Raises:
        Corrupt: ``disposal_contradicted``.
    """
    ((told, _),) = _latest(session, StatementKind.DISPOSAL, [row.id])
    if told.body != row.content or told.number != row.number or told.body["state"] != row.state:
        raise _contradicted(row.id)
    return told.body


def proven(stores: Stores, kind: StatementKind, subjects: Sequence[str]) -> list[Statement]:
    """Return the latest statement about each subject, each under a published checkpoint.

    Raises:
        Corrupt: ``disposal_contradicted``.
        Unavailable: ``disposal_unproven``.
    """
    with stores.database.read() as session:
        told = _latest(session, kind, subjects)
        published = session.scalar(select(func.max(CheckpointRow.size))) or 0
    _require_published(stores, Sequenced(tuple(line for _, line in told), published))
    return [one for one, _ in told]


def _latest(session: Session, kind: StatementKind, subjects: Sequence[str]) -> list[tuple[Statement, Line]]:
    """Return the latest statement about each subject with its entry, as the database has them."""
    found = []
    for subject in subjects:
        row = session.scalars(
            select(StatementRow)
            .where(StatementRow.kind == kind, StatementRow.subject == subject)
            .order_by(StatementRow.number.desc())
            .limit(1)
        ).first()
        entry = session.get(JournalEntryRow, row.entry) if row is not None else None
        if row is None or entry is None:
            raise _contradicted(subject)
        statement = statements.read(row.content)
        facts = parse_canonical(entry.body)["facts"]
        if (facts.get("statement"), facts.get("number")) != (statement.digest, statement.number):
            raise _contradicted(subject)
        if (statement.kind, statement.subject, entry.subject) != (kind, subject, f"statement:{kind}:{subject}"):
            raise _contradicted(subject)
        found.append((statement, Line(entry.n, entry.subject, entry.body, entry.leaf_hash)))
    return found


def _require_published(stores: Stores, told: Sequenced) -> None:
    shared = SharedLog(stores.store, stores.vkey) if stores.vkey is not None else None
    check = check_inclusion(stores.store, shared, told, stores.clock())
    head = shared.covering(told.published).head.size if shared is not None and check.verdict is Fixity.INTACT else 0
    if check.verdict is Fixity.ALTERED:
        raise _contradicted(check.detail)
    if check.verdict is not Fixity.INTACT or any(line.n >= head for line in told.lines):
        raise Unavailable(
            "disposal_unproven",
            "Les visas de ce bordereau ne sont pas encore scellés dans le journal publié.",
            kept="Rien n’a été détruit.",
            action="L’exécution reprend d’elle-même après le prochain scellement.",
        )


def _population(disposal: str, body: Mapping[str, Any], parts: Sequence[Statement]) -> dict[str, FrozenLine]:
    lines: dict[str, FrozenLine] = {}
    digests = []
    for part in parts:
        some = [read_line(dict(one)) for one in part.body["lines"]]
        digests.append(lines_digest(some))
        lines |= {one.record: one for one in some}
    if population_digest(digests) != body["population"]:
        raise _contradicted(disposal)
    return {record: line for record, line in lines.items() if record not in body["excluded"]}


def _visa(visa: Mapping[str, Any], body: Mapping[str, Any]) -> ProvenVisa:
    if visa["population"] != body["population"]:
        raise _contradicted(visa["disposal_id"])
    return ProvenVisa(
        VisaStep(visa["step"]), date.fromisoformat(visa["given_on"]), visa["person"], read_answers(visa["answers"])
    )


def _require_visas(
    disposal: str, body: Mapping[str, Any], visas: Sequence[ProvenVisa], told: Sequence[Mapping[str, Any]]
) -> None:
    """Refuse a bordereau that lacks a visa, or whose visas are of one person or of its drafter."""
    direction, there = Direction(body["direction"]), {visa.step for visa in visas}
    last = max((visa.given_on for visa in visas), default=None)
    if last is None or not (body["stop_until"] and body["proposed_on"] and body["confirmed_by"]):
        raise _contradicted(disposal)
    proposed = date.fromisoformat(body["proposed_on"])
    concluded = date.fromisoformat(body["stop_until"]) - timedelta(days=COOLING_DAYS)
    missing = [
        step
        for step in steps_of(direction, authority=bool(body["authority"]))
        if step not in there and not silence_agrees(direction, step, proposed, concluded)
    ]
    agents, names = [one["agent"] for one in told], {folded_name(one["person"]) for one in told}
    drafters = {body["drafted_by"], body["submitted_by"]}
    alone = len(names) < len(told) or len(set(agents)) < len(agents)
    if missing or alone or drafters & set(agents) or not all(map(_is_proven, told)):
        raise _contradicted(disposal)


def _is_proven(visa: Mapping[str, Any]) -> bool:
    """Whether a visa on paper has its scan, and was confirmed by another person than entered it."""
    if visa["means"] != VisaMeans.PAPER:
        return True
    return bool(visa["evidence"]) and visa["confirmed_by"] not in {None, visa["recorded_by"]}


def _contradicted(what: str) -> Corrupt:
    return Corrupt(
        "disposal_contradicted",
        "Ce bordereau, ou un de ses visas, n’est pas ce que le journal en dit ({what}).",
        kept="Rien n’a été détruit.",
        action="Prévenez l’administrateur : « chartrier reconcile » dit ce qui diffère.",
        what=what,
    )
