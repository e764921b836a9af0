"""Analysis, questions, looseness, passages: pure rules."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.analysis import codes, fold, nfc, overrides, tokens, word
from search.loosening import allowance, confusions, near
from search.passages import LONGEST, Finder, passage
from search.questions import parse_query
from signing.ground.errors import Refused


def test_tokens_point_at_the_words_without_their_articles() -> None:
    text = "L’ARRÊTÉ n° 2024-117 d'Œuvre, aujourd’hui l' eau"
    assert [text[t.start : t.end] for t in tokens(text)] == [
        "ARRÊTÉ",
        "n",
        "2024",
        "117",
        "Œuvre",
        "aujourd’hui",
        "eau",
    ]


def test_both_stems_are_kept_where_accents_change_them() -> None:
    assert word("archivée")[1] == ("archiv", "archive")
    assert set(word("archivees")[1]) & set(word("archivée")[1])
    assert word("délibération")[1] == word("DELIBERATION")[1]


def test_exceptions_are_well_formed_and_apart_from_every_stem() -> None:
    families = overrides()
    assert len(families) > 200
    for form, stem in families.items():
        assert form == form.lower()
        assert stem.endswith("_")
        assert stem == fold(stem)
        assert word(form)[1] == (stem,)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("n° 2024-117.", ["2024-117"]),
        ("DEL_2024_117", ["del_2024_117"]),
        ("le 12/03/2026, à 3,14 €", ["12/03/2026", "3,14"]),
        ("Saint-Aubin", []),
        ("2024 - 117", []),
        ("l’AB‑123", ["ab-123"]),
        ("arrete-114.pdf", ["arrete-114.pdf"]),
    ],
)
def test_numbers_as_written(text: str, written: list[str]) -> None:
    assert [code.text for code in codes(text)] == written


@given(st.text(max_size=200))
def test_any_text_is_analysed_in_order_and_the_same_again(text: str) -> None:
    text = nfc(text)
    found = tokens(text)
    assert all(0 <= t.start < t.end <= len(text) for t in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    for token in found:
        assert token.terms
        assert not any(c.isspace() for c in token.form)
    for code in codes(text):
        assert text[code.start : code.end]


@given(st.text(alphabet="abcdéèêçœ’'-0123 ", max_size=60))
def test_case_and_composition_do_not_matter(text: str) -> None:
    same = [t.terms for t in tokens(nfc(text))]
    assert [t.terms for t in tokens(nfc(unicodedata.normalize("NFD", text)))] == same
    assert [t.terms for t in tokens(nfc(text.upper()))] == same


@given(st.text(max_size=80))
def test_any_question_is_understood_or_refused_with_a_place(text: str) -> None:
    try:
        parse_query(text)
    except Refused as error:
        refused = error
    else:
        return
    assert refused.code == "bad_query"
    assert 0 <= int(str(refused.values["position"])) <= len(text)


def test_function_words_are_not_asked_of_a_document_unless_alone_or_quoted() -> None:
    def asked(text: str) -> list[tuple[str, ...]]:
        return [item.forms for clause in parse_query(text).wanted for item in clause.items]

    assert asked("arrêté de la voirie") == [("arrete",), ("voirie",)]
    assert asked("de la") == [("de",), ("la",)]
    assert asked('"de" la voirie') == [("de",), ("voirie",)]
    assert asked("la -voirie") == [("la",)]


def test_or_binds_its_neighbours() -> None:
    clauses = parse_query("a OR bois OR c voirie -plan").clauses
    assert [len(clause.items) for clause in clauses] == [3, 1, 1]
    assert [clause.excluded for clause in clauses] == [False, False, True]


def test_looseness_never_touches_numbers_or_short_words() -> None:
    assert allowance("2024") == allowance("rue") == 0
    assert not near("2024", "2025")
    assert not near("117", "118")
    assert near("117", "ll7")
    assert near("commissaire", "cornmissaire")
    assert near("deliberation", "de1iberatlon")
    assert not near("mairie", "marche")
    assert "rnairie" in confusions("mairie")


@given(st.text(alphabet="abc é\n’-.", max_size=600), st.sampled_from(["ab", "abc", '"a b"', "ca*", "ab OR c"]))
def test_passages_cut_the_text_and_mark_what_matched(text: str, question: str) -> None:
    text = nfc(text)
    found = Finder(parse_query(question)).find(text)
    if not found:
        return
    match = passage(text, found, 3)
    assert match.page == 3
    assert len(match.text) <= LONGEST
    assert match.ranges
    flat = text.replace("\n", " ")
    assert match.text.removeprefix("… ").removesuffix(" …") in flat
    spots = {flat[f.start : f.end] for f in found}
    for start, end in match.ranges:
        assert 0 <= start < end <= len(match.text)
        assert any(spot in match.text[start:end] or match.text[start:end] in spot for spot in spots)
