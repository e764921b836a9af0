"""Who describes a record has seen it as it is; and what may be said of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from archive.catalogue.description import changed, differences, not_kept, require_describable
from archive.database.tables import RecordRow
from archive.holdings import describe as holdings
from archive.model.description_fields import DESCRIPTION_FIELDS, Description
from archive.model.field_rules import ChangedBy, FieldKind
from signing.ground.errors import Refused
from tests.unit.archive.world import World

NOW = Description("Facture 12", document_type="facture", document_date=date(2026, 3, 12))


def code(row: RecordRow, expected: int) -> str | None:
    try:
        require_describable(row.state, row.revision, expected)
    except Refused as error:
        return error.code
    return None


@pytest.mark.parametrize("state", ["kept", "disposed", "transferred"])
@pytest.mark.parametrize("expected", [-1, 0, 1, 2, 4, 5, 99])
def test_another_revision_than_the_one_in_force_is_refused(state: str, expected: int) -> None:
    assert code(RecordRow(revision=3, state=state), expected) == "precondition_failed"


@pytest.mark.parametrize(
    ("state", "refusal"), [("kept", None), ("disposed", "record_not_kept"), ("transferred", "record_not_kept")]
)
def test_what_is_gone_is_described_no_more(state: str, refusal: str | None) -> None:
    assert code(RecordRow(revision=3, state=state), 3) == refusal


def test_a_refusal_says_where_the_record_went() -> None:
    refused = not_kept("transferred")
    assert (refused.code, refused.pointer, refused.values["state"]) == ("record_not_kept", "/state", "transferred")


def test_of_two_who_saw_the_same_revision_one_describes(world: World, tmp_path: Path) -> None:
    record = world.keep(tmp_path)

    def describe(title: str, seen: int) -> int:
        changes = {"title": title}
        return holdings.describe(world.stores, "demo", record, changes, agent="user:1", expected_revision=seen).revision

    assert describe("Premier", 1) == 2
    for seen in (1, 3):
        with pytest.raises(Refused, check=lambda error: error.code == "precondition_failed"):
            describe("Second", seen)
    assert describe("Second", 2) == 3


# -- fields

LONGEST = {
    field.name: field.limit
    for field in DESCRIPTION_FIELDS
    if field.kind in {FieldKind.TEXT, FieldKind.PROSE, FieldKind.REFERENCE} and field.changed_by is not ChangedBy.NOBODY
}


def refused(changes: dict[str, Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        changed(NOW, changes)
    assert caught.value.code == "bad_field"
    return caught.value


def test_only_what_is_named_changes() -> None:
    made = changed(NOW, {"title": "  Facture 13 ", "producer": "", "document_date": None, "closed_on": "2026-04-01"})
    assert made == Description("Facture 13", document_type="facture", closed_on=date(2026, 4, 1))
    assert changed(NOW, {}) == NOW
    assert changed(NOW, {"document_date": date(2020, 1, 2)}).document_date == date(2020, 1, 2)
    assert changed(NOW, {"document_date": ""}).document_date is None


@pytest.mark.parametrize("name", LONGEST)
def test_a_text_is_as_long_as_its_field_and_no_longer(name: str) -> None:
    longest = LONGEST[name]
    assert getattr(changed(NOW, {name: "x" * longest}), name) == "x" * longest
    error = refused({name: "x" * (longest + 1)})
    assert (error.pointer, error.values["limit"]) == (f"/{name}", longest)


@pytest.mark.parametrize(
    "changes",
    [
        {"title": ""},
        {"title": "   "},
        {"title": None},
        {"title": 12},
        {"producer": ["a"]},
        {"producer": "a\0b"},
        {"document_date": "12/03/2026"},
        {"document_date": 20260312},
        {"closed_on": "2026-02-30"},
        {"revision": 2},
    ],
    ids=str,
)
def test_what_is_no_value_of_a_field_is_refused_by_its_name(changes: dict[str, Any]) -> None:
    (name,) = changes
    assert refused(changes).pointer == f"/{name}"


def test_a_description_names_the_values_before_and_after() -> None:
    before = {"title": "a", "producer": "b", "language": None}
    after = {"title": "c", "producer": "b", "language": "fra", "access_rule": None}
    assert differences(before, after) == {"title": ["a", "c"], "language": [None, "fra"]}
