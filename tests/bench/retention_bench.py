"""The archivist's trade at a million kept records: due lists, analysis, pages, simulation.

On SQLite and, where it is installed, on PostgreSQL in the same run: our figure is the slower one's.
The peer of a row is its goal; below 1 the goal is missed.
``python -m tests.bench.retention_bench --records 100000 --only sqlite`` for a shorter look.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import structlog
from fastapi.testclient import TestClient
from sqlalchemy import update

from api.access.keys import create_key
from api.access.people import create_user
from api.access.sessions import login_link
from api.app import create_app
from archive.catalogue import plan_reach, rule_changes, rule_queries
from archive.catalogue.rule_effects import SupposedRule, effect_of
from archive.database import retention_counters
from archive.database.engine import Database
from archive.database.tables import RecordRow
from archive.disposition.due_counts import analyse
from archive.disposition.due_groups import GroupBy
from archive.disposition.due_lines import lines, place_of
from archive.disposition.due_query import DueQuery
from archive.disposition.due_tallies import tallies
from archive.model.final_actions import FinalAction
from archive.retention.states import DueState
from ingestion.assembly import System, assemble
from ingestion.settings import load_settings
from tests.bench.results import add_row
from tests.bench.retention_figures import Figure, Figures, Watch, tell
from tests.bench.retention_world import TENANT, World, fill
from tests.servers.postgres import Postgres

RECORDS: Final = 1_000_000
TODAY_GOAL, DAY_GOAL, PAGE_GOAL, SIMULATION_GOAL = 0.1, 2.0, 0.3, 2.0
"""Seconds."""
_OURS: Final = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}


def run(_corpus: Path | None = None, records: int = RECORDS, only: str | None = None) -> None:
    """Add a row for each question, the slower database's, and print a table of both."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    found = {name: _measured(name, records) for name in ("sqlite", "postgresql") if only in {None, name}}
    tell(found, records)


def _measured(name: str, records: int) -> Figures:
    with tempfile.TemporaryDirectory(prefix="chartrier-bench-", dir="/tmp") as folder, ExitStack() as stack:
        begun = time.perf_counter()
        system, owner, server = stack.enter_context(_opened(name, Path(folder)))
        world = fill(system, owner, Path(folder), records)
        print(f"{name}: {records:,} records made in {time.perf_counter() - begun:.0f} s", flush=True)
        return Bench(system, world, Watch(name, server)).run()


@contextmanager
def _opened(name: str, folder: Path) -> Iterator[tuple[System, Database, int | None]]:
    with ExitStack() as stack:
        settings = {"CHARTRIER_HOME": str(folder / "home")}
        owner, process = None, None
        if name == "postgresql":
            server = Postgres()
            stack.callback(server.stop)
            server.start()
            process = server.server.pid
            fresh = server.fresh()
            settings |= fresh.settings
            owner = Database(fresh.owner_url, pooled=False, owner=True)
        system = assemble(load_settings(settings))
        stack.callback(system.close)
        system.initialise()
        yield system, owner or system.database, process


