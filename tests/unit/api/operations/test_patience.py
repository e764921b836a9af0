"""A server that accepts and then says nothing must not use up the patience of whoever asks how we
are.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.operations.health import Health
from api.operations.metrics import exposition
from api.operations.traffic import Traffic
from ingestion.assembly import assemble
from ingestion.settings import load_settings


class Silent:
    """Accepts every connection and answers none."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.met: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                self.met.append(self._socket.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        self._socket.close()
        for one in self.met:
            one.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    made = Silent()
    yield made
    made.close()


def test_numbers_are_given_while_elasticsearch_hangs(silent: Silent, tmp_path: Path) -> None:
    system = assemble(load_settings({"CHARTRIER_HOME": str(tmp_path), "CHARTRIER_SEARCH_URL": silent.url}))
    system.initialise()
    system.create_tenant("demo", "Commune de démonstration")
    system.index._link._version = "9.0.0"  # type: ignore[attr-defined]  # it answered before
    begun = time.monotonic()
    text = exposition(system, Health(system), Traffic())[0].decode()
    spent = time.monotonic() - begun
    system.close()
    assert 'chartrier_component_ok{component="search"} 0.0' in text
    assert "\nchartrier_journal_entries " in text
    assert "chartrier_follower_lag" not in text
    assert len(silent.met) == 1, "asked once"
    assert spent < 20, "a minute is what a batch may take"
