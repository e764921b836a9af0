"""The sandbox holds, and the process in it comes back."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ingestion.tools.sandbox import Limits, Sandbox, ToolFailed
from signing.ground.machine import Fault, MachineFault

SHORT = Limits(cpu=1, wall=3)


@pytest.fixture(params=["bwrap", "rlimits"], scope="module")
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    sandbox = Sandbox(bubblewrap=request.param == "bwrap")
    if sandbox.kind != request.param:
        pytest.skip("no user namespaces on this machine")
    yield sandbox
    sandbox.close()


def look(sandbox: Sandbox, path: str = "/nowhere") -> dict[str, object]:
    return sandbox.call("misbehave", {"how": "look", "path": path}, limits=SHORT)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("crash", "crashed"),
        ("hang", "timeout"),
        ("burn", "timeout"),
        ("swell", "memory"),
        ("refuse", "refused"),
    ],
)
def test_a_child_that_misbehaves_takes_only_its_own_call(sandbox: Sandbox, how: str, reason: str) -> None:
    begun = time.monotonic()
    with pytest.raises(ToolFailed) as failed:
        sandbox.call("misbehave", {"how": how}, limits=SHORT)
    assert failed.value.reason == reason
    assert time.monotonic() - begun < 6
    assert look(sandbox)["file"] is False


def test_a_full_disk_is_no_fault_of_the_file(sandbox: Sandbox, tmp_path: Path) -> None:
    made = tmp_path / "made"
    with pytest.raises(MachineFault) as fault:
        sandbox.call("misbehave", {"how": "fill"}, outputs={"made": made}, limits=SHORT)
    assert fault.value.fault is Fault.NO_ROOM
    assert not made.exists()
    assert look(sandbox)["file"] is False


def test_a_file_cannot_talk_its_way_out_by_words_of_a_full_disk(sandbox: Sandbox) -> None:
    said = {"how": "say", "words": "GPL Ghostscript: No space left on device"}
    with pytest.raises(ToolFailed) as failed:
        sandbox.call("misbehave", said, limits=replace(SHORT, file_size=1 << 20))
    assert failed.value.reason == "refused"
    with pytest.raises(MachineFault):  # a file so large that it may have filled the disk, and is gone by now
        sandbox.call("misbehave", said, limits=replace(SHORT, file_size=1 << 60))


@pytest.mark.parametrize("victim", ["child", "zygote"])
def test_work_that_somebody_else_killed_is_done_again_once(sandbox: Sandbox, victim: str) -> None:
    others = set(below(os.getpid()))  # of other tests in this process
    sandbox = Sandbox(bubblewrap=sandbox.kind == "bwrap")
    look(sandbox)
    first: list[int] = []

    def kill() -> None:
        zygote, *children = first[:] = [pid for pid in below(os.getpid()) if pid not in others]
        os.kill(children[-1] if victim == "child" else zygote, signal.SIGKILL)

    timer = threading.Timer(0.7, kill)
    timer.start()
    with pytest.raises(ToolFailed) as failed:
        sandbox.call("misbehave", {"how": "hang"}, limits=SHORT)
    timer.join()
    assert failed.value.reason == "timeout"  # of the second attempt
    assert look(sandbox)["file"] is False
    if victim == "zygote":
        assert not [pid for pid in first if Path(f"/proc/{pid}").exists()], "nothing outlives its sandbox"


def test_a_child_that_is_killed_twice_is_told(sandbox: Sandbox) -> None:
    look(sandbox)
    timers = [threading.Timer(after, lambda: os.kill(below(os.getpid())[-1], signal.SIGKILL)) for after in (0.5, 1.2)]
    for timer in timers:
        timer.start()
    with pytest.raises(ToolFailed) as failed:
        sandbox.call("misbehave", {"how": "hang"}, limits=SHORT)
    assert failed.value.reason == "crashed"


def below(pid: int) -> list[int]:
    """Processes below one of ours, parents first."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            found += [int(child), *below(int(child))]
    return found


def test_what_it_writes_is_bounded_and_not_left_behind(sandbox: Sandbox, tmp_path: Path) -> None:
    made = tmp_path / "flood"
    limits = Limits(cpu=10, wall=10, file_size=8 << 20)
    with pytest.raises(ToolFailed) as failed:
        sandbox.call("misbehave", {"how": "flood"}, outputs={"flood": made}, limits=limits)
    assert failed.value.reason == "output"
    assert not made.exists()


def test_a_refusal_carries_its_word(sandbox: Sandbox) -> None:
    with pytest.raises(ToolFailed) as failed:
        sandbox.call("misbehave", {"how": "refuse"})
    assert failed.value.code == "encrypted"


def test_inside_there_is_no_network_no_file_of_ours_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox()
    if sandbox.kind != "bwrap":
        pytest.skip("no user namespaces on this machine")
    monkeypatch.setenv("CHARTRIER_SEAL_PKCS12_PASSWORD", "secret")
    try:
        seen = look(sandbox, __file__)
    finally:
        sandbox.close()
    assert seen["file"] is False
    assert seen["interfaces"] == []
    assert not [name for name in seen["environment"] if "CHARTRIER" in name]  # type: ignore[attr-defined]
    assert seen["processes"] < 6  # type: ignore[operator]


def test_it_starts_quickly_and_again_after_idling() -> None:
    sandbox = Sandbox(idle=1)
    try:
        begun = time.monotonic()
        look(sandbox)
        assert time.monotonic() - begun < 2
        time.sleep(1.6)
        assert look(sandbox)["file"] is False
    finally:
        sandbox.close()


def test_it_outlives_the_thread_that_called_first(sandbox: Sandbox) -> None:
    fresh = Sandbox()
    seen: list[object] = []
    try:
        thread = threading.Thread(target=lambda: seen.append(look(fresh)))
        thread.start()
        thread.join()
        running = fresh._running
        look(fresh)
        assert fresh._running is running, "the sandbox died with its first caller"
    finally:
        fresh.close()
    assert seen


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_gets_a_sandbox_of_its_own(sandbox: Sandbox) -> None:
    look(sandbox)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if look(sandbox)["file"] is False else 2
            sandbox.close()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert look(sandbox)["file"] is False
