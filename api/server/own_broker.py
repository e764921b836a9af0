"""The broker of one machine, run beside the parts of the service."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from api.server.notices import announce
from api.server.processes import wait_gone
from signing.ground.errors import ChartrierError


@dataclass
class OwnBroker:
    """A Valkey of this home: started here, or adopted from a supervisor that was killed."""

    home: Path
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, unless one answers already.

        Raises:
            Unavailable: ``broker_away``.
        """
        from ingestion.queue import valkey

        self.running = valkey.start(self.home)

    def tend(self) -> bool:
        """Restart it if it died; whether anything changed."""
        from ingestion.queue import valkey

        gone = self.running is not None and self.running.poll() is not None
        if not gone and (self.running is not None or valkey.answers(self.home)):
            return False
        announce("process_ended", name="valkey", restart_in=0)
        try:
            self.start()
        except ChartrierError as error:
            announce("process_away", name="valkey", detail=str(error))
        return True

    @property
    def pid(self) -> int | None:
        """Its process id while it runs, asked of itself if it was adopted."""
        from ingestion.queue import valkey

        return self.running.pid if self.running is not None else valkey.process_id(self.home)

    def end(self) -> None:
        """End it: it holds nothing that the database doesn't know."""
        from ingestion.queue import valkey

        adopted = valkey.process_id(self.home)
        valkey.stop(self.home)
        if self.running is not None:
            try:
                self.running.wait(5)
            except subprocess.TimeoutExpired:
                self.running.kill()
                self.running.wait()
        elif adopted is not None:
            wait_gone([adopted], 5)
