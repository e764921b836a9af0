"""A real Elasticsearch node, assembled from published jars.

Its limits are in ``elasticsearch_node/README.md``.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.presence import CACHE, HERE, absent
from tests.servers.process import ServerProcess, free_port

VERSION = "9.5.3"
SOURCES = HERE / "elasticsearch_node"
HOME = CACHE / f"elasticsearch-{VERSION}"
_OLDEST_JAVA = 21


def java_home() -> Path | None:
    """Return a JDK that is new enough: ``ES_JAVA_HOME``, else the newest installed; else None."""
    named = os.environ.get("ES_JAVA_HOME")
    places = [Path(named)] if named else sorted(Path("/usr/lib/jvm").glob("*"))
    found = [(version, place) for place in places if (version := _java_version(place)) >= _OLDEST_JAVA]
    return max(found)[1] if found else None


def _java_version(place: Path) -> int:
    release = place / "release"
    if not (place / "bin" / "javac").exists() or not release.exists():
        return 0
    match = re.search(r'JAVA_VERSION="(\d+)', release.read_text(encoding="utf-8"))
    return int(match[1]) if match else 0


def missing() -> str:
    """Return what this machine lacks for a node; empty when nothing is missing."""
    if java_home() is None:
        return f"Elasticsearch {VERSION} (it needs a JDK {_OLDEST_JAVA} or newer: ES_JAVA_HOME, or one in /usr/lib/jvm)"
    if not _assembled() and shutil.which("mvn") is None:
        return f"Elasticsearch {VERSION} (it needs mvn to be assembled once)"
    return ""


def _stamp() -> str:
    """Return the digests of a home's sources; when they change, the home is assembled again."""
    files = sorted(path for path in SOURCES.rglob("*") if path.suffix in {".java", ".xml", ".sh"})
    return "\n".join(str(hash_of(path)) for path in files)


def hash_of(path: Path) -> str:
    import hashlib

    return f"{path.relative_to(SOURCES)} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _assembled() -> bool:
    mark = HOME / ".assembled"
    return mark.exists() and mark.read_text(encoding="utf-8") == _stamp()


def home() -> Path:
    """Return the folder of the programs, assembled once per machine (30 s, 60 MB to fetch).

    A second caller waits for the first.

    Raises:
        RuntimeError: The programs could not be assembled.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"elasticsearch-{VERSION}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _assembled():
            _assemble()
    return HOME


def _assemble() -> None:
    done = subprocess.run(
        ["bash", str(SOURCES / "assemble.sh"), str(HOME)],
        env=os.environ | {"ES_JAVA_HOME": str(java_home())},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"Elasticsearch could not be put together: {(done.stdout + done.stderr)[-800:]}")
    first = CACHE / f"elasticsearch-{VERSION}.first"
    node = Node(first, ES_CLASS_ARCHIVE="write")  # a clean end writes an archive of classes, which halves later starts
    try:
        node.start()
    finally:
        node.stop()
        shutil.rmtree(first, ignore_errors=True)
    (HOME / ".assembled").write_text(_stamp(), encoding="utf-8")


class Node:
    """One node; it keeps its folder and port, so that it can be killed and started again."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self.process = ServerProcess(
            "elasticsearch",
            ["bash", str(SOURCES / "start.sh"), str(HOME), str(folder), str(self.port)],
            folder,
            self._answers,
            environment={"ES_JAVA_HOME": str(java_home()), **environment},
            within=120,
        )

    def _answers(self) -> bool:
        with urllib.request.urlopen(f"{self.url}/_cluster/health?wait_for_status=yellow&timeout=1s", timeout=3) as said:
            return bool(said.status == 200)

    def start(self) -> None:
        """Start and wait until it answers."""
        self.process.start()

    def stop(self) -> None:
        """End the node by SIGTERM, or by SIGKILL when that takes too long."""
        self.process.stop()

    def kill(self) -> None:
        """Kill the node by SIGKILL."""
        self.process.kill()


def require() -> None:
    """Skip the test, counted, where there can be no node."""
    lacking = missing()
    if lacking:
        absent(lacking)
    try:
        home()
    except RuntimeError as error:
        absent(str(error))


@pytest.fixture(scope="session")
def elasticsearch_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Start a node for the whole session; tests that kill a node start their own."""
    require()
    node = Node(tmp_path_factory.mktemp("elasticsearch"))
    node.start()
    yield node
    node.stop()


@pytest.fixture(scope="session")
def search_prefix(elasticsearch_node: Node) -> Callable[[], str]:
    """Return a function that makes a prefix for index names, used by no other test."""

    def make() -> str:
        return f"t{uuid.uuid4().hex[:16]}"

    return make


if __name__ == "__main__":
    if missing():
        sys.exit(f"No {missing()}. Debian 12 has Maven and no such JDK: Temurin has, for example.")
    try:
        print(home())
    except RuntimeError as error:
        sys.exit(str(error))
