"""What every S3 of the tests offers: its address, a credential that may do everything, a bucket a
test.
"""

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
    """One S3 with its process.

    Attributes:
        name: For messages.
        endpoint: Its URL on loopback.
        ca: PEM of the authority behind it, if it speaks TLS.
    """

    def __init__(self, name: str, process: ServerProcess, port: int, *, ca: Path | None = None) -> None:
        self.name = name
        self.process = process
        self.port = port
        self.ca = ca
        self.endpoint = f"{'https' if ca else 'http'}://127.0.0.1:{port}"

    def settings(self, bucket: str | None = None) -> S3Store:
        """A bucket of its own, not made yet."""
        return S3Store(
            endpoint=self.endpoint,
            bucket=bucket or f"test-{uuid.uuid4().hex[:20]}",
            access_key=SecretStr(ACCESS),
            secret_key=SecretStr(SECRET),
        )

    def client(self) -> Minio:
        """The vendor's own client, to ask past our adapter."""
        return Minio(
            f"127.0.0.1:{self.port}",
            access_key=ACCESS,
            secret_key=SECRET,
            secure=self.ca is not None,
            region="us-east-1",
            http_client=urllib3.PoolManager(timeout=20, retries=False, ca_certs=str(self.ca) if self.ca else None),
        )


def rot(server: S3Server, bucket: str, content: bytes) -> None:
    """Flip one bit of these bytes where the server keeps them on its disk, as a failing disk does.

    Raises:
        AssertionError: They are not there as they were sent.
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
    """The folder, there."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder
