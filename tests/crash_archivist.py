"""An archivist's acts that can be cut at each of their steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.catalogue import rule_changes
from archive.catalogue.access_requests import Desk
from archive.catalogue.access_steps import AccessStep, StepTaken
from archive.catalogue.rule_changes import RuleChange
from archive.catalogue.rule_queries import versions_of
from archive.database.access_tables import AccessRequestRow
from archive.database.sorting_tables import PopulationRow
from archive.database.tables import JournalEntryRow, RecordRow, RetentionRuleRow
from archive.disposition import sorting
from archive.disposition.act import Act
from archive.holdings.describe import describe
from archive.holdings.recompute import recompute_stale
from archive.model.access_requests import AccessKind
from archive.model.final_actions import FinalAction
from archive.retention.dates import Unit
from archive.retention.rule_terms import Terms
from ingestion.assembly import System
from ingestion.deposits.states import DepositState
from ingestion.processing import quarantine_decisions as decisions
from ingestion.processing.claims import killed, quarantine
from ingestion.tables import DepositRow
from signing.ground.errors import ChartrierError
from tests.crash_subjects import Subject, UseCase
from tests.holdings import keep, receive

DECIDED: Final = ("committed", 1)
"""The first decision is committed, and nothing of what follows is done."""
OPENS: Final = date(2020, 1, 1)


def _journalled(session: Session, subject: str) -> int:
    wanted = select(func.count()).select_from(JournalEntryRow).where(JournalEntryRow.subject == subject)
    return session.scalar(wanted) or 0


# -- a sample


def _to_draw(system: System, folder: Path, n: int) -> Subject:
    """A frozen population of one record, from which a sample can be drawn."""
    subject = Subject(keep(system, folder, n))
    with system.database.write() as session:
        act = Act(session, system.ledger, "demo", "user:1", system.clock())
        criterion = {"method": "random", "rate": "1/10"}
        subject.given = sorting.freeze(act, title="Tri", unit="record", units=[subject.record], criterion=criterion)
    system.statements.settle()
    system.publisher.publish(force_token=True)

    def far(asked: System) -> tuple[int, int]:
        with asked.database.read() as session:
            row = session.get(PopulationRow, subject.given)
            sorted_as = session.get_one(RecordRow, subject.record).sorted
            journalled = _journalled(session, f"statement:population:{subject.given}")
            decided = _journalled(session, f"statement:sorting:{subject.record}")
        if asked is system:
            assert (sorted_as is None) == (decided == 0), "a draw decides about its units, or nobody has drawn"
        return (row.number if row is not None else 0), journalled

    subject.far = far
    return subject


def _draw(system: System, subject: Subject) -> None:
    with suppress(ChartrierError), system.database.write() as session:  # drawn already: once is all
        sorting.draw(Act(session, system.ledger, "demo", "user:1", system.clock()), subject.given)
    system.statements.settle()


# -- a version of a rule


def _ruled(system: System, folder: Path, n: int) -> Subject:
    """A record under a rule of its own, in its first version."""
    subject, code = Subject(keep(system, folder, n), f"R{n}"), f"R{n}"
    rule_changes.create(_change(system, "user:1"), code, _terms(10))
    rule_changes.validate(_change(system, "user:2"), code, 1)
    changes = {"retention_rule": code, "document_date": date(2020, 1, 1)}
    describe(system.stores, "demo", subject.record, changes, agent="user:1", expected_revision=1)

    def far(asked: System) -> tuple[int, int]:
        with asked.database.read() as session:
            query = select(func.max(RetentionRuleRow.version)).where(RetentionRuleRow.code == code)
            version = session.scalar(query) or 0
        return version, version

    subject.far = far
    return subject


def _terms(years: int) -> Terms:
    return Terms("Règle", years, Unit.YEAR, "document_date", FinalAction.DESTROY, "[V] essai")


def _change(system: System, agent: str) -> RuleChange:
    return RuleChange(system.register, "demo", agent, system.clock())


def _new_version(system: System, subject: Subject) -> None:
    """Make and validate the second version, as far as that is not done."""
    with system.database.read() as session:
        last = versions_of(session, "demo", subject.given)[-1]
    if last.version == 1:
        rule_changes.amend(_change(system, "user:1"), subject.given, 1, _terms(20))
    if last.version == 1 or last.validated_at is None:
        rule_changes.validate(_change(system, "user:2"), subject.given, 2)
    recompute_stale(system.stores)


def _versioned(system: System, subject: Subject) -> None:
    _new_version(system, subject)
    with system.database.read() as session:
        row = session.get_one(RecordRow, subject.record)
        assert (row.rule_version, row.ends_on, row.stale_since) == (2, date(2040, 1, 1), None)


# -- steps of the register of access requests


def _at(step: str | None, kind: AccessKind) -> Callable[[System, Path, int], Subject]:
    """Return what prepares a request before one of its steps; None: before it is registered."""

    def prepare(system: System, folder: Path, n: int) -> Subject:
        subject = Subject(keep(system, folder, n), (f"Demande {n}", step, kind))
        changes = {"producer": f"service {n}", "access_rule": "AR048", "document_date": date(2019, 1, 15)}
        describe(system.stores, "demo", subject.record, changes, agent="user:1", expected_revision=1)
        before = ORDER[kind][: ORDER[kind].index(step)] if step is not None else ()
        if step is not None:
            _register(system, subject)
        for name in before:
            _step(system, subject, name)
        _follow(system)

        def far(asked: System) -> tuple[int, int]:
            with asked.database.read() as session:
                row = session.scalar(select(AccessRequestRow).where(AccessRequestRow.requester == f"Demande {n}"))
                journalled = _journalled(session, f"statement:request:{row.id}") if row is not None else 0
            return (row.number if row is not None else 0), journalled

        subject.far = far
        return subject

    return prepare


ORDER: Final = {
    AccessKind.DEROGATION: ("send", "answer", "grant", "consult", "close"),
    AccessKind.EARLY_OPENING: ("send", "answer", "grant", "withdraw"),
}


def _register(system: System, subject: Subject) -> None:
    requester, _, kind = subject.given
    given: dict[str, Any] = {"requester": requester, "contact": None, "subject": "Fonds", "motive": None}
    given |= {"records": [], "registered_on": date(2026, 1, 2)}
    if kind is AccessKind.EARLY_OPENING:
        with system.database.read() as session:
            producer = session.get_one(RecordRow, subject.record).producer
        given["opening"] = {"producer": producer, "opens_on": OPENS}
    with system.database.write() as session:
        Desk(session, system.ledger, "demo", "user:1", system.clock()).register(kind, given)


def _step(system: System, subject: Subject, name: str) -> None:
    with system.database.write() as session:
        query = select(AccessRequestRow).where(AccessRequestRow.requester == subject.given[0])
        row = session.scalars(query).one()
        done = StepTaken(AccessStep(name), date(2026, 1, 3), f"dit {name}", True if name == "answer" else None)
        Desk(session, system.ledger, "demo", "user:1", system.clock()).take(row.id, None, done)


def _follow(system: System) -> None:
    system.statements.settle()
    recompute_stale(system.stores)


def _take(system: System, subject: Subject) -> None:
    _, step, _ = subject.given
    if step is None:
        _register(system, subject)
    else:
        _step(system, subject, step)
    _follow(system)


def _taken(system: System, subject: Subject) -> None:
    """Take the step if nobody has, as its caller does who reads the register first."""
    requester, step, kind = subject.given
    wanted = 1 if step is None else ORDER[kind].index(step) + 2
    with system.database.read() as session:
        row = session.scalar(select(AccessRequestRow).where(AccessRequestRow.requester == requester))
    if row is None or row.number < wanted:
        _take(system, subject)
    _follow(system)
    with system.database.read() as session:
        record = session.get_one(RecordRow, subject.record)
    day = date(2026, 1, 3) if (kind, step) == (AccessKind.EARLY_OPENING, "grant") else date(2069, 1, 16)
    assert (record.communicable_on, record.stale_since) == (day, None)


def _access(name: str, step: str | None, kind: AccessKind, *moments: tuple[str, int]) -> UseCase:
    return UseCase(name, _at(step, kind), _take, _taken, short=bool(moments), moments=moments)


# -- refused bytes


def _refused(system: System, _folder: Path, n: int) -> Subject:
    """A deposit that was refused, and its days are over."""
    content = f"received key-{n}".encode()
    deposit = receive(system, content, f"key-{n}")
    with system.database.write() as session:
        quarantine(session, system.ledger, session.get_one(DepositRow, deposit.id), system.clock(), killed())
    decisions.refuse(system.database, system.ledger, system.clock, "demo", deposit.id, "user:1", reason="Illisible")
    system.clock.days += decisions.KEPT_DAYS + 2  # type: ignore[attr-defined]
    return Subject("", deposit.id, content)


def _destroy(system: System, _subject: Subject) -> None:
    decisions.destroy_refused(system.database, system.ledger, system.store, system.clock)


def _destroyed(system: System, subject: Subject) -> None:
    _destroy(system, subject)
    with system.database.read() as session:
        row = session.get_one(DepositRow, subject.given)
        told = [json.loads(one)["type"] for one in session.scalars(_about(row.id))]
    assert (row.state, (row.problem or {})["code"]) == (DepositState.REFUSED, decisions.DESTROYED)
    assert told.count("DepositDestroyed") == 1


def _about(deposit: str) -> Any:
    return select(JournalEntryRow.body).where(JournalEntryRow.subject == f"deposit:{deposit}")


ARCHIVIST_CASES = (
    UseCase("draw", _to_draw, _draw, _draw, moments=(DECIDED,)),
    UseCase("rule version", _ruled, _new_version, _versioned, moments=(DECIDED,)),
    _access("opening decided", "grant", AccessKind.EARLY_OPENING, DECIDED),
    _access("opening withdrawn", "withdraw", AccessKind.EARLY_OPENING),
    _access("request", None, AccessKind.DEROGATION),
    *(_access(f"request: {step}", step, AccessKind.DEROGATION) for step in ORDER[AccessKind.DEROGATION]),
    UseCase("destroy refused", _refused, _destroy, _destroyed, alone=True, moments=(("unlink", 2),)),
)
