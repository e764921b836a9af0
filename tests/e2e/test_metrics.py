"""``/metrics`` of a running service: what dashboard and alarms ask for is there, and tells what
happens.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.servers.service import Service, deposit

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
_OF_A_FAMILY = ("_total", "_bucket", "_count", "_sum")
EXTERNAL_BROKER = {"chartrier_queue_messages"}
"""Told where the broker is a server of its own; tests/e2e/test_compose.py asks there."""


def numbers(service: Service) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    answer = httpx2.get(f"{service.address}/metrics")
    assert answer.status_code == 200, answer.text
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        found.setdefault(family.name, {})
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def test_what_dashboard_and_alarms_ask_for_is_exported(service: Service) -> None:
    text = (ROOT / "deploy/dashboards/chartrier.json").read_text() + (ROOT / "deploy/alerts/chartrier.yml").read_text()
    asked = set(re.findall(r"\bchartrier_[a-z_]+", text))
    assert len(asked) > 25
    exported = set(numbers(service))
    families = {re.sub(f"({'|'.join(_OF_A_FAMILY)})$", "", name) for name in asked}
    assert families - exported - EXTERNAL_BROKER == set()


def _at_rest(service: Service) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """The numbers once nothing that other tests deposited is under way any more."""
    for _ in range(600):
        now = numbers(service)
        if not any(now["chartrier_deposits"].get((("state", state),)) for state in ("received", "working")):
            return now
        time.sleep(0.2)
    raise AssertionError("deposits of earlier tests do not end")


def test_the_numbers_follow_the_work(service: Service, client: httpx2.Client) -> None:
    before = _at_rest(service)
    view = deposit(client, SAMPLES / "deliberations.pdf", key="measured")
    client.get(f"/api/v1/records/{view['record_id']}")
    service.chartrier("checkpoint")
    after = numbers(service)
    kept = (("state", "kept"),)
    assert after["chartrier_deposits"][kept] == before["chartrier_deposits"].get(kept, 0) + 1
    assert after["chartrier_follower_lag_entries"][()] == 0
    assert after["chartrier_journal_unpublished"][()] == 0
    assert after["chartrier_checkpoint_age_seconds"][()] < 60
    assert after["chartrier_checkpoint_token_age_seconds"][()] < 60
    assert after["chartrier_stage_runs"][("stage", "recognise"), ("state", "done")] >= 1
    assert after["chartrier_stage_seconds"][("quantile", "0.95"), ("stage", "seal")] > 0
    assert after["chartrier_duty_held"][(("duty", "relay"),)] == 1
    assert after["chartrier_component_ok"][(("component", "database"),)] == 1
    assert after["chartrier_home_free_bytes"][()] > 1 << 20


def test_requests_are_counted_by_route_never_by_id(service: Service, client: httpx2.Client) -> None:
    for stranger in ("0199aaaa-0000-7000-8000-000000000000", "nobody-has-this-path"):
        client.get(f"/api/v1/records/{stranger}")
        client.get(f"/nowhere/{stranger}")
    found = numbers(service)
    labels = [dict(pairs) for pairs in found["chartrier_http_requests_total"]]
    assert {"method": "GET", "route": "/api/v1/records/{record_id}", "status": "404"} in labels
    assert any(one["route"] == "(none)" for one in labels)
    assert not any("0199aaaa" in one["route"] or "nowhere" in one["route"] for one in labels)
    bounded = {
        pairs: value for pairs, value in found["chartrier_http_seconds_bucket"].items() if dict(pairs)["le"] == "+Inf"
    }
    assert sum(bounded.values()) >= len(labels)
