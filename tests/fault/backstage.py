"""Worker, beat and broker as real processes, without the HTTP in front: what
the fault tests kill.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import pikepdf
from sqlalchemy import func, select

from api.views.deposit import view
from archive.database.tables import JournalEntryRow, RecordRow
from archive.holdings.verify import verify
from ingestion.assembly import System, assemble
from ingestion.queue import valkey
from ingestion.queue.classes import CLASSES
from ingestion.settings import load_settings
from ingestion.tables import DepositRow
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.redis import Redis

ROOT = Path(__file__).resolve().parents[2]


class Broker(Protocol):
    """What the tests do to a broker.

    Attributes:
        settings: How a service is told of it.
    """

    settings: dict[str, str]

    def start(self) -> None: ...

    def kill(self) -> None: ...

    def purge(self) -> None:
        """Lose the waiting messages."""

    def forget(self) -> None:
        """Lose everything."""

    def stop(self) -> None: ...


class OwnValkey:
    """The one that ``serve`` starts in a home; away until then."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._running: subprocess.Popen[bytes] | None = None
        self.settings: dict[str, str] = {}

    def start(self) -> None:
        started = valkey.start(self._home)
        if started is not None:
            self._running = started

    def kill(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait()

    def purge(self) -> None:
        keys = " ".join(work.queue for work in CLASSES)
        assert (valkey._ask(self._home, f"DEL {keys}") or "").startswith(":")

    def forget(self) -> None:
        assert valkey._ask(self._home, "FLUSHALL") == "+OK"

    def stop(self) -> None:
        valkey.stop(self._home)
        if self._running is not None:
            self._running.wait(10)


class Served:
    """A namespace of a server that others use too: there unless it was killed."""

    def __init__(self, server: Redis | RabbitMQ) -> None:
        self._server = server
        if server.process.running is None:
            server.start()
        self._url = server.new_url()
        self.settings = {"CHARTRIER_BROKER_URL": self._url}

    def start(self) -> None:
        if self._server.process.running is None:
            self._server.start()

    def kill(self) -> None:
        self._server.kill()

    def purge(self) -> None:
        if isinstance(self._server, Redis):
            assert self._server.ask("DEL " + " ".join(work.queue for work in CLASSES)).startswith(":")
            return
        vhost = self._url.rpartition("/")[2]
        for work in CLASSES:
            self._server.admin("DELETE", f"/api/queues/{vhost}/{work.queue}/contents")

    def forget(self) -> None:
        self._server.forget()

    def stop(self) -> None:
        self.start()
        if isinstance(self._server, RabbitMQ):
            self._server.remove_vhost(self._url.rpartition("/")[2])


class Backstage:
    """A home with its processes."""

    def __init__(self, home: Path, keys: Path, broker: Broker | None = None, **settings: str) -> None:
        self.home = home
        self.broker = broker or OwnValkey(home)
        self.settings = {"CHARTRIER_HOME": str(home), "CHARTRIER_WORKERS": "2"} | self.broker.settings | settings
        shutil.copytree(keys, home / "keys")
        self.system: System = assemble(load_settings(self.settings))
        self.system.initialise()
        self.system.create_tenant("demo", "Commune de démonstration")
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        for name in names or ("broker", "worker", "beat"):
            if name == "broker":
                self.broker.start()
                continue
            kept = {k: v for k, v in os.environ.items() if not k.startswith("CHARTRIER_")}
            with (self.home / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    [sys.executable, "-m", "ingestion.worker", name],
                    cwd=ROOT,
                    env=kept | self.settings,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def children(self, name: str) -> list[int]:
        """Pids of the processes below one of ours."""
        pid = self.processes[name].pid
        path = Path(f"/proc/{pid}/task/{pid}/children")
        return [int(child) for child in path.read_text(encoding="ascii").split()] if path.exists() else []

    def kill(self, name: str) -> None:
        """``kill -9`` of a process and of what it left behind."""
        if name == "broker":
            self.broker.kill()
            return
        victim = self.processes[name]
        children = self.children(name)
        victim.kill()
        victim.wait()
        for child in children:
            self.kill_pid(child)

    @staticmethod
    def kill_pid(pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        for name in ("worker", "beat"):
            running = self.processes.get(name)
            if running is not None and running.poll() is None:
                running.terminate()
        for name in ("worker", "beat"):
            running = self.processes.get(name)
            if running is not None:
                try:
                    running.wait(20)
                except subprocess.TimeoutExpired:
                    self.kill(name)
        self.system.close()
        self.broker.stop()

    def log(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-6000:] for path in self.home.glob("*.log"))

    def receive(self, content: bytes, key: str, **fields: str) -> str:
        received = self.system.intake.receive(
            [content],
            tenant="demo",
            agent="key:test",
            idempotency_key=key,
            filename=f"{key}.pdf",
            media_type="application/pdf",
            fields=fields,
        )
        assert received.deposit is not None
        return received.deposit.id

    def shown(self, deposit_id: str) -> dict[str, Any]:
        with self.system.database.read() as session:
            return view(session, session.get_one(DepositRow, deposit_id), position=self.system.index.position)

    def wait(self, deposit_ids: list[str], seconds: float) -> list[dict[str, Any]]:
        """Until every deposit is kept and indexed, or set aside."""
        limit = time.monotonic() + seconds
        while True:
            views = [self.shown(deposit_id) for deposit_id in deposit_ids]
            open_ = [v for v in views if v["state"] != "quarantined" and v["stages"][-1]["state"] != "done"]
            if not open_:
                return views
            assert time.monotonic() < limit, f"{len(open_)} not kept: {open_[0]}\n{self.log()}"
            time.sleep(0.1)

    def assert_whole(self, views: list[dict[str, Any]]) -> None:
        """As many records, sealed objects, journal entries and hits as deposits, the same ones."""
        assert [v["problem"] for v in views if v["state"] != "kept"] == []
        wanted = {v["record_id"] for v in views}
        assert len(wanted) == len(views)
        with self.system.database.read() as session:
            records = set(session.scalars(select(RecordRow.id)))
            kept = session.scalars(select(JournalEntryRow.subject).where(JournalEntryRow.type == "RecordKept")).all()
            count = session.scalar(select(func.count()).select_from(JournalEntryRow))
            last = session.scalar(select(func.max(JournalEntryRow.n)))
        assert records == wanted
        assert sorted(kept) == sorted(f"record:{record}" for record in wanted)
        assert count == (last or 0) + 1
        objects = [
            p.parent.name.rpartition("%3a")[2] for p in (self.home / "store" / "tenants").rglob("0=ocfl_object_1.1")
        ]
        assert sorted(objects) == sorted(wanted)
        assert {record for record, _ in self.system.index.record_ids("demo")} == wanted
        for record in wanted:
            assert verify(self.system.stores, "demo", record).verdict == "intact"


def letter(number: int) -> bytes:
    """A small PDF with text of its own."""
    import io

    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=(595, 842))
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=pdf.make_indirect(font)))
    text = f"BT /F1 14 Tf 72 720 Td (Courrier numero {number} du conseil municipal) Tj ET"
    page.Contents = pdf.make_stream(text.encode())
    target = io.BytesIO()
    pdf.save(target, deterministic_id=True)
    return target.getvalue()
