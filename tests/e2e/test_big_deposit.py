"""A large file goes in and comes out without being held in memory anywhere."""

from __future__ import annotations

import hashlib
import random
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.servers.presence import program
from tests.servers.service import Service, follow

MEBIBYTE = 1 << 20
SIZE = 200 * MEBIBYTE
GROWTH = 100 * MEBIBYTE
"""Of any process of the service: half of the file would show."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Bytes that no format claims and no compression shortens."""
    path = tmp_path_factory.mktemp("large") / "sauvegarde.bin"
    block = random.Random(7).randbytes(MEBIBYTE)
    with path.open("wb") as out:
        for number in range(SIZE // MEBIBYTE):
            out.write(number.to_bytes(8, "big") + block[8:])
    yield path
    path.unlink()


class Watched:
    """The highest resident memory of one process while the block runs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.before = self.highest = resident(pid)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self.highest = max(self.highest, resident(self._pid))

    @property
    def growth(self) -> int:
        return self.highest - self.before


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def sent(client: httpx2.Client, form: str, path: Path) -> dict[str, Any]:
    """What ``curl`` gets for the file, as a raw body or as a form."""
    body = {
        "raw": [
            *("-H", "Content-Type: application/octet-stream"),
            *("-H", f"Content-Disposition: attachment; filename={path.name}"),
            *("-X", "POST", "-T", str(path)),
        ],
        "form": ["-F", f"file=@{path};type=application/octet-stream"],
    }[form]
    done = subprocess.run(
        [
            *(program("curl"), "-sS", "--fail-with-body"),
            *("-H", f"Authorization: {client.headers['Authorization']}"),
            *("-H", f"Idempotency-Key: large-{form}"),
            *(*body, str(client.base_url.join("/api/v1/deposits"))),
        ],
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return httpx2.Response(202, content=done.stdout).json()  # type: ignore[no-any-return]


def digest_of(client: httpx2.Client, address: str) -> tuple[str, int]:
    """SHA-256 and size of an answer."""
    digest, size = hashlib.sha256(), 0
    with client.stream("GET", address, timeout=300) as answer:
        assert answer.status_code == 200
        for chunk in answer.iter_bytes():
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


@pytest.mark.timeout(900)
@pytest.mark.parametrize("form", ["raw", "form"])
def test_a_large_file_is_never_held_in_memory(
    service: Service, client: httpx2.Client, large: Path, form: str, tmp_path: Path
) -> None:
    pid = service.processes()["pids"]["api"]
    with Watched(pid) as received:
        view = sent(client, form, large)
    assert received.growth < GROWTH
    with large.open("rb") as source:
        expected = hashlib.file_digest(source, "sha256").hexdigest()
    assert view["digests"]["sha-256"] == expected

    kept = follow(client, view["id"], wait=300)
    assert kept["state"] == "kept"
    record = f"/api/v1/records/{kept['record_id']}"
    with Watched(pid) as given:
        assert digest_of(client, f"{record}/representations/original") == (expected, SIZE)
        part = client.get(f"{record}/representations/original", headers={"Range": f"bytes={SIZE - 100}-"}, timeout=300)
        assert part.status_code == 206
        with large.open("rb") as source:
            source.seek(SIZE - 100)
            assert part.content == source.read()
        assert client.post(f"{record}/verifications", timeout=300).json()["verdict"] == "intact"
    assert given.growth < GROWTH

    if form == "raw":
        bundle = tmp_path / "evidence.zip"
        with (
            Watched(pid) as proven,
            bundle.open("wb") as out,
            client.stream("GET", f"{record}/evidence", timeout=300) as answer,
        ):
            for chunk in answer.iter_bytes():
                out.write(chunk)
        assert proven.growth < GROWTH
        checked = service.chartrier("verify-bundle", str(bundle), timeout=300)
        assert checked.returncode == 0
        bundle.unlink()
