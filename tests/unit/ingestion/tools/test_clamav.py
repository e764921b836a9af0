"""The scanner's adapter against a real daemon: what it finds, what it could not look at, and when
it dies.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingestion.settings import load_settings
from ingestion.stages.port import StageInput
from ingestion.stages.screen import Screen
from ingestion.tools import clamav
from ingestion.tools.clamav import ClamAv
from signing.ground.clock import utc_now
from signing.ground.errors import Unavailable
from tests.servers.clamav import EICAR, Clamd

pytestmark = pytest.mark.services


@pytest.fixture(params=["tcp", "unix"])
def scanner(clamd: Clamd, request: pytest.FixtureRequest) -> ClamAv:
    return ClamAv(clamd.address if request.param == "tcp" else str(clamd.socket))


@pytest.fixture
def small() -> Iterator[Clamd]:
    """A daemon with limits that a test can reach."""
    running = Clamd(StreamMaxLength="1M", MaxFileSize="100K", MaxScanSize="100K")
    running.start()
    yield running
    running.stop()


def file(folder: Path, content: bytes) -> Path:
    path = folder / "received"
    path.write_bytes(content)
    return path


def test_malware_is_named(scanner: ClamAv, tmp_path: Path) -> None:
    answer = scanner.scan(file(tmp_path, EICAR), utc_now())
    assert answer is not None
    assert (answer.verdict, answer.name) == ("infected", "Test.EICAR.UNOFFICIAL")
    assert answer.version.startswith("ClamAV ")


def test_malware_far_into_a_large_file_is_found(scanner: ClamAv, tmp_path: Path) -> None:
    answer = scanner.scan(file(tmp_path, os.urandom(5 << 20) + EICAR), utc_now())
    assert answer is not None
    assert answer.verdict == "infected"


def test_what_an_undated_base_does_not_find_is_unverified(scanner: ClamAv, tmp_path: Path) -> None:
    answer = scanner.scan(file(tmp_path, b"une lettre"), utc_now())
    assert answer is not None
    assert (answer.verdict, answer.name, answer.why) == ("unverified", None, "old_signatures")


def test_clean_needs_signatures_of_the_last_two_days() -> None:
    """The one thing that a base without a date can't show.

    The daemon's words are those of its manual.
    """
    said, now = b"stream: OK\0", datetime(2026, 11, 24, 12, tzinfo=UTC)
    fresh = clamav._understood(said, "ClamAV 1.4.3/27793/Mon Nov 23 09:56:55 2026", now)
    stale = clamav._understood(said, "ClamAV 1.4.3/27790/Sat Nov 21 09:56:55 2026", now)
    assert (fresh.verdict, stale.verdict, stale.why) == ("clean", "unverified", "old_signatures")


def test_a_stream_over_the_limit_is_unverified_not_clean(small: Clamd, tmp_path: Path) -> None:
    answer = ClamAv(small.address).scan(file(tmp_path, bytes(8 << 20)), utc_now())
    assert answer is not None
    assert (answer.verdict, answer.why) == ("unverified", "too_large")


def test_a_file_over_the_scan_limit_is_unverified_not_infected(small: Clamd, tmp_path: Path) -> None:
    answer = ClamAv(small.address).scan(file(tmp_path, os.urandom(500_000)), utc_now())
    assert answer is not None
    assert (answer.verdict, answer.why, answer.name) == ("unverified", "too_large", None)


def test_a_daemon_killed_in_mid_scan_is_away_and_the_next_one_is_asked(tmp_path: Path) -> None:
    daemon = Clamd()
    daemon.start()
    scanner, path = ClamAv(daemon.address), file(tmp_path, os.urandom(50 << 20))
    os.kill(daemon.process.pid, signal.SIGSTOP)  # it takes the connection and never answers …
    threading.Thread(target=lambda: (time.sleep(1), daemon.process.kill())).start()
    with pytest.raises(Unavailable) as caught:
        scanner.scan(path, utc_now())
    assert caught.value.code == "clamd_away"
    assert not daemon.process.answers()
    with pytest.raises(Unavailable):
        scanner.scan(path, utc_now())
    daemon.start()
    answer = scanner.scan(file(tmp_path, EICAR), utc_now())
    daemon.stop()
    assert answer is not None
    assert answer.verdict == "infected"


def test_a_daemon_killed_while_it_reads_is_not_a_pass(tmp_path: Path) -> None:
    daemon = Clamd()
    daemon.start()
    path = file(tmp_path, os.urandom(90 << 20))

    def kill_when_it_reads() -> None:
        while not any(p.stat().st_size > 1 << 20 for p in daemon.folder.rglob("*") if p.name != "clamd.log"):
            time.sleep(0.002)
        daemon.process.kill()

    killer = threading.Thread(target=kill_when_it_reads)
    killer.start()
    with pytest.raises(Unavailable) as caught:
        ClamAv(daemon.address).scan(path, utc_now())
    killer.join()
    daemon.stop()
    assert caught.value.code == "clamd_away"


def test_the_stage_says_why(small: Clamd, tmp_path: Path) -> None:
    settings = load_settings({"CHARTRIER_HOME": str(tmp_path), "CHARTRIER_CLAMD_SOCKET": small.address})
    given = StageInput.__new__(StageInput)
    object.__setattr__(given, "files", {"received": file(tmp_path, bytes(8 << 20))})
    result = Screen(settings.ingestion, utc_now).run(given)
    assert result.facts["virus"]["verdict"] == "unverified"
    assert result.detail is not None
    assert result.detail.code == "too_large_to_scan"
