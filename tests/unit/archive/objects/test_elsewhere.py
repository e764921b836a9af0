"""A store beside us has our clock: it is no witness of the time."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from pydantic import SecretStr

from archive.model.settings import S3Store
from archive.objects.elsewhere import is_elsewhere
from archive.objects.minio import MinioObjectStore
from signing.ground.clock import utc_now


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "127.8.0.1", "::1", "minio", "minio1", "host.docker.internal", "s3.localhost", ""],
)
def test_what_runs_beside_us_is_no_witness(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_elsewhere(host)
    monkeypatch.setattr(MinioObjectStore, "open", lambda _: pytest.fail("it was asked"))
    endpoint = f"http://[{host}]:9000" if ":" in host else f"http://{host}:9000"
    settings = S3Store(endpoint=endpoint, bucket="b", access_key=SecretStr("a"), secret_key=SecretStr("s"))
    assert MinioObjectStore(settings, utc_now).outside_time() is None


@pytest.mark.parametrize(("address", "elsewhere"), [("192.0.2.7", True), ("127.0.0.1", False), (None, False)])
def test_a_name_counts_by_its_addresses(address: str | None, elsewhere: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolved(*_: Any, **__: Any) -> list[Any]:
        if address is None:
            raise socket.gaierror("not known")
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", (address, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    assert is_elsewhere("s3.example.org") is elsewhere
