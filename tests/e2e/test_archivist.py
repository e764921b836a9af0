"""An archivist's whole work on the real service, and all of it again from the store alone."""

from __future__ import annotations

import io
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

import httpx2
import pikepdf
import pypdfium2
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from archive.evidence import verify_sample
from archive.holdings.recompute import recompute_stale
from ingestion.assembly import assemble
from ingestion.settings import load_settings
from tests.servers.service import Service
from tests.town_archive import ARCHIVIST, SECRET, Person, TownArchive, pages
from tests.town_plan import EACH, SERIES

DAYS = ("2020-01-01", "2027-01-01", "2043-01-01")
NOT_STORED = re.compile(r'"(\w+_by|in_step|settled_count|checkpoint)": (null|true|false|\d+|"[^"]*")')
"""Who did it, as people and keys are no part of the store; whether the store was seen to hold what
is held, which the service looks at again once it runs; numbers of checkpoints, given anew.
"""

UNSETTLED = ("records where stale_since is not null", "statements where settled_at is null")
HOLDS = ("query", "node", "list")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TownArchive]:
    folder = tmp_path_factory.mktemp("town")
    service = Service(folder / "home")
    service.chartrier("tenant", "create", "demo", "--name", "Commune d’Orvigny", "--pack", "fr-commune")
    service.start()
    try:
        with service.client(service.key("demo", ARCHIVIST)) as client:
            made = TownArchive(service, client, Person(service, "archivist", "Une seconde archiviste"), folder)
            made.build()
            yield made
            made.second.leave()
    finally:
        if service.running is not None:
            service.stop()


def test_plan_files_and_records_are_where_they_belong(town: TownArchive) -> None:
    assert town.made["plan"]["created"] == 51
    assert len(town.files) == 40
    assert {len(records) for records in town.records.values()} == {EACH}
    assert len(set(chain.from_iterable(town.records.values()))) == 300
    held = [town.client.get(f"/api/v1/files/{node}").json()["content"]["records"] for node in town.files.values()]
    assert sum(held) == sum(EACH for series in SERIES if series.files)
    assert min(held) > 0
    settled(town)
    assert "à trier" in town.second.read(f"/plan/{town.files['AGT-1961-01']}")


def test_a_line_of_a_pack_is_taken_over_and_another_set_aside(town: TownArchive) -> None:
    taken, left = town.made["pack"]["taken"], town.made["pack"]["left"]
    assert town.client.get(f"/api/v1/retention/rules/{taken}").json()["validated_at"] is None
    assert town.client.get(f"/api/v1/retention/rules/{left}").status_code == 404
    page = town.second.read("/regles/jeux/fr-departement?suite=ecartees")
    assert "Sans objet pour une commune" in page
    lines = {line["code"]: line for line in compared(town)}
    assert taken not in lines
    assert lines[left]["decision"]["reason"] == "Sans objet pour une commune"


def test_an_event_that_was_corrected_counts_as_corrected(town: TownArchive) -> None:
    told = town.client.get("/api/v1/retention/events/MAR-2009-01:1").json()
    assert [one["occurred_on"] for one in told["statements"]] == ["2009-11-30", "2010-02-28"]
    settled(town)
    record = town.client.get(f"/api/v1/records/{town.records['marche'][0]}").json()["retention"]
    assert (record["starts_on"], record["ends_on"], record["due_on"]) == ("2010-02-28", "2020-02-28", "2020-02-29")
    lease = town.client.get(f"/api/v1/records/{town.records['bail'][1]}").json()["retention"]
    assert (lease["starts_on"], lease["due_on"]) == (None, None)


def test_a_new_version_shows_its_effect_and_has_it_once_validated(town: TownArchive) -> None:
    code = "COM-FIN-006"
    now = town.client.get(f"/api/v1/retention/rules/{code}").json()
    supposed = {"rule": code, "change": {"duration": 12}}
    effect = town.client.post("/api/v1/retention/simulations", json=supposed).json()
    assert (effect["records"], effect["changed"], effect["later"]) == (EACH, EACH, EACH)
    names = ("label", "legal_text", "unit", "start_event", "final_action", "criteria", "access_rule")
    terms = {name: now[name] for name in names}
    version = {**terms, "duration": 12, "reason": "Délibération"}
    put = town.client.put(f"/api/v1/retention/rules/{code}", json=version, headers={"If-Match": f'"{now["version"]}"'})
    assert put.status_code == 200, put.text
    town.validate(code)
    assert "de type : Facture" in re.sub("[\u202f\u00a0]", " ", town.second.read(f"/regles/{code}"))
    settled(town)
    invoice = town.client.get(f"/api/v1/records/{town.records['facture'][0]}").json()["retention"]
    assert (invoice["starts_on"], invoice["due_on"]) == ("2009-12-31", "2022-01-01")


