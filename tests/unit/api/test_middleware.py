"""What surrounds every answer."""

from __future__ import annotations

import pytest
from fastapi import Depends, Request
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from starlette.requests import ClientDisconnect
from structlog.testing import capture_logs

from api.access.permissions import Public


def test_live_says_ok_and_every_answer_is_dressed(client):
    answer = client.get("/health/live")
    assert answer.json() == {"status": "ok"}
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def test_another_host_name_gets_nothing(client):
    answer = client.get("/health/live", headers={"Host": "elsewhere.example"})
    assert answer.status_code == 421
    assert answer.json()["code"] == "wrong_host"
    assert client.get("/health/live", headers={"Host": "127.0.0.1:8400"}).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/records/%00", "/documents/a%00b", "/api/v1/records?q=%00"])
def test_an_address_with_a_sign_that_is_no_text_is_refused(client, path):
    answer = client.get(path)
    assert answer.status_code == 422
    assert "caractère qui n’est pas du texte" in answer.text


def test_every_refusal_is_a_problem_in_french_or_english(client):
    for method, path, status in (("GET", "/api/v1/nothing", 404), ("DELETE", "/api/v1/me", 405)):
        answer = client.request(method, path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        body = answer.json()
        assert set(body) == {
            "type",
            "title",
            "status",
            "code",
            "detail",
            "kept",
            "action",
            "errors",
            "trace_id",
        }
        assert answer.headers["content-language"] == "fr"
    answer = client.get("/api/v1/nothing", headers={"Accept-Language": "en-GB,fr;q=0.5"})
    assert answer.headers["content-language"] == "en"


def test_a_body_is_counted_as_it_comes(bare_app):
    @bare_app.post("/api/v1/swallow", dependencies=[Depends(Public("test"))])
    async def swallow(request: Request) -> int:
        return len(await request.body())

    def flood():
        for _ in range(40):
            yield b"x" * 65536

    with TestClient(bare_app, base_url="http://127.0.0.1") as client:
        assert client.post("/api/v1/swallow", content=b"x" * 1000).json() == 1000
        answer = client.post("/api/v1/swallow", content=flood())  # chunked: no Content-Length to believe
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


def test_a_caller_who_leaves_is_no_error_of_ours(bare_app):
    @bare_app.post("/api/v1/left", dependencies=[Depends(Public("test"))])
    async def left() -> None:
        raise ClientDisconnect

    with (
        capture_logs() as logs,
        TestClient(bare_app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client,
    ):
        client.post("/api/v1/left")
    assert [line["event"] for line in logs if line["log_level"] == "error"] == []
    assert "gone" in [line["event"] for line in logs]


def test_a_moment_outside_the_calendar_is_refused(client, key_of):
    caller = {"Authorization": f"Bearer {key_of('a', 'deposit:write', 'record:read')}"}
    for written in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        answer = client.get("/api/v1/deposits", params={"since": written}, headers=caller)
        assert answer.status_code == 422, written
    assert client.get("/api/v1/deposits", params={"since": "2026-01-01"}, headers=caller).status_code == 200


def test_the_unforeseen_is_told_in_general_words(bare_app):
    @bare_app.get("/api/v1/burst", dependencies=[Depends(Public("test"))])
    def burst() -> None:
        raise ZeroDivisionError("secret detail")

    with TestClient(bare_app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        answer = client.get("/api/v1/burst", headers={"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"})
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert answer.json()["trace_id"] == "ab" * 16
    assert "secret" not in answer.text


def test_an_answer_cut_in_its_middle_is_told_without_the_login_link(bare_app):
    @bare_app.get("/connexion/{token}/x", dependencies=[Depends(Public("test"))])
    async def half(token: str) -> StreamingResponse:
        def body():
            yield b"half"
            raise ZeroDivisionError

        return StreamingResponse(body())

    with (
        capture_logs() as lines,
        TestClient(bare_app, base_url="http://127.0.0.1") as client,
        pytest.raises(ZeroDivisionError),
    ):
        client.get("/connexion/lienquiouvre/x")
    (cut,) = (line for line in lines if line["event"] == "cut")
    assert cut["path"] == "/connexion/…"
