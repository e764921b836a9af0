"""Due lists over the API: counts that add up, pages, groups, CSV, calendar; nobody else's."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from archive.database.tables import TenantRow
from ingestion.assembly import System
from tests.unit.archive.disposition.due_rows import record, rules

KeyOf = Callable[..., str]
DUE = "/api/v1/retention/due"


@pytest.fixture
def town(bare_system: System) -> System:
    """A tenant with seven records, and a neighbour with one."""
    with bare_system.database.write() as session:
        for tenant in ("a", "b"):
            rules(session, tenant)
        for n in range(5):
            record(session, tenant_id="a", producer="Finances", title=f"Facture {n}")
        record(session, tenant_id="a", final_action="sort", producer="Voirie", title='=HYPERLINK("x")')
        record(session, tenant_id="a", basis="start_missing", due_on=None, ends_on=None)
        record(session, tenant_id="b", title="Ailleurs")
    return bare_system


@pytest.fixture
def reader(client: TestClient, key_of: KeyOf, town: System) -> TestClient:
    client.headers["Authorization"] = f"Bearer {key_of('a', 'record:read')}"
    return client


def get(client: TestClient, **given: Any) -> Any:
    answer = client.get(DUE, params={"before": "2031-06-01"} | given)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_states_add_up_to_the_total_and_lists_hold_what_is_due(reader: TestClient) -> None:
    found = get(reader)
    analysis = found["analysis"]
    assert analysis["total"] == {"records": 7, "bytes": 7000}
    assert sum(count["records"] for count in analysis["states"].values()) == 7
    assert len(analysis["states"]) == 13
    assert {name: one["records"] for name, one in analysis["lists"].items()} == {
        "to_eliminate": 5,
        "to_sort": 1,
        "to_transfer": 0,
    }
    assert [line["state"] for line in found["lines"]] == ["ready"] * 5 + ["to_sort"]


def test_the_day_before_nothing_is_due(reader: TestClient) -> None:
    found = get(reader, before="2030-12-31")
    assert found["lines"] == []
    assert found["analysis"]["states"]["not_yet"]["records"] == 6


def test_a_list_is_read_page_by_page_and_counted_once(reader: TestClient) -> None:
    seen: list[str] = []
    cursor = None
    pages = 0
    while True:
        found = get(reader, limit=4, **({"cursor": cursor} if cursor else {}))
        assert (found["analysis"] is None) == bool(pages)
        seen += [line["record_id"] for line in found["lines"]]
        cursor, pages = found["next"], pages + 1
        if cursor is None:
            break
    assert pages == 2
    assert len(set(seen)) == len(seen) == 6
    other = reader.get(DUE, params={"before": "2031-06-02", "cursor": get(reader, limit=4)["next"]})
    assert (other.status_code, other.json()["code"]) == (422, "bad_cursor")


def test_a_state_lists_records_that_have_no_day(reader: TestClient) -> None:
    assert [line["due_on"] for line in get(reader, state="start_missing")["lines"]] == [None]
    assert reader.get(DUE, params={"state": "nonsense"}).status_code == 422
    assert reader.get(DUE, params={"before": "2031-13-01"}).status_code == 422


def test_groups_page_and_count(reader: TestClient) -> None:
    first = get(reader, group="producer", limit=1)
    assert [(one["key"], one["records"]) for one in first["groups"]] == [("Finances", 5)]
    second = get(reader, group="producer", limit=1, cursor=first["next"])
    assert [(one["key"], one["states"]) for one in second["groups"]] == [
        ("Voirie", {"to_sort": {"records": 1, "bytes": 1000}})
    ]
    assert second["next"] is None


def test_the_csv_is_the_whole_list_and_no_cell_is_a_formula(reader: TestClient) -> None:
    answer = reader.get(DUE, params={"before": "2031-06-01"}, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert len(rows) == 6
    assert rows[-1]["title"] == '\'=HYPERLINK("x")'
    assert {row["due_on"] for row in rows} == {"2031-01-01"}


def test_the_calendar_tells_numbers_and_no_title(client: TestClient, key_of: KeyOf, town: System) -> None:
    with town.database.write() as session:
        record(session, tenant_id="a", due_on=date(2031, 3, 17), title="Secret de famille")
    town.clock = lambda: datetime(2030, 11, 24, 9, tzinfo=UTC)
    client.headers["Authorization"] = f"Bearer {key_of('a', 'record:read')}"
    answer = client.get(f"{DUE}.ics")
    assert answer.headers["content-type"].startswith("text/calendar")
    lines = answer.text.split("\r\n")
    assert "DTSTART;VALUE=DATE:20310101" in lines
    assert "SUMMARY:5 documents à éliminer" in lines
    at = lines.index("DTSTART;VALUE=DATE:20310302")
    assert lines[at : at + 3] == [
        "DTSTART;VALUE=DATE:20310302",
        "DTEND;VALUE=DATE:20310401",
        "SUMMARY:1 document à éliminer",
    ]
    assert "Secret" not in answer.text
    assert all(len(line.encode()) <= 75 for line in lines)


def test_nobody_sees_what_is_due_elsewhere(client: TestClient, key_of: KeyOf, town: System) -> None:
    client.headers["Authorization"] = f"Bearer {key_of('b', 'record:read')}"
    found = get(client)
    assert [line["title"] for line in found["lines"]] == ["Ailleurs"]
    assert found["analysis"]["total"]["records"] == 1
    assert "Facture" not in client.get(DUE, headers={"Accept": "text/csv"}).text
    client.headers["Authorization"] = f"Bearer {key_of('b', 'deposit:write')}"
    assert client.get(DUE).status_code == client.get(f"{DUE}.ics").status_code == 403


@pytest.mark.parametrize(
    ("zone", "now", "due"),
    [
        ("America/Guadeloupe", datetime(2031, 1, 1, 2, tzinfo=UTC), False),
        ("Indian/Reunion", datetime(2030, 12, 31, 21, tzinfo=UTC), True),
    ],
)
def test_d10_today_is_the_day_of_the_tenant(
    client: TestClient, key_of: KeyOf, town: System, zone: str, now: datetime, due: bool
) -> None:
    with town.database.write() as session:
        session.get_one(TenantRow, "a").time_zone = zone
    town.clock = lambda: now
    client.headers["Authorization"] = f"Bearer {key_of('a', 'record:read')}"
    found = client.get(DUE).json()
    assert bool(found["lines"]) is due
    assert found["before"] == found["today"]