def test_holds_hold_what_they_name(town: TownArchive) -> None:
    counts = {name: town.client.get(f"/api/v1/holds/{town.made[f'hold {name}']}").json() for name in HOLDS}
    assert counts["list"]["record_count"] == 2
    gymnasiums = [n for n in range(EACH) if n % 8 == 1]
    assert counts["query"]["record_count"] == len(gymnasiums)
    assert counts["node"]["record_count"] == len([n for n in range(EACH) if n % 6 == 1])


@pytest.mark.parametrize("day", DAYS)
def test_due_lists_add_up_as_of_any_day(town: TownArchive, day: str) -> None:
    settled(town)
    body = town.client.get("/api/v1/retention/due", params={"before": day}).json()["analysis"]
    assert body["total"]["records"] == 300
    assert sum(one["records"] for one in body["states"].values()) == 300
    lines = list(chain.from_iterable(pages(town.client, "/api/v1/retention/due", "lines", before=day)))
    assert len(lines) == sum(one["records"] for one in body["lists"].values())
    assert all(line["due_on"] <= day for line in lines)
    for told in body["lists"].values():
        assert sum(one["records"] for one in told["states"].values()) == told["records"]
    for state, count in body["states"].items():
        if count["records"]:
            listed = pages(town.client, "/api/v1/retention/due", "lines", before=day, state=state)
            assert len(list(chain.from_iterable(listed))) == count["records"], state
    for by in ("rule", "producer", "year", "file"):
        grouped = pages(town.client, "/api/v1/retention/due", "groups", before=day, group=by)
        assert sum(one["records"] for one in chain.from_iterable(grouped)) == len(lines), by


def test_the_home_says_what_is_to_be_done(town: TownArchive) -> None:
    page = town.second.read("/")
    for said in ("gel à revoir", "documents à trier", "Ce qui arrive à échéance", "Volume par service"):
        assert said in page, said
    for chart in ("echeances", "entrees", "volume-par-regle", "volume-par-service"):
        answer = town.second.browser.get(f"/chiffres/{chart}.csv")
        assert answer.status_code == 200
        assert answer.text.count("\n") > 2


def test_anybody_draws_the_sample_again(town: TownArchive, tmp_path: Path) -> None:
    drawn = town.made["drawn"]
    assert (drawn["size"], len(drawn["kept"])) == (10, 1)
    proof = town.client.get(f"/api/v1/samples/{town.made['sample']}/proof").json()
    assert verified(proof, tmp_path) == 0
    other = next(unit for unit in proof["units"] if unit not in proof["kept"])
    assert verified(proof | {"kept": [other]}, tmp_path) == 3
    again = town.client.post(f"/api/v1/samples/{town.made['sample']}/draw")
    assert (again.status_code, again.json()["code"]) == (409, "sample_drawn")


def test_the_register_of_readers_has_the_derogation(town: TownArchive) -> None:
    told = town.client.get(f"/api/v1/access-requests/{town.made['derogation']}").json()
    assert (told["state"], told["answer_by"]) == ("granted", "2026-05-31")
    assert [step["step"] for step in told["steps"]] == ["send", "answer", "grant"]


def test_what_was_covered_is_gone_from_the_copy(town: TownArchive) -> None:
    address = f"/api/v1/records/{town.made['secret']}/representations"
    copy = town.client.get(f"{address}/redacted").raise_for_status().content
    original = town.client.get(f"{address}/original").raise_for_status().content
    assert SECRET.encode() in original
    assert not [form for form in written(SECRET) if form in everything(copy)]
    assert "loyer" in everything(copy)


