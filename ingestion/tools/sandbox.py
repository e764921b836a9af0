"""Sandbox in which foreign bytes are parsed: a warm process that forks one child a call.

The process is started at the first call and ends after some idle time. It gets open descriptors and
nothing else: it can't name or open any file of ours. A child that crashes, hangs or uses too much
memory fails only its own call.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from ingestion.tools.bubblewrap import CODE, sandboxed_command, sandboxed_environment, usable_bwrap
from signing.ground.errors import Unavailable
from signing.ground.machine import Fault, MachineFault, machine_fault, translated

Reason = Literal["crashed", "timeout", "memory", "refused", "output"]
T = TypeVar("T")

_ANSWER_LIMIT: Final = 16 * 1024**2
_GRACE: Final = 5.0
"""Seconds after a call's own limit until the whole sandbox is ended."""
_SANDBOX: Final = "sandbox"
"""Code of a failure of the sandbox as a whole, not of the child."""
_KILLED: Final = "killed"
"""Code of a child killed from outside (an operator, a machine short of memory): the file may not be
the cause.
"""


class ToolFailed(Exception):
    """Error: the tool could not do its work.

    Attributes:
        reason: ``crashed``, ``timeout``, ``memory``, ``refused`` (by the tool) or ``output``
            (too much of it).
        detail: Message for operators, in the tool's words.
        code: Stable word when the sandboxed function gave one, e.g. ``encrypted``.
    """

    def __init__(self, reason: Reason, detail: str, code: str = "") -> None:
        self.reason = reason
        self.detail = detail
        self.code = code
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True)
class Limits:
    """Limits of one call.

    Attributes:
        cpu: Seconds of processor.
        wall: Seconds on the clock.
        memory: Bytes of address space.
        file_size: Bytes of any one file it writes.
        nice: Niceness: how far it lets others go first on the processor.
    """

    cpu: int = 120
    wall: int = 180
    memory: int = 3 * 1024**3
    file_size: int = 4 * 1024**3
    nice: int = 0


class Sandbox:
    """Sandbox: a sandboxed process, one call at a time; any number of instances.

    After a fork, an instance starts a sandboxed process of its own in the new process.

    Args:
        idle: Seconds without a call after which the process ends by itself.
        bubblewrap: False to use no namespaces although the machine has them.
    """

    def __init__(self, *, idle: int = 30, bubblewrap: bool = True) -> None:
        self._idle = idle
        self._bubblewrap = bubblewrap
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._running: _Sandboxed | None = None
        # bwrap dies with the *thread* that started it, so the thread must last as long as we do
        self._starter: ThreadPoolExecutor | None = None

    @property
    def kind(self) -> Literal["bwrap", "rlimits"]:
        """Kind of sandbox: ``bwrap``, or ``rlimits`` without user namespaces."""
        return "bwrap" if self._bubblewrap and usable_bwrap() else "rlimits"

    def call(
        self,
        function: str,
        arguments: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Path] | None = None,
        outputs: Mapping[str, Path] | None = None,
        limits: Limits | None = None,
    ) -> dict[str, Any]:
        """Call one of the sandboxed functions.

        Args:
            function: A name of ``ingestion.tools.sandboxed.functions``.
            arguments: JSON values.
            inputs: Files that are opened for reading and passed on.
            outputs: Files that are created, opened for writing and passed on; removed again when
                the call fails.
            limits: Limits of this call; None: the default ones.

        Raises:
            ToolFailed: The tool failed on the file.
            MachineFault: The machine has no room, no memory or no descriptor left: nothing is known
                about the file.
            Unavailable: ``sandbox_away``: the process could not be started.
        """
        limits = limits or Limits()
        with self._lock, translated(), contextlib.ExitStack() as opened:
            descriptors = [_opened(opened, path, os.O_RDONLY) for path in (inputs or {}).values()]
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
            descriptors += [_opened(opened, path, flags) for path in (outputs or {}).values()]
            request = {
                "function": function,
                "arguments": dict(arguments or {}),
                "inputs": list(inputs or {}),
                "outputs": list(outputs or {}),
                "limits": asdict(limits),
            }
            try:
                return self._answered(request, descriptors, limits)
            except (ToolFailed, MachineFault):
                for path in (outputs or {}).values():
                    path.unlink(missing_ok=True)
                raise

    def close(self) -> None:
        """End the sandboxed process, if one runs."""
        with self._lock:
            self._stop()
            if self._starter is not None and self._owner == os.getpid():
                self._starter.shutdown(wait=False)
            self._starter = None

    def _answered(self, request: dict[str, Any], descriptors: list[int], limits: Limits) -> dict[str, Any]:
        killed_before = out_of_memory_kills()
        for attempt in (1, 2):
            sandboxed = self._sandboxed()
            try:
                return sandboxed.ask(request, descriptors, limits)
            except _Gone as error:
                self._stop()
                if not error.before_work or attempt == 2:
                    raise ToolFailed("crashed", str(error)) from error
            except ToolFailed as error:
                if error.reason == "timeout" and error.code == _SANDBOX:
                    self._stop()
                if error.code == _KILLED and attempt == 2 and out_of_memory_kills() > killed_before:
                    raise MachineFault(Fault.MEMORY) from error
                if error.code != _KILLED or attempt == 2:
                    raise
            for descriptor in descriptors[len(request["inputs"]) :]:
                os.ftruncate(descriptor, 0)  # remove what the first attempt left
        raise AssertionError("unreachable")

    def _sandboxed(self) -> _Sandboxed:
        if self._owner != os.getpid():
            self._running = self._starter = None
            self._owner = os.getpid()
        if self._running is None:
            self._running = self._on_lasting_thread(lambda: _Sandboxed(self.kind, self._idle))
        return self._running

    def _on_lasting_thread(self, start: Callable[[], T]) -> T:
        if threading.current_thread() is threading.main_thread():
            return start()
        if self._starter is None:
            self._starter = ThreadPoolExecutor(1, thread_name_prefix="sandbox")
        return self._starter.submit(start).result()

    def _stop(self) -> None:
        if self._running is not None and self._owner == os.getpid():
            self._running.end()
        self._running = None


