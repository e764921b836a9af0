"""A small town whose records fall due, for the tests of disposals: real rows, entries, files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from archive.catalogue import rule_changes
from archive.catalogue.rule_changes import RuleChange
from archive.database.disposal_tables import DisposalLineRow, DisposalRow
from archive.database.tables import RecordRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau, guest_visas, invitations, visas
from archive.disposition.disposals.bordereau import Draft
from archive.disposition.disposals.decisions import Answer, Answers
from archive.disposition.disposals.invitations import Invited
from archive.disposition.disposals.visas import VisaGiven
from archive.disposition.due_query import DueQuery
from archive.holdings import keep as holdings
from archive.holdings.recompute import recompute_stale
from archive.journal.corrections import confirm
from archive.model.disposals import Direction, DisposalAction, LineDecision, VisaMeans, VisaStep
from archive.model.final_actions import FinalAction
from archive.retention.dates import Unit
from archive.retention.rule_terms import Terms
from ingestion.assembly import System
from tests.holdings import package

APPROVE = Answers(Answer(LineDecision.APPROVE))
ANNE, BRUNO, CLAIRE, DENIS = "user:anne", "user:bruno", "user:claire", "user:denis"
"""Drafts; heads the service; controls; a second archivist."""


class Watch:
    """A clock that stands until it is moved."""

    def __init__(self, day: str = "2026-03-12") -> None:
        self.now = datetime(2026, 3, 12, 8, 15, 30, 123000, tzinfo=UTC)
        self.at(day)

    def __call__(self) -> datetime:
        return self.now

    def at(self, day: str, hour: int = 8) -> None:
        """Move to a day."""
        self.now = datetime.combine(date.fromisoformat(day), self.now.time().replace(hour=hour), UTC)


class Town:
    """A tenant with rules, records that they let go, and people who decide about them."""

    def __init__(self, system: System, folder: Path, watch: Watch) -> None:
        self.system = system
        self.folder = folder
        self.watch = watch
        self.made = 0

    def at(self, day: str, hour: int = 8) -> None:
        """Move the clock, and confirm it as an administrator does."""
        self.watch.at(day, hour)
        system = self.system
        if not system.time_sense.look().trusted:
            confirm(system.database, system.ledger, system.clock, system.time_sense, agent="user:admin")

    def runs_until(self, day: str, hour: int = 8) -> None:
        """The service runs on until a day: no jump of its clock, hence nothing to confirm."""
        sense, before = self.system.time_sense, self.watch.now
        begun = sense._monotonic()
        self.watch.at(day, hour)
        passed = (self.watch.now - before).total_seconds()
        sense._monotonic = lambda: begun + passed
        assert sense.look().trusted

    def rule(self, code: str, years: int, start: str = "document_date", action: str = "destroy") -> None:
        """A rule made by one person and validated by another, and the type that has it."""
        terms = Terms(code, years, Unit.YEAR, start, FinalAction(action), "code d’essai, art. 1")
        made, validated = (RuleChange(self.system.register, "demo", one, self.system.clock()) for one in (ANNE, DENIS))
        rule_changes.create(made, code, terms)
        rule_changes.validate(validated, code, 1, "Tableau de gestion du 1er mars")
        rule_changes.create_type(made, code.lower(), label=code, rule_code=code, access_rule=None)

    def amend(self, code: str, years: int, version: int = 1) -> None:
        """The next version of a rule, validated as the first; the job passes over its records."""
        made, validated = (RuleChange(self.system.register, "demo", one, self.system.clock()) for one in (ANNE, DENIS))
        terms = Terms(code, years, Unit.YEAR, "document_date", FinalAction.DESTROY, "code d’essai, art. 1")
        rule_changes.amend(made, code, version, terms, "La loi a changé")
        rule_changes.validate(validated, code, version + 1, "Tableau de gestion corrigé")
        recompute_stale(self.system.stores)

    def keep(self, day: str = "2016-03-20", **fields: Any) -> str:
        """A record of a day, of type ``bon`` unless told otherwise: due on 21 March 2026."""
        self.made += 1
        given = package(self.system, self.folder, self.made)
        told = {"document_type": "bon", "document_date": date.fromisoformat(day)} | fields
        described = replace(given.description, **told)
        return holdings.keep(
            self.system.stores, replace(given, description=described), lambda _session, _kept: None
        ).record_id

    def due(self, count: int) -> list[str]:
        """So many records, and the time when they are due."""
        made = [self.keep() for _ in range(count)]
        self.at("2026-06-01")
        return made

    @contextmanager
    def acting(self, agent: str = ANNE) -> Iterator[Act]:
        """An act of one person."""
        with self.system.database.write() as session:
            yield Act(session, self.system.ledger, "demo", agent, self.system.clock())

    # -- a bordereau

    def draft(self, records: list[str] | None = None, agent: str = ANNE, **more: Any) -> str:
        """A bordereau of these records, or of all that are ready; its id."""
        asked: dict[str, Any] = {
            "action": DisposalAction.DESTROY,
            "direction": Direction.SERVICE_ASKS,
            "title": "Bons de commande",
            "records": records,
            "query": None if records is not None else DueQuery(),
        }
        with self.acting(agent) as act:
            return bordereau.draft(act, Draft(**asked | more)).id

    def submit(self, disposal: str, agent: str = ANNE) -> None:
        """Ask for the visas."""
        with self.acting(agent) as act:
            bordereau.submit(act, disposal, None)

    def visa(self, disposal: str, step: VisaStep, agent: str, answers: Answers = APPROVE, **more: Any) -> None:
        """Give a visa by an account."""
        given: dict[str, Any] = {
            "step": step,
            "means": VisaMeans.ACCOUNT,
            "person": agent.removeprefix("user:").title(),
            "quality": "Directrice",
            "identified_by": "compte",
            "answers": answers,
        }
        with self.acting(agent) as act:
            visas.give(act, disposal, None, VisaGiven(**given | more))

    def guest_visa(self, disposal: str, step: VisaStep) -> None:
        """Invite somebody without an account, who enters by link and code and approves all."""
        secrets = self.system.guest_secrets
        asked = Invited(
            step=step,
            person="Camille Durand",
            quality="Directrice des marchés",
            mail="camille@mairie.example",
            by_mail=False,
            address="http://127.0.0.1",
        )
        with self.acting(DENIS) as act:
            made = invitations.invite(act, secrets, disposal, asked)
            guest = invitations.agent_of(made.row)
            assert invitations.enter(replace(act, agent=guest), secrets, made.row, made.code)
            more = {"quality": "", "reference": "", "comment": ""}
            guest_visas.give(replace(act, agent=guest), made.row.id, None, whole=APPROVE.whole, **more)

    def approved(self, records: list[str] | None = None) -> str:
        """A bordereau with both visas, in its cooling-off period."""
        disposal = self.draft(records)
        self.submit(disposal)
        self.visa(disposal, VisaStep.PRODUCER, BRUNO)
        self.visa(disposal, VisaStep.CONTROLLER, CLAIRE)
        return disposal

    # -- what is there

    def row(self, disposal: str) -> DisposalRow:
        """The row of a disposal."""
        with self.system.database.read() as session:
            return session.get_one(DisposalRow, disposal)

    def lines(self, disposal: str) -> dict[str, tuple[str, str | None]]:
        """State and reason of each line, by record."""
        with self.system.database.read() as session:
            rows = session.scalars(select(DisposalLineRow).where(DisposalLineRow.disposal_id == disposal))
            return {row.record_id: (row.state, row.reason) for row in rows}

    def record(self, record: str) -> RecordRow:
        """The row of a record."""
        with self.system.database.read() as session:
            return session.get_one(RecordRow, record)
