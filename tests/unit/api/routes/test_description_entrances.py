"""Every field of a description at every entrance: the same limit, the same refusal, the field
named.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from api.access.tables import UserRow
from api.cli import deposits as command
from api.cli.main import app
from api.views.examples import FIELDS
from archive.database.tables import RecordRow
from archive.holdings.describe import describe
from archive.model.days import DEFAULT_ZONE
from archive.model.description_fields import BY_NAME, DESCRIPTION_FIELDS, TITLE, fields_on
from archive.model.field_rules import DescriptionField, FieldKind, Searched, Spot
from archive.retention.civil import civil_day
from archive.retention.dates import START_EVENTS, StartField
from archive.retention.schedule import document_types, load_pack, rule_for
from ingestion.assembly import System
from ingestion.reception.submission import AGREEMENT, CALLBACK
from ingestion.tables import DepositRow
from signing.ground.clock import utc_now
from tests.holdings import keep

Person = Callable[[str, str], tuple[UserRow, str]]
KeyOf = Callable[..., str]
OURS = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}
_numbers = count()


def named(field: DescriptionField) -> str:
    return field.name


def at_the_limit(field: DescriptionField) -> str:
    if field.kind is FieldKind.YEAR:
        return "2024"
    return "2026-03-12" if field.kind is FieldKind.DATE else "é" * field.limit


def beyond(field: DescriptionField) -> str:
    return "2026-02-31" if field.kind is FieldKind.DATE else "é" * (field.limit + 1)


@dataclass(frozen=True)
class Answer:
    """What an entrance said: the code of a refusal (None: accepted), and what it names."""

    code: str | None
    named: str = ""


class Entrances:
    """Each way in, by name: takes a field and a text."""

    def __init__(self, client: TestClient, system: System, record: str, folder: Path) -> None:
        self.client = client
        self.system = system
        self.record = record
        self.folder = folder
        self.key = ""
        self.token = ""

    def form(self, field: DescriptionField, text: str) -> Answer:
        """``POST /deposits`` as a form."""
        files = {"file": ("acte.pdf", b"%PDF acte", "application/pdf")}
        answer = self.client.post("/api/v1/deposits", headers=self._deposit(), data={field.name: text}, files=files)
        return _problem(answer, 202)

    def raw(self, field: DescriptionField, text: str) -> Answer:
        """``POST /deposits`` as a raw body with parameters."""
        headers = self._deposit() | {"Content-Disposition": 'attachment; filename="acte.pdf"'}
        answer = self.client.post("/api/v1/deposits", headers=headers, params={field.name: text}, content=b"%PDF acte")
        return _problem(answer, 202)

    def dry_run(self, field: DescriptionField, text: str) -> Answer:
        """``POST /deposits?dry_run=true``: refuses what the deposit would refuse."""
        files = {"file": ("acte.pdf", b"%PDF acte", "application/pdf")}
        fields = {field.name: text, "dry_run": "true"}
        return _problem(self.client.post("/api/v1/deposits", headers=self._deposit(), data=fields, files=files), 200)

    def patch(self, field: DescriptionField, text: str) -> Answer:
        """``PATCH /records/{id}``."""
        headers = {"Authorization": f"Bearer {self.key}", "If-Match": "*"}
        answer = self.client.patch(f"/api/v1/records/{self.record}", headers=headers, json={field.name: text})
        if answer.status_code == 200 and field.in_record:
            assert answer.json()[field.name] == text
        return _problem(answer, 200)

    def command_line(self, field: DescriptionField, text: str) -> Answer:
        """``chartrier deposit``."""
        path = self.folder / f"{next(_numbers)}.pdf"
        path.write_bytes(b"%PDF acte")
        option = f"--{field.name.replace('_', '-')}"
        done = CliRunner().invoke(app, ["deposit", str(path), "--tenant", "a", "--json", option, text])
        said = json.loads(done.stdout)
        if done.exit_code == 0:
            assert said["fields"] == {field.name: text}
            return Answer(None)
        found = re.search("« ([a-z_]+) »", said["problem"]["detail"])
        return Answer(said["problem"]["code"], found[1] if found else "")

    def deposit_page(self, field: DescriptionField, text: str) -> Answer:
        """The form of the home page."""
        with self.system.database.read() as session:
            before = session.query(DepositRow).count()
        answer = self._send("/depots", _typed(field, text), [("file", ("acte.pdf", b"%PDF acte", "application/pdf"))])
        with self.system.database.read() as session:
            received = session.query(DepositRow).count() - before
        assert received == (answer.status_code == 303), "what is refused is not received"
        return _page_fault(answer)

    def record_page(self, field: DescriptionField, text: str) -> Answer:
        """The form of the record's page, sent back as it is shown but for one box."""
        form = self.shown() | _typed(field, text)
        answer = self._send(f"/documents/{self.record}/decrire", form)
        if answer.status_code == 303:
            assert {name: value for name, value in self.shown().items() if name != "revision"} == {
                name: value.lstrip("0") if field.kind is FieldKind.DATE else value
                for name, value in form.items()
                if name != "revision"
            }
        else:
            assert all(value in _values(answer.text).values() for value in _typed(field, text).values())
            assert 'aria-invalid="true"' in answer.text
        return _page_fault(answer)

    def shown(self) -> dict[str, str]:
        """The form of the record's page as a browser would send it back."""
        return _values(self.client.get(f"/documents/{self.record}").text)

    def _deposit(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "Idempotency-Key": f"k{next(_numbers)}"}

    def _send(self, path: str, form: dict[str, str], files: Any = None) -> Any:
        form = {"csrf": self.token, "idempotency_key": f"p{next(_numbers)}"} | form
        return self.client.post(path, data=form, files=files, headers=OURS, follow_redirects=False)