class _Gone(Exception):
    """Error: the sandboxed process has ended."""

    def __init__(self, detail: str, *, before_work: bool) -> None:
        self.before_work = before_work
        super().__init__(detail)


class _Sandboxed:
    """Host side of the warm process."""

    def __init__(self, kind: str, idle: int) -> None:
        self._scratch = Path(tempfile.mkdtemp(prefix="chartrier-sandbox-"))
        try:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError:
            self._scratch.rmdir()
            raise
        arguments = ["-m", "ingestion.tools.sandboxed.zygote", str(theirs.fileno()), str(idle)]
        program = usable_bwrap() if kind == "bwrap" else None
        if program is not None:
            command, environment = sandboxed_command(program, self._scratch, arguments), {}
        else:
            command = [sys.executable, *arguments]
            environment = sandboxed_environment(str(CODE)) | {"TMPDIR": str(self._scratch)}
        try:
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=self._scratch,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            self._control.close()
            shutil.rmtree(self._scratch, ignore_errors=True)
            fault = machine_fault(error)
            if fault is not None:
                raise fault from error
            raise Unavailable("sandbox_away", "Le bac à sable n’a pas pu démarrer : {why}.", why=error) from error
        finally:
            theirs.close()

    def ask(self, request: dict[str, Any], descriptors: list[int], limits: Limits) -> dict[str, Any]:
        """Send one call, read the child's answer, then how the child ended."""
        deadline = time.monotonic() + limits.wall + _GRACE
        answer_end, their_end = os.pipe()
        try:
            try:
                self._send(request, [their_end, *descriptors])
            finally:
                os.close(their_end)
            answer = self._read_answer(answer_end, deadline)
        finally:
            os.close(answer_end)
        ending = self._read_ending(deadline)
        if ending["how"] == "machine":
            fault = machine_fault(OSError(ending["code"], ""))
            raise fault if fault is not None else ToolFailed("crashed", os.strerror(ending["code"] or 0))
        if ending["how"] == "timeout":
            raise ToolFailed("timeout", f"over {limits.wall} s")
        if ending["how"] == "cpu":
            raise ToolFailed("timeout", f"over {limits.cpu} s of processor")
        if ending["how"] != "exit" or ending["code"] != 0:
            if ending["full"]:
                raise MachineFault(Fault.NO_ROOM)
            killed = ending["how"] == "signal" and ending["code"] == signal.SIGKILL
            raise ToolFailed("crashed", f"{ending['how']} {ending['code']}", code=_KILLED if killed else "")
        return _result(answer)

    def _send(self, request: dict[str, Any], descriptors: list[int]) -> None:
        payload = json.dumps(request).encode()
        try:
            socket.send_fds(self._control, [len(payload).to_bytes(4, "big")], descriptors)
            self._control.sendall(payload)
        except OSError as error:
            raise _Gone(f"the sandbox went away: {error}", before_work=True) from error

    def _read_answer(self, descriptor: int, deadline: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            _await(descriptor, deadline)
            part = os.read(descriptor, 1 << 20)
            if not part:
                return b"".join(parts)
            size += len(part)
            if size > _ANSWER_LIMIT:
                self._process.kill()
                raise ToolFailed("output", "the answer is too long", code=_SANDBOX)
            parts.append(part)

    def _read_ending(self, deadline: float) -> dict[str, Any]:
        received = b""
        while not received.endswith(b"\n"):
            _await(self._control.fileno(), deadline)
            try:
                part = self._control.recv(4096)
            except OSError:
                part = b""
            if not part:
                # No answer at all: it ended, idle, while our request was on its way.
                raise _Gone(f"the sandbox ended ({self._process.poll()})", before_work=not received)
            received += part
        ending: dict[str, Any] = json.loads(received)
        return ending

    def end(self) -> None:
        """Kill what still runs and remove the scratch folder."""
        self._control.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)


def _await(descriptor: int, deadline: float) -> None:
    if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
        raise ToolFailed("timeout", "the sandbox does not answer", code=_SANDBOX)


def _result(answer: bytes) -> dict[str, Any]:
    try:
        said = json.loads(answer)
    except ValueError as error:
        raise ToolFailed("crashed", "no answer") from error
    if "failed" in said:
        failed = said["failed"]
        if failed["reason"] == "machine":
            raise MachineFault(Fault.NO_ROOM)
        raise ToolFailed(failed["reason"], failed["detail"], failed.get("code", ""))
    result: dict[str, Any] = said["result"]
    return result


def out_of_memory_kills() -> int:
    """Count the processes that the kernel killed for want of memory; 0 where it does not count."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0


def _opened(stack: contextlib.ExitStack, path: Path, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    stack.callback(os.close, descriptor)
    return descriptor
