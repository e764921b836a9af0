"""How often strangers may ask."""

from __future__ import annotations

from api.access.rates import LIMITS


def test_strangers_may_ask_so_often(client):
    limit = LIMITS["verification"].amount
    for _ in range(limit):
        assert client.post("/api/v1/verifications", content=b"").status_code != 429
    answer = client.post("/api/v1/verifications", content=b"x")
    assert answer.status_code == 429
    assert answer.json()["code"] == "rate_limited"
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert answer.headers["RateLimit"].startswith('"verification";r=0;t=')
