"""Import and export of the filing plan over the API: all or none, and each line's error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from archive.database.retention_tables import StatementRow
from archive.database.tables import RecordRow
from archive.holdings.describe import describe
from ingestion.assembly import System
from tests.holdings import keep

PLAN = "/api/v1/classification/plan"
NODES = "/api/v1/classification/nodes"
CSV, SKOS = "text/csv", "application/rdf+xml"


@pytest.fixture
def caller(client: TestClient, key_of: Callable[..., str]) -> TestClient:
    client.headers["Authorization"] = f"Bearer {key_of('a', 'retention:write', 'record:read')}"
    return client


def sent(client: TestClient, content: str | bytes, kind: str = CSV, **query: Any) -> Any:
    body = content if isinstance(content, bytes) else content.encode()
    return client.post(PLAN, content=body, headers={"Content-Type": kind}, params=query)


def told(client: TestClient) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = client.get(NODES, params={"limit": 200}).json()["nodes"]
    return nodes


WHOLE = """code;parent;kind;title;rules;rules_in_addition;rules_starts;opened_on;closed_on;medium;metres;place
2.1;2;class;Marchés;R-1; 1;R-1=2020-12-31 seda;;;;;
2;;class;Achats;;;;;;;;
MAR-1;2.1;file;Pont;;;;2021-01-01;2024-06-30;;;
PAP-1;2;file;Registre;;;;;;papier;1,25;Travée 4
"""


@pytest.mark.parametrize("kind", [CSV, SKOS])
def test_what_is_exported_changes_nothing_when_it_is_imported(caller: TestClient, kind: str) -> None:
    done = sent(caller, WHOLE)
    assert done.status_code == 200, done.text
    assert (done.json()["created"], done.json()["changed"]) == (4, 0)
    before = told(caller)
    assert [one["code"] for one in before] == ["2", "2.1", "MAR-1", "PAP-1"]
    assert before[1]["retention"]["starts"] == {"R-1": {"on": "2020-12-31", "convention": "seda"}}
    assert (before[2]["path"], before[2]["closed_on"]) == (["2", "2.1"], "2024-06-30")
    assert before[3]["extent"] == {"medium": "papier", "metres": "1.25", "from": None, "to": None, "place": "Travée 4"}
    export = caller.get(PLAN, headers={"Accept": kind})
    assert export.headers["content-type"].startswith(kind)
    again = sent(caller, export.content, kind)
    assert (again.json()["created"], again.json()["changed"], again.json()["unchanged"]) == (0, 0, 4), again.text
    assert told(caller) == before


def test_an_export_fills_an_empty_town(caller: TestClient, key_of: Callable[..., str]) -> None:
    sent(caller, WHOLE)
    before = told(caller)
    for kind in (CSV, SKOS):
        content = caller.get(PLAN, headers={"Accept": kind}).content
        caller.headers["Authorization"] = f"Bearer {key_of('b', 'retention:write', 'record:read')}"
        assert sent(caller, content, kind).status_code == 200
        own = ("id", "parent_id", "number", "content")
        assert [{n: v for n, v in one.items() if n not in own} for one in told(caller)] == [
            {n: v for n, v in one.items() if n not in own} for one in before
        ]


def test_one_wrong_line_and_nothing_is_imported(caller: TestClient, bare_system: System) -> None:
    sent(caller, "code;title;kind\n1;Un;class\nF;Clos;file\n")
    wrong = """code;parent;kind;title;opened_on;closed_on;rules_in_addition
3;;class;Trois;;;
3;;class;Encore;;;
4;absent;class;Quatre;;;
5;;dossier;Cinq;;;
6;;file;Six;2020-02-30;;
7;;file;Sept;2021-01-01;2020-01-01;
8;;class;;;;
9;;class;Neuf;;;oui
1;;file;Un;;;
F;;file;Clos;;9000-01-01;
10;10;class;Dix;;;
"""
    answer = sent(caller, wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_plan")
    pointers = [one["pointer"] for one in answer.json()["errors"]]
    assert pointers == [
        "/lines/3/code",
        "/lines/4/parent",
        "/lines/5/kind",
        "/lines/6/opened_on",
        "/lines/7/closed_on",
        "/lines/8/title",
        "/lines/9/rules_in_addition",
        "/lines/10/kind",
        "/lines/11/closed_on",
        "/lines/12/parent",
    ]
    assert answer.json()["kept"]
    assert [one["code"] for one in told(caller)] == ["1", "F"]
    with bare_system.database.read() as session:
        assert session.query(StatementRow).count() == 2


def test_an_import_tells_its_effect_and_places_records(caller: TestClient, bare_system: System, tmp_path: Path) -> None:
    record = keep(bare_system, tmp_path, 1, "a")
    describe(bare_system.stores, "a", record, {"file": "MAR-1"}, agent="user:1", expected_revision=1)
    content = "code;kind;title;closed_on\nMAR-1;file;Pont;2026-03-20\n"
    shown = sent(caller, content, dry_run="true")
    assert (shown.json()["created"], shown.json()["records"]) == (1, 1)
    assert told(caller) == []
    early = sent(caller, content.replace("03-20", "03-01"))
    assert [one["pointer"] for one in early.json()["errors"]] == ["/lines/2/closed_on"]
    assert told(caller) == []
    assert sent(caller, content).json()["records"] == 1
    assert told(caller)[0]["content"]["records"] == 1
    with bare_system.database.read() as session:
        assert session.get_one(RecordRow, record).stale_since is not None
    closed = sent(caller, content.replace("2026-03-20", ""))
    assert [one["pointer"] for one in closed.json()["errors"]] == ["/lines/2/closed_on"]


def test_other_contents_are_refused(caller: TestClient) -> None:
    assert sent(caller, "code;title\n1;x\n", "application/json").status_code == 415
    assert sent(caller, "rien", CSV).json()["code"] == "bad_plan_file"
    assert sent(caller, WHOLE, SKOS).json()["code"] == "bad_plan_file"
    assert caller.get(PLAN, headers={"Accept": "image/png"}).status_code == 406
