"""The registry of the description's fields: whole, one with tables and index, one judge for every
value.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Date, String, Text

from archive.catalogue.description import changed
from archive.database.tables import DocumentTypeRow, RecordRow
from archive.model.days import FIRST_DAY, LAST_DAY
from archive.model.description_fields import BY_NAME, DESCRIPTION_FIELDS, TITLE, Description, values_of
from archive.model.field_rules import ChangedBy, CodeList, DescriptionField, FieldKind, Searched
from archive.retention.dates import Unit, end_date
from search.port import FACETS, Entry
from signing.ground.errors import Refused

TEXTS = [field for field in DESCRIPTION_FIELDS if field.kind not in {FieldKind.DATE, FieldKind.YEAR}]
DATES = [field for field in DESCRIPTION_FIELDS if field.kind is FieldKind.DATE]
PLAIN = st.characters(exclude_categories=["Cs", "Zs", "Cc", "Zl", "Zp"])


def named(field: DescriptionField) -> str:
    return field.name


def refusal(field: DescriptionField, value: object) -> Refused:
    with pytest.raises(Refused) as caught:
        field.read(value, kept="")
    return caught.value


def refused(current: Description, changes: dict[str, Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        changed(current, changes)
    return caught.value


# -- one with the description, the tables and the index


def test_the_registry_tells_every_field_of_a_description_and_no_other() -> None:
    assert [field.name for field in DESCRIPTION_FIELDS] == [field.name for field in fields(Description)]


@pytest.mark.parametrize("field", DESCRIPTION_FIELDS, ids=named)
def test_a_column_holds_what_its_field_admits(field: DescriptionField) -> None:
    column = RecordRow.__table__.columns[field.name]
    assert column.nullable is not field.required
    if field.kind is FieldKind.DATE:
        assert isinstance(column.type, Date)
    elif isinstance(column.type, String) and not isinstance(column.type, Text):
        assert column.type.length == field.limit
    else:
        assert isinstance(column.type, Text)


def test_the_tenants_own_list_holds_every_code_that_a_description_may_name() -> None:
    lengths = {
        CodeList.DOCUMENT_TYPES: DocumentTypeRow.__table__.columns["code"].type.length,
        CodeList.ACCESS_RULES: DocumentTypeRow.__table__.columns["access_rule"].type.length,
    }
    for codes, length in lengths.items():
        assert [field.limit for field in DESCRIPTION_FIELDS if field.codes is codes] == [length]


@pytest.mark.parametrize("field", DESCRIPTION_FIELDS, ids=named)
def test_the_index_knows_what_is_searched(field: DescriptionField) -> None:
    known = {attribute.name for attribute in fields(Entry)}
    assert (field.indexed_as in known) is (field.searched is not Searched.NO)
    assert (field.indexed_as in FACETS) is (field.searched is Searched.FACET)


def test_one_day_is_searched_by_range() -> None:
    """An index keeps one day of a record, and orders records by it: the date of the document."""
    days = [field.name for field in DESCRIPTION_FIELDS if field.searched is Searched.DATE_RANGE]
    assert days == ["document_date"]


@pytest.mark.parametrize("field", DESCRIPTION_FIELDS, ids=named)
def test_a_code_comes_from_a_list_and_only_a_code(field: DescriptionField) -> None:
    assert (field.codes is not None) is (field.kind is FieldKind.CODE)


# -- one judge


@pytest.mark.parametrize("field", TEXTS, ids=named)
@given(text=st.text(PLAIN, min_size=1, max_size=40), before=st.sampled_from(["", " ", "\n\t"]))
def test_text_is_kept_without_the_blanks_around_it(field: DescriptionField, text: str, before: str) -> None:
    text = text[: field.limit]
    assert field.read(f"{before}{text} ", kept="") == text
    assert field.from_json(field.as_json(text)) == text


@pytest.mark.parametrize(
    ("given", "right"),
    [("2024", True), (" 1000 ", True), ("9000", True)]
    + [(text, False) for text in ("24", "0999", "9001", "20245", "2024-", "deux", "２０２４")],
)
def test_a_year_has_four_digits_and_lies_in_the_calendar(given: str, right: bool) -> None:
    field = BY_NAME["fiscal_year"]
    if right:
        assert field.read(given, kept="") == given.strip()
    else:
        assert refusal(field, given).code == "bad_field"


@pytest.mark.parametrize("field", TEXTS, ids=named)
def test_the_limit_counts_characters_of_any_size(field: DescriptionField) -> None:
    for sign in ("x", "é", "𝕏"):
        assert field.read(sign * field.limit, kept="") == sign * field.limit
        error = refusal(field, sign * (field.limit + 1))
        assert (error.code, error.pointer, error.values["limit"]) == ("bad_field", f"/{field.name}", field.limit)


@pytest.mark.parametrize("field", DESCRIPTION_FIELDS, ids=named)
@pytest.mark.parametrize("value", [12, 0, True, ["x"], "a\0b", "\ud800", datetime(2026, 3, 12, 8)], ids=repr)
def test_what_is_no_text_is_refused(field: DescriptionField, value: object) -> None:
    error = refusal(field, value)
    assert (error.code, error.pointer) == ("bad_field", f"/{field.name}")


@pytest.mark.parametrize("field", DATES, ids=named)
@given(day=st.dates(FIRST_DAY, LAST_DAY))
def test_a_day_is_read_as_it_is_written(field: DescriptionField, day: date) -> None:
    assert field.read(day.isoformat(), kept="") == field.read(day, kept="") == day
    assert field.from_json(field.as_json(day)) == day


@pytest.mark.parametrize("field", DATES, ids=named)
@pytest.mark.parametrize(
    "value",
    ["2026-02-29", "12/03/2026", "1773273600", "2026-03-12T00:00:00", "2026-03-121", "x" * 11, "2026", "20260101"],
)
def test_what_is_no_day_is_refused(field: DescriptionField, value: str) -> None:
    error = refusal(field, value)
    assert (error.code, error.pointer) == ("bad_field", f"/{field.name}")
    said = "porte un jour qui n’existe pas" if value == "2026-02-29" else "n’est pas une date"
    assert said in error.detail


@pytest.mark.parametrize("field", DATES, ids=named)
def test_a_day_beyond_which_no_duration_could_be_counted_is_refused(field: DescriptionField) -> None:
    assert end_date(LAST_DAY, 999, Unit.YEAR) == date(9999, 12, 31)
    assert field.read(LAST_DAY.isoformat(), kept="") == LAST_DAY
    for value in ("9001-01-01", date.max):
        assert refusal(field, value).code == "bad_field"


@pytest.mark.parametrize("field", DATES, ids=named)
@pytest.mark.parametrize("value", ["0001-01-01", "0024-03-05", "0999-12-31"])
def test_a_year_of_less_than_four_figures_is_a_slip(field: DescriptionField, value: str) -> None:
    error = refusal(field, value)
    assert (error.code, error.pointer) == ("bad_field", f"/{field.name}")
    assert "1000" in error.detail


@pytest.mark.parametrize("field", DATES, ids=named)
@pytest.mark.parametrize("value", ["2026-W11-4", "2026W114", "2026-071", "+2026-03-12", "２０２６-03-12", "2026-3-12"])
def test_a_day_has_one_form_of_writing(field: DescriptionField, value: str) -> None:
    assert refusal(field, value).code == "bad_field"


@pytest.mark.parametrize("field", DESCRIPTION_FIELDS, ids=named)
def test_nothing_given_is_nothing_kept(field: DescriptionField) -> None:
    assert [field.read(empty, kept="") for empty in (None, "", " \n")] == [None, None, None]


# -- changes


@given(extra=st.integers(min_value=1, max_value=600))
def test_what_was_kept_under_an_earlier_limit_stands_until_it_is_changed(extra: int) -> None:
    long = "t" * (TITLE.limit + extra)
    kept = Description(long, document_date=date(2026, 3, 12))
    asked: dict[str, Any] = {name: value for name, value in values_of(kept).items() if name != "producer"}
    assert changed(kept, asked | {"title": f" {long} ", "producer": "Voirie"}) == Description(
        long, document_date=date(2026, 3, 12), producer="Voirie"
    )
    for other in (long + "t", long[1:] + "u"):
        assert refused(kept, {"title": other}).code == "bad_field"


def test_a_field_of_another_name_is_refused_and_the_known_are_told() -> None:
    error = refused(Description("x"), {"titel": "y"})
    assert error.pointer == "/titel"
    assert "external_reference" in str(error)


def test_a_field_given_once_for_all_does_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    once = DescriptionField(
        name="producer", kind=FieldKind.TEXT, limit=200, label="x", meaning="x", changed_by=ChangedBy.NOBODY
    )
    monkeypatch.setattr("archive.catalogue.description.BY_NAME", {**BY_NAME, "producer": once})
    kept = Description("x", producer="Voirie")
    assert changed(kept, {"producer": "Voirie", "title": "y"}).title == "y"
    assert refused(kept, {"producer": "Eau"}).code == "bad_field"


def test_a_title_that_nobody_chose_keeps_the_limit() -> None:
    assert TITLE.cut("x" * TITLE.limit) == "x" * TITLE.limit
    cut = TITLE.cut("x" * 1000)
    assert len(cut) == TITLE.limit
    assert cut.endswith("…")
