"""Patient work has a limit; the spare process lets go as soon as something urgent waits."""

from __future__ import annotations

import threading
from pathlib import Path

from ingestion.tasks import Slots


def test_no_more_hold_than_there_are(tmp_path: Path) -> None:
    slots = Slots(tmp_path / "slots", 2)
    with slots.taken(lambda: True) as first, slots.taken(lambda: True) as second, slots.taken(lambda: True) as third:
        assert (first, second, third) == (True, True, False)
    with slots.taken(lambda: True) as again:
        assert again


def test_a_register_never_holds_up_a_letter(tmp_path: Path) -> None:
    slots = Slots(tmp_path, 1)
    with slots.taken(lambda: True, "pages") as pages, slots.taken(lambda: True, "letters") as letter:
        assert (pages, letter) == (True, True)


def test_a_waiting_process_gets_the_slot_that_comes_free(tmp_path: Path) -> None:
    slots = Slots(tmp_path, 1)
    got: list[bool] = []

    def wait() -> None:
        with slots.taken(lambda: False) as free:
            got.append(free)

    with slots.taken(lambda: True):
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(0.3)
        assert got == []
    thread.join(5)
    assert got == [True]


def test_a_waiting_process_lets_go_for_urgent_work(tmp_path: Path) -> None:
    slots = Slots(tmp_path, 1)
    urgent = threading.Event()
    got: list[bool] = []

    def wait() -> None:
        with slots.taken(urgent.is_set) as free:
            got.append(free)

    with slots.taken(lambda: True):
        thread = threading.Thread(target=wait)
        thread.start()
        urgent.set()
        thread.join(5)
        assert got == [False]