def _problem(answer: Any, fine: int) -> Answer:
    if answer.status_code == fine:
        return Answer(None)
    body = answer.json()
    (fault,) = body["errors"]
    assert BY_NAME[fault["pointer"][1:]]
    return Answer(body["code"], fault["pointer"][1:])


def _typed(field: DescriptionField, text: str) -> dict[str, str]:
    if field.kind is not FieldKind.DATE:
        return {field.name: text}
    begin = "" if field.name == "document_date" else f"{field.name}-"
    year, month, day = text.split("-")
    return {f"{begin}day": day, f"{begin}month": month, f"{begin}year": year}


def _values(page: str) -> dict[str, str]:
    """Names and values of the description's form."""
    (form,) = re.findall(
        r'<form class="flow" method="post" action="/documents/[^"]+/decrire">(.*?)</form>', page, re.DOTALL
    )
    values = {}
    for attributes in re.findall(r"<input ([^>]*)>", form):
        name = re.search(r'name="([^"]+)"', attributes)
        value = re.search(r'value="([^"]*)"', attributes)
        assert name
        assert value
        values[name[1]] = unescape(value[1])
    for name, options in re.findall(r'<select id="[^"]+" name="([^"]+)".*?>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected>', options)
        values[name] = unescape(chosen[1]) if chosen else ""
    values.pop("csrf")
    return values


def _page_fault(answer: Any) -> Answer:
    if answer.status_code == 303:
        return Answer(None)
    assert answer.status_code == 422, answer.text[:500]
    (fault,) = re.findall(r'<li><a href="#[^"]+">([^<]+)</a></li>', answer.text)
    spoken = unescape(fault).replace("\u202f", " ").replace("\xa0", " ")
    (told,) = {field.name for field in DESCRIPTION_FIELDS if re.search(f"(« |^){field.label}( »| :)", spoken)}
    return Answer("bad_field", told)


ENTRANCES: dict[str, tuple[Callable[..., Answer], tuple[DescriptionField, ...]]] = {
    "form": (Entrances.form, DESCRIPTION_FIELDS),
    "raw": (Entrances.raw, DESCRIPTION_FIELDS),
    "dry_run": (Entrances.dry_run, DESCRIPTION_FIELDS),
    "patch": (Entrances.patch, DESCRIPTION_FIELDS),
    "command_line": (Entrances.command_line, DESCRIPTION_FIELDS),
    "deposit_page": (Entrances.deposit_page, fields_on(Spot.DEPOSIT_FORM)),
    "record_page": (Entrances.record_page, fields_on(Spot.RECORD_FORM)),
}


