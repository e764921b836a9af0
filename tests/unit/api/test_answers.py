"""Ranges, tags, languages, forms of answers, cursors, limits, receipts."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
from starlette.requests import Request

from api.access.rates import LIMITS
from api.http.conditions import none_match, preferred_wait, require_match
from api.http.cursors import Cursors
from api.http.deliveries import attachment, parse_range
from api.http.languages import preferred_language
from api.http.negotiation import accepted
from api.server.lenient_urls import percent_encoded
from api.views.history import history_of, sentence
from api.views.receipt_pdf import receipt_pdf
from archive.database.tables import JournalEntryRow, RecordRow
from archive.journal.pseudonyms import pseudonym
from ingestion.logs import hide_secrets
from signing.ground.canonical import canonical
from signing.ground.errors import Refused
from tests.servers.presence import program


def asked(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": raw})


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-9", (0, 10)),
        ("bytes=90-", (90, 10)),
        ("bytes=90-1000", (90, 10)),
        ("bytes=-10", (90, 10)),
        ("bytes=-1000", (0, 100)),
        ("bytes=9-0", None),
        ("bytes=0-1,5-6", None),
        ("items=0-1", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
    ],
)
def test_ranges(header, expected):
    request = asked(range=header) if header else asked()
    assert parse_range(request, 100, '"tag"') == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=1000-2000", "bytes=-0"])
def test_ranges_beyond_the_end(header):
    with pytest.raises(Refused) as caught:
        parse_range(asked(range=header), 100, '"tag"')
    assert caught.value.code == "bad_range"


def test_a_range_of_another_version_is_the_whole():
    assert parse_range(asked(range="bytes=0-1", if_range='"old"'), 100, '"tag"') is None
    assert parse_range(asked(range="bytes=0-1", if_range='"tag"'), 100, '"tag"') == (0, 2)


def test_tags():
    assert none_match(asked(if_none_match='"a", W/"b"'), '"b"')
    assert none_match(asked(if_none_match="*"), '"b"')
    assert not none_match(asked(if_none_match='"a"'), '"b"')
    assert not none_match(asked(), '"b"')
    require_match(asked(if_match='"1"'), '"1"')
    require_match(asked(if_match="*"), '"1"')
    for headers, code in (
        ({}, "precondition_required"),
        ({"if_match": '"2"'}, "precondition_failed"),
        ({"if_match": 'W/"1"'}, "precondition_failed"),
    ):
        with pytest.raises(Refused) as caught:
            require_match(asked(**headers), '"1"')
        assert caught.value.code == code


def test_waiting_is_bounded():
    assert preferred_wait(asked()) is None
    assert preferred_wait(asked(prefer="respond-async, wait=3")) == 3
    assert preferred_wait(asked(prefer="wait=9999")) == 25
    assert preferred_wait(asked(prefer="wait=soon")) is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [("", "fr"), ("en", "en"), ("fr-FR,fr;q=0.9,en;q=0.8", "fr"), ("de,en;q=0.3", "en"), ("en;q=x", "fr")],
)
def test_french_first(header, expected):
    request = asked(accept_language=header)
    request.scope["path"] = "/api/v1/me"
    assert preferred_language(request) == expected


def test_forms_of_answers():
    offered = ("application/json", "application/pdf")
    assert accepted(asked(), offered) == "application/json"
    assert accepted(asked(accept="application/pdf"), offered) == "application/pdf"
    assert accepted(asked(accept="text/html, application/*;q=0.1"), offered) == "application/json"
    assert accepted(asked(accept="application/json;q=0.1, application/pdf"), offered) == "application/pdf"
    for header in ("text/html", "application/pdf;q=0"):
        with pytest.raises(Refused) as caught:
            accepted(asked(accept=header), offered)
        assert caught.value.code == "not_acceptable"


def test_a_cursor_can_be_given_back_and_not_made_up():
    cursors = Cursors(b"secret")
    cursor = cursors.write("deposits a", ["2026-01-01", "id"])
    assert cursors.read("deposits a", cursor) == ["2026-01-01", "id"]
    for purpose, text in (
        ("deposits b", cursor),
        ("deposits a", cursor[:-1]),
        ("deposits a", ""),
        ("deposits a", "é%"),
    ):
        with pytest.raises(Refused) as caught:
            cursors.read(purpose, text)
        assert caught.value.code == "bad_cursor"
    with pytest.raises(Refused):
        Cursors(b"other").read("deposits a", cursor)


def test_names_in_headers_survive_and_break_nothing():
    header = attachment('a"b\r\nX: y é.pdf')
    assert "\r" not in header
    assert header.isascii()
    assert header.endswith("filename*=UTF-8''a%22b%0D%0AX%3A%20y%20%C3%A9.pdf")


def test_accents_in_an_address_are_written_as_browsers_do():
    assert percent_encoded("GET /?q=été HTTP/1.1".encode()) == b"GET /?q=%C3%A9t%C3%A9 HTTP/1.1"


def test_keys_never_reach_the_log():
    event = hide_secrets(None, "info", {"event": "x chr_" + "A" * 38 + " y", "n": 1})
    assert event == {"event": "x chr_… y", "n": 1}


def test_passwords_of_urls_never_reach_the_log():
    for url in ("amqp://user:canary@host:5672/v", "redis://:canary@h/0", "postgresql+psycopg://a:ca%2Fnary@h/d"):
        said = hide_secrets(None, "info", {"event": f"lost {url}: refused", "error": f"OperationalError('{url}')"})
        assert "nary" not in str(said)
        assert "@h" in said["event"]
    assert hide_secrets(None, "info", {"event": "see https://host:8443/a@b"}) == {"event": "see https://host:8443/a@b"}


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
        assert [event["agent"] for event in history_of(session, record, str)] == ["ingestion"]
        record.tenant_id = "b"
        assert [event["agent"] for event in history_of(session, record, str)] == [None]


def test_strangers_may_ask_so_often(client):
    limit = LIMITS["verification"].amount
    for _ in range(limit):
        assert client.post("/api/v1/verifications", content=b"").status_code != 429
    answer = client.post("/api/v1/verifications", content=b"x")
    assert answer.status_code == 429
    assert answer.json()["code"] == "rate_limited"
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert answer.headers["RateLimit"].startswith('"verification";r=0;t=')


def signed() -> dict:
    receipt = {
        "v": 1,
        "type": "receipt",
        "deposit": "0193a7c4-5e21-7b0d-9c44-2f86e1d07a35",
        "tenant_name": "Commune de #Saint_Aubin *et* $x$",
        "filename": 'registre "1" #let x = 1 \\ [voirie].pdf',
        "size": 84112406,
        "sha-256": "4be107f9" * 8,
        "sha-512": "c07d44e9" * 16,
        "received_at": "2026-11-24T09:12:04.123Z",
        "entry": 51907,
        "leaf": "95b60a1f" * 8,
    }
    return {"receipt": receipt, "note": f"{canonical(receipt).decode()}\n\n— chartrier.local {'A' * 100}=\n"}


def test_the_receipt_is_one_page_that_says_it_all_and_runs_nothing(tmp_path):
    made = receipt_pdf(signed(), public_url="https://archives.example")
    assert made == receipt_pdf(signed(), public_url="https://archives.example")  # the same receipt, the same file
    path = tmp_path / "r.pdf"
    path.write_bytes(made)
    text = subprocess.run(
        [program("pdftotext"), "-layout", str(path), "-"], capture_output=True, text=True, check=True
    ).stdout
    for said in (
        "Récépissé de dépôt",
        "Commune de #Saint_Aubin *et* $x$",
        "#let x = 1",
        "https://archives.example/verifier",
    ):
        assert said in text
    assert "4be107f9" * 8 in re.sub(r"\s", "", text)
    assert text.count("\f") == 1
    assert b"pdfaid:part>2<" in made or b'pdfaid:part="2"' in made


def test_the_code_on_the_receipt_carries_the_signed_text(tmp_path):
    cv2 = pytest.importorskip("cv2")
    path = tmp_path / "r.pdf"
    path.write_bytes(receipt_pdf(signed()))
    subprocess.run(
        [program("pdftoppm"), "-r", "300", "-gray", "-png", "-singlefile", str(path), str(tmp_path / "r")], check=True
    )
    text, _, _ = cv2.QRCodeDetectorAruco().detectAndDecode(cv2.imread(str(tmp_path / "r.png")))
    assert text == signed()["note"]
    assert json.loads(text.split("\n")[0]) == signed()["receipt"]
