"""Dates and sentences."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.model.description_fields import BY_NAME
from archive.model.field_rules import FieldKind
from archive.model.final_actions import FinalAction
from archive.retention.access import access_of
from archive.retention.dates import FOREVER, START_EVENTS, StartField, Unit, end_date, start_date
from archive.retention.decisions import retention_of
from archive.retention.rules import Retention, Rule, retain_until

INVOICE = Rule("DEP-FIN-008", 1, "Factures", 10, Unit.YEAR, "fiscal_year_end", FinalAction.DESTROY)
DAYS = st.dates(date(1900, 1, 1), date(2200, 12, 31))


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u00a0", " ")


def apply(rule: Rule | None, **facts: object) -> Retention:
    given_facts = {
        "phrase": "une facture",
        "document_type": "Facture",
        "document_date": None,
        "closed_on": None,
    }
    return retention_of(rule, **(given_facts | facts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("start", "duration", "unit", "end"),
    [
        (date(2026, 12, 31), 10, Unit.YEAR, date(2036, 12, 31)),
        (date(2024, 2, 29), 1, Unit.YEAR, date(2025, 2, 28)),
        (date(2024, 2, 29), 4, Unit.YEAR, date(2028, 2, 29)),
        (date(2026, 11, 30), 3, Unit.MONTH, date(2027, 2, 28)),
        (date(2026, 12, 15), 1, Unit.MONTH, date(2027, 1, 15)),
        (date(2026, 12, 31), 1, Unit.DAY, date(2027, 1, 1)),
        (date(2026, 3, 1), 0, Unit.YEAR, date(2026, 3, 1)),
    ],
)
def test_calendar_units(start: date, duration: int, unit: Unit, end: date) -> None:
    assert end_date(start, duration, unit) == end


@given(DAYS, st.integers(0, 999), st.integers(0, 500), st.sampled_from(list(Unit)))
def test_a_longer_duration_never_ends_earlier(start: date, duration: int, more: int, unit: Unit) -> None:
    sooner, later = end_date(start, duration, unit), end_date(start, duration + more, unit)
    assert sooner is not None
    assert later is not None
    assert start <= sooner <= later


@given(DAYS, DAYS, st.integers(0, 999))
def test_a_later_start_never_ends_earlier(one: date, other: date, duration: int) -> None:
    first, last = sorted((one, other))
    for unit in Unit:
        one_end, other_end = end_date(first, duration, unit), end_date(last, duration, unit)
        assert one_end is not None
        assert other_end is not None
        assert one_end <= other_end


@given(DAYS, st.integers(1, 100))
def test_years_are_twelve_months(start: date, years: int) -> None:
    assert end_date(start, years, Unit.YEAR) == end_date(start, 12 * years, Unit.MONTH)


def test_the_sentence_of_an_invoice() -> None:
    found = apply(INVOICE, document_date=date(2026, 3, 12))
    assert (found.starts_on, found.ends_on) == (date(2026, 12, 31), date(2036, 12, 31))
    assert plain(found.explanation).startswith(
        "Jusqu’au 31 décembre 2036, parce que c’est une facture (règle DEP-FIN-008) : "
        "10 ans à compter de la fin de l’exercice budgétaire (31 décembre 2026)."
    )
    assert "validé cette règle" in found.explanation
    assert "\u00a0décembre\u00a0" in found.explanation
    assert "\u202f:" in found.explanation


def test_no_date_is_made_up() -> None:
    found = apply(INVOICE)
    assert (found.starts_on, found.ends_on) == (None, None)
    assert "il manque la date du document" in found.explanation
    closing = Rule("X", 1, "x", 5, Unit.YEAR, "final_payment", FinalAction.DESTROY)
    assert "il manque la date de clôture" in apply(closing, document_date=date(2026, 1, 1)).explanation
    assert apply(closing, closed_on=date(2026, 1, 1)).ends_on == date(2031, 1, 1)


def test_a_closing_is_never_taken_for_a_beginning() -> None:
    for event in ("birth_date", "death_date", "contract_notification"):
        assert start_date(event, document_date=date(2026, 1, 1), closed_on=date(2026, 1, 1)) is None
    for event in START_EVENTS:
        assert start_date(event, document_date=None, closed_on=None) is None


def test_what_is_kept_for_ever_says_so() -> None:
    rule = Rule("DEP-ADM-001", 1, "x", 1, Unit.YEAR, "document_date", FinalAction.KEEP)
    found = apply(rule, document_date=date(2026, 1, 1), phrase="une délibération")
    assert found.ends_on == date(2027, 1, 1)
    assert plain(found.explanation).startswith("Définitivement, parce que c’est une délibération (règle DEP-ADM-001)")
    assert "jusqu’au 1er janvier 2027" in plain(found.explanation)
    unlimited = Rule("Y", 1, "x", None, Unit.YEAR, "document_date", FinalAction.KEEP)
    assert apply(unlimited, document_date=date(2026, 1, 1)).ends_on is None


def test_without_a_rule_nothing_ends_and_nothing_is_destroyed() -> None:
    for facts in ({"phrase": None, "document_type": "bidule"}, {"phrase": None, "document_type": None}, {}):
        found = apply(None, document_date=date(2026, 1, 1), **facts)
        assert (found.rule, found.ends_on, found.final_action) == (None, None, FinalAction.KEEP)
        assert "à compléter" in found.explanation


TODAY = date(2026, 11, 24)


def test_the_lock_ends_with_the_retention_or_the_horizon() -> None:
    soon = Rule("Z", 1, "x", 3, Unit.MONTH, "document_date", FinalAction.DESTROY)
    near = apply(soon, document_date=TODAY)
    assert retain_until(near, TODAY, 400) == date(2027, 2, 24)
    far = apply(INVOICE, document_date=TODAY)
    assert retain_until(far, TODAY, 400) == TODAY + timedelta(400)
    assert retain_until(far, TODAY, 0) == date(2036, 12, 31)
    open_ended = apply(INVOICE)
    assert retain_until(open_ended, TODAY, 400) == TODAY + timedelta(400)
    assert retain_until(open_ended, TODAY, 0) == FOREVER
    kept = apply(Rule("K", 1, "x", 1, Unit.DAY, "document_date", FinalAction.KEEP), document_date=TODAY)
    assert retain_until(kept, TODAY, 400) == TODAY + timedelta(400)
    over = apply(soon, document_date=date(2000, 1, 1))
    assert retain_until(over, TODAY, 400) == TODAY + timedelta(1)


@pytest.mark.parametrize(
    ("code", "opens"),
    [
        ("AR042", date(2051, 5, 2)),
        ("AR048", date(2076, 5, 2)),
        ("AR052", date(2101, 5, 2)),
    ],
)
def test_access_counts_from_the_most_recent_date(code: str, opens: date) -> None:
    assert access_of(code, document_date=date(2026, 3, 12), closed_on=date(2026, 5, 1)).communicable_on == opens


def test_what_has_no_delay_is_open_whenever_its_file_closes() -> None:
    access = access_of("AR038", document_date=date(2026, 3, 12), closed_on=date(9999, 12, 31))
    assert access.communicable_on == date(2026, 3, 12)
    assert "sans délai" in access.explanation


def test_access_that_cannot_be_dated_is_explained() -> None:
    words = {
        "AR043": "décès",
        "AR061": "naissance",
        "AR062": "Jamais",
        "AR999": "liste nationale",
        None: "à compléter",
    }
    for code, word in words.items():
        access = access_of(code, document_date=date(2026, 3, 12), closed_on=None)
        assert access.communicable_on is None
        assert word in access.explanation
    assert access_of("AR048", document_date=None, closed_on=None).communicable_on is None


def test_every_final_action_has_sentences_of_its_own() -> None:
    told = {
        action: plain(apply(replace(INVOICE, final_action=action), document_date=date(2026, 3, 12)).explanation)
        for action in FinalAction
    }
    assert len(set(told.values())) == len(FinalAction)
    assert all("31 décembre 2036" in text for text in told.values())
    for action, text in told.items():
        assert text.startswith("Définitivement" if action.kept_for_ever else "Jusqu’au")


def test_start_fields_are_dates_of_a_description() -> None:
    assert {BY_NAME[field].kind for field in StartField} == {FieldKind.DATE}


def test_every_start_event_says_which_date_is_missing() -> None:
    missing = {
        StartField.DOCUMENT_DATE: "il manque la date du document",
        StartField.CLOSED_ON: "il manque la date de clôture",
        None: "cette date n’est pas connue ici",
    }
    for name, event in START_EVENTS.items():
        assert missing[event.known_by] in plain(apply(replace(INVOICE, start_event=name)).explanation)
