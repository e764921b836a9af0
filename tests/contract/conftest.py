"""Tests of one large index run on one worker: it is filled once."""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep an engine's tests of ``many`` records together where tests are dealt out (``--dist loadgroup``)."""
    for item in items:
        if isinstance(item, pytest.Function) and "many" in item.fixturenames and item.cls is not None:
            item.add_marker(pytest.mark.xdist_group(f"many of {item.cls.__name__}"))
