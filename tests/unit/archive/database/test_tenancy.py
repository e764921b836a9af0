"""Whose rows a thread of work may see: said once, heard everywhere it works,
forgotten at the end.
"""

from __future__ import annotations

import contextvars
from concurrent.futures import ThreadPoolExecutor

import pytest

from archive.database.tenancy import EVERYTHING, NOTHING, acting_for, confined, found_to_be, visible


def in_a_request(*steps):
    """Run steps as a request does: in a context of its own."""
    return contextvars.copy_context().run(lambda: [step() for step in steps])


def test_who_says_nothing_sees_what_the_process_sees() -> None:
    assert (visible(EVERYTHING), visible(NOTHING)) == (EVERYTHING, NOTHING)


def test_acting_for_a_tenant_ends_with_the_block() -> None:
    with acting_for("a"):
        with acting_for(EVERYTHING):
            assert visible(NOTHING) == EVERYTHING
        assert visible(EVERYTHING) == "a"
    assert visible(EVERYTHING) == EVERYTHING


def test_a_request_sees_nothing_until_its_caller_is_known() -> None:
    told = in_a_request(confined, lambda: visible(EVERYTHING), lambda: found_to_be("a"), lambda: visible(EVERYTHING))
    assert told[1::2] == [NOTHING, "a"]
    assert visible(EVERYTHING) == EVERYTHING, "the next request does not inherit it"


def test_what_one_thread_of_a_request_finds_out_the_others_know() -> None:
    """Dependencies and endpoints run in threads, each in a copy of the request's context."""

    def request() -> str:
        confined()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(contextvars.copy_context().run, found_to_be, "a").result()
            return pool.submit(contextvars.copy_context().run, visible, EVERYTHING).result()

    assert in_a_request(request) == ["a"]


def test_a_look_at_everything_inside_a_request_does_not_widen_it() -> None:
    def request() -> str:
        confined()
        with acting_for(EVERYTHING):
            pass
        return visible(EVERYTHING)

    assert in_a_request(request) == [NOTHING]


def test_a_request_never_acts_for_two() -> None:
    def request() -> None:
        confined()
        found_to_be("a")
        found_to_be("a")
        found_to_be("b")

    with pytest.raises(RuntimeError):
        in_a_request(request)
