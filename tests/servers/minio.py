"""MinIO: the last release with its source on the Go module proxy, built by ``install.sh``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.buckets import ACCESS, SECRET, S3Server, made
from tests.servers.presence import CACHE, absent
from tests.servers.process import ServerProcess, free_port

RELEASE = "RELEASE.2025-09-07T16-13-09Z"


def server(folder: Path, port: int | None = None, *, tls: Path | None = None) -> S3Server:
    """Return a server on one folder, not started.

    Args:
        folder: Folder for objects and log.
        port: Port of an earlier server, to start again there; None: a free one.
        tls: Folder with ``public.crt`` and ``private.key``; None: no TLS.
    """
    program = CACHE / f"minio-{RELEASE}" / "minio"
    if not program.exists():
        absent(f"MinIO {RELEASE}")
    port = port or free_port()
    process = ServerProcess(
        "minio",
        [
            str(program),
            "server",
            str(made(folder / "objects")),
            "--address",
            f"127.0.0.1:{port}",
            *(["--certs-dir", str(tls)] if tls else []),
        ],
        folder,
        lambda: isinstance(found.client().list_buckets(), list),  # its health page answers too early
        environment={"MINIO_ROOT_USER": ACCESS, "MINIO_ROOT_PASSWORD": SECRET, "MINIO_BROWSER": "off"},
    )
    found = S3Server("MinIO", process, port, ca=tls / "public.crt" if tls else None)
    return found


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Start MinIO; each test makes a bucket of its own (``minio.settings()``)."""
    running = server(tmp_path_factory.mktemp("minio"))
    running.process.start()
    yield running
    running.process.stop()
