"""Elasticsearch in trouble, away, of another version, or something else altogether."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from search.engines.elastic import ElasticIndex
from search.engines.elastic_link import Link
from search.port import Condition, SearchIndex, Upsert
from signing.ground.errors import Refused, Unavailable
from tests.contract.elastic_indexes import index, prefix
from tests.contract.suite_search import (
    TENANT,
    ask,
    entry,
    put,
)
from tests.servers.elasticsearch import Node
from tests.servers.gate import Answer, Change, Gate
from tests.servers.process import free_port

__all__ = ["index", "prefix"]

pytestmark = pytest.mark.services


@pytest.fixture
def gate(elasticsearch_node: Node) -> Iterator[Gate]:
    made = Gate(elasticsearch_node.port)
    yield made
    made.close()


def always(status: int, body: object) -> Change:
    def change(_method: str, path: str, answer: Answer) -> Answer:
        return answer if path == "/" else (status, answer[1], json.dumps(body).encode())

    return change


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_away(index: ElasticIndex, gate: Gate, prefix: str, status: int) -> None:
    put(index, entry(1, "voirie"), position=3)
    other = ElasticIndex(Link(gate.url), prefix)
    assert other.position(TENANT) == 3
    gate.change = always(status, {"error": {"type": "es_rejected_execution_exception"}, "status": status})
    calls: list[Callable[[], object]] = [
        lambda: ask(other, "voirie"),
        lambda: other.position(TENANT),
        lambda: put(other, entry(2, "voirie"), position=4),
        lambda: other.record_ids(TENANT),
        lambda: other.begin_rebuild(TENANT),
    ]
    for call in calls:
        with pytest.raises(Unavailable) as away:
            call()
        assert away.value.code == "search_away"
    gate.change = None
    assert ask(other, "voirie").total == 1
    assert other.position(TENANT) == 3
    other.close()


def test_items_refused_inside_a_good_answer_are_noticed(index: ElasticIndex, gate: Gate, prefix: str) -> None:
    put(index, entry(1, "voirie"), position=3)
    other = ElasticIndex(Link(gate.url), prefix)

    def full(_method: str, path: str, answer: Answer) -> Answer:
        if not path.endswith("/_bulk?require_alias=true"):
            return answer
        items = [{"index": {"_id": "x", "status": 429, "error": {"type": "es_rejected_execution_exception"}}}]
        return answer[0], answer[1], json.dumps({"errors": True, "took": 1, "items": items}).encode()

    gate.change = full
    with pytest.raises(Unavailable) as away:
        put(other, entry(2, "voirie"), position=4)
    assert away.value.code == "search_away"
    assert index.position(TENANT) == 3
    gate.change = None
    put(other, entry(2, "voirie"), position=4)
    assert ask(index, "voirie").total == 2
    other.close()


def test_a_search_that_lacks_a_part_is_no_answer(index: ElasticIndex, gate: Gate, prefix: str) -> None:
    put(index, entry(1, "voirie"))
    other = ElasticIndex(Link(gate.url), prefix)

    def late(_method: str, path: str, answer: Answer) -> Answer:
        if "_search" not in path:
            return answer
        return answer[0], answer[1], json.dumps(json.loads(answer[2]) | {"timed_out": True}).encode()

    gate.change = late
    with pytest.raises(Unavailable):
        ask(other, "voirie")
    other.close()


def test_nobody_there(prefix: str) -> None:
    index = ElasticIndex(Link(f"http://127.0.0.1:{free_port()}"), prefix)
    for call in (lambda: ask(index, "voirie"), lambda: index.position(TENANT), index.condition):
        with pytest.raises(Unavailable) as away:
            call()
        assert away.value.code == "search_away"
        assert away.value.retry_after > 0
    index.close()


def test_a_server_of_another_major_version_is_named(gate: Gate, prefix: str) -> None:
    def older(_method: str, _path: str, answer: Answer) -> Answer:
        return answer[0], answer[1], answer[2].replace(b'"9.5.3"', b'"8.19.7"')

    gate.change = older
    index = ElasticIndex(Link(gate.url), prefix)
    with pytest.raises(Unavailable) as other:
        ask(index, "voirie")
    assert other.value.code == "search_version"
    assert "8.19.7" in str(other.value)
    gate.change = None
    assert ask(index, "voirie").total == 0, "asked again once it was replaced"
    index.close()


def test_what_a_server_of_version_8_really_says_is_understood(gate: Gate, prefix: str) -> None:
    said = {"error": {"type": "media_type_header_exception", "reason": "Invalid media-type value"}, "status": 400}
    gate.change = lambda _m, _p, answer: (400, answer[1], json.dumps(said).encode())
    index = ElasticIndex(Link(gate.url), prefix)
    with pytest.raises(Unavailable) as other:
        index.position(TENANT)
    assert other.value.code == "search_version"
    index.close()


def test_a_server_that_is_no_elasticsearch_is_named(gate: Gate, prefix: str) -> None:
    gate.change = lambda _m, _p, answer: (
        200,
        {name: value for name, value in answer[1].items() if name.lower() != "x-elastic-product"},
        answer[2],
    )
    index = ElasticIndex(Link(gate.url), prefix)
    with pytest.raises(Unavailable) as other:
        index.position(TENANT)
    assert other.value.code == "search_version"
    index.close()


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_named(gate: Gate, prefix: str, status: int) -> None:
    gate.change = lambda _m, _p, answer: (status, answer[1], b'{"error":{"type":"security_exception"}}')
    index = ElasticIndex(Link(gate.url, api_key="x"), prefix)
    with pytest.raises(Unavailable) as refused:
        index.position(TENANT)
    assert refused.value.code == "search_forbidden"
    index.close()


def test_key_and_authority_are_used(index: ElasticIndex, elasticsearch_node: Node, prefix: str, tmp_path: Path) -> None:
    put(index, entry(1, "voirie"))
    pem, authority = certificate(tmp_path)
    door = Gate(elasticsearch_node.port, certificate=pem)
    trusted = ElasticIndex(Link(door.url, api_key="c2VjcmV0", ca=authority), prefix)
    assert ask(trusted, "voirie").total == 1
    assert {seen["authorization"] for seen in door.seen} == {"ApiKey c2VjcmV0"}
    stranger = ElasticIndex(Link(door.url, api_key="c2VjcmV0"), prefix)
    count = len(door.seen)
    with pytest.raises(Unavailable):
        ask(stranger, "voirie")
    assert len(door.seen) == count, "no key is shown to a server that nobody vouches for"
    trusted.close()
    stranger.close()
    door.close()


@pytest.mark.parametrize("url", ["hote", "hote:9200", "ftp://hote:9200", "http://hote"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(Refused) as refused:
        Link(url)
    assert refused.value.code == "bad_search_url"


@pytest.mark.fault
@pytest.mark.slow
def test_a_node_killed_and_started_again_has_everything_or_says_so(elasticsearch_node: Node, tmp_path: Path) -> None:
    node = Node(tmp_path / "node")
    node.start()
    index = ElasticIndex(Link(node.url), "mort")
    put(index, *(entry(n, "voirie", "budget") for n in range(200)), position=11)
    assert index.condition().well
    node.kill()
    with pytest.raises(Unavailable) as away:
        ask(index, "voirie")
    assert away.value.code == "search_away"
    with pytest.raises(Unavailable):
        put(index, entry(300, "voirie"), position=12)
    node.start()
    assert index.position(TENANT) == 11
    assert ask(index, "voirie").total == 200
    put(index, entry(300, "voirie"), position=12)
    assert ask(index, "voirie").total == 201
    node.kill()
    for segments in (tmp_path / "node").glob("data/indices/*/0/index/segments_*"):
        segments.unlink()
    node.process.launch()  # a red index: it never gets to yellow
    until(lambda: not condition_of(index).well, within=60)
    for call in (lambda: ask(index, "voirie"), lambda: index.position(TENANT)):
        with pytest.raises(Unavailable) as away:
            call()
        assert away.value.code == "search_away"
    rebuilt = index.begin_rebuild(TENANT)
    rebuilt.apply(TENANT, [Upsert(entry(1, "voirie"))], 3)
    index.finish_rebuild(TENANT, rebuilt)
    assert ask(index, "voirie").total == 1
    assert index.condition().well
    index.close()
    node.stop()


def condition_of(index: SearchIndex) -> Condition:
    """How it is, once anybody answers."""
    try:
        return index.condition()
    except Unavailable:
        return Condition("", None, "", well=True)


def until(condition: Callable[[], bool], within: float = 10.0) -> None:
    limit = time.monotonic() + within
    while not condition():
        assert time.monotonic() < limit, "not within the time"
        time.sleep(0.05)


def certificate(folder: Path) -> tuple[Path, Path]:
    """(PEM with key for 127.0.0.1, PEM of the authority): one self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "recherche.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    authority, both = folder / "ca.pem", folder / "both.pem"
    authority.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(secret + authority.read_bytes())
    return both, authority
