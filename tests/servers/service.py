"""The real service, started as a user starts it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).resolve().parents[2]
COMMAND = Path(sys.executable).parent / "chartrier"


class Service:
    """``chartrier serve`` on a home of its own, on a free port.

    Attributes:
        home: Its data folder (``CHARTRIER_HOME``).
        address: ``http://127.0.0.1:port`` once started.
        only: Parts to run, separated by commas; empty: all of them.
    """

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.settings = settings
        self.running: subprocess.Popen[bytes] | None = None
        self.address = ""
        self.only = ""
        self.started_in = 0.0

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a user, without the developer's own settings."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("CHARTRIER_")}
        return kept | {"CHARTRIER_HOME": str(self.home), "CHARTRIER_PORT": "0"} | self.settings

    @property
    def environment_of_settings(self) -> dict[str, str]:
        """Return its settings alone, for a system on the same home in the test's own process."""
        return {name: value for name, value in self.environment.items() if name.startswith("CHARTRIER_")}

    def start(self, *, within: float = 60) -> None:
        """Start the service and wait until every component is ready.

        Raises:
            AssertionError: It ended, or was not ready ``within`` these seconds.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        log = (self.home / "serve.log").open("ab")
        begun = time.monotonic()
        self.running = subprocess.Popen(
            [str(COMMAND), "serve", *(["--only", self.only] if self.only else [])],
            env=self.environment,
            stdout=log,
            stderr=log,
            cwd=self.home,
            start_new_session=True,
        )
        log.close()
        while time.monotonic() - begun < within:
            if self.running.poll() is not None:
                raise AssertionError(f"serve ended with {self.running.returncode}: {self.log()[-3000:]}")
            if self._ready():
                self.started_in = time.monotonic() - begun
                return
            time.sleep(0.05)
        raise AssertionError(f"serve was not ready within {within} s: {self.log()[-3000:]}")

    def _ready(self) -> bool:
        try:
            state = self.processes()
            if state["pids"]["supervisor"] != (self.running and self.running.pid):
                return False
            self.address = state["address"]
            if not self.address:  # no API here to ask
                return True
            return httpx2.get(f"{self.address}/health/ready", timeout=2).status_code == 200
        except (OSError, ValueError, KeyError, httpx2.HTTPError):
            return False

    def processes(self) -> dict[str, Any]:
        """Return the content of ``run/service.json``, or of ``service-<parts>.json``."""
        name = f"service-{self.only.replace(',', '-')}" if self.only else "service"
        found: dict[str, Any] = json.loads((self.home / "run" / f"{name}.json").read_text(encoding="utf-8"))
        return found

    def stop(self) -> int:
        """End the service by SIGTERM; return its exit code."""
        assert self.running is not None
        self.running.send_signal(signal.SIGTERM)
        code = self.running.wait(30)
        self.running = None
        return code

    def kill_everything(self) -> None:
        """Kill every process of the service by SIGKILL, at once."""
        pids = _flat(self.processes()["pids"])
        for pid in pids:
            for one in [*_children(pid), pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)
        if self.running is not None:
            self.running.wait(30)
            self.running = None

    def log(self) -> str:
        """Return all that the supervisor and its processes printed."""
        texts = [self.home / "serve.log", *sorted((self.home / "logs").glob("*.log"))]
        return "\n".join(t.read_text(encoding="utf-8", errors="replace") for t in texts if t.exists())

    def chartrier(self, *arguments: str, check: bool = True, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command against this home.

        Raises:
            AssertionError: It failed, and ``check`` is true.
        """
        done = subprocess.run(
            [str(COMMAND), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"chartrier {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def key(
        self,
        tenant: str = "demo",
        scopes: str = "deposit:write,record:read,record:describe,journal:read,admin",
    ) -> str:
        """Make an API key; return its text."""
        made: dict[str, str] = json.loads(
            self.chartrier("key", "create", "--tenant", tenant, "--scopes", scopes, "--json").stdout
        )
        return made["key"]

    def client(self, key: str | None = None) -> httpx2.Client:
        """Return an HTTP client of the service, with a key or without one."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx2.Client(base_url=self.address, headers=headers, timeout=60)


def deposit(client: httpx2.Client, path: Path, *, key: str, wait: float = 120, **fields: str) -> dict[str, Any]:
    """Deposit a file, wait until it is kept and indexed or has ended otherwise; return its view."""
    answer = client.post(
        "/api/v1/deposits",
        headers={"Idempotency-Key": key},
        files={"file": (path.name, path.read_bytes())},
        data=fields,
    )
    assert answer.status_code == 202, answer.text
    return follow(client, answer.json()["id"], wait=wait)


def follow(client: httpx2.Client, deposit_id: str, *, wait: float = 120) -> dict[str, Any]:
    """Ask until nothing more will happen to the deposit; return its last view.

    Raises:
        AssertionError: It was not kept and indexed after ``wait`` seconds.
    """
    limit = time.monotonic() + wait
    while True:
        view: dict[str, Any] = client.get(f"/api/v1/deposits/{deposit_id}").json()
        if view["state"] in {"quarantined", "refused"}:
            return view
        if view["state"] == "kept" and view["stages"][-1]["state"] == "done":
            return view
        if time.monotonic() > limit:
            raise AssertionError(f"not kept and indexed within {wait} s: {json.dumps(view, indent=1)}")
        time.sleep(0.1)


def _flat(value: Any) -> list[int]:
    if isinstance(value, int):
        return [value]
    if isinstance(value, dict):
        return [pid for item in value.values() for pid in _flat(item)]
    return [pid for item in value for pid in _flat(item)] if isinstance(value, list) else []


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    direct = [int(word) for word in text.split()]
    return [deep for child in direct for deep in [*_children(child), child]]
