"""Tests of one sample run on one worker: it goes through the stages once."""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a sample's tests together where tests are dealt out one by one (``--dist
    loadgroup``).
    """
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec is not None and "way" in getattr(item, "fixturenames", ()) and "expected" in callspec.params:
            item.add_marker(pytest.mark.xdist_group(callspec.params["expected"].file))
