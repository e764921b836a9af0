"""Words, numbers and their typography."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from markupsafe import Markup

from api.http.i18n import _, ngettext, number, said, speaking
from api.http.typography import french
from api.web import quantities

THIN, HARD = "\u202f", "\u00a0"


@pytest.mark.parametrize(
    ("typed", "set_"),
    [
        ("Pourquoi ? Parce que : oui ; non !", f"Pourquoi{THIN}? Parce que{THIN}: oui{THIN}; non{THIN}!"),
        ("« mot »", f"«{THIN}mot{THIN}»"),
        ("à 10:30, voir https://exemple.fr/a?b=1", "à 10:30, voir https://exemple.fr/a?b=1"),
        ("1 234 567 octets", f"1{THIN}234{THIN}567{HARD}octets"),
        ("12 mars 2026", f"12{HARD}mars{HARD}2026"),
        ("n° 4, 9 h 12, 84 Mo", f"n°{HARD}4, 9{HARD}h{HARD}12, 84{HARD}Mo"),
        ("l'arrêté", "l’arrêté"),
    ],
)
def test_french_spaces(typed: str, set_: str) -> None:
    assert french(typed) == set_


def test_typography_leaves_tags_alone() -> None:
    html = '<a href="/x?a=1 ; b" title="a : b">Voir ?</a>'
    assert french(html) == f'<a href="/x?a=1 ; b" title="a : b">Voir{THIN}?</a>'


def test_values_are_escaped_and_sentences_are_not() -> None:
    made = _("Vous avez vérifié <strong>{name}</strong> : oui.", name="<script>")
    assert made == f"Vous avez vérifié <strong>&lt;script&gt;</strong>{THIN}: oui."
    assert isinstance(made, Markup)


def test_what_other_parts_stored_is_never_html() -> None:
    assert said("Échec : <img src=x> {tool}", tool="<b>") == f"Échec{THIN}: &lt;img src=x&gt; &lt;b&gt;"


def test_a_stored_sentence_with_braces_of_its_own_is_shown_as_it_stands() -> None:
    assert said("Réponse {inattendue}") == "Réponse {inattendue}"


def test_zero_is_singular_in_french_and_numbers_keep_their_noun() -> None:
    assert ngettext("{n} page", "{n} pages", 0) == f"0{HARD}page"
    assert ngettext("{n} page", "{n} pages", 1) == f"1{HARD}page"
    assert ngettext("{n} page", "{n} pages", 1234) == f"1{THIN}234{HARD}pages"


def test_sizes_and_shares() -> None:
    assert quantities.size(1) == f"1{HARD}octet"
    assert quantities.size(48211) == f"48{HARD}ko"
    assert quantities.size(1_240_000) == f"1,2{HARD}Mo"
    assert quantities.size(999_999) == f"1{HARD}Mo"
    assert quantities.size(2_000_000_000) == f"2{HARD}Go"
    assert quantities.percent(0.9999) == f"99{HARD}%"  # never rounded up to a certainty
    with speaking("en"):
        assert quantities.size(1_240_000) == f"1.2{HARD}MB"


def test_dates_in_full() -> None:
    assert quantities.day(date(2026, 3, 1)) == f"1er{HARD}mars{HARD}2026"
    assert quantities.day("2026-03-12") == f"12{HARD}mars{HARD}2026"
    # 23:30 UTC in March is already the next day in Paris
    assert quantities.moment("2026-03-12T23:30:00.000Z") == f"13{HARD}mars{HARD}2026 à 0{HARD}h{HARD}30"


def test_near_days() -> None:
    now = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)
    assert quantities.near_day(datetime(2026, 3, 12, 7, 0, tzinfo=UTC), now) == "Aujourd’hui"
    assert quantities.near_day(datetime(2026, 3, 11, 7, 0, tzinfo=UTC), now) == "Hier"
    assert quantities.near_day(datetime(2026, 3, 1, 7, 0, tzinfo=UTC), now) == f"1er{HARD}mars{HARD}2026"


def test_spans_keep_two_units() -> None:
    assert quantities.span(0.2) == "moins d’une seconde"
    assert quantities.span(3725) == f"1{HARD}h 2{HARD}min"


def test_an_unknown_language_is_french() -> None:
    with speaking("xx"):
        assert number(1234) == f"1{THIN}234"
