"""Early openings: with the authority’s agreement, the public reads before the delay is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from archive.catalogue import openings
from archive.catalogue.access_requests import Desk
from archive.catalogue.access_steps import AccessStep, StepTaken
from archive.catalogue.producer_changes import ProducerChange, apply_services
from archive.custody.rebuild.statements import disagreements
from archive.database.access_tables import AccessRequestRow
from archive.database.tables import JournalEntryRow, RecordRow
from archive.holdings import keep as holdings
from archive.holdings.describe import describe
from archive.holdings.recompute import recompute, recompute_stale
from archive.holdings.revisions import revision_in_force
from archive.model.access_requests import AccessKind
from archive.model.services import read_service
from archive.retention.civil import today_of
from ingestion.operations.custody import Custody
from signing.ground.errors import Refused
from tests.holdings import lose_database, opened, package, rows, system_at
from tests.plan_town import Town
from tests.servers.postgres import Databases

D = date.fromisoformat
OPENS = D("2026-01-15")
OLD = "2019-01-15"
PRIVATE = {"access_rule": "AR048", "document_date": D(OLD)}
BY_RULE = D("2069-01-16")


class Archives(Town):
    """Archives that open parts of their holdings early."""

    def desk(self, act: Any) -> AccessRequestRow:
        with self.system.database.write() as session:
            done = act(Desk(session, self.system.ledger, "demo", "user:1", self.system.clock()))
            assert isinstance(done, AccessRequestRow)
            return done

    def register(self, **opening: Any) -> str:
        given = {"requester": "Les archives", "contact": None, "subject": "Fonds", "motive": None, "records": []}
        given |= {"registered_on": D("2026-01-02"), "opening": {"opens_on": OPENS} | opening}
        return self.desk(lambda desk: desk.register(AccessKind.EARLY_OPENING, given)).id

    def take(self, request: str, *steps: str) -> None:
        for name in steps:
            agreed = True if name == "answer" else None
            done = StepTaken(AccessStep(name), D("2026-01-10"), f"dit {name}", agreed)
            self.desk(lambda desk, done=done: desk.take(request, None, done))

    def open_early(self, **opening: Any) -> str:
        request = self.register(**opening)
        self.take(request, "send", "answer", "grant")
        return request

    def effect(self, request: str) -> openings.OpeningEffect:  # type: ignore[override]
        with self.system.database.read() as session:
            row = session.get_one(AccessRequestRow, request)
            today = today_of(session, "demo", self.system.clock()).day
            return openings.effect_of(session, "demo", row.content, today)

    def access(self, record: str) -> tuple[date | None, str | None]:
        assert recompute_stale(self.system.stores).failed == {}
        with self.system.database.read() as session:
            row = session.get_one(RecordRow, record)
            return row.communicable_on, row.opening

    def kept(self, record: str) -> dict[str, Any]:
        with self.system.database.read() as session:
            row = session.get_one(RecordRow, record)
        return dict(revision_in_force(self.system.stores, row)[0])

    def explanation(self, record: str) -> str:
        with self.system.database.read() as session:
            return session.get_one(RecordRow, record).access_explanation.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.fixture
def town(databases: Databases, tmp_path: Path, keys: Path) -> Iterator[Archives]:
    fresh = databases.fresh(tmp_path / "home")
    settings = fresh.settings if fresh.url.startswith("postgresql") else {}
    with opened(tmp_path / "home", keys, **settings) as system:
        yield Archives(system, tmp_path)


def test_an_opening_of_a_class_gives_its_day_to_all_below_until_it_is_withdrawn(town: Archives) -> None:
    top = town.create("class", "1")
    town.create("file", "F", parent_id=top)
    inside, outside = town.keep(file="F", **PRIVATE), town.keep(**PRIVATE)
    undated = town.keep(classification="1", access_rule="AR043")
    never = town.keep(classification="1", access_rule="AR048 AR062", document_date=D(OLD))
    unknown = town.keep(classification="1", document_date=D(OLD))
    open_already = town.keep(classification="1", access_rule="AR038", document_date=D(OLD))
    before = {one: town.access(one) for one in (inside, outside, undated, never, unknown, open_already)}
    assert before[inside] == (BY_RULE, None)

    request = town.register(node=top)
    told = town.effect(request)
    assert (told.records, told.changed, told.without_date, told.never, told.without_rule) == (5, 2, 1, 1, 1)
    assert (told.earliest, told.latest) == (BY_RULE, BY_RULE)
    assert {one: town.access(one) for one in before} == before, "registered, it changes nothing"
    town.take(request, "send", "answer")
    assert {one: town.access(one) for one in before} == before, "agreed, it changes nothing"

    town.take(request, "grant")
    with town.system.database.read() as session:
        marked = set(session.scalars(select(RecordRow.id).where(RecordRow.stale_since.is_not(None))))
    assert marked == {inside, undated, never, unknown, open_already}
    assert town.access(inside) == town.access(undated) == (OPENS, request)
    assert {one: town.access(one) for one in (outside, never, unknown, open_already)} == {
        one: before[one] for one in (outside, never, unknown, open_already)
    }
    assert town.explanation(inside) == (
        "Communicable à partir du 15 janvier 2026 : ouverture anticipée décidée le 10 janvier 2026 pour la classe "
        "1 « 1 », avec l’accord du service d’origine donné le 10 janvier 2026 (code du patrimoine, art. L213-3, II). "
        "Sans cet acte, ce serait le 16 janvier 2069 (règle AR048)."
    )
    assert "Sans cet acte, la règle AR043 n’en donne pas le jour." in town.explanation(undated)
    assert town.kept(inside)["access"]["opening"] == request

    later = town.keep(file="F", **PRIVATE)
    assert town.access(later) == (OPENS, request)
    assert recompute(town.system.stores) == (0, {}), "the whole computation finds nothing else"
    town.take(request, "withdraw")
    assert {one: town.access(one) for one in before} == before
    assert town.access(later) == (BY_RULE, None)
    assert "ouverture" not in town.explanation(inside)
    assert "opening" not in town.kept(inside)["access"]
    with town.system.database.read() as session:
        assert list(disagreements(session, lambda *_: True)) == []
        bodies = b"".join(session.scalars(select(JournalEntryRow.body)))
    assert b"Les archives" not in bodies


def test_a_producer_s_fonds_follows_it_and_a_second_act_takes_over(town: Archives) -> None:
    mine, other = town.keep(producer="voirie", **PRIVATE), town.keep(producer="rh", **PRIVATE)
    first = town.open_early(producer="voirie")
    assert [town.access(one) for one in (mine, other)] == [(OPENS, first), (BY_RULE, None)]
    describe(town.system.stores, "demo", other, {"producer": "voirie"}, agent="user:1", expected_revision=1)
    assert town.access(other) == (OPENS, first)
    second = town.open_early(producer="voirie")
    town.take(first, "withdraw")
    assert town.access(mine) == (OPENS, second), "the same day, by another act: its sentence names that one"
    town.take(second, "withdraw")
    assert town.access(mine) == (BY_RULE, None)


def test_a_service_s_opening_leaves_closed_what_another_kept_under_the_same_name(town: Archives) -> None:
    told: tuple[dict[str, Any], ...] = (
        {"code": "U1", "names": [{"name": "Urbanisme", "valid_until": "2000-12-31"}, _FROM_2001 | {"name": "Permis"}]},
        {"code": "U2", "names": [_FROM_2001 | {"name": "Urbanisme"}]},
        {"code": "U3", "names": ["U1"]},
    )
    change = ProducerChange(town.system.register, "demo", "user:1")
    apply_services(change, [(n, read_service(one)) for n, one in enumerate(told)])
    ours, by_name, theirs = (town.keep(producer=one, **PRIVATE) for one in ("U1", "Permis", "Urbanisme"))
    with pytest.raises(Refused, match="donnez le code"):
        town.register(producer="Urbanisme")
    for given in ("Permis", "U1"):
        request = town.open_early(producer=given)
        assert [town.access(one) for one in (ours, by_name, theirs)] == [(OPENS, request)] * 2 + [(BY_RULE, None)]
        town.take(request, "withdraw")


def test_an_opening_is_of_its_tenant_alone(town: Archives) -> None:
    town.system.create_tenant("autre", "Autre Commune")
    given = package(town.system, town.folder, 90, "autre")
    theirs = replace(given, description=replace(given.description, document_type=None, producer="voirie", **PRIVATE))
    record = holdings.keep(town.system.stores, theirs, lambda _session, _kept: None).record_id
    mine = town.keep(producer="voirie", **PRIVATE)
    request = town.register(producer="voirie")
    assert town.effect(request).records == 1
    town.take(request, "send", "answer", "grant")
    with town.system.database.read() as session:
        assert session.get_one(RecordRow, record).stale_since is None
    assert town.access(mine) == (OPENS, request)
    assert recompute(town.system.stores) == (0, {})
    assert town.access(record) == (BY_RULE, None)


_FROM_2001 = {"valid_from": "2001-01-01"}


def test_an_opening_never_opens_before_its_decision_nor_later_than_the_rule(town: Archives) -> None:
    mine = town.keep(producer="voirie", **PRIVATE)
    soon = town.keep(producer="voirie", access_rule="AR048", document_date=D("1976-01-04"))
    request = town.open_early(producer="voirie", opens_on=D("2001-01-01"))
    assert town.access(mine) == (D("2026-01-10"), request)
    assert town.access(soon) == (D("2026-01-05"), None)


def test_it_is_not_granted_without_agreement_and_names_one_thing(town: Archives) -> None:
    request = town.register(producer="voirie")
    for steps, last in ((("send",), "grant"), ((), "withdraw"), ((), "consult")):
        town.take(request, *steps)
        with pytest.raises(Refused) as refused:
            town.take(request, last)
        assert refused.value.code == "access_step_refused"
    wrong: tuple[dict[str, Any], ...] = ({}, {"producer": "v", "node": "n"}, {"producer": "v", "opens_on": None})
    for opening in wrong:
        with pytest.raises(Refused) as refused:
            town.register(**opening)
        assert refused.value.code == "bad_access_request"
    with pytest.raises(Refused) as refused:
        town.register(node="0193a0e0-0000-7000-8000-000000000000")
    assert refused.value.code == "node_not_found"
    with pytest.raises(Refused) as refused:
        town.desk(lambda desk: desk.register(AccessKind.DEROGATION, {**_PLAIN, "opening": {"opens_on": OPENS}}))
    assert refused.value.code == "bad_access_request"


_PLAIN: dict[str, Any] = {
    "requester": "Une chercheuse",
    "contact": None,
    "subject": "x",
    "motive": None,
    "records": [],
    "registered_on": None,
}


def test_a_rebuild_from_the_store_brings_the_opening_and_its_days_back(tmp_path: Path) -> None:
    with opened(tmp_path / "home") as system:
        town = Archives(system, tmp_path)
        mine = town.keep(producer="voirie", **PRIVATE)
        request = town.open_early(producer="voirie")
        assert town.access(mine) == (OPENS, request)
        system.statements.settle()
        system.publisher.publish()
        seen = rows(system, "access_requests", "records")
        lose_database(system)
    after = system_at(tmp_path / "home")
    try:
        after.prepare_rebuild()
        Custody(after).rebuild()
        assert rows(after, "access_requests", "records") == seen
        later = Archives(after, tmp_path / "more")
        later.folder.mkdir()
        later.made = 9
        assert later.access(later.keep(producer="voirie", **PRIVATE)) == (OPENS, request)
    finally:
        after.close()
