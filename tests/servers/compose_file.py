"""Read a compose file as Docker Compose does, and refuse what the starter can't do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.servers.presence import CACHE, HERE, absent, program

VERSION = "v2.16.2"
_LOADER = HERE / "compose_loader"

SERVICE_KEYS = {
    "build",  # how the image is built; its stand-in is in compose_images.py
    "cap_drop",
    "command",
    "cpus",
    "depends_on",
    "entrypoint",
    "environment",
    "healthcheck",
    "image",
    "logging",
    "mem_limit",
    "networks",
    "pids_limit",
    "ports",
    "read_only",
    "restart",
    "secrets",
    "security_opt",
    "shm_size",
    "stop_grace_period",
    "tmpfs",
    "user",
    "volumes",
}
PROJECT_KEYS = {"name", "services", "networks", "volumes", "secrets"}
_SECURITY = re.compile(r"no-new-privileges:true|seccomp=\S+\.json|apparmor=unconfined|systempaths=unconfined")
_PIECES = re.compile(r"(\d+)(h|ms|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class NotUnderstood(AssertionError):
    """The file holds something that the starter would have to ignore."""


def loader() -> Path:
    """Return the program around compose-go: from the cache, else built once by Go (seconds)."""
    found = CACHE / f"compose-loader-{VERSION}"
    if found.is_file():
        return found
    CACHE.mkdir(parents=True, exist_ok=True)
    making = CACHE / f"compose-loader-{VERSION}.making.{os.getpid()}"
    done = subprocess.run(
        [program("go"), "build", "-trimpath", "-o", str(making), "."],
        cwd=_LOADER,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        absent(f"the loader of compose files (it did not build: {done.stderr[-300:]})")
    making.replace(found)
    return found


def load(*files: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the project that these files make, interpolated and in long form.

    Raises:
        NotUnderstood: compose-go refuses it; the message is compose-go's.
    """
    done = subprocess.run(
        [str(loader()), *map(str, files)],
        env={"PATH": os.environ["PATH"], "HOME": str(Path.home())} | dict(environment),
        cwd=files[0].parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotUnderstood(f"compose-go refuses {files[0].name}: {done.stderr.strip()}")
    project: dict[str, Any] = json.loads(done.stdout)
    return project


def check(project: Mapping[str, Any]) -> None:
    """Refuse a project with anything that the starter would have to ignore.

    Raises:
        NotUnderstood: There is such a place; the message names each of them.
    """
    faults = [f"{key}: unknown" for key in set(project) - PROJECT_KEYS if not key.startswith("x-")]
    for name, service in project["services"].items():
        faults += [f"services.{name}.{fault}" for fault in _faults(service, project)]
    for name, network in (project.get("networks") or {}).items():
        faults += [f"networks.{name}.{key}: unknown" for key in set(network or {}) - {"name", "ipam", "internal"}]
    for name, volume in (project.get("volumes") or {}).items():
        faults += [f"volumes.{name}.{key}: unknown" for key in set(volume or {}) - {"name"}]
    for name, secret in (project.get("secrets") or {}).items():
        faults += [f"secrets.{name}.{key}: unknown" for key in set(secret) - {"name", "file"}]
    if faults:
        raise NotUnderstood("; ".join(sorted(faults)))


def _faults(service: Mapping[str, Any], project: Mapping[str, Any]) -> list[str]:
    faults = [f"{key}: unknown" for key in set(service) - SERVICE_KEYS]
    if service.get("entrypoint"):
        faults.append("entrypoint: an image's own is what the stand-ins imitate")
    if set(service.get("cap_drop") or []) != {"ALL"}:
        faults.append("cap_drop: every right is dropped, or the starter would have to grant some")
    if service.get("read_only") is not True:
        faults.append("read_only: the starter gives no writable root")
    if not re.fullmatch(r"[1-9]\d*:\d+", str(service.get("user", ""))):
        faults.append("user: two numbers, not root")
    options = service.get("security_opt") or []
    faults += [f"security_opt: {option}" for option in options if not _SECURITY.fullmatch(option)]
    if "no-new-privileges:true" not in options:
        faults.append("security_opt: no-new-privileges is missing")
    faults += [f"{limit}: missing" for limit in ("mem_limit", "cpus", "pids_limit") if not service.get(limit)]
    for volume in service.get("volumes") or []:
        if volume["type"] not in {"bind", "volume"} or set(volume) - {"type", "source", "target", "read_only"} - {
            volume["type"]
        }:
            faults.append(f"volumes: {volume}")
        if volume["type"] == "volume" and volume.get("source") and volume["source"] not in project["volumes"]:
            faults.append(f"volumes: {volume['source']} is not declared")
    for item in service.get("tmpfs") or []:
        if not re.fullmatch(r"/[\w/.-]+:size=\d+[kmg],mode=\d+(,exec)?", item):
            faults.append(f"tmpfs: {item}")
    for condition in (service.get("depends_on") or {}).values():
        if condition.get("condition") not in {
            "service_started",
            "service_healthy",
            "service_completed_successfully",
        } or set(condition) - {"condition", "required"}:
            faults.append(f"depends_on: {condition}")
    health = service.get("healthcheck")
    if health is not None:
        faults += [
            f"healthcheck.{key}: unknown"
            for key in set(health) - {"test", "interval", "timeout", "retries", "start_period"}
        ]
        if health["test"][0] not in {"CMD", "CMD-SHELL"}:
            faults.append(f"healthcheck.test: {health['test'][0]}")
    elif service.get("restart") != "no":
        faults.append("healthcheck: every service that stays has one")
    return faults


def seconds(written: str) -> float:
    """Return a duration such as ``1m30s`` in seconds."""
    assert "".join(f"{n}{u}" for n, u in _PIECES.findall(written)) == written, written
    return sum(int(number) * _UNITS[unit] for number, unit in _PIECES.findall(written))


def order(services: Mapping[str, Any]) -> list[str]:
    """Return the names of the services, each after those it depends on.

    Raises:
        NotUnderstood: Services depend on each other in a circle.
    """
    placed: list[str] = []
    waiting = dict.fromkeys(services)
    while waiting:
        ready = [n for n in waiting if set(services[n].get("depends_on") or {}) <= set(placed)]
        if not ready:
            raise NotUnderstood(f"a circle of depends_on: {', '.join(waiting)}")
        placed += ready
        for name in ready:
            del waiting[name]
    return placed


def copied(repository: Path, folder: Path) -> Path:
    """Copy the compose file and the files it names; return the path of the copy.

    There, secrets can be made without changing the checkout.
    """
    shutil.copytree(repository / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("secrets", "bootstrap"))
    for name in ("docker-compose.yml", "compose.dev.yml"):
        shutil.copy(repository / name, folder / name)
    return folder / "docker-compose.yml"
