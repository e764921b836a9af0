"""A certificate of 10,000 records: within a minute or two and without half a gigabyte kept."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import pypdfium2
import pytest

from tests.bordereaux import Town, Watch
from tests.certified import executed_on_paper, issue, judged, not_intact, take, trust_in
from tests.holdings import opened

LINES = 10_000 if os.environ.get("FAULT") == "long" else 600


@pytest.mark.timeout(1800)
def test_a_certificate_of_many_records_takes_no_more_than_its_share(tmp_path: Path, keys: Path) -> None:
    watch = Watch()
    with opened(tmp_path / "home", keys, clock=watch) as system:
        town = Town(system, tmp_path, watch)
        town.rule("BON", 10)
        disposal = executed_on_paper(town, LINES)
        before, began = _peak(), time.process_time()
        assert issue(town).issued == [(disposal, 1)]
        assert _peak() - before < 300, "megabytes that the beat keeps"
        assert time.process_time() - began < 60
        for public in (False, True):
            path, pdf = take(town, disposal, tmp_path, public=public)
            assert not_intact(judged(path, trust_in(system), pdf)) == {}
            assert path.stat().st_size < 3000 * LINES
            assert len(pypdfium2.PdfDocument(pdf)) > LINES // 50, "each record is on a page"


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
