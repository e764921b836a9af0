"""What was set aside for one reason is run again, by the page of who may and by the command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from api.access.sessions import COOKIE, use_login_link
from api.app import create_app
from api.cli import context
from api.cli.main import app
from ingestion.assembly import System
from ingestion.tables import DepositRow
from tests.holdings import opened, receive

ORIGIN = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}


@pytest.fixture
def system(tmp_path: Path, keys: Path) -> Any:
    with opened(tmp_path / "home", keys) as made:
        yield made


def quarantined(system: System, reasons: list[str]) -> list[str]:
    ids = [receive(system, f"acte {n}".encode(), f"acte-{n}").id for n in range(len(reasons))]
    with system.database.write() as session:
        for deposit_id, reason in zip(ids, reasons, strict=True):
            row = session.get_one(DepositRow, deposit_id)
            row.state, row.problem = "quarantined", {"code": reason, "detail": "x", "action": "", "values": {}}
    return ids


def states(system: System, ids: list[str]) -> list[str]:
    with system.database.read() as session:
        return [session.get_one(DepositRow, one).state for one in ids]


def logged_in(system: System, client: TestClient, role: str) -> str:
    from api.access.people import create_user
    from api.access.sessions import login_link

    with system.database.write() as session:
        row = create_user(session, tenant="demo", name=role, role=role, now=system.clock())
        made = use_login_link(session, login_link(session, row, system.clock()), system.clock())
    client.cookies.set(COOKIE, made.token)
    return str(made.caller.csrf)


def test_an_archivist_runs_them_again_from_the_page(system: System) -> None:
    ids = quarantined(system, ["workers_killed", "workers_killed", "malware"])
    with TestClient(create_app(system), base_url="http://127.0.0.1") as client:
        logged_in(system, client, "clerk")
        assert "/depots/relancer" not in client.get("/depots?etat=quarantined&tous=1").text
        csrf = logged_in(system, client, "archivist")
        page = client.get("/depots?etat=quarantined&tous=1").text
        assert re.search(r"2\W*dépôts mis à part pour le motif\W*workers_killed", page)
        assert "/depots/relancer" not in client.get("/depots?tous=1").text
        answer = client.post("/depots/relancer", data={"csrf": csrf, "reason": "workers_killed"}, headers=ORIGIN)
        assert answer.status_code == 200, answer.text
    assert states(system, ids) == ["working", "working", "quarantined"]


def test_the_command_runs_again_what_it_names_and_nothing_else(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = quarantined(system, ["workers_killed", "malware", "malware"])
    monkeypatch.setenv("CHARTRIER_HOME", str(system.settings.home))
    context.settings.cache_clear()
    context.system.cache_clear()
    run = CliRunner().invoke
    for wrong in (["retry"], ["retry", "--state", "quarantined"], ["retry", "--state", "kept", "--reason", "x"]):
        assert run(app, wrong).exit_code == 2, wrong
    assert run(app, ["retry", ids[0], "--state", "quarantined", "--reason", "malware"]).exit_code == 2
    assert states(system, ids) == ["quarantined"] * 3
    told = run(app, ["retry", "--state", "quarantined", "--reason", "workers_killed", "--json"])
    assert told.exit_code == 0, told.output
    assert f'"{ids[0]}"' in told.output
    assert run(app, ["retry", ids[2]]).exit_code == 0
    assert states(system, ids) == ["working", "quarantined", "working"]
    context.settings.cache_clear()
    context.system.cache_clear()
