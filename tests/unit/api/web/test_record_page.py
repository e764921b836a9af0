"""The record's page as a view-model: what it says, made without any request."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from hashlib import sha256
from pathlib import Path

import pytest

from api.access.callers import Caller
from api.http.i18n import speaking
from api.web.description_form import (
    BOXES,
    Control,
    Kept,
    anchor_of,
    control_of,
    refused_description,
    typed_changes,
)
from api.web.hold_form import refused_hold, typed_end
from api.web.record_page import RecordPage, Visit, record_page
from archive.catalogue.description import changed
from archive.holdings.describe import describe
from archive.model.description_fields import Description
from ingestion.assembly import System
from signing.ground.errors import Refused
from tests.holdings import keep

READER = Caller("user", "1", "Lectrice", "a", frozenset({"record:read"}))
ARCHIVIST = replace(READER, scopes=READER.scopes | {"record:describe", "hold:write"})
FORM = {"title": " Acte ", "document_type": "deliberation", "producer": "", "day": "3", "month": "4", "year": "2021"}


@pytest.fixture
def record(bare_system: System, tmp_path: Path) -> str:
    return keep(bare_system, tmp_path, 1, "a")


def refused(code: str, pointer: str | None) -> Refused:
    return Refused(code, "Non.", action="Recommencez.", pointer=pointer)


def test_a_record_is_put_in_words(bare_system: System, record: str) -> None:
    page = record_page(bare_system, READER, record, Visit())
    assert (page.id, page.title, page.json_href) == (record, "Acte 1", f"/api/v1/records/{record}")
    assert page.lines == ("deliberation", "12\u00a0mars\u00a02026")
    assert (page.summary.kind, str(page.summary.word)) == ("ok", "Conservé, sans cachet")
    assert [item.href.rpartition("/")[2] for item in page.downloads] == ["original", "text", "preuve"]
    assert (page.leaf.number, page.leaf.pages, page.leaf.strip) == (1, 1, ())
    assert page.proofs.checked_at == ""
    assert page.proofs.digest.replace(" ", "") == sha256(b"%PDF original 1").hexdigest()
    assert page.keeping.enforced is False
    assert page.history.total >= len(page.history.events) > 0
    with pytest.raises(FrozenInstanceError):
        page.title = "Autre"  # type: ignore[misc]


def test_it_speaks_the_language_being_spoken(bare_system: System, record: str) -> None:
    with speaking("en"):
        page = record_page(bare_system, READER, record, Visit())
    assert str(page.summary.word) == "Kept, without a seal"


def test_searched_words_are_counted_and_a_page_that_is_not_there_is_the_nearest(
    bare_system: System, record: str
) -> None:
    page = record_page(bare_system, READER, record, Visit(page=99, q="commune"))
    assert (page.leaf.number, page.leaf.q) == (1, "commune")
    assert (page.leaf.reading.here, page.leaf.reading.total) == (1, 1)


def test_who_may_not_is_shown_no_form(bare_system: System, record: str) -> None:
    seen, used = (record_page(bare_system, who, record, Visit()) for who in (READER, ARCHIVIST))
    assert (seen.description, seen.holding.allowed) == (None, False)
    assert used.description is not None
    assert used.holding.allowed


def test_a_record_of_another_tenant_has_no_page(bare_system: System, record: str) -> None:
    with pytest.raises(Refused) as caught:
        record_page(bare_system, replace(ARCHIVIST, tenant="b"), record, Visit())
    assert caught.value.code == "record_not_found"


def test_a_verification_just_made_is_shown_as_such(bare_system: System, record: str) -> None:
    checks = [{"name": "Empreinte", "verdict": "altered", "detail": "octet 3"}]
    proofs = record_page(bare_system, READER, record, Visit(checked=checks)).proofs
    assert proofs.fresh
    assert [(str(name), badge.kind, str(detail)) for name, badge, detail in proofs.checks] == [
        ("Empreinte", "bad", "octet 3")
    ]


def shown_description(page: RecordPage) -> dict[str, str]:
    assert page.description is not None
    boxes = {
        box.name: next((choice.value for choice in box.choices if choice.chosen), "") if box.choices else box.value
        for box in page.description.boxes
    }
    return boxes | {box.name: "-".join(part.value for part in box.parts) for box in page.description.dates}


def test_the_description_form_shows_what_is_kept(bare_system: System, record: str) -> None:
    page = record_page(bare_system, ARCHIVIST, record, Visit())
    empty = {box.name: "--" if control_of(box.kind) is Control.DATE else "" for box in BOXES}
    assert shown_description(page) == empty | {
        "title": "Acte 1",
        "document_type": "deliberation",  # on no list of this tenant: it stays an option of its record
        "document_date": "12-3-2026",
    }
    assert page.description is not None
    assert (page.description.revision, page.description.open) == ("1", False)


def test_a_refused_description_opens_its_form_and_leads_to_the_field(bare_system: System, record: str) -> None:
    pointers = ("/title", "/producer", "/document_date", "/closed_on", "/access_rule", None)
    typed = [refused_description(refused("bad_field", pointer), {"title": "Tapé"}) for pointer in pointers]
    hrefs = ["#titre", "#service", "#day", "#closed_on-day", "#access_rule", "#titre"]
    assert [item.faults[0].href for item in typed] == hrefs
    for item in typed:
        page = record_page(bare_system, ARCHIVIST, record, Visit(description=item))
        assert page.description is not None
        assert (page.description.open, page.description.faults) == (True, item.faults)


def test_what_was_typed_comes_back_with_its_box_named(bare_system: System, record: str) -> None:
    form = FORM | {"closed_on-day": "31", "closed_on-month": "2", "closed_on-year": "2024", "revision": "1"}
    form |= {"external_reference": "MAR-1", "access_rule": "AR048", "title": "Tapé"}
    typed = refused_description(refused("bad_field", "/closed_on"), form)
    page = record_page(bare_system, ARCHIVIST, record, Visit(description=typed))
    assert page.description is not None
    shown = shown_description(page)
    assert (shown["title"], shown["external_reference"], shown["access_rule"]) == ("Tapé", "MAR-1", "AR048")
    assert (shown["document_date"], shown["closed_on"]) == ("3-4-2021", "31-2-2024")
    faulty = [box.name for box in (*page.description.boxes, *page.description.dates) if box.fault]
    assert faulty == ["closed_on"]


def test_somebody_elses_change_is_read_before_ones_own_is_typed_again(bare_system: System, record: str) -> None:
    kept = describe(bare_system.stores, "a", record, {"title": "D’un autre"}, agent="user:2", expected_revision=1)
    typed = refused_description(refused("precondition_failed", None), FORM | {"revision": "1"})
    page = record_page(bare_system, ARCHIVIST, record, Visit(description=typed))
    assert page.description is not None
    assert shown_description(page)["title"] == "D’un autre"
    assert page.description.revision == str(kept.revision)
    stale = refused_description(refused("bad_field", "/title"), FORM | {"revision": "1"})
    again = record_page(bare_system, ARCHIVIST, record, Visit(description=stale))
    assert again.description is not None
    assert again.description.revision == "1", "what is typed over an earlier revision never counts as over this one"


NOTHING = Kept(dict.fromkeys((box.name for box in BOXES), ""), "")


def test_what_is_typed_becomes_changes() -> None:
    assert typed_changes(FORM, NOTHING) == {
        "title": "Acte",
        "document_type": "deliberation",
        "document_date": "2021-04-03",
    }
    everything = {box.name: "x" for box in BOXES if control_of(box.kind) is not Control.DATE}
    everything |= FORM | {"producer": "Voirie", "closed_on-day": "1", "closed_on-month": "2", "closed_on-year": "2024"}
    assert set(typed_changes(everything, NOTHING)) == {box.name for box in BOXES}


def test_what_comes_back_as_it_was_shown_is_no_change() -> None:
    shown = {"title": "T" * 700, "document_type": "deliberation", "producer": "Eau", "document_date": "2021-04-03"}
    kept = Kept(NOTHING.texts | shown, "AR038")
    assert typed_changes(FORM | {"title": "T" * 700, "producer": "Eau"}, kept) == {}
    assert typed_changes(FORM | {"title": "T" * 700, "producer": ""}, kept) == {"producer": None}
    assert typed_changes({}, kept) == {}, "a form without a box says nothing of its field"


def test_the_rule_of_the_type_follows_the_type() -> None:
    kept = Kept(NOTHING.texts | {"title": "Acte", "document_type": "arrete", "document_date": "2021-04-03"}, "AR038")
    assert typed_changes(FORM | {"document_type": "arrete", "access_rule": ""}, kept) == {}
    assert typed_changes(FORM | {"document_type": "courrier", "access_rule": ""}, kept) == {
        "document_type": "courrier",
        "access_rule": None,
    }


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"title": " "}, "/title"),
        ({"day": "31"}, "/document_date"),
        ({"year": "21"}, "/document_date"),
        ({"closed_on-day": "", "closed_on-month": "4", "closed_on-year": "2021"}, "/closed_on"),
    ],
)
def test_what_is_typed_wrong_names_its_field(change: dict[str, str], pointer: str) -> None:
    kept = Kept(NOTHING.texts | {"title": "Acte"}, "")
    with pytest.raises(Refused) as caught:
        changed(Description("Acte"), typed_changes(FORM | change, kept))
    assert (caught.value.code, caught.value.pointer) == ("bad_field", pointer)


def test_every_field_has_an_element_of_its_own() -> None:
    assert len({anchor_of(box) for box in BOXES}) == len(BOXES)


def test_a_refused_hold_comes_back_as_it_was_filled(bare_system: System, record: str) -> None:
    form = {"reason": "Procès", "day": "31", "month": "2", "year": "2020"}
    with pytest.raises(Refused) as caught:
        typed_end(form)
    page = record_page(bare_system, ARCHIVIST, record, Visit(hold=refused_hold(caught.value, form)))
    assert [fault.href for fault in page.holding.faults] == ["#terme-day"]
    assert (page.holding.open, page.holding.typed_reason) == (True, "Procès")
    assert [part.value for part in page.holding.until] == ["31", "2", "2020"]


def test_a_refused_release_comes_back_with_its_hold(bare_system: System, record: str) -> None:
    kept = bare_system.holds.place("a", [record], reason="Procès.", until=None, agent="user:1")
    typed = refused_hold(refused("bad_hold", "/reason"), {"reason": "Fini"}, kept)
    holding = record_page(bare_system, ARCHIVIST, record, Visit(hold=typed)).holding
    assert [(hold.id, hold.open, hold.typed_reason, hold.others) for hold in holding.holds] == [(kept, True, "Fini", 0)]
    assert (holding.open, holding.typed_reason) == (False, "")
    assert [fault.href for fault in holding.faults] == ["#gel"]
