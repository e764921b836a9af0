"""A broker's password stays out of every log, and an encrypted broker must prove who it is."""

from __future__ import annotations

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

from ingestion.queue.celery import CeleryQueue, make_app
from signing.ground.errors import Unavailable
from tests.contract.queue_worker import Worker, workers
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.redis import Redis
from tests.servers.service import Service

pytestmark = pytest.mark.services

Make = Callable[..., Redis | RabbitMQ]


def _certificates(folder: Path, address: str) -> Path:
    """A certificate for one address and the authority behind it: ``server.pem``, ``server.key``,
    ``ca.pem``.
    """
    folder.mkdir()
    now = datetime.now(UTC)

    def certificate(name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signs: ec.EllipticCurvePrivateKey) -> None:
        whose = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = (
            x509.CertificateBuilder()
            .subject_name(whose)
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=name == "ca", path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
            .sign(signs, hashes.SHA256())
        )
        (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        (folder / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    ours, theirs = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    certificate("ca", ours, "ca", ours)
    certificate("server", theirs, "ca", ours)
    return folder


@pytest.fixture(params=[Redis, RabbitMQ])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Starts an encrypted broker whose certificate is for an address."""
    started: list[Redis | RabbitMQ] = []

    def start(address: str) -> Redis | RabbitMQ:
        made: Redis | RabbitMQ = request.param(tmp_path / "server", _certificates(tmp_path / "tls", address))
        started.append(made)
        made.start()
        return made

    yield start
    for server in started:
        server.stop()


def test_an_encrypted_broker_is_used_when_its_authority_is_known(make: Make, tmp_path: Path) -> None:
    url = make("127.0.0.1").new_url()
    assert url.startswith(("rediss://", "amqps://"))
    ca = tmp_path / "tls" / "ca.pem"
    queue = CeleryQueue(make_app(url, ca))
    queue.send("advance", "one", priority=0)
    running = workers(url, tmp_path, ca)
    worker: Callable[[int], Worker] = next(running)
    assert worker(1).wait(1) == ["advance one"]
    next(running, None)
    queue.close()
    stranger = CeleryQueue(make_app(url))
    with pytest.raises(Unavailable):
        stranger.send("advance", "two", priority=0)
    stranger.close()


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_no_log_holds_the_brokers_password(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    broker: Redis | RabbitMQ = request.getfixturevalue(f"{kind}_server")
    if broker.process.running is None:
        broker.start()
    service = Service(tmp_path / "home", CHARTRIER_BROKER_URL=broker.new_url())
    service.start(within=120)
    try:
        broker.kill()
        time.sleep(5)  # worker and relay complain
        broker.start()
        shown = service.chartrier("doctor", check=False).stdout
    finally:
        service.stop()
    log = service.log()
    assert "broker_away" in log or "Connection" in log, "it complained"
    assert broker.password not in log
    assert broker.password not in shown
    for path in service.home.rglob("*"):
        if path.is_file() and path.stat().st_size < 10_000_000:
            assert broker.password.encode() not in path.read_bytes(), path
