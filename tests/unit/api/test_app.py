"""What ``/openapi.json`` promises to callers."""

from __future__ import annotations

import json
import re

import pytest


@pytest.fixture
def description(client):
    return client.get("/openapi.json").json()


def operations(description):
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_operation_is_named_described_and_placed(description):
    names = []
    for where, operation in operations(description):
        assert operation["operationId"], where
        assert operation["summary"], where
        assert operation["description"], where
        assert operation["tags"], where
        names.append(operation["operationId"])
    assert len(names) == len(set(names))


def test_every_error_is_a_problem(description):
    for where, operation in operations(description):
        for status, answer in operation["responses"].items():
            if status < "400" or operation["operationId"] == "getReadiness":
                continue
            assert list(answer["content"]) == ["application/problem+json"], (where, status)
            assert answer["content"]["application/problem+json"]["schema"]["$ref"].endswith("/Problem")


def test_every_reference_leads_somewhere(description):
    known = description["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(description)):
        assert name in known, name


def test_what_needs_a_key_says_so(description):
    open_to_all = {where for where, operation in operations(description) if not operation["security"]}
    assert open_to_all == {
        "GET /api/v1/journal/checkpoints/latest",
        "GET /api/v1/journal/checkpoints/{number}",
        "GET /api/v1/journal/checkpoints/{number}/token",
        "GET /api/v1/journal/proofs/inclusion",
        "GET /api/v1/journal/proofs/consistency",
        "POST /api/v1/verifications",
        "GET /health/live",
        "GET /health/ready",
        "GET /metrics",
    }


def test_bodies_have_examples_and_no_null_noise(description):
    schemas = description["components"]["schemas"]
    assert schemas["DescriptionChange"]["example"]
    assert schemas["Deposit"]["example"]
    assert {"type": "null"} not in [
        choice
        for schema in schemas.values()
        for field in schema.get("properties", {}).values()
        for choice in field.get("anyOf", [])
        if all("$ref" not in other for other in field["anyOf"])
    ]


def test_the_pages_of_the_documentation_load_nothing_from_elsewhere(client):
    for path in ("/docs", "/docs/problems"):
        text = client.get(path).text
        assert "<script" not in text
        assert "http://" not in text
        assert "https://" not in text
    assert 'id="idempotency_key_missing"' in client.get("/docs/problems").text
