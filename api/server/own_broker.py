"""The broker of an installation on one machine, run by the supervisor."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from api.server.notices import announce
from api.server.processes import wait_gone
from signing.ground.errors import ChartrierError


@dataclass
class OwnBroker:
    """The Valkey of this home: started here, or adopted from a supervisor that was killed."""

    home: Path
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the broker, unless one answers already.

        Raises:
            Unavailable: ``broker_away``.
        """
        from ingestion.queue import valkey

        self.running = valkey.start(self.home)

    def tend(self) -> bool:
        """Restart the broker if it died; return whether anything changed."""
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
        """Return its process id, asked of an adopted broker itself; None when it is gone."""
        from ingestion.queue import valkey

        return self.running.pid if self.running is not None else valkey.process_id(self.home)

    def end(self) -> None:
        """End the broker; nothing is lost, since everything in it is in the database too."""
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
