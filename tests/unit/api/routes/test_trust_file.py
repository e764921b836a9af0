"""The trust file: at its well-known address, and from the command line; the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from api.app import create_app
from api.cli import trust as cli
from api.cli.main import app
from archive.evidence import verify
from ingestion.assembly import System


@pytest.fixture
def client(system: System) -> Iterator[TestClient]:
    with TestClient(create_app(system), base_url="http://127.0.0.1") as made:
        yield made


PATH = "/.well-known/chartrier.json"


def test_anybody_may_read_who_seals_here(client, system) -> None:
    answer = client.get(PATH)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    told = json.loads(answer.content)
    assert told["log"] == {"origin": system.log_key.origin, "vkey": system.log_key.vkey}
    assert [seal["sha-256"] for seal in told["seals"]] == [hashlib.sha256(system.signer.certificate).hexdigest()]
    assert verify.read_trust(answer.content).vkey == system.log_key.vkey
    assert client.get(PATH).content == answer.content


def test_the_command_writes_the_same_and_shows_its_digest(
    client, system, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "system", lambda: system)
    target = tmp_path / "trust.json"
    done = CliRunner().invoke(app, ["trust", "export", "-o", str(target)])
    assert done.exit_code == 0, done.output
    assert target.read_bytes() == client.get(PATH).content
    assert hashlib.sha256(target.read_bytes()).hexdigest() in done.output.replace("\n", "")