@pytest.fixture
def entrances(
    client: TestClient,
    bare_system: System,
    key_of: KeyOf,
    person: Person,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Entrances:
    made = Entrances(client, bare_system, keep(bare_system, tmp_path, 1, "a"), tmp_path)
    made.key = key_of("a", "deposit:write", "record:read", "record:describe")
    _, link = person("a", "archivist")
    client.post(f"/connexion/{link}", headers=OURS)
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/").text)
    assert token
    made.token = token[1]
    for module in ("api.cli.deposits", "api.cli.context"):
        monkeypatch.setattr(f"{module}.system", lambda: bare_system)
    return made


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_every_field_is_accepted_at_its_limit_and_refused_beyond_it(entrances: Entrances, entrance: str) -> None:
    enter, fields = ENTRANCES[entrance]
    for field in fields:
        assert enter(entrances, field, at_the_limit(field)) == Answer(None), field.name
        assert enter(entrances, field, beyond(field)) == Answer("bad_field", field.name)


def test_no_entrance_takes_a_number_for_a_date(entrances: Entrances) -> None:
    for field in DESCRIPTION_FIELDS:
        if field.kind is FieldKind.DATE:
            for enter in (Entrances.form, Entrances.patch, Entrances.command_line):
                assert enter(entrances, field, "1773273600") == Answer("bad_field", field.name)


TODAY = civil_day(utc_now(), DEFAULT_ZONE)
BORDERS: list[tuple[str, str, str | None]] = [
    ("document_date", "1000-01-01", None),
    ("document_date", "0999-12-31", "bad_field"),
    ("document_date", "0024-03-05", "bad_field"),
    ("document_date", "9001-01-01", "bad_field"),
    ("document_date", "9999-12-31", "bad_field"),
    ("closed_on", (TODAY + timedelta(2)).isoformat(), "bad_field"),
    ("document_date", (TODAY + timedelta(2)).isoformat(), "bad_field"),
    ("document_date", (TODAY - timedelta(1)).isoformat(), None),
]
"""Field, day, code of the refusal; today itself may end while the test runs."""


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_every_entrance_has_the_same_borders(entrances: Entrances, entrance: str) -> None:
    enter, fields = ENTRANCES[entrance]
    for name, day, code in BORDERS:
        if BY_NAME[name] in fields:
            assert enter(entrances, BY_NAME[name], day) == Answer(code, name if code else ""), (name, day)


@pytest.mark.parametrize("value", [0, 86400, 1773273600.5, True, "0", "20260312", "2026-03-12T00:00Z", ["2026-03-12"]])
def test_json_is_strict(entrances: Entrances, value: object) -> None:
    headers = {"Authorization": f"Bearer {entrances.key}", "If-Match": "*"}
    for name in ("document_date", "closed_on"):
        address = f"/api/v1/records/{entrances.record}"
        answer = entrances.client.patch(address, headers=headers, json={name: value})
        assert answer.status_code == 422
        assert [fault["pointer"] for fault in answer.json()["errors"]] == [f"/{name}"]


@pytest.mark.parametrize("given", ["0", "1773273600", "2026-03-12T00:00:00", "20260312", "2026-W11-4"])
def test_a_search_is_bounded_by_days_alone(entrances: Entrances, given: str) -> None:
    for name in ("date_from", "date_to"):
        headers = {"Authorization": f"Bearer {entrances.key}"}
        answer = entrances.client.get("/api/v1/search", headers=headers, params={name: given})
        assert answer.status_code == 422
        assert "2026-03-12" in answer.json()["errors"][0]["detail"]


def test_a_closing_before_the_document_is_refused_at_deposit_and_on_change(entrances: Entrances) -> None:
    headers = entrances._deposit()
    fields = {"document_date": "2026-01-01", "closed_on": "2020-01-01"}
    files = {"file": ("acte.pdf", b"%PDF acte", "application/pdf")}
    answer = entrances.client.post("/api/v1/deposits", headers=headers, data=fields, files=files)
    assert _problem(answer, 202) == Answer("bad_field", "closed_on")
    assert entrances.patch(BY_NAME["closed_on"], "2020-01-01") == Answer("bad_field", "closed_on")
    assert entrances.record_page(BY_NAME["closed_on"], "2020-01-01") == Answer("bad_field", "closed_on")


def test_an_end_fixed_in_advance_may_be_to_come(entrances: Entrances, bare_system: System) -> None:
    with bare_system.database.write() as session:
        load_pack(session, "a")
        types = {
            kind.code: found.start_event
            for kind in document_types(session, "a")
            if (found := rule_for(session, "a", kind.code)) is not None
        }
    planned = next(code for code, event in types.items() if START_EVENTS[event].fixed_ahead)
    other = next(
        code
        for code, event in types.items()
        if START_EVENTS[event].known_by is StartField.CLOSED_ON and not START_EVENTS[event].fixed_ahead
    )
    for code, status in ((planned, 202), (other, 422)):
        fields = {"document_type": code, "closed_on": "2089-06-30"}
        files = {"file": ("acte.pdf", b"%PDF acte", "application/pdf")}
        answer = entrances.client.post("/api/v1/deposits", headers=entrances._deposit(), data=fields, files=files)
        assert answer.status_code == status, (code, answer.text)


def test_what_was_typed_at_deposit_stays_on_the_page(entrances: Entrances) -> None:
    typed = {"title": "Arrêté 12", "document_type": "arrete", "day": "31", "month": "12", "year": "24"}
    files = [("file", ("acte.pdf", b"%PDF acte", "application/pdf"))]
    answer = entrances._send("/depots", typed, files)
    assert answer.status_code == 422
    page = answer.text
    for name, value in typed.items():
        shown = re.search(rf'name="{name}"[^>]* value="{value}"', page) or re.search(
            rf'name="{name}".*?<option value="{value}" selected', page, re.DOTALL
        )
        assert shown, name
    assert '<a href="#day">' in page, "the error links to the box at fault"
    assert re.search(r"<details open><summary>[^<]*D", page)


def test_a_record_kept_with_a_longer_title_can_still_be_described(entrances: Entrances, bare_system: System) -> None:
    long = "T" * (TITLE.limit + 200)
    _as_kept_once(bare_system, entrances.record, long)
    headers = {"Authorization": f"Bearer {entrances.key}", "If-Match": "*"}
    address = f"/api/v1/records/{entrances.record}"
    given = {"title": long, "producer": "Voirie"}
    answer = entrances.client.patch(address, headers=headers, json=given)
    assert (answer.status_code, answer.json().get("producer")) == (200, "Voirie")
    assert answer.json()["title"] == long
    form = entrances.shown()
    assert form["title"] == long
    answer = entrances._send(f"/documents/{entrances.record}/decrire", form | {"producer": "Eau"})
    assert answer.status_code == 303, answer.text[:500]
    assert entrances.shown()["producer"] == "Eau"
    assert entrances.patch(TITLE, long + "T") == Answer("bad_field", "title")
    assert entrances.patch(TITLE, "Un titre plus court") == Answer(None)


def _as_kept_once(system: System, record: str, title: str) -> None:
    """Give a record a title that today's limit refuses, as an earlier version did."""
    free = DescriptionField(name="title", kind=FieldKind.TEXT, limit=10_000, label="Titre", meaning="", required=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("archive.catalogue.description.BY_NAME", {**BY_NAME, "title": free})
        describe(system.stores, "a", record, {"title": title}, agent="key:1", expected_revision=1)
    with system.database.read() as session:
        assert session.get_one(RecordRow, record).title == title


# -- what is told of the fields


def test_the_command_line_has_an_option_for_each_field_and_the_api_a_parameter() -> None:
    options = set(inspect.signature(command.deposit).parameters)
    named = {field.name for field in (*DESCRIPTION_FIELDS, AGREEMENT)}
    assert named <= options
    assert named == set(FIELDS) - {"dry_run"}
    assert CALLBACK.name not in BY_NAME


def test_a_search_is_filtered_by_every_facet_and_by_nothing_else(client: TestClient) -> None:
    told = client.get("/openapi.json").json()["paths"]["/api/v1/search"]["get"]["parameters"]
    repeated = {item["name"] for item in told if item["schema"].get("type") == "array"}
    facets = {field.indexed_as for field in DESCRIPTION_FIELDS if field.searched is Searched.FACET}
    assert repeated == facets | {"final_action", "rule"}


def test_the_description_of_the_api_tells_every_limit(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    change = schemas["DescriptionChange"]["properties"]
    for field in DESCRIPTION_FIELDS:
        told = change[field.name]
        if field.kind is FieldKind.DATE:
            assert told["format"] == "date"
        else:
            assert told["maxLength"] == field.limit
        assert (field.name in schemas["Record"]["properties"]) is field.in_record
