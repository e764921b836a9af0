"""An older proof is confronted with the journal of today; a contradiction is shouted, once."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from api.cli.main import app
from api.views.evidence import make_bundle
from api.views.journal_of_today import today_checks
from api.views.receipts import receipt_json
from api.views.verification import judge
from archive.database.alarms import alarmed, open_alarms
from archive.database.tables import JournalEntryRow
from archive.journal.receipts import contradicts
from ingestion.assembly import System
from signing.ground.errors import Corrupt, Refused
from signing.note import LogKey
from tests.holdings import alter, filled, flipped, opened, receive

NAME = "Journal d’aujourd’hui"


@pytest.fixture
def other(tmp_path: Path, system: System) -> Iterator[System]:
    """The same service with the same keys, whose journal was written anew from the beginning."""
    with opened(tmp_path / "other", system.settings.home / "keys") as made:
        filled(made, tmp_path)
        yield made


def bundle_of(system: System, record: str) -> bytes:
    with make_bundle(system, "demo", record, content=True) as made:
        return made.read()


def today(system: System, folder: Path, content: bytes) -> list[str]:
    path = folder / "sent"
    path.write_bytes(content)
    found = judge(system, path, hashlib.sha256(content).hexdigest(), None)
    return [one["verdict"] for one in found["checks"] if one["name"] == NAME]


def told(system: System) -> list[dict[str, Any]]:
    with system.database.read() as session:
        query = select(JournalEntryRow.body).where(JournalEntryRow.type == "HistoryContradicted")
        return [json.loads(body) for body in session.scalars(query)]


def test_an_older_bundle_is_extended_by_the_journal_of_today(system: System, tmp_path: Path) -> None:
    ids = filled(system, tmp_path)
    content = bundle_of(system, ids[0])
    receive(system, b"%PDF later", "later")
    system.publisher.publish()
    assert today(system, tmp_path, content) == ["intact"]
    assert told(system) == []


def test_a_history_written_anew_by_its_own_keys_is_shouted_once(system: System, other: System, tmp_path: Path) -> None:
    content = bundle_of(system, filled(system, tmp_path)[0])
    before = told(other)
    for _ in range(2):
        assert today(other, tmp_path, content) == ["altered"]
    assert before == []
    (entry,) = told(other)
    latest = system.publisher.latest(with_token=True)
    assert latest is not None
    assert (entry["subject"], entry["facts"]["size"], entry["facts"]["shown"]) == ("log", latest.size, latest.root)
    with other.database.read() as session:
        (alarm,) = open_alarms(session)
    assert (alarm.code, alarm.times) == ("journal_contradicts", 2)


def test_a_journal_shorter_than_what_it_signed_is_shouted(system: System, other: System, tmp_path: Path) -> None:
    filled(system, tmp_path, 40)
    latest, here = system.publisher.latest(), other.publisher.latest()
    assert latest is not None
    assert here is not None
    assert latest.size > here.size
    assert [one["verdict"] for one in today_checks(other, latest.note)] == ["altered"]
    assert told(other)[0]["facts"]["published"] is None


def test_the_checkpoint_in_a_receipt_is_confronted_too(system: System, other: System, tmp_path: Path) -> None:
    deposit = receive(system, b"%PDF one", "k1")
    system.publisher.publish()
    content = json.dumps(receipt_json(system, "demo", deposit.id)).encode()
    assert today(system, tmp_path, content) == ["intact"]
    assert today(other, tmp_path, content) == ["altered"]


def test_what_another_key_signed_raises_nothing(system: System, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    filled(system, tmp_path)
    latest = system.publisher.latest()
    assert latest is not None
    text = latest.note.partition("\n\n")[0] + "\n"
    forged = LogKey(Ed25519PrivateKey.generate(), system.log_key.origin).sign_note(text)
    for note in (forged, latest.note.replace("\n", " ", 1), "", None, 7):
        assert today_checks(system, note) == []
    assert told(system) == []


def test_a_journal_that_can_not_be_read_contradicts_nobody(system: System, tmp_path: Path) -> None:
    filled(system, tmp_path)
    latest = system.publisher.latest()
    assert latest is not None
    alter(system.settings.home / "store/journal/checkpoint", flipped)
    assert [one["verdict"] for one in today_checks(system, latest.note)] == ["unverifiable"]
    assert told(system) == []


def alarms(system: System) -> list[str]:
    with system.database.read() as session:
        return [alarm.subject for alarm in open_alarms(session)]


def test_an_alarm_of_an_older_proof_ends_when_the_journal_is_put_back(system: System, tmp_path: Path) -> None:
    filled(system, tmp_path)
    journal, earlier, whole = system.settings.home / "store" / "journal", tmp_path / "earlier", tmp_path / "whole"
    shutil.copytree(journal, earlier)
    receive(system, b"%PDF later", "later")
    system.publisher.publish()
    latest = system.publisher.latest()
    assert latest is not None
    journal.rename(whole)
    earlier.rename(journal)
    assert [one["verdict"] for one in today_checks(system, latest.note)] == ["altered"]
    assert alarms(system) == [f"history:{latest.size}:{latest.root[:16]}"]
    journal.rename(earlier)
    whole.rename(journal)
    assert [one["verdict"] for one in today_checks(system, latest.note)] == ["intact"]
    assert alarms(system) == []


def test_an_administrator_acknowledges_an_alarm_of_an_older_proof_and_no_other(
    system: System, other: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.cli.alarms.system", lambda: other)
    content = bundle_of(system, filled(system, tmp_path)[0])
    today(other, tmp_path, content)
    (name,) = alarms(other)
    run = CliRunner()
    assert name in run.invoke(app, ["alarms", "show"]).stdout
    (shown,) = [json.loads(line) for line in run.invoke(app, ["alarms", "show", "--json"]).stdout.splitlines()]
    assert (shown["name"], shown["times"]) == (name, 1)
    assert "Alarme reconnue" in run.invoke(app, ["alarms", "acknowledge", name]).stdout
    assert alarms(other) == []
    assert run.invoke(app, ["alarms", "show"]).stdout == "Aucune alarme en cours.\n"
    with other.database.read() as session:
        (body,) = session.scalars(select(JournalEntryRow.body).where(JournalEntryRow.type == "AlarmAcknowledged"))
    assert (json.loads(body)["facts"]["about"], json.loads(body)["facts"]["times"]) == (name, 1)
    refused = run.invoke(app, ["alarms", "acknowledge", name]).exception
    assert isinstance(refused, Refused)
    assert refused.code == "alarm_not_found"
    today(other, tmp_path, content)
    assert alarms(other) == [name], "shown again, it is raised again"
    with (
        pytest.raises(Corrupt),
        alarmed(other.database, other.clock, "deposit:d1"),
    ):
        raise contradicts("deposit:d1", ["size"])
    refused = run.invoke(app, ["alarms", "acknowledge", "deposit:d1"]).exception
    assert isinstance(refused, Refused)
    assert refused.code == "alarm_not_acknowledged"
    assert "deposit:d1" in alarms(other)
