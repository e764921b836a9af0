"""What is dear to start, a department's servers, is started first and twice at once."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

LONGEST = ("department redis", "department rabbitmq", "test_lost_wake_ups")
"""Groups of tests that are begun first, as each runs on one worker."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, object, object]:
    """Keep a file's tests together (``--dist loadgroup``), but a department's brokers apart."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group(_group(item)))
    ended = yield
    items.sort(key=lambda item: LONGEST.index(_group(item)) if _group(item) in LONGEST else len(LONGEST))
    return ended


def _group(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    if item.path.stem == "test_department" and callspec is not None:
        return f"department {callspec.params['run']}"
    return item.path.stem
