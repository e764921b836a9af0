"""Services: names in time, their place in the tree, and which of them a producer's text names."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from archive.model.services import Service, chain, check_tree, find, on_day, ordered, read_service
from signing.ground.errors import Refused

ROADS = [
    {"name": "Direction des routes", "valid_until": "2015-12-31"},
    {"name": "Direction des mobilités", "valid_from": "2016-01-01"},
]


def service(code: str, names: Any = None, **given: Any) -> Service:
    return read_service({"code": code, "names": names or [{"name": f"Service {code}"}]} | given)


def tree(*services: Service) -> dict[str, Service]:
    found = {one.code: one for one in services}
    check_tree(found)
    return found


def refused(given: dict[str, Any]) -> tuple[str, str | None]:
    with pytest.raises(Refused) as caught:
        read_service(given)
    return caught.value.code, caught.value.pointer


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("1990-01-01", "Direction des routes"),
        ("2015-12-31", "Direction des routes"),
        ("2016-01-01", "Direction des mobilités"),
        ("2030-01-01", "Direction des mobilités"),
    ],
)
def test_the_name_of_a_day_is_the_one_of_that_day(day: str, name: str) -> None:
    assert service("DR", ROADS).name_on(date.fromisoformat(day)) == name


def test_between_two_names_the_last_one_stays_and_before_all_the_first_counts() -> None:
    one = service(
        "S",
        [
            {"name": "B", "valid_from": "2010-01-01", "valid_until": "2011-01-01"},
            {"name": "A", "valid_from": "2001-01-01", "valid_until": "2005-01-01"},
        ],
    )
    days = [date(1999, 1, 1), date(2003, 1, 1), date(2007, 1, 1), date(2010, 6, 1), date(2020, 1, 1)]
    assert [one.name_on(day) for day in days] == ["A", "A", "A", "B", "B"]


def test_those_above_have_their_names_of_the_day_too() -> None:
    services = tree(service("DR", ROADS), service("DR-ENT", [{"name": "Entretien"}], parent="DR", rank="bureau"))
    told = on_day(services, services["DR-ENT"], date(2012, 5, 1))
    assert (told.name, told.rank, told.above) == ("Entretien", "bureau", ("Direction des routes",))
    assert on_day(services, services["DR-ENT"], date(2022, 5, 1)).above == ("Direction des mobilités",)
    assert chain(services, "DR-ENT") == ["DR-ENT", "DR"]
    assert [(depth, one.code) for depth, one in ordered(services, date(2022, 1, 1))] == [(0, "DR"), (1, "DR-ENT")]


def test_rank_and_place_of_a_day_are_those_of_that_day() -> None:
    moved = service(
        "ENT",
        parent="DR",
        rank="service",
        former_places=[
            {"parent": "DGS", "rank": "bureau", "until": "2015-12-31"},
            {"rank": "cellule", "until": "2001-12-31"},
        ],
    )
    services = tree(moved, service("DR", ROADS), service("DGS"))
    told = {
        day: (shown.rank, shown.above)
        for day in ("2001-12-31", "2002-01-01", "2015-12-31", "2016-01-01")
        if (shown := on_day(services, moved, date.fromisoformat(day)))
    }
    assert told == {
        "2001-12-31": ("cellule", ()),
        "2002-01-01": ("bureau", ("Service DGS",)),
        "2015-12-31": ("bureau", ("Service DGS",)),
        "2016-01-01": ("service", ("Direction des mobilités",)),
    }
    assert chain(services, "ENT") == ["ENT", "DR"]
    assert chain(services, "ENT", date(2010, 1, 1)) == ["ENT", "DGS"]
    assert [(depth, one.code) for depth, one in ordered(services, date(2000, 1, 1))] == [
        (0, "DR"),
        (0, "DGS"),
        (0, "ENT"),
    ]
    assert read_service(moved.as_json()) == moved


def test_no_service_was_ever_below_itself_nor_below_none() -> None:
    was_below = [{"parent": "B", "until": "2010-12-31"}]
    circle = service("A", former_places=was_below), service("B", former_places=[{"parent": "A", "until": "2012-01-01"}])
    for wrong in (circle, (service("A", former_places=was_below),)):
        with pytest.raises(Refused) as caught:
            tree(*wrong)
        assert (caught.value.code, caught.value.pointer) == ("bad_service", "/former_places")
    swapped = service("B", parent="A"), service("A", former_places=[{"until": "2012-01-01"}])
    assert tree(*swapped)


def test_a_text_names_a_service_by_code_or_by_a_name_that_is_its_own_alone() -> None:
    services = tree(
        service("DR", ROADS),
        service("SEC-A", [{"name": "Secrétariat"}]),
        service("SEC-B", [{"name": "Secrétariat", "valid_from": "2020-01-01"}]),
    )
    day = date(2026, 1, 1)
    assert find(services, "SEC-B", day) is services["SEC-B"]
    assert find(services, " Direction des routes ", day) is services["DR"], "a former name"
    assert find(services, "Secrétariat", day) is None
    assert find(services, "Secrétariat", date(2019, 1, 1)) is services["SEC-A"]
    assert find(services, "direction", day) is find(services, None, day) is find(services, "", day) is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"code": "a b"}, "code"),
        ({"names": []}, "names"),
        ({"names": "x"}, "names"),
        ({"names": [{"name": " "}]}, "names"),
        ({"names": [{"name": "n" * 201}]}, "names"),
        ({"names": [{"name": "a"}, {"name": "b", "valid_from": "2020-01-01"}]}, "names"),
        (
            {
                "names": [
                    {"name": "a", "valid_until": "2020-01-01"},
                    {"name": "b", "valid_from": "2020-01-01"},
                ]
            },
            "names",
        ),
        ({"names": [{"name": "a", "valid_from": "2020-01-02", "valid_until": "2020-01-01"}]}, "names"),
        ({"opened_on": "2024-02-30"}, "opened_on"),
        ({"opened_on": "2024-01-02", "closed_on": "2024-01-01"}, "closed_on"),
        ({"successors": ["B"]}, "successors"),
        ({"closed_on": "2024-01-01", "successors": ["B", "B"]}, "successors"),
        ({"rank": "r" * 81}, "rank"),
        ({"former_places": [{"rank": "bureau"}]}, "former_places"),
        ({"former_places": [{"until": "2010-01-01"}, {"until": "2010-01-01"}]}, "former_places"),
        ({"former_places": "x"}, "former_places"),
        ({"closed_on": ["2024"]}, "closed_on"),
    ],
    ids=str,
)
def test_what_no_service_can_be_is_refused_with_its_field(given: dict[str, Any], field: str) -> None:
    assert refused({"code": "A", "names": [{"name": "A"}]} | given) == ("bad_service", f"/{field}")


@pytest.mark.parametrize(
    "services",
    [
        [service("A", parent="B")],
        [service("A", parent="B"), service("B", parent="A")],
        [service("A", parent="A")],
        [service("A", closed_on="2020-01-01", successors=["B"])],
        [
            service("A", closed_on="2020-01-01", successors=["B"]),
            service("B", closed_on="2021-01-01", successors=["A"]),
        ],
    ],
    ids=["no parent", "circle", "itself", "no successor", "succeeds itself"],
)
def test_a_tree_without_a_place_for_each_is_refused(services: list[Service]) -> None:
    with pytest.raises(Refused) as caught:
        tree(*services)
    assert caught.value.code == "bad_service"
    assert caught.value.values["name"] in {"A", "B"}


def test_a_service_is_read_from_what_it_says_of_itself() -> None:
    one = service("A", ROADS, parent="B", rank="direction", closed_on="2024-01-01", successors=["C", "D"])
    assert read_service(one.as_json()) == one
