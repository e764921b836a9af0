"""The API's own check broken: every route takes the intruder for the owner.

What the database lets through is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from api.access import authentication
from api.app import create_app
from archive.database.engine import Database
from archive.database.row_security import DECLARED
from archive.database.tenancy import NOTHING, acting_for
from ingestion.assembly import assemble
from ingestion.settings import load_settings
from tests.e2e.towns import LISTS, MAKES, NAMING, OPEN, Town, ask
from tests.servers.service import Service

PROFILES = (pytest.param("postgresql", marks=pytest.mark.services),)
pytestmark = pytest.mark.services

UNMARKED = (
    "comparePack",
    "createDelivery",
    "exportPlan",
    "getDueCalendar",
    "getMe",
    "issueRegister",
    "listDue",
    "listRules",
    "simulateChange",
    "sortUnits",
)
"""Answer their owner with counts, days or a first page without any of the town's marked words."""

BY_PEOPLE = {
    "attachDisposalScan",
    "cancelExecution",
    "confirmExecution",
    "confirmVisa",
    "decideDeliveryPackage",
    "enterDeliveryReply",
    "getDisposalScan",
    "getDisposalScanPage",
    "giveVisa",
    "inviteGuest",
    "revokeInvitation",
    "validateRule",
    "withdrawVisa",
}
"""Refused to every key: a person does it, or brought what it shows."""
NOT_YET = {"getCertificate": "certificate_not_found"}
"""Refused to their owner too, who has none yet: with a code that tells that the thing was found."""
SEEN = 409
"""Status of a change that the owner's thing does not allow as it is: it was found first."""


@pytest.fixture
def careless(service: Service, towns: tuple[Town, Town], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The same application over the same database; it takes the intruder's key for the owner's."""
    owner, intruder = towns
    system = assemble(load_settings(service.environment_of_settings), sees=NOTHING)
    known = authentication.key_caller

    def fooled(session: Any, plain: str, now: Any) -> Any:
        found = known(session, plain, now)
        return (
            (replace(found[0], tenant=owner.tenant), False) if found and found[0].tenant == intruder.tenant else found
        )

    told = authentication.found_to_be
    monkeypatch.setattr(authentication, "key_caller", fooled)
    monkeypatch.setattr(authentication, "found_to_be", lambda tenant: told(acting[0] or tenant))
    acting: list[str | None] = [intruder.tenant]
    headers = {"Authorization": f"Bearer {intruder.key}"}
    with TestClient(create_app(system), base_url="http://127.0.0.1", headers=headers) as client:
        client.acting = acting  # type: ignore[attr-defined]
        yield client
    system.close()


def test_the_database_shows_nothing_even_to_an_api_that_would(
    careless: TestClient, towns: tuple[Town, Town], operations: list[tuple[str, str, str]]
) -> None:
    owner, intruder = towns
    told, refused = [], 0
    for name, method, path in sorted(operations, key=lambda one: one[0] == "revokeKey"):
        if name in MAKES:
            continue
        careless.acting[0] = intruder.tenant  # type: ignore[attr-defined]
        answer = ask(careless, name, method, path, owner)
        careless.acting[0] = owner.tenant  # type: ignore[attr-defined]
        control = ask(careless, name, method, path, owner)
        # a rule is not validated by who wrote it: 403 of the owner's too, once the rule was found;
        # nor does any key give a visa, or bring its scan
        fine = control.status_code < 300 or control.status_code == SEEN or name in BY_PEOPLE
        fine = fine or (name in NOT_YET and control.json()["code"] == NOT_YET[name])
        shows = name in (*OPEN, *UNMARKED) or "_id}" in path or owner.shows_through(control)
        if not fine or not (shows or control.status_code == SEEN):
            told.append(f"{name}: without row security too, nothing would show: {control.status_code}")
        said = answer.json() if name == "searchRecords" else answer
        if name == "searchRecords":  # the index was asked for the owner's: its hits have no row behind them
            assert said["hits"] == []
            continue
        if name in (*LISTS, *OPEN):
            if seen := owner.shows_through(said):
                told.append(f"{name}: shows {seen}")
            continue
        seen = [word for word in owner.shows_through(answer) if not _was_asked_for(answer, word)]
        if answer.status_code in {403, 404} and not seen:
            refused += 1
        else:
            told.append(f"{name}: {answer.status_code} {seen}")
    assert told == []
    assert refused == len([1 for name, _, path in operations if "_id}" in path or name in NAMING])


def _was_asked_for(answer: Any, word: str) -> bool:
    """Whether a word of an answer is the asker's own: the code that they named."""
    return word in f"{answer.request.url} {answer.request.read().decode(errors='replace')}"


def test_no_row_of_any_table_is_had_by_a_statement(service: Service, towns: tuple[Town, Town]) -> None:
    owner, intruder = towns
    database = Database(service.settings["CHARTRIER_DATABASE_URL"])
    held = 0
    for name in sorted(name for name, rows in DECLARED.items() if rows.own is not None):
        seen = {}
        for tenant in (owner.tenant, intruder.tenant, NOTHING):
            with acting_for(tenant), database.read() as session:
                seen[tenant] = {str(tuple(row)) for row in session.execute(text(f"SELECT * FROM {name}"))}
        assert seen[NOTHING] == set(), name
        assert seen[owner.tenant].isdisjoint(seen[intruder.tenant]), name
        assert {word for row in seen[intruder.tenant] for word in owner.shows_through(row)} == set(), name
        held += bool(seen[owner.tenant])
    assert held >= 10
    database.dispose()
