"""A doubtful clock at the doors: told, confirmed by an administrator, a hold reinstated."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update
from typer.testing import CliRunner

from api.access.keys import KEY_LIFE
from api.access.tables import ApiKeyRow
from api.cli.main import app
from archive.database.tables import ClockRow, JournalEntryRow
from archive.model.time_sense import Doubt
from ingestion.assembly import System
from signing.authority import ensure_generated
from tests.holdings import keep

OURS = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}
DAY = timedelta(days=1)


def doubted(system: System) -> None:
    """As after a jump of a year."""
    system.time_sense.look()
    with system.database.write() as session:
        found = {"distrusted_at": system.clock(), "reason": Doubt.AHEAD.value, "difference": 31_536_000}
        session.execute(update(ClockRow).values(first_entry=0, **found))


def entries(system: System, kind: str) -> list[dict[str, Any]]:
    with system.database.read() as session:
        rows = session.query(JournalEntryRow).filter_by(type=kind).order_by(JournalEntryRow.n)
        return [json.loads(row.body) for row in rows]


def test_an_administrator_reads_the_doubt_and_confirms(
    client: TestClient, bare_system: System, person: Callable[[str, str], tuple[Any, str]], tmp_path: Path
) -> None:
    ensure_generated(bare_system.settings.signing.keys, organisation="Commune de Test")
    keep(bare_system, tmp_path, 1, "a")
    doubted(bare_system)
    _, link = person("a", "platform_admin")
    client.post(f"/connexion/{link}", headers=OURS)
    page = client.get("/etat").text
    assert "Elle a avancé de 365" in page.replace("\xa0", " ")
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token
    assert client.get("/health/ready").json()["components"]["clock"]["state"] == "degraded"
    sent = client.post("/etat/horloge", data={"csrf": token[1]}, headers=OURS, follow_redirects=False)
    assert (sent.status_code, sent.headers["location"]) == (303, "/etat")
    assert bare_system.time_sense.sense().trusted
    assert "/etat/horloge" not in client.get("/etat").text
    (told,) = entries(bare_system, "ClockCorrected")
    assert (told["facts"]["reason"], told["facts"]["first"]) == ("ahead", 0)
    assert told["agent"]
    again = client.post("/etat/horloge", data={"csrf": token[1]}, headers=OURS)
    assert again.status_code == 409


def test_the_command_line_tells_and_confirms(bare_system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.cli.clock.system", lambda: bare_system)
    run = CliRunner()
    bare_system.time_sense.look()
    assert json.loads(run.invoke(app, ["clock", "show", "--json"]).stdout)["trusted"] is True
    doubted(bare_system)
    shown = json.loads(run.invoke(app, ["clock", "show", "--json"]).stdout)
    assert (shown["trusted"], shown["reason"], shown["difference"]) == (False, "ahead", 31_536_000)
    assert "entrée 0" in run.invoke(app, ["clock", "confirm"]).stdout
    assert bare_system.time_sense.sense().trusted


def test_an_expired_hold_is_reinstated_once(
    client: TestClient, bare_system: System, key_of: Callable[..., str], tmp_path: Path
) -> None:
    record = keep(bare_system, tmp_path, 1, "a")
    last = (bare_system.clock() + 100 * DAY).date()
    hold = bare_system.holds.place("a", [record], reason="Contentieux", until=last, agent="user:1")
    caller = {"Authorization": f"Bearer {key_of('a', 'hold:write', 'record:read')}"}
    address = f"/api/v1/holds/{hold}/reinstate"
    assert client.post(address, headers=caller).json()["code"] == "hold_not_reinstatable"
    bare_system.holds._certain = lambda: datetime.now(UTC) + 365 * DAY
    bare_system.holds.run()
    bare_system.holds._certain = bare_system.clock
    answer = client.post(address, headers=caller)
    assert answer.status_code == 201
    assert (answer.json()["state"], answer.json()["until"]) == ("active", last.isoformat())
    assert answer.json()["records"] == [record]
    second = client.post(address, headers=caller)
    assert (second.status_code, second.json()["code"]) == (409, "hold_not_reinstatable")


def test_a_key_does_not_end_by_a_doubtful_clock(
    client: TestClient, bare_system: System, key_of: Callable[..., str]
) -> None:
    caller = {"Authorization": f"Bearer {key_of('a', 'record:read')}"}
    bare_system.time_sense.look()
    right = bare_system.clock
    bare_system.clock = lambda: right() + KEY_LIFE + DAY
    bare_system.time_sense._clock = bare_system.clock
    assert client.get("/api/v1/records/x", headers=caller).status_code == 404, "a year ahead at once is no year"
    with bare_system.database.write() as session:
        session.execute(update(ApiKeyRow).values(expires_at=right() - DAY))
    assert client.get("/api/v1/records/x", headers=caller).status_code == 401
