"""Services as CSV: what is written is read again, whatever a rank is called."""

from __future__ import annotations

import pytest

from archive.exchange.services_csv import read_services, write_services
from archive.model.services import read_service


@pytest.mark.parametrize("rank", ["bureau", "bureau / accueil", "pôle 3 / x", "bureau ; nord", ""])
def test_former_places_are_read_as_they_were_written(rank: str) -> None:
    places = [{"parent": "B", "rank": rank, "until": "2015-12-31"}, {"rank": rank, "until": "2016-12-31"}]
    given = read_service({"code": "A", "names": ["Voirie"], "former_places": places})
    assert read_services(write_services([given])) == ([(2, given)], [])


def test_a_column_that_the_file_lacks_changes_nothing() -> None:
    places = [{"parent": "B", "rank": "bureau", "until": "2015-12-31"}]
    there = read_service({"code": "A", "names": ["Voirie"], "parent": "B", "rank": "pôle", "former_places": places})
    ((_, read),), faults = read_services(b"code;name;rank\nA;Voirie;\n", {"A": there})
    assert (read.former_places, read.parent, read.rank, faults) == (there.former_places, "B", "", [])


def test_a_place_without_its_day_is_refused_at_its_line() -> None:
    _, faults = read_services(b"code;name;former_places\nA;Voirie;B 2015-12-31\n")
    assert [(one.code, one.pointer) for one in faults] == [("bad_service", "/lines/2/former_places")]
