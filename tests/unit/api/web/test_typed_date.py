"""A date in three boxes: day, month and year."""

from __future__ import annotations

from datetime import date

import pytest

from api.web.typed_date import typed_date, written_date
from signing.ground.errors import Refused


def read(day: str, month: str, year: str) -> date | None:
    typed = {"end-day": day, "end-month": month, "end-year": year}
    return typed_date(typed, "end-", code="bad_hold", kept="Rien n’a été changé.", pointer="/until")


def test_one_figure_is_enough_for_a_day_and_a_month() -> None:
    assert read(" 1", "2 ", "2030") == date(2030, 2, 1)


def test_nothing_typed_is_no_date() -> None:
    assert read("", " ", "") is None
    assert written_date({}) == ""


@pytest.mark.parametrize("typed", [("31", "12", "24"), ("31", "2", "2024"), ("", "12", "2024"), ("x", "1", "2024")])
def test_what_is_no_date_is_refused_and_so_is_a_year_of_two_figures(typed: tuple[str, str, str]) -> None:
    with pytest.raises(Refused) as caught:
        read(*typed)
    assert (caught.value.code, caught.value.pointer) == ("bad_hold", "/until")
    assert caught.value.values["written"] == " ".join(part for part in typed if part), "as it was typed"
