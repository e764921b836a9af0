"""An S3 server for tests: its address, a credential with every right, buckets for tests."""

from __future__ import annotations

import uuid
from pathlib import Path

import urllib3
from minio import Minio
from pydantic import SecretStr

from archive.model.settings import S3Store
from tests.servers.process import ServerProcess

ACCESS, SECRET = "chartrier-tests", "chartrier-tests-secret"


class S3Server:
    """One S3 server with its process.

    Attributes:
        name: Name of the server in messages.
        endpoint: Its URL on loopback.
        ca: PEM file of its certificate authority, if it speaks TLS.
    """

    def __init__(self, name: str, process: ServerProcess, port: int, *, ca: Path | None = None) -> None:
        self.name = name
        self.process = process
        self.port = port
        self.ca = ca
        self.endpoint = f"{'https' if ca else 'http'}://127.0.0.1:{port}"

    def settings(self, bucket: str | None = None) -> S3Store:
        """Return the settings of a bucket, by default a new one, which is not made yet."""
        return S3Store(
            endpoint=self.endpoint,
            bucket=bucket or f"test-{uuid.uuid4().hex[:20]}",
            access_key=SecretStr(ACCESS),
            secret_key=SecretStr(SECRET),
        )

    def client(self) -> Minio:
        """Return the vendor's own client, to ask the server without our adapter."""
        return Minio(
            f"127.0.0.1:{self.port}",
            access_key=ACCESS,
            secret_key=SECRET,
            secure=self.ca is not None,
            region="us-east-1",
            http_client=urllib3.PoolManager(timeout=20, retries=False, ca_certs=str(self.ca) if self.ca else None),
        )


def rot(server: S3Server, bucket: str, content: bytes) -> None:
    """Flip one bit of a stored object on the server's disk, as a failing disk does.

    Raises:
        AssertionError: The server does not keep the bytes in one piece.
    """
    middle = len(content) // 2
    piece = content if len(content) < 128 else content[middle : middle + 64]
    for path in (server.process.folder / "objects").rglob("*"):
        if bucket not in str(path) or not path.is_file():
            continue
        at = path.read_bytes().find(piece)
        if at >= 0:
            with path.open("r+b") as file:
                file.seek(at)
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ 1]))
            return
    raise AssertionError(f"{server.name} does not keep these bytes in one piece")


def made(folder: Path) -> Path:
    """Make a folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder
