"""A store beside us has our clock: it is no witness of the time."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from archive.model.settings import S3Store
from archive.objects import elsewhere
from archive.objects.elsewhere import is_elsewhere
from archive.objects.minio import MinioObjectStore
from signing.ground.clock import utc_now


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "127.0.0.1", "127.8.0.1", "::1", "minio", "minio1", "host.docker.internal", "s3.localhost", ""),
        *("10.1.2.3", "172.17.0.2", "192.168.1.20", "169.254.3.4", "fd12::7", "fe80::1", "0.0.0.0"),
    ],
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
    monkeypatch.setattr("archive.objects.elsewhere._shared_networks", list)  # whatever this machine's are
    assert is_elsewhere("s3.example.org") is elsewhere


ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
br-1a2b\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(
    ("address", "bridged", "attached"),
    [("172.18.0.4", True, False), ("172.19.0.4", False, False), ("10.0.0.9", False, True), ("10.0.1.9", False, False)],
)
def test_a_container_of_this_host_is_no_witness_under_any_name(
    address: str, bridged: bool, attached: bool, inside: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither on a bridge of the host, nor, seen from inside a container, in its own network."""
    (tmp_path / "route").write_text(ROUTES)
    (tmp_path / "net" / "br-1a2b" / "bridge").mkdir(parents=True)
    (tmp_path / "net" / "eth0").mkdir()
    if inside:
        (tmp_path / "marker").touch()
    monkeypatch.setattr(elsewhere, "_ROUTES", tmp_path / "route")
    monkeypatch.setattr(elsewhere, "_DEVICES", tmp_path / "net")
    monkeypatch.setattr(elsewhere, "_CONTAINER", (tmp_path / "marker",))
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", (address, 0))]
    )
    assert is_elsewhere("s3.example.org") is not (bridged or (inside and attached))
