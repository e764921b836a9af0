"""Proofs for those who hold an older proof: they know a size, and a root, and no number."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from api.access.keys import create_key
from api.app import create_app
from archive.journal.merkle import leaf_hash, verify_consistency
from ingestion.assembly import System
from tests.holdings import filled
from tests.servers.postgres import unguarded

PATH = "/api/v1/journal/proofs/consistency"


@pytest.fixture
def client(system: System) -> Iterator[TestClient]:
    with TestClient(create_app(system), base_url="http://127.0.0.1") as made:
        yield made


def sizes(system: System, folder: Path) -> tuple[Any, Any, list[str]]:
    """The first published head, the last, and the records."""
    system.publisher.publish()
    first = system.publisher.latest()
    ids = filled(system, folder)
    return first, system.publisher.latest(), ids


def may_read(system: System, client: TestClient) -> None:
    """Give the client a key of the first tenant."""
    with system.database.write() as session:
        key = create_key(session, tenant="demo", scopes=("record:read",), name="essai", now=system.clock())[1]
    client.headers["Authorization"] = f"Bearer {key}"


def test_two_sizes_give_the_proof_that_two_numbers_give(system: System, client: TestClient, tmp_path: Path) -> None:
    old, new, _ = sizes(system, tmp_path)
    root = bytes.fromhex(old.root)
    for given in ({}, {"to_size": new.size}, {"old_root": old.root}, {"old_root": base64.b64encode(root).decode()}):
        told = client.get(PATH, params={"from_size": old.size, **given}).json()
        assert (told["from"]["root"], told["to"]["root"]) == (old.root, new.root)
        assert (told["from"]["checkpoint"], told["to"]["size"]) == (None, new.size)
        hashes = [bytes.fromhex(one) for one in told["hashes"]]
        assert verify_consistency(old.size, new.size, root, bytes.fromhex(new.root), hashes)
    by_number = client.get(PATH, params={"from": old.number, "to": new.number}).json()
    assert by_number["hashes"] == told["hashes"]


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"from_size": 3, "old_root": "00" * 32}, 409, "root_differs"),
        ({"from_size": 3, "old_root": "court"}, 422, "bad_root_hash"),
        ({"from_size": 10_000}, 422, "bad_journal_size"),
        ({"from_size": 3, "to_size": 2}, 422, "bad_journal_size"),
        ({"from_size": 3, "to_size": 10_000}, 422, "bad_journal_size"),
        ({"from_size": 3, "from": 1, "to": 1}, 422, "bad_proof_query"),
        ({"from": 1}, 422, "bad_proof_query"),
        ({}, 422, "bad_proof_query"),
    ],
)
def test_what_can_not_be_proven_is_refused_in_words(
    system: System, client: TestClient, tmp_path: Path, params: dict[str, Any], status: int, code: str
) -> None:
    filled(system, tmp_path, 1)
    answer = client.get(PATH, params=params)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_each_wrong_size_is_told_for_what_it_is(system: System, client: TestClient, tmp_path: Path) -> None:
    filled(system, tmp_path, 1)
    backwards = client.get(PATH, params={"from_size": 3, "to_size": 2}).json()
    assert backwards["detail"] == "« from_size » (3) dépasse « to_size » (2) : le journal ne va que vers l’avant."
    for params, pointer in (({"from_size": 99}, "from_size"), ({"from_size": 3, "to_size": 99}, "to_size")):
        beyond = client.get(PATH, params=params).json()
        assert beyond["detail"].startswith("Le journal publié ne compte que ")
        assert beyond["detail"].endswith(" lignes, pas 99.")
        assert f"query:{pointer}" in json.dumps(beyond)


def test_evidence_since_a_size_holds_the_proof_of_what_lies_between(
    system: System, client: TestClient, tmp_path: Path
) -> None:
    old, _, ids = sizes(system, tmp_path)
    may_read(system, client)
    path = f"/api/v1/records/{ids[0]}/evidence"
    names = [
        set(zipfile.ZipFile(io.BytesIO(client.get(path, params=params).content)).namelist())
        for params in ({}, {"since": old.size})
    ]
    assert names[1] - names[0] == {"journal/consistency.json"}
    refused = client.get(path, params={"since": 10_000})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_journal_size")


def test_evidence_that_our_own_verifier_calls_altered_is_refused(
    system: System, client: TestClient, tmp_path: Path
) -> None:
    """An entry was rewritten with its hash: the database agrees with itself alone."""
    _, _, ids = sizes(system, tmp_path)
    may_read(system, client)
    path = f"/api/v1/records/{ids[0]}/evidence"
    assert client.get(path).status_code == 200
    with unguarded(system.database) as session:
        values = {"s": f"record:{ids[0]}", "t": "RecordKept"}
        query = text("SELECT n, body FROM journal_entries WHERE subject=:s AND type=:t")
        ((n, body),) = session.execute(query, values).all()
        forged = re.sub(rb'"retain_until":"20', b'"retain_until":"21', bytes(body))
        assert forged != body
        values = {"b": forged, "l": leaf_hash(forged).hex(), "n": n}
        session.execute(text("UPDATE journal_entries SET body=:b, leaf_hash=:l WHERE n=:n"), values)
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (409, "evidence_contradicts")
    assert list((system.settings.home / "spool").iterdir()) == [], "nothing is left behind"
