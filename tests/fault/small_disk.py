"""An installation on a small disk of its own that is filled to its last byte, or its last inode.

``python -m tests.fault.small_disk FOLDER BYTES_LEFT|inodes`` runs in a mount namespace of its own
and prints what became of the deposits, as JSON; ``on_small_disk`` starts it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from archive.database.tables import JournalEntryRow
from archive.holdings.verify import verify
from ingestion.assembly import System
from ingestion.tables import DepositRow, StageRunRow
from signing.ground.errors import Unavailable
from signing.ground.machine import MachineFault
from tests.fault.backstage import letter
from tests.holdings import receive, system_at, titles

ROOT = Path(__file__).resolve().parents[2]
SIZE, INODES = "96m", 3000
DEPOSITS, ROUNDS = 5, 4


def on_small_disk(folder: Path, keys: Path, what: str) -> dict[str, Any]:
    """Run this module where it may mount a disk; skip where the machine allows nobody to."""
    allowed = ["unshare", "-rm", "sh", "-c"]
    if subprocess.run([*allowed, "mount -t tmpfs none /mnt"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace may be made here")
    disk = folder / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o "$1" none "$2" && cp -r "$3" "$2/keys.given" && shift 3 && exec "$@"'
    options = f"size={SIZE},nr_inodes={INODES}"
    command = [sys.executable, "-m", "tests.fault.small_disk", str(disk), what]
    ended = subprocess.run(
        [*allowed, script, "sh", options, str(disk), str(keys), *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-8000:]
    answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return answer


def fill_bytes(disk: Path, left: int = 0) -> Callable[[], None]:
    """Write until not one byte more goes on the disk, or some are left; return what makes room."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as out:
        for size in (1 << 20, 4096, 1):
            with suppress(OSError):
                while out.write(bytes(size)):
                    pass
    os.truncate(ballast, max(0, ballast.stat().st_size - left))
    return ballast.unlink


def fill_inodes(disk: Path) -> Callable[[], None]:
    """Make files until the disk has no inode left."""
    folder = disk / "many"
    folder.mkdir()
    with suppress(OSError):
        for number in range(INODES + 1):
            (folder / str(number)).touch()
    return lambda: shutil.rmtree(folder)


def entries(system: System) -> list[str]:
    with system.database.read() as session:
        return list(session.scalars(select(JournalEntryRow.type).order_by(JournalEntryRow.n)))


def rows(system: System) -> list[tuple[str, int, str | None]]:
    with system.database.read() as session:
        found = session.scalars(select(DepositRow).order_by(DepositRow.id))
        return [(row.state, row.attempts, (row.problem or {}).get("code")) for row in found]


def tried(system: System, ids: list[str]) -> list[str]:
    """What became of each attempt to advance a deposit."""
    said = []
    for deposit_id in ids:
        try:
            said.append(str(system.runner.advance(deposit_id)))
        except MachineFault as error:
            said.append(error.fault.value)
        except Unavailable as error:
            said.append(error.code)
    return said


class Watch:
    """A clock that the test moves, so that nobody has to wait for a rest or a lease."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def seconds(self) -> float:
        import time

        return time.monotonic() + self.ahead


def main(disk: Path, what: str) -> dict[str, Any]:
    """Acknowledge deposits, take all room, let workers try, give the room back, and look."""
    from datetime import timedelta

    from api.operations.health import Health
    from ingestion.processing.rest import Rest
    from signing.ground.clock import utc_now

    os.environ["TMPDIR"] = str(disk)
    watch = Watch()
    system = system_at(disk / "home", disk / "keys.given", clock=lambda: utc_now() + timedelta(seconds=watch.ahead))
    system.initialise()
    system.create_tenant("demo", "Commune de Démonstration")
    ids = [receive(system, letter(n), f"courrier-{n}", title=f"Courrier {n}").id for n in range(DEPOSITS)]
    before = entries(system)
    make_room = fill_inodes(disk) if what == "inodes" else fill_bytes(disk, int(what))
    attempts, refusals = [], []
    work = disk / "home" / "work"
    system.runner._rest = Rest(work, watch.seconds, require=lambda _folder: None)  # so that work really begins
    for number in range(ROUNDS):
        attempts.append(tried(system, ids))
        try:
            receive(system, letter(100 + number), f"autre-{number}")
        except Unavailable as error:
            refusals.append(error.code)
        watch.ahead += 200
    ready = {part.name: (part.state, part.detail) for part in Health(system).components()}
    full, during = rows(system), entries(system)
    make_room()
    watch.ahead += 200
    after = tried(system, ids)
    system.publisher.publish()
    system.follower.catch_up()
    with system.database.read() as session:
        records = dict(session.execute(select(DepositRow.id, DepositRow.record_id)).all())
        failed = session.scalar(select(func.count()).select_from(StageRunRow).where(StageRunRow.state == "failed"))
    found = {record for record, _ in titles(system, "courrier")}
    answer = {
        "attempts": attempts,
        "refusals": refusals,
        "ready": ready,
        "full": full,
        "said": during[len(before) :],
        "after": after,
        "end": rows(system),
        "types": sorted(set(entries(system))),
        "failed": failed,
        "verdicts": [verify(system.stores, "demo", record).verdict.value for record in records.values() if record],
        "found": sum(records[one] in found for one in ids),
    }
    system.close()
    return answer


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))