@dataclass
class Bench:
    """One database under measure."""

    system: System
    world: World
    watch: Watch

    def run(self) -> Figures:
        """Measure everything; the figures by row."""
        figures: Figures = {}
        with TestClient(create_app(self.system), base_url="http://127.0.0.1") as client:
            self._sign_in(client)
            for what, times, goal, act in (*self._counts(), *self._pages(client), *self._simulation()):
                figures[what] = self.watch.time(what, times, goal, act)
            for what, times, goal, act in self._changes(client):
                figures[what] = self.watch.time(what, times, goal, act)
        self._against_each_record(figures["today's due list, counts, p99"])
        self._marks(figures)
        return figures

    def _against_each_record(self, kept: Figure) -> None:
        """Add the row of today's counts against the same ones from each record, in this run."""

        def each(session: Any) -> Any:
            return tallies(session, TENANT, self.world.today, DueQuery())

        whole = self.watch.time("today's counts, from each record", 1, DAY_GOAL, lambda: self._read(each))
        name = f"today's counts on {self.watch.name}, against each record"
        add_row(name, kept.middle, whole.middle, whole.middle / kept.middle, "s")

    def _sign_in(self, client: TestClient) -> None:
        now = self.system.clock()
        with self.system.database.write() as session:
            self._key = create_key(
                session, tenant=TENANT, scopes=("record:read", "retention:write"), name="banc", now=now
            )[1]
            person = create_user(session, tenant=TENANT, name="Banc", role="archivist", now=now)
            link = login_link(session, person, now)
        client.post(f"/connexion/{link}", headers=_OURS)

    # -- what is measured

    def _counts(self) -> list[tuple[str, int, float, Callable[[], Any]]]:
        today, other = self.world.today, date(2040, 6, 17)
        narrow = DueQuery(producer="Service 7")

        def counted(day: date, query: DueQuery | None = None) -> Callable[[], Any]:
            return lambda: self._read(lambda s: analyse(s, TENANT, day, query))

        return [
            ("today's due list, counts, p99", 300, TODAY_GOAL, counted(today)),
            ("today's due list, first page, p99", 100, TODAY_GOAL, lambda: self._read(self._first_lines)),
            ("analysis as of another day", 20, DAY_GOAL, counted(other)),
            ("analysis of one service, today", 5, DAY_GOAL, counted(today, narrow)),
            ("analysis of one service, another day", 5, DAY_GOAL, counted(other, narrow)),
        ]

    def _first_lines(self, session: Any) -> Any:
        return lines(session, TENANT, self.world.today, DueQuery(action=FinalAction.DESTROY), limit=50)

    def _read(self, ask: Callable[[Any], Any]) -> Any:
        with self.system.database.read() as session:
            return ask(session)

    def _pages(self, client: TestClient) -> list[tuple[str, int, float, Callable[[], Any]]]:
        def page(path: str) -> Callable[[], Any]:
            return lambda: self._got(client, path)

        found = [(f"page {what}", 5, PAGE_GOAL, page(path)) for what, path in self._addresses(client).items()]
        named = {"authorization": f"Bearer {self._key}"}
        found += [
            (f"API {what}", 5, PAGE_GOAL, lambda path=path: self._got(client, path, named))
            for what, path in self._programs().items()
        ]
        return found

    def _got(self, client: TestClient, path: str, headers: dict[str, str] | None = None) -> str:
        answer = client.get(path, headers=headers)
        if answer.status_code != 200:
            raise AssertionError(f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer.text

    def _addresses(self, client: TestClient) -> dict[str, str]:
        world = self.world
        found = {"archivist's home": "/"}
        due = {
            "counts": "",
            "to eliminate": "liste=to_eliminate",
            "to sort": "liste=to_sort",
            "to transfer": "liste=to_transfer",
            "latest first": "liste=to_eliminate&tri=-due_on",
            "of a service": "liste=to_eliminate&service=Service+7",
            "of a rule": "liste=to_eliminate&regle=R-3",
            "of a type": "liste=to_eliminate&type=type4",
            "of a class": "liste=to_eliminate&noeud=C0001",
            "of a file of 100,000": "liste=to_eliminate&noeud=F000000",
            "of a file": "liste=to_eliminate&noeud=F009001",
            "by words": "liste=to_eliminate&texte=num%C3%A9ro+77",
            "by words that none has": "liste=to_eliminate&texte=introuvable",
            "another day": "liste=to_eliminate&day=17&month=6&year=2040",
        }
        due |= {f"by {by.value}": f"liste=to_eliminate&grouper={by.value}" for by in GroupBy}
        due |= {f"state {state.value}": f"etat={state.value}" for state in DueState}
        found |= {f"due list, {what}": f"/echeances?{query}" for what, query in due.items()}
        found |= {
            "due list, deep": self._deep(client, "/echeances?liste=to_eliminate", "due"),
            "due list, deep, latest first": self._deep(client, "/echeances?liste=to_eliminate&tri=-due_on", "due"),
            "plan": "/plan",
            "plan, by words": "/plan?q=dossier+19",
            "plan, by words that none has": "/plan?q=introuvable",
            "plan, closed files": "/plan?etat=clos",
            "plan, open files, deep": "/plan?etat=ouverts&apres=F015000",
            "class with its files": f"/plan/{world.leaf}",
            "highest class": f"/plan/{world.top}",
            "file of fifty": f"/plan/{world.file}",
            "file of 100,000": f"/plan/{world.large}",
            "file of 100,000, deep": f"/plan/{world.large}?apres={world.record(60_000 * world.records // RECORDS)}",
            "records without a file": f"/plan/{world.file}?reference=REF-0",
            "rules": "/regles",
            "rules by documents": "/regles?tri=documents",
            "one rule": "/regles/R-3",
            "holds": "/gels",
            "holds to review": "/gels?etat=a-revoir",
            "hold of 50,000": f"/gels/{world.hold}",
            "hold of 50,000, deep": f"/gels/{world.hold}?apres={world.record(200_000 * world.records // RECORDS)}",
            "events": "/evenements",
            "events, deep": "/evenements?avant=10009000",
            "events of a case": "/evenements?affaire=REF-77",
            "accessions": f"/entrees?mois={self._month():%Y-%m}",
            "accessions, deep": f"/entrees?mois={self._month():%Y-%m}&apres={1000 + world.records - 40_000}",
            "accessions of a service": f"/entrees?mois={self._month():%Y-%m}&service=Service+7",
            "access requests": "/communications",
            "access requests, open derogations": "/communications?etat=open&nature=derogation",
            "access requests by words": "/communications?q=quartier+299",
            "access requests by words that none has": "/communications?q=introuvable",
            "one record": f"/documents/{world.record(77)}",
        }
        return found

    def _month(self) -> date:
        return self.world.today.replace(day=1) - timedelta(days=40)

    def _deep(self, client: TestClient, path: str, _kind: str) -> str:
        """Return the address of a page in the middle of a due list, as its cursor gives it."""
        from api.web.due_page import asked_of, purpose_of

        form = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        asked = asked_of(form, self.world.today)
        with self.system.database.read() as session:
            (middle,) = lines(session, TENANT, asked.day, DueQuery(action=FinalAction.DESTROY, year=2013), limit=1)
        cursor = client.app.state.cursors.write(purpose_of(TENANT, asked), list(place_of(middle, None)))  # type: ignore[attr-defined]
        return asked.href(apres=cursor)

    def _programs(self) -> dict[str, str]:
        return {
            "due list": "/api/v1/retention/due?action=destroy&limit=200",
            "due list of a service": "/api/v1/retention/due?action=destroy&producer=Service+7",
            "files": "/api/v1/files?limit=200",
            "files by words that none has": "/api/v1/files?q=introuvable",
            "open files of a class": f"/api/v1/files?state=open&parent={self.world.leaf}",
            "classes": "/api/v1/classification/nodes?kind=class",
            "a file of 100,000": f"/api/v1/files/{self.world.large}",
            "records of a file of 100,000": f"/api/v1/files/{self.world.large}/records?limit=200",
            "rules": "/api/v1/retention/rules",
            "holds of a record": f"/api/v1/holds?record={self.world.record(7)}",
            "events": "/api/v1/retention/events",
            "accessions": f"/api/v1/accessions?month={self._month():%Y-%m}",
        }

    def _simulation(self) -> list[tuple[str, int, float, Callable[[], Any]]]:
        """Ask what twenty more years would do to a rule of over 100,000 records in 2,000 files."""

        def act(session: Any) -> Any:
            last = rule_queries.versions_of(session, TENANT, "R-1")[-1]
            terms = rule_changes.terms_of(last)
            rule = replace(terms, duration=(terms.duration or 0) + 20).as_rule("R-1", 2, validated=True)
            found = effect_of(session, TENANT, SupposedRule(rule), self.system.clock())
            if found.records < self.world.records // 10 or found.changed < found.records * 0.9:
                raise AssertionError(f"{found.records} records, {found.changed} changed")

        return [("simulation of a rule over 100,000", 3, SIMULATION_GOAL, lambda: self._read(act))]

    def _changes(self, client: TestClient) -> list[tuple[str, int, float, Callable[[], Any]]]:
        """Ask what closing or reopening a file would do; place what names the code of a new one."""
        headers = {"authorization": f"Bearer {self._key}", "if-match": "*"}

        def effect(act: str, **given: str) -> None:
            path = f"/api/v1/files/{act}?dry_run=true"
            answer = client.post(path, json=given, headers=headers)
            if answer.status_code != 200:
                raise AssertionError(f"{path}: {answer.status_code} {answer.text[:300]}")

        def placing() -> None:
            with self.system.database.write() as session:
                plan_reach.place_named(session, TENANT, ["F000007"])

        world, day = self.world, self.world.today.isoformat()
        reopened = f"{world.large}/reopen"
        return [
            ("effect of closing a file of 50", 3, PAGE_GOAL, lambda: effect(f"{world.file}/close", closed_on=day)),
            ("effect of reopening a file of 100,000", 3, SIMULATION_GOAL, lambda: effect(reopened, reason="Essai")),
            ("placing what names a new code", 3, PAGE_GOAL, placing),
        ]

    # -- after many changes

    def _marks(self, figures: Figures) -> None:
        """Mark a service's records as stale, and ask again what counts from changed parts."""
        begun = time.perf_counter()
        with self.system.database.write() as session:
            changed = update(RecordRow).where(RecordRow.producer == "Service 7", RecordRow.tenant_id == TENANT)
            session.execute(changed.values(stale_since=self.system.clock()))
        print(f"  {self.watch.name:10} a fortieth made stale: {time.perf_counter() - begun:.2f} s")
        what = "today's due list, after 25,000 changes, p99"
        act = lambda: self._read(lambda s: analyse(s, TENANT, self.world.today))  # noqa: E731
        figures[what] = self.watch.time(what, 100, TODAY_GOAL, act)
        begun = time.perf_counter()
        with self.system.database.write() as session:
            retention_counters.compact(session.connection())
        print(f"  {self.watch.name:10} counts added up: {time.perf_counter() - begun:.2f} s")
        with self.system.database.read() as session:
            begun = time.perf_counter()
            wrong = retention_counters.miscounted(session.connection())
        print(f"  {self.watch.name:10} whole recount: {time.perf_counter() - begun:.2f} s, {wrong} wrong")
        if wrong:
            raise AssertionError(f"{wrong} kept counts are wrong")


def main() -> None:
    """Measure fewer records, or one of the two databases."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.retention_bench")
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    given = parser.parse_args()
    run(records=given.records, only=given.only)


if __name__ == "__main__":
    main()
