"""Days left of what proofs rest on, as doctor, metrics and the command line tell them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from api.cli import doctor
from api.cli.main import app
from api.operations.health import Health
from api.operations.metrics import exposition
from api.operations.traffic import Traffic
from ingestion.assembly import System
from signing.validity import Validity


@pytest.fixture
def on_command_line(system: System, monkeypatch: pytest.MonkeyPatch) -> System:
    monkeypatch.setattr("api.cli.proofs.system", lambda: system)
    monkeypatch.setattr("api.cli.doctor.system", lambda: system)
    return system


def test_metrics_tell_the_days_left_by_what(system: System) -> None:
    system.publisher.publish(force_token=True)
    content, _ = exposition(system, Health(system), Traffic())
    families = {one.name: one for one in text_string_to_metric_families(content.decode())}
    told = {sample.labels["what"]: sample.value for sample in families["chartrier_proof_days_left"].samples}
    assert set(told) == {"seal", "authority", "root", "checkpoints"}
    assert told["seal"] == Validity.of(system.signer.certificate).days_left(system.clock())


@pytest.mark.parametrize(("days", "state"), [(400, "ok"), (300, "optional"), (60, "optional"), (20, "wrong")])
def test_doctor_says_what_must_be_replaced(on_command_line: System, days: int, state: str) -> None:
    end = Validity.of(on_command_line.signer.certificate).ends
    on_command_line.clock = lambda: end - timedelta(days=days, hours=1)  # type: ignore[misc]
    found = doctor._deadlines()
    assert found.state == state
    assert found.facts["days_left"]["seal"] == days
    assert bool(found.action) == (state != "ok")


def test_the_command_shows_and_replaces_the_seal(on_command_line: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signing.authority.BITS", 2048)
    shown = CliRunner().invoke(app, ["seal", "show", "--json"])
    assert next(json.loads(line)["what"] for line in shown.stdout.splitlines()) == "seal"
    done = CliRunner().invoke(app, ["seal", "replace", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["replaced"]
    with on_command_line.database.read() as session:
        last = on_command_line.ledger.entries(session, subject="log", limit=99)
    assert [one.type for one in last if one.type.endswith("Replaced")] == ["SealReplaced", "AuthorityReplaced"]
    assert Path(on_command_line.trust.folder / "own").is_dir()