def test_the_store_alone_brings_all_of_it_back(town: TownArchive, tmp_path: Path) -> None:
    settled(town)
    town.service.chartrier("checkpoint")
    before = told_of(town.client, town)
    again = Service(tmp_path / "again")
    for folder in ("store", "keys"):
        shutil.copytree(town.service.home / folder, again.home / folder)
    done = again.chartrier("rebuild", "all", "--json", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["equal"]
    key = again.key("demo", ARCHIVIST)
    system = assemble(load_settings(again.environment_of_settings))
    try:
        judged = recompute_stale(system.stores)  # as the service does first: a rebuild judges each record anew
        assert (judged.revised, judged.failed) == (0, {})
        headers = {"Authorization": f"Bearer {key}"}
        with TestClient(create_app(system), base_url="http://127.0.0.1", headers=headers) as client:
            after = told_of(client, town)
    finally:
        system.close()
    assert list(after) == list(before)
    for name, told in before.items():
        assert told
        assert after[name] == told, name


# -- parts


def settled(town: TownArchive) -> None:
    """Wait until every date is that of the rules and events as they are, and the store has it."""
    limit = time.monotonic() + 60
    with closing(sqlite3.connect(f"file:{town.service.home / 'chartrier.db'}?mode=ro", uri=True)) as database:
        while any(database.execute(f"select 1 from {unsettled} limit 1").fetchone() for unsettled in UNSETTLED):
            assert time.monotonic() < limit
            time.sleep(0.1)


def compared(town: TownArchive) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = town.client.get("/api/v1/retention/packs/fr-departement").json()["lines"]
    return lines


def verified(proof: dict[str, Any], folder: Path) -> int:
    """What a stranger's Python says."""
    (folder / "sample.json").write_text(json.dumps(proof), encoding="utf-8")
    command = [sys.executable, "-I", verify_sample.__file__, "sample.json"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode


def written(word: str) -> set[str]:
    """A word as a PDF may write it."""
    wide = word.encode("utf-16-be")
    return {word, wide.hex(), wide.decode("latin-1"), word.encode().hex()}


def everything(content: bytes) -> str:
    """What a PDF holds: its bytes, each object, each stream opened, the text to be selected."""
    parts = [content, pypdfium2.PdfDocument(content)[0].get_textpage().get_text_range().encode()]
    with pikepdf.open(io.BytesIO(content)) as pdf:
        for one in pdf.objects:
            parts.append(repr(one).encode("utf-8", "replace"))
            if isinstance(one, pikepdf.Stream):
                try:
                    parts.append(one.read_bytes())
                except pikepdf.PdfError:  # a picture
                    parts.append(one.read_raw_bytes())
    return b"\n".join(parts).decode("latin-1")


def told_of(client: httpx2.Client | TestClient, town: TownArchive) -> dict[str, str]:
    """Everything that an archivist sees of her trade, but for who did it."""
    api = "/api/v1"
    events = listed(client, f"{api}/retention/events", "events")
    addresses = {
        "plan": [f"{api}/classification/plan"],
        "files": [f"{api}/files/{node}" for node in town.files.values()],
        "rules": [
            f"{api}/retention/rules/{code}" for code in listed(client, f"{api}/retention/rules", "rules", "code")
        ],
        "packs": [f"{api}/retention/packs/{pack}" for pack in ("fr-commune", "fr-departement")],
        "types": [f"{api}/document-types"],
        "events": [f"{api}/retention/events/{event}" for event in events],
        "holds": [f"{api}/holds/{hold}" for hold in listed(client, f"{api}/holds", "holds")],
        "samples": [f"{api}/samples/{town.made['sample']}", f"{api}/samples/{town.made['sample']}/proof"],
        "requests": [f"{api}/access-requests/{town.made[name]}" for name in ("derogation", "refused")],
        "redactions": [f"{api}/records/{town.made['secret']}/redactions"],
        "due": [f"{api}/retention/due?before={day}" for day in DAYS],
    }
    return {name: NOT_STORED.sub("", "\n".join(said(client, one) for one in some)) for name, some in addresses.items()}


def said(client: httpx2.Client | TestClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.text)
    if "json" not in answer.headers["content-type"]:
        return str(answer.text)
    body = answer.json()
    if address.endswith("/proof"):
        body["checkpoint"].pop("number")
    return json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False)


def listed(client: Any, address: str, name: str, key: str = "id") -> list[str]:
    return sorted(one[key] for one in chain.from_iterable(pages(client, address, name)))
