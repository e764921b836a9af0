"""A town with a filing plan, as its archivist works with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from archive.catalogue import plan_changes, plan_effects
from archive.catalogue.plan_changes import PlanChange
from archive.database.tables import RecordRow, RetentionRuleRow
from archive.disposition.holds.effects import HeldPlaces
from archive.holdings import keep as holdings
from archive.holdings.recompute import recompute_stale
from ingestion.assembly import System
from tests.holdings import package


class Town:
    """A tenant with one rule of ten years, as an archivist works with its plan."""

    def __init__(self, system: System, folder: Path) -> None:
        self.system = system
        self.folder = folder
        self.made = 0

    def rule(self, code: str, years: int, start: str, action: str = "destroy") -> None:
        with self.system.database.write() as session:
            now = self.system.clock()
            values: dict[str, Any] = {"label": code, "duration": years, "unit": "YEAR", "start_event": start}
            values |= {"final_action": action, "source": "[V] essai", "validated_at": now, "created_at": now}
            session.add(RetentionRuleRow(tenant_id="demo", code=code, version=1, **values))

    def keep(self, **fields: Any) -> str:
        self.made += 1
        given = package(self.system, self.folder, self.made)
        described = replace(given.description, **{"document_type": None, "document_date": None} | fields)
        package_ = replace(given, description=described)
        return holdings.keep(self.system.stores, package_, lambda _session, _kept: None).record_id

    def change(self, act: Any) -> str:
        with self.system.database.write() as session:
            change = PlanChange(session, self.system.ledger, "demo", "user:1", self.system.clock(), HeldPlaces())
            return str(act(change).id)

    def create(self, kind: str, code: str, **given: Any) -> str:
        values = {"kind": kind, "code": code, "title": code} | given
        return self.change(lambda change: plan_changes.create(change, values))

    def effect(self, node: str, act: Any) -> plan_effects.Effect:
        def rehearse(session: Any) -> plan_effects.Effect:
            before = plan_effects.due_now(session, "demo", [node])
            act(PlanChange(session, self.system.ledger, "demo", "user:1", self.system.clock(), HeldPlaces()))
            return plan_effects.effect(session, "demo", [node], before, self.system.clock())

        return plan_effects.rehearsed(self.system.database, rehearse)

    def due(self, record: str) -> date | None:
        assert recompute_stale(self.system.stores).failed == {}
        with self.system.database.read() as session:
            return session.get_one(RecordRow, record).due_on
