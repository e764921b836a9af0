"""Layout of an entry: it follows from the registry of fields, and its number from the layout."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from archive.model.description_fields import DESCRIPTION_FIELDS, SEARCHED
from archive.model.field_rules import Searched
from search import port
from search.engines import elastic_schema, tantivy_schema
from search.entry_layout import read_shown, texts, write_shown
from search.port import ASKED_ALONE, FACETS, TEXTS, Entry
from search.questions import FIELDS

LAYOUTS = {
    1: {
        "texts": ("title", "description", "reference", "filename"),
        "facets": ("document_type", "classification", "producer", "final_action", "rule"),
    },
}
"""What an index of each format holds. A new field is a new line here and a higher ``FORMAT``:
an index of an earlier layout is then built anew instead of being read wrongly.
"""

ENTRY = Entry(
    record_id="r",
    tenant="felletin",
    revision=1,
    title="Été",
    reference="XK-77",
    filename="arrete-114.pdf",
    description="Ormeaux",
    document_type=None,
    classification=None,
    producer=None,
    final_action="keep",
    rule=None,
    document_date=None,
    kept_at=datetime(2026, 3, 12, 8, tzinfo=UTC),
    pages=("voirie",),
)


@pytest.mark.parametrize("number", [tantivy_schema.FORMAT, elastic_schema.FORMAT], ids=["tantivy", "elastic"])
def test_another_layout_is_another_format(number: int) -> None:
    assert LAYOUTS[number] == {"texts": TEXTS, "facets": FACETS}
    assert number == max(LAYOUTS)


def test_every_text_of_the_registry_is_laid_out_under_its_name() -> None:
    told = {field.indexed_as for field in DESCRIPTION_FIELDS if field.searched is Searched.TEXT}
    assert set(texts(ENTRY)) == told | {"filename"}
    assert texts(ENTRY)["reference"] == "XK-77"
    assert texts(ENTRY)["description"] == "Ormeaux"


def test_what_is_shown_is_read_as_it_was_written() -> None:
    stored = write_shown(ENTRY, [(1, "voirie")])
    assert stored["around"] == ["Été", "Ormeaux", "XK-77", "arrete-114.pdf"]
    shown = read_shown(stored)
    assert shown.title == "Été"
    assert shown.around() == (
        ("title", "Été"),
        (None, "Ormeaux"),
        ("reference", "XK-77"),
        (None, "arrete-114.pdf"),
    )


def test_what_is_asked_alone_is_a_text_that_questions_can_name() -> None:
    assert set(ASKED_ALONE) == set(FIELDS.values())
    assert set(ASKED_ALONE) <= set(TEXTS)


def test_a_searched_field_that_an_entry_lacks_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    port._require_whole()
    monkeypatch.setattr(port, "SEARCHED", (*SEARCHED, replace(SEARCHED[0], name="author")))
    with pytest.raises(TypeError, match="author"):
        port._require_whole()
