"""Zygote: waits for calls, forks a child for each, reports how it ended.

It never parses foreign bytes itself. ``python -m ingestion.tools.sandboxed.zygote CONTROL_FD
IDLE_SECONDS``.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import importlib
import json
import os
import resource
import select
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from ingestion.tools.sandboxed.functions import FUNCTIONS, WARM
from ingestion.tools.sandboxed.job import Job, Rejected

_DIE_WITH_PARENT: Final = (1, int(signal.SIGKILL))
"""prctl(PR_SET_PDEATHSIG): ends a waiting child when this process is killed.

Without namespaces nothing else does.
"""
_NOT_DUMPABLE: Final = (4, 0)
"""prctl(PR_SET_DUMPABLE, 0): a child can't write into the memory of this process, which forks all
later ones.
"""


_MACHINES: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENFILE})
"""Errors of the machine that no file can cause; a child's own limits give others."""
_FULL: Final = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))
"""Words of tools that found a full disk."""
_ROOM: Final = 1 << 20
"""Free bytes below which a disk counts as full."""


def main(control_descriptor: int, idle: int) -> None:
    """Answer calls until none comes any more."""
    ctypes.CDLL(None).prctl(*_NOT_DUMPABLE, 0, 0, 0)
    control = socket.socket(fileno=control_descriptor)
    warmed: set[str] = set()
    while select.select([control], [], [], idle)[0]:
        request, descriptors = _receive(control)
        if request is None:
            return
        try:
            ending = _served(request, descriptors, control, warmed)
        except OSError as error:  # no folder, no process: the machine's fault, whatever the file is
            ending = {"how": "machine", "code": error.errno}
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        control.sendall(json.dumps(ending).encode() + b"\n")


def _served(
    request: dict[str, Any], descriptors: list[int], control: socket.socket, warmed: set[str]
) -> dict[str, Any]:
    """Serve one call by a child; return how the child ended."""
    _warm(request["function"], warmed)
    folder = Path(tempfile.mkdtemp(prefix="job-"))
    try:
        zygote = os.getpid()
        child = os.fork()
        if child == 0:
            control.close()
            _child(request, descriptors, folder, zygote)
        os.close(descriptors.pop(0))  # the end of the child's answer ends it for the host
        ending = _watch(child, request["limits"]["wall"])
        return ending | {"full": _has_no_room([folder, *_outputs(request, descriptors)])}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _receive(control: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    head, descriptors, _, _ = socket.recv_fds(control, 4, 64)
    if len(head) < 4:
        return None, descriptors
    size = int.from_bytes(head, "big")
    payload = b""
    while len(payload) < size:
        part = control.recv(size - len(payload))
        if not part:
            return None, descriptors
        payload += part
    return json.loads(payload), descriptors


def _warm(function: str, warmed: set[str]) -> None:
    """Load once what every child of this function needs: modules, the engine."""
    if function in warmed or function not in WARM:
        return
    _resolve(WARM[function])()
    warmed.add(function)
    gc.collect()
    gc.freeze()  # a child's garbage collection leaves these pages shared


def _watch(child: int, wall: int) -> dict[str, Any]:
    handle = os.pidfd_open(child)
    late = not select.select([handle], [], [], wall)[0]
    os.close(handle)
    # The child leads a process group, so that all it started ends with it, in any case.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if late:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if late:
        return {"how": "timeout", "code": wall}
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return {"how": "cpu" if number == signal.SIGXCPU else "signal", "code": number}
    return {"how": "exit", "code": os.WEXITSTATUS(status)}


def _child(request: dict[str, Any], descriptors: list[int], folder: Path, zygote: int) -> None:
    code = 1
    try:
        ctypes.CDLL(None).prctl(*_DIE_WITH_PARENT, 0, 0, 0)
        if os.getppid() != zygote:
            return  # it ended before the call above
        os.setpgid(0, 0)
        os.chdir(folder)
        tempfile.tempdir = str(folder)
        _limit(request["limits"])
        answer = _answer(request, descriptors, folder)
        written = json.dumps(answer).encode()
        while written:
            written = written[os.write(descriptors[0], written) :]
        code = 0
    finally:
        os._exit(code)


def _limit(limits: dict[str, int]) -> None:
    os.nice(limits.get("nice", 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu"], limits["cpu"] + 5))
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory"], limits["memory"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["file_size"], limits["file_size"]))
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write then fails with EFBIG and can be reported


def _answer(request: dict[str, Any], descriptors: list[int], folder: Path) -> dict[str, Any]:
    paths = [Path(f"/proc/self/fd/{descriptor}") for descriptor in descriptors[1:]]
    many = len(request["inputs"])
    job = Job(
        request["arguments"],
        dict(zip(request["inputs"], paths[:many], strict=True)),
        dict(zip(request["outputs"], paths[many:], strict=True)),
        folder,
    )
    try:
        return {"result": _resolve(FUNCTIONS[request["function"]])(job)}
    except Exception as error:  # noqa: BLE001 - whatever a foreign file does to a parser is an answer
        return _failure(error, [folder, *job.outputs.values()], request["limits"]["file_size"])


def _failure(error: Exception, places: Sequence[Path | int], most: int) -> dict[str, Any]:
    """Return the answer for an error: the machine's, a limit reached, or the file's."""
    rejected = isinstance(error, Rejected)
    words = error.detail if isinstance(error, Rejected) else f"{type(error).__name__}: {error}"[:500]
    memory = any(said in words for said in ("bad_alloc", "Insufficient memory", "insufficient memory"))
    if _is_machines(error, words, places, most):
        reason = "machine"
    elif isinstance(error, MemoryError) or (memory and not rejected):
        reason = "memory"
    elif isinstance(error, OSError) and error.errno == errno.EFBIG:
        reason = "output"
    else:
        reason = "refused"
    return _failed(reason, words, error.code if isinstance(error, Rejected) else "")


def _outputs(request: dict[str, Any], descriptors: list[int]) -> list[int]:
    """Return the descriptors of a call's outputs, which come last."""
    many = len(request["outputs"])
    return descriptors[-many:] if many else []


def _is_machines(error: Exception, words: str, places: Sequence[Path | int], most: int) -> bool:
    """Whether a full or failing disk is the reason of a failure, and not the file.

    Args:
        most: Bytes that one file may grow to; a tool that gave up has deleted so many by now. Its
            words count only where that would have filled the disk, since a file can choose them.
    """
    if isinstance(error, OSError) and error.errno in _MACHINES:
        return True
    told = any(said in words for said in _FULL)
    return _has_no_room(places, most if told else _ROOM)


def _has_no_room(places: Sequence[Path | int], room: int = _ROOM) -> bool:
    """Whether one of these files or folders lies on a disk without room."""
    for place in places:
        try:
            state = os.statvfs(place)
        except OSError:
            continue
        if state.f_bavail * state.f_frsize < room or (state.f_files and not state.f_favail):
            return True
    return False


def _failed(reason: str, detail: str, code: str = "") -> dict[str, Any]:
    return {"failed": {"reason": reason, "detail": detail, "code": code}}


def _resolve(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
