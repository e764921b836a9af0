"""The English catalogue: whole for the pages, compiled, and with the same places to fill."""

from __future__ import annotations

import re
from string import Formatter

import pytest
from fastapi.testclient import TestClient

from api.http.i18n import _, ngettext, speaking, translate
from api.web.pages.verifier import _detail
from archive.evidence.bundle import _NAMES as NAMES
from archive.evidence.bundle import _sentence
from archive.evidence.verify import Check
from search.questions import parse_query
from signing.ground.errors import Refused
from tests import translations

TAG = re.compile("<[^>]+>")


@pytest.fixture(scope="module")
def catalogue():
    return translations.brought_up(translations.load())


def test_every_sentence_of_the_pages_has_its_english(catalogue) -> None:
    missing = set(translations.untranslated(catalogue))
    assert [text for text in map(str, translations.page_messages()) if text in missing] == []


def test_nearly_every_other_sentence_has_too(catalogue) -> None:
    missing = translations.untranslated(catalogue)
    assert len(missing) <= 0.1 * len(catalogue), missing


def test_the_compiled_catalogue_is_the_written_one() -> None:
    assert translations.MO.read_bytes() == translations.compiled(translations.load()), (
        "run python -m tests.translations"
    )


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_translations_fill_the_same_places_and_keep_the_same_tags(catalogue) -> None:
    wrong = []
    for message in catalogue:
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        for text in filter(None, texts):
            if not message.id:
                continue  # the header
            same = places(text) == places(ids[0]) if len(ids) == 1 else places(text) <= places(ids[1])
            if not same or sorted(TAG.findall(text)) != sorted(TAG.findall(ids[0])):
                wrong.append((ids[0], text))
    assert wrong == []


def test_english_has_no_french_spaces_and_its_own_plurals() -> None:
    with speaking("en"):
        assert _("Où en est-on ?") == "How far has it come?"
        assert ngettext("{n} page", "{n} pages", 0) == "0\u00a0pages"
        assert ngettext("{n} page", "{n} pages", 1) == "1\u00a0page"
    assert translate("Ce fichier est vide.", "en") == "This file is empty."
    assert translate("Une phrase que personne n’a traduite.", "en") == "Une phrase que personne n’a traduite."


def test_programs_get_english_problems_when_they_ask(client: TestClient) -> None:
    answer = client.get("/api/v1/rien", headers={"Accept-Language": "en"})
    assert answer.json()["title"] == "Not found"
    assert client.get("/api/v1/rien").json()["title"] == "Introuvable"


def test_a_question_that_is_not_understood_says_so_in_english() -> None:
    with pytest.raises(Refused) as caught:
        parse_query('"budget')
    told = translate(caught.value.detail, "en").format(**caught.value.values)
    assert told == "The search is not understood at character 1: this quotation mark is not closed."


@pytest.mark.parametrize("number", NAMES)
def test_every_sentence_about_a_bundle_has_its_english(number: int) -> None:
    """Names and sentences of a bundle's checks, with what its own program saw in its place."""
    for name, verdict in (("manifest", "intact"), ("manifest", "altered"), ("who sealed", "unverifiable")):
        sentence = _sentence(Check(number, name, verdict, "seen"))
        with speaking("en"):
            shown = str(_detail({"sentence": sentence, "seen": "seen", "detail": "français"}))
            assert translate(NAMES[number], "en") != NAMES[number] or number == 3
        assert shown in {
            "Checked and intact.",
            "Altered or incomplete (seen).",
            "Nothing here establishes that this is by whom you expect (seen).",
        }
    for verdict in ("intact", "unverifiable"):
        with speaking("en"):
            assert translate(_sentence(Check(5, "clock", verdict, "x")), "en").isascii()
