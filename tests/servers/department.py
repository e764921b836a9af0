"""The servers of a department: PostgreSQL, MinIO, Redis or RabbitMQ, and Elasticsearch.

``Department.settings`` returns the settings of a new installation: a database, a bucket, a
namespace of the broker and a prefix of indexes that nobody else uses. Any of the servers can be
killed and started again while services run on them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from tests.servers import minio
from tests.servers.buckets import S3Server
from tests.servers.elasticsearch import Node, require
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.redis import Redis

BrokerKind = Literal["redis", "rabbitmq"]


@dataclass(frozen=True)
class Server:
    """One server of the department, for tests that kill it and start it again."""

    name: str
    kill: Callable[[], None]
    start: Callable[[], None]
    process_group: Callable[[], int]


@dataclass
class Department:
    """All servers of the department, running.

    Attributes:
        brokers: The brokers started so far, by kind.
    """

    postgres: Postgres
    minio: S3Server
    elasticsearch: Node
    brokers: dict[BrokerKind, Redis | RabbitMQ] = field(default_factory=dict)

    def settings(self, broker: BrokerKind) -> dict[str, str]:
        """Return the settings of a new installation on these servers."""
        bucket = self.minio.settings()
        return {
            **self.postgres.fresh().settings,
            "CHARTRIER_S3_ENDPOINT": bucket.endpoint,
            "CHARTRIER_S3_BUCKET": bucket.bucket,
            "CHARTRIER_S3_ACCESS_KEY": bucket.access_key.get_secret_value(),
            "CHARTRIER_S3_SECRET_KEY": bucket.secret_key.get_secret_value(),
            "CHARTRIER_BROKER_URL": self.brokers[broker].new_url(),
            "CHARTRIER_SEARCH_URL": self.elasticsearch.url,
            "CHARTRIER_SEARCH_PREFIX": f"d{secrets.token_hex(6)}",
        }

    def servers(self, broker: BrokerKind) -> tuple[Server, ...]:
        """Return each server that a service with this broker talks to."""
        link = self.brokers[broker]
        return (
            Server("PostgreSQL", self.postgres.kill, self.postgres.start, lambda: self.postgres.server.pid),
            Server("MinIO", self.minio.process.kill, self.minio.process.start, lambda: self.minio.process.pid),
            Server(type(link).__name__, link.kill, link.start, lambda: link.process.pid),
            Server(
                "Elasticsearch",
                self.elasticsearch.kill,
                self.elasticsearch.start,
                lambda: self.elasticsearch.process.pid,
            ),
        )

    def broker(self, kind: BrokerKind, folder: Path) -> Redis | RabbitMQ:
        """Return the broker of this kind; it is started when first asked for."""
        if kind not in self.brokers:
            made = Redis(folder / kind) if kind == "redis" else RabbitMQ(folder / kind)
            made.start()
            self.brokers[kind] = made
        return self.brokers[kind]


@pytest.fixture(scope="session")
def department(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Department]:
    """Start PostgreSQL, MinIO and Elasticsearch for the session; brokers start on demand.

    They are not shared with the tests that kill no server.
    """
    require()
    folder = tmp_path_factory.mktemp("department")
    made = Department(Postgres(), minio.server(folder / "minio"), Node(folder / "elasticsearch"))
    try:
        made.postgres.start()
        made.minio.process.start()
        made.elasticsearch.start()
        yield made
    finally:
        for broker in made.brokers.values():
            broker.stop()
        made.elasticsearch.kill()
        made.minio.process.kill()
        made.postgres.stop()


@pytest.fixture(scope="session")
def department_broker(
    department: Department, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[BrokerKind], Redis | RabbitMQ]:
    """Return a function: kind -> a running broker of this kind."""
    folder = tmp_path_factory.mktemp("brokers")
    return lambda kind: department.broker(kind, folder)
