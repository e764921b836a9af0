"""Machines that share database and store, but not a home: one journal, whoever starts first and
whatever is missing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from archive.database.tables import JournalEntryRow
from ingestion.assembly import System, assemble
from ingestion.settings import load_settings
from signing.ground.errors import Refused

COMMAND = Path(sys.executable).with_name("chartrier")


class Machines:
    """Homes over one database and one store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.assembled: list[System] = []
        (folder / "store").mkdir()

    def settings(self, name: str, *, database: str = "shared", store: str = "store") -> dict[str, str]:
        home = self.folder / name
        home.mkdir(exist_ok=True)
        if not (home / "store").exists():
            (self.folder / store).mkdir(exist_ok=True)
            (home / "store").symlink_to(self.folder / store)
        url = f"sqlite:///{self.folder / database}.db"
        return {"CHARTRIER_HOME": str(home), "CHARTRIER_DATABASE_URL": url, "CHARTRIER_ORIGIN": "several.test"}

    def machine(self, name: str, **shared: str) -> System:
        self.assembled.append(assemble(load_settings(self.settings(name, **shared))))
        return self.assembled[-1]


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    made = Machines(tmp_path)
    yield made
    for system in made.assembled:
        system.close()


def refusal(system: System) -> str:
    with pytest.raises(Refused) as caught:
        system.initialise()
    return caught.value.code


def entries(system: System) -> int:
    with system.database.read() as session:
        return session.scalar(select(func.count()).select_from(JournalEntryRow)) or 0


def test_a_machine_without_the_keys_makes_none(machines: Machines) -> None:
    machines.machine("first").initialise()
    second = machines.machine("second")
    assert refusal(second) == "keys_missing"
    assert not (second.settings.signing.keys / "log.key").exists()
    assert entries(second) == 1


def test_with_the_keys_it_joins(machines: Machines) -> None:
    first, second = machines.machine("first"), machines.machine("second")
    first.initialise()
    second.settings.signing.keys.mkdir()
    for key in first.settings.signing.keys.iterdir():
        (second.settings.signing.keys / key.name).write_bytes(key.read_bytes())
    second.initialise()
    assert second.log_key.vkey == first.log_key.vkey
    assert entries(second) == 1


@pytest.mark.parametrize("shared", [{"database": "own", "store": "store"}, {"database": "shared", "store": "own"}])
def test_other_keys_are_refused_by_the_store_and_by_the_database(machines: Machines, shared: dict[str, str]) -> None:
    machines.machine("first").initialise()
    stranger = machines.machine("stranger", database="elsewhere", store="elsewhere")
    stranger.initialise()
    (stranger.settings.home / "store").unlink()
    assert refusal(machines.machine("stranger", **shared)) == "log_key_changed"
    if shared["store"] == "own":
        assert list((machines.folder / "own").rglob("layout.json")) == [], "nothing was begun there"


def test_keys_that_were_lost_are_not_made_anew(machines: Machines) -> None:
    first = machines.machine("first")
    first.initialise()
    for key in first.settings.signing.keys.iterdir():
        key.unlink()
    assert refusal(machines.machine("first")) == "keys_missing"


def test_of_machines_that_start_at_once_one_begins_the_journal(machines: Machines) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CHARTRIER_")}
    names = [f"m{number}" for number in range(4)]
    started = [
        subprocess.Popen([str(COMMAND), "initialise"], env=kept | machines.settings(name), stderr=subprocess.PIPE)
        for name in names
    ]
    said = [process.communicate(timeout=120)[1].decode() for process in started]
    codes = [process.returncode for process in started]
    assert sorted(codes) == [0, 1, 1, 1], said
    winner = machines.machine(names[codes.index(0)])
    winner.initialise()
    assert entries(winner) == 1
    for name in names:
        if name != names[codes.index(0)]:
            assert refusal(machines.machine(name)) in {"log_key_changed", "keys_missing"}
