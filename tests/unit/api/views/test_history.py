"""What a history says of journal entries, and to whom."""

from __future__ import annotations

import json

import pytest

from api.views.history import history_of, sentence
from archive.database.tables import JournalEntryRow, RecordRow
from archive.journal.pseudonyms import pseudonym


def test_history_speaks_even_of_what_it_does_not_know():
    assert sentence("DepositReceived", {"size": 12}, str).startswith("Reçu : 12 octets")
    assert sentence("Nouveau", {"size": 12}, str).startswith("Événement « Nouveau » : cette version")
    assert sentence("DepositReceived", {}, str) == "Événement DepositReceived inscrit au journal."
    assert sentence("FixityChecked", {"verdict": "altered"}, str) == "Vérifié : altéré."


@pytest.mark.parametrize(
    ("kind", "facts", "told"),
    [
        ("StageCompleted", {"stage": "seal", "state": "done"}, "Scellement : terminé."),
        ("StageCompleted", {"stage": "convert", "state": "skipped"}, "Conversion en PDF/A : sans objet"),
        ("StageFailed", {"stage": "recognise", "state": "failed"}, "Lecture du texte : échec"),
    ],
)
def test_history_names_stages_in_french(kind, facts, told):
    assert sentence(kind, facts, str).startswith(told)


def test_history_names_agents_of_its_own_tenant_only(bare_system):
    now = bare_system.clock()
    with bare_system.database.write() as session:
        agent = pseudonym(session, "a", "agent", "service:ingestion")
        record = RecordRow(id="r", deposit_id="d", tenant_id="a")
        body = json.dumps({"agent": agent, "facts": {}})
        session.add(
            JournalEntryRow(n=0, at=now, type="RecordKept", subject="record:r", body=body.encode(), leaf_hash="0" * 64)
        )
        session.flush()
        assert [event["agent"] for event in history_of(session, record, str)] == ["le traitement des dépôts"]
        record.tenant_id = "b"
        assert [event["agent"] for event in history_of(session, record, str)] == [None]
