"""What is dear to make is made on one worker: a large index, a node of Elasticsearch, the servers
of a file.
"""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what shares it, where tests are dealt out (``--dist loadgroup``)."""
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        if "elasticsearch_node" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("elasticsearch"))
        elif item.get_closest_marker("services") is not None:
            item.add_marker(pytest.mark.xdist_group(str(item.path)))
        elif "many" in item.fixturenames and item.cls is not None:
            item.add_marker(pytest.mark.xdist_group(f"many of {item.cls.__name__}"))
