"""Reasons of retention in the reader's language."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given

from api.http.i18n import day_in_words, speaking
from api.http.reasons import all_told, told
from archive.retention.dates import START_EVENTS, Unit
from archive.retention.facts import Facts
from archive.retention.reasons import in_french
from archive.retention.resolution import resolve
from archive.retention.rules import Rule
from archive.retention.states import blockers
from tests.unit.archive.retention.plan import a_class, a_file, a_rule, a_type, declares
from tests.unit.archive.retention.test_due_states import DAYS, HOLDS, STANDINGS
from tests.unit.archive.retention.test_resolution_laws import FACTS, PATIENT, RULES, many_paths

FRENCH_WORDS = (" règle", " à compter", " le dossier", " la classe", " parce que", " jusqu", " pour", " ans ", " fin ")


def test_a_date_in_both_languages() -> None:
    """D1."""
    rule = Rule("ADM-3", 2, "x", 10, Unit.YEAR, "calendar_year_end", a_rule(1).final_action, True, "art. L1")
    path = (a_file("F", date(2020, 2, 29)), a_class("2", declares("ADM-3")))
    reasons = resolve([path], Facts(), {"ADM-3": rule}).reasons
    with speaking("en"):
        english = [one["sentence"].replace("\u00a0", " ") for one in all_told(reasons)]
    assert english == [
        (
            "Until 31 December 2030, because class 2 “Classe 2” says so (rule ADM-3, version 2, art. L1): 10 years "
            "from the end of the year in which file F “Dossier F” was closed (31 December 2020)."
        ),
        "It may then be eliminated, with a visa.",
        "Nothing of it is eliminated before 1 January 2031.",
    ]
    with speaking("fr"):
        assert all_told(reasons) == [{"code": one.code, "sentence": in_french(one)} for one in reasons]
    assert [one.code for one in reasons] == ["ends_on", "afterwards", "due_on"]


@pytest.mark.parametrize("event", list(START_EVENTS))
def test_each_start_event_has_its_english(event: str) -> None:
    rule = a_rule(1, Unit.MONTH, event)
    (missing,) = resolve([(a_type("R", phrase="un acte"),)], Facts(), {"R": rule}).reasons
    with speaking("en"):
        sentence = told(missing).replace("\u00a0", " ")
    assert sentence.startswith("No end date for now, because it is un acte (rule R, version 1): 1 month from the ")
    assert " de " not in sentence


@PATIENT
@given(many_paths(), FACTS, RULES)
def test_no_reason_of_a_resolution_stays_french(paths: list, facts: Facts, rules: dict[str, Rule]) -> None:
    with speaking("en"):
        for reason in resolve(paths, facts, rules).reasons:
            sentence = f" {told(reason)} "
            assert not [word for word in FRENCH_WORDS if word in sentence], sentence
            assert "{" not in sentence


@PATIENT
@given(STANDINGS, DAYS, HOLDS)
def test_no_blocker_stays_french(standing, day: date, last_days: list) -> None:
    with speaking("en"):
        for reason in blockers(standing, day, last_days):
            assert told(reason) != in_french(reason)


def test_the_first_of_a_month() -> None:
    assert day_in_words(date(2026, 3, 1), "fr") == "1er\u00a0mars\u00a02026"
    assert day_in_words(date(2026, 3, 1), "en") == "1\u00a0March\u00a02026"
