"""Long documents step aside for letters, and no further than a queue can tell apart."""

from __future__ import annotations

import pytest

from ingestion.deposits.states import urgency


@pytest.mark.parametrize(("pages", "aside"), [(None, 0), (0, 0), (1, 0), (4, 0), (5, 3), (40, 3), (41, 6), (1000, 6)])
def test_a_document_steps_aside_by_its_length(pages: int | None, aside: int) -> None:
    assert urgency(0, pages) == aside
    assert urgency(2, pages) == 2 + aside
    assert urgency(9, pages) == 9
