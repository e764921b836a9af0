"""Groups of tests that run on one worker, because what they share is dear to make."""

from __future__ import annotations

import pytest
from _pytest.nodeid import coerce_node_id


def tell(items: list[pytest.Item]) -> None:
    """Write each test's group into its id, where ``--dist loadgroup`` looks for it.

    xdist 3.8 writes it into a field that pytest reads no longer since 9.2: it said nothing, and
    dealt the tests of a group out to every worker, each of which started the servers of all.
    """
    for item in items:
        names = sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")})
        ending = "@" + "_".join(names)
        if names and not item.nodeid.endswith(ending):
            item._id = coerce_node_id(item.nodeid + ending)  # type: ignore[attr-defined]
