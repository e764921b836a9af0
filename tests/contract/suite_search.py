"""What every search engine must do, tantivy or Elasticsearch: the same
questions, the same answers.
"""

from __future__ import annotations

import random
import string
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from search.port import FACETS, TEXTS, Answer, Change, Entry, Match, Query, Remove, SearchIndex, Sort, Upsert
from signing.ground.errors import Refused

TENANT = "felletin"
OTHER = "aubusson"
START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class Pair(NamedTuple):
    query: str
    text: str
    matches: bool


def read_pairs() -> list[Pair]:
    lines = (Path(__file__).with_name("french_pairs.txt")).read_text(encoding="utf-8").splitlines()
    parts = [[part.strip() for part in line.rsplit("|", 2)] for line in lines if line and not line.startswith("#")]
    return [Pair(query, text, sign == "+") for query, text, sign in parts]


def record_id(number: int) -> str:
    return f"01930000-0000-7000-8000-{number:012d}"


def entry(number: int, *pages: str, tenant: str = TENANT, **changed: Any) -> Entry:
    given: dict[str, Any] = {
        "record_id": record_id(number),
        "tenant": tenant,
        "revision": 1,
        "title": "Sans titre",
        "reference": "",
        "filename": "numérisation.pdf",
        "description": "",
        "document_type": None,
        "classification": None,
        "producer": None,
        "final_action": "keep",
        "rule": None,
        "document_date": None,
        "kept_at": START + timedelta(seconds=number),
        "pages": pages,
    }
    return Entry(**(given | changed))


def put(index: SearchIndex, *entries: Entry, position: int = 0, tenant: str = TENANT) -> None:
    index.apply(tenant, [Upsert(e) for e in entries], position)


def ask(index: SearchIndex, text: str = "", **options: Any) -> Answer:
    return index.search(Query(options.pop("tenant", TENANT), text, **options))


def ids(answer: Answer) -> list[str]:
    return [hit.record_id for hit in answer.hits]


def marked(match: Match) -> list[str]:
    return [match.text[start:end] for start, end in match.ranges]


def walk(index: SearchIndex, limit: int, text: str = "", **options: Any) -> Iterator[Answer]:
    after = None
    while True:
        answer = ask(index, text, limit=limit, after=after, **options)
        yield answer
        after = answer.next
        if after is None:
            return


@pytest.fixture(scope="class")
def french(make_index: Callable[[], SearchIndex]) -> tuple[SearchIndex, list[Pair]]:
    pairs = read_pairs()
    index = make_index()
    put(index, *(entry(number, pair.text) for number, pair in enumerate(pairs)))
    return index, pairs


MANY = 20_000


@pytest.fixture(scope="class")
def many(make_index: Callable[[], SearchIndex]) -> SearchIndex:
    """Twenty thousand records that look alike: a hundred days, seven titles, equal scores."""
    index = make_index()
    for first in range(0, MANY, 2000):
        put(
            index,
            *(
                entry(
                    number,
                    "procès-verbal de la séance" if number % 2 else "relevé",
                    title=f"Registre {number % 7}",
                    document_date=date(2020, 1, 1) + timedelta(days=number * 37 % 100) if number % 10 else None,
                )
                for number in range(first, first + 2000)
            ),
            position=first,
        )
    return index


class SearchIndexContract:
    """Subclass it and give ``make_index`` (class scope: a new empty index) and ``index`` (one a
    test).
    """

    # -- French

    def test_french_pairs_match_or_not(self, french: tuple[SearchIndex, list[Pair]]) -> None:
        index, pairs = french
        assert len(pairs) >= 200
        wrong = []
        found: dict[str, set[str]] = {}
        for number, pair in enumerate(pairs):
            if pair.query not in found:
                answer = ask(index, pair.query, limit=1000)
                found[pair.query] = set() if answer.loosened else set(ids(answer))
                assert answer.loosened or answer.total == len(answer.hits), pair.query
            if (record_id(number) in found[pair.query]) != pair.matches:
                wrong.append(pair)
        assert wrong == []

    def test_every_exact_hit_shows_what_matched(self, french: tuple[SearchIndex, list[Pair]]) -> None:
        index, pairs = french
        for pair in pairs:
            if pair.matches and not pair.query.startswith("-"):
                hits = ask(index, pair.query, limit=1000).hits
                bare = [hit.record_id for hit in hits if not hit.matches or not hit.matches[0].ranges]
                assert bare == [], pair.query

    # -- fields

    def test_title_and_reference_can_be_asked_alone(self, index: SearchIndex) -> None:
        put(
            index,
            entry(1, "la voirie", title="Budget primitif", reference="DEL-2026-04"),
            entry(2, "le budget", title="Travaux de voirie", reference="ARR-2026-04"),
        )
        assert ids(ask(index, "title:voirie")) == [record_id(2)]
        assert ids(ask(index, "titre:budget")) == [record_id(1)]
        assert ids(ask(index, 'title:"travaux de voirie"')) == [record_id(2)]
        assert ids(ask(index, "title:trav*")) == [record_id(2)]
        assert ids(ask(index, "reference:DEL-2026-04")) == [record_id(1)]
        assert ids(ask(index, "reference:arr*")) == [record_id(2)]
        assert ids(ask(index, "-title:voirie budget")) == [record_id(1)]
        assert ask(index, "title:primitive").total == 1
        assert ask(index, "reference:voirie").total == 0

    def test_words_of_title_description_reference_and_file_name_are_found(self, index: SearchIndex) -> None:
        put(
            index,
            entry(
                1,
                "page",
                title="Ormeaux",
                description="Peupliers",
                reference="XK-77",
                filename="arrete-114.pdf",
            ),
        )
        for text in (
            "ormeau",
            "peuplier",
            "XK-77",
            "arrete-114",
            "114",
            "arrete-114.pdf",
            "ormeau page peuplier",
        ):
            assert ids(ask(index, text)) == [record_id(1)], text

    @pytest.mark.parametrize("name", TEXTS)
    def test_a_word_of_every_text_field_is_found_and_shown(self, index: SearchIndex, name: str) -> None:
        put(index, entry(1, "page", **{name: "hippocampe"}), entry(2, "page"))
        answer = ask(index, "hippocampe")
        assert ids(answer) == [record_id(1)]
        assert not answer.loosened
        (match,) = answer.hits[0].matches
        assert (match.page, marked(match)) == (0, ["hippocampe"])

    def test_a_title_counts_more_than_a_page(self, index: SearchIndex) -> None:
        put(
            index,
            entry(1, "la fontaine"),
            entry(2, "le lavoir", title="La fontaine"),
            entry(3, "une fontaine"),
        )
        assert ids(ask(index, "fontaine"))[0] == record_id(2)

    def test_ranking_is_sane(self, index: SearchIndex) -> None:
        filler = " remplissage" * 60
        put(
            index,
            entry(1, "fontaine" + filler),
            entry(2, "fontaine fontaine fontaine" + " remplissage" * 58),
            entry(3, "fontaine"),
            entry(4, "lavoir et fontaine" + filler),
            *(entry(n, "lavoir" + filler) for n in range(10, 30)),
            entry(40, "place", title="La fontaine du lavoir"),
        )
        found = ids(ask(index, "fontaine"))
        assert found[0] == record_id(40), "the title"
        assert found.index(record_id(3)) < found.index(record_id(1)), "a short text before a long one"
        assert found.index(record_id(2)) < found.index(record_id(1)), "three times before once"
        either = ids(ask(index, "fontaine OR lavoir"))
        assert either[0] == record_id(40), "both words, in the title"
        assert either.index(record_id(1)) < either.index(record_id(10)), "the rarer word first"
        scores = [hit.score for hit in ask(index, "fontaine OR lavoir", limit=50).hits]
        assert scores == sorted(scores, reverse=True)

    def test_a_number_as_written_comes_first(self, index: SearchIndex) -> None:
        put(index, entry(1, "2024 117 habitants"), entry(2, "n° 2024-117 du"), entry(3, "2024/117"))
        assert ids(ask(index, "2024-117"))[0] == record_id(2)

    def test_phrases_stay_on_one_page(self, index: SearchIndex) -> None:
        put(index, entry(1, "à l’hôtel", "de ville"), entry(2, "à l’hôtel de ville"))
        assert ids(ask(index, '"hôtel de ville"')) == [record_id(2)]
        assert ask(index, "hôtel ville").total == 2

    # -- passages

    def test_passages_name_the_page_and_the_characters(self, index: SearchIndex) -> None:
        long = " ".join(["remplissage"] * 80)
        put(
            index,
            entry(
                1,
                "page de garde",
                "",
                f"{long}\nVu l’arrêté préfectoral n° 2024-117\ndu 3 mai, {long}",
                "rien ici",
                "un autre Arrêté",
            ),
        )
        (hit,) = ask(index, "arrete 2024-117").hits
        assert [match.page for match in hit.matches] == [3, 5]
        first = hit.matches[0]
        assert marked(first) == ["arrêté", "2024-117"]
        assert len(first.text) <= 200
        assert first.text.startswith("… ")
        assert first.text.endswith(" …")
        assert "\n" not in first.text
        assert "Vu l’arrêté préfectoral n° 2024-117 du 3 mai" in first.text
        assert marked(hit.matches[1]) == ["Arrêté"]

    def test_passages_of_short_texts_are_whole(self, index: SearchIndex) -> None:
        put(index, entry(1, "Vu l’œuvre\nde l’École"))
        (hit,) = ask(index, "oeuvre ecole").hits
        assert hit.matches == (Match(1, "Vu l’œuvre de l’École", ((5, 10), (16, 21))),)

    def test_phrases_are_marked_whole(self, index: SearchIndex) -> None:
        put(index, entry(1, "le conseil se réunit ; le Conseil municipal vote"))
        (hit,) = ask(index, '"conseil municipal"').hits
        assert marked(hit.matches[0]) == ["Conseil municipal"]

    def test_prefixes_are_marked(self, index: SearchIndex) -> None:
        put(index, entry(1, "Délibération et délibérés, Dé libre"))
        (hit,) = ask(index, "délib*").hits
        assert marked(hit.matches[0]) == ["Délibération", "délibérés"]

    def test_what_matches_outside_the_pages_is_page_zero(self, index: SearchIndex) -> None:
        put(index, entry(1, "texte", title="L’Île-d’Aix"), entry(2, "texte", description="pont de l’île"))
        found = {hit.record_id: hit.matches for hit in ask(index, "ile").hits}
        assert [(m.page, marked(m)) for m in found[record_id(1)]] == [(0, ["Île"])]
        assert [(m.page, marked(m)) for m in found[record_id(2)]] == [(0, ["île"])]

    def test_a_register_shows_its_best_pages(self, index: SearchIndex) -> None:
        pages = ["acte de naissance"] * 400
        pages[349] = "acte de naissance de Léonie Chassagne"
        put(index, entry(1, *pages))
        (hit,) = ask(index, "naissance chassagne").hits
        assert hit.matches[0].page == 350
        assert marked(hit.matches[0]) == ["naissance", "Chassagne"]
        assert 1 <= len(hit.matches) <= 3

    def test_combining_accents_and_odd_characters_keep_ranges_right(self, index: SearchIndex) -> None:
        put(index, entry(1, "𝔄 İstanbul e\u0301cole \ufb01nance ß \x00 arrêté"))
        (hit,) = ask(index, "ecole arrete").hits
        assert marked(hit.matches[0]) == ["école", "arrêté"]

    def test_everything_has_no_passages(self, index: SearchIndex) -> None:
        put(index, entry(1, "texte"))
        assert ask(index).hits[0].matches == ()

    # -- totals, facets, filters

    def test_totals_and_facets_count_the_whole_answer(self, index: SearchIndex) -> None:
        rng = random.Random(7)
        made = [
            entry(
                number,
                "voirie" if number % 3 else "budget",
                "deuxième page voirie",
                document_type=rng.choice(["arrete", "courrier", "délibération à vérifier", None]),
                producer=rng.choice(["Service technique", "Mairie / État civil", None]),
                rule=rng.choice(["FIN-03", None]),
                final_action=rng.choice(["keep", "destroy"]),
                classification=rng.choice(["2.3", "4"]),
            )
            for number in range(500)
        ]
        put(index, *made)
        for text, wanted in (
            ("", made),
            ("budget", [e for e in made if "budget" in e.pages]),
            ("voirie", made),
        ):
            answer = ask(index, text, limit=5)
            assert answer.total == len(wanted)
            assert len(answer.hits) == 5
            for facet in FACETS:
                expected = Counter(v for e in wanted if (v := getattr(e, facet)))
                assert {v.value: v.count for v in answer.facets[facet]} == expected
                counts = [v.count for v in answer.facets[facet]]
                assert counts == sorted(counts, reverse=True)

    def test_filters_take_any_value_of_a_facet_and_all_facets(self, index: SearchIndex) -> None:
        put(
            index,
            entry(1, "a", document_type="arrete", producer="A B"),
            entry(2, "a", document_type="courrier", producer="A B"),
            entry(3, "a", document_type="facture", producer="A B"),
            entry(4, "a", document_type="arrete", producer="C"),
            entry(5, "a"),
        )
        answer = ask(index, "a", filters={"document_type": ("arrete", "courrier"), "producer": ("A B",)})
        assert sorted(ids(answer)) == [record_id(1), record_id(2)]
        assert answer.total == 2
        assert {v.value: v.count for v in answer.facets["document_type"]} == {"arrete": 1, "courrier": 1}
        assert ask(index, filters={"document_type": ("arr",)}).total == 0
        assert ask(index, filters={"document_type": ("*", "arrete OR 1", "\ud800")}).total == 0

    def test_dates_are_inclusive_and_leave_out_what_has_none(self, index: SearchIndex) -> None:
        put(index, *(entry(n, "a", document_date=date(2026, 3, n)) for n in range(1, 6)), entry(9, "a"))
        assert ask(index, date_from=date(2026, 3, 2), date_to=date(2026, 3, 4)).total == 3
        assert ask(index, date_from=date(2026, 3, 5)).total == 1
        assert ask(index, date_to=date(2026, 3, 1)).total == 1
        assert ask(index, date_from=date(2026, 3, 4), date_to=date(2026, 3, 2)).total == 0
        put(
            index,
            entry(10, "a", document_date=date(1789, 7, 14)),
            entry(11, "a", document_date=date(9999, 1, 1)),
        )
        assert ask(index, date_to=date(1800, 1, 1)).total == 1

    def test_a_hit_says_what_it_is(self, index: SearchIndex) -> None:
        put(index, entry(1, "a", title="L’arrêté", document_type="arrete", document_date=date(2026, 3, 12)))
        (hit,) = ask(index, "a").hits
        assert (hit.record_id, hit.title, hit.document_type, hit.document_date) == (
            record_id(1),
            "L’arrêté",
            "arrete",
            date(2026, 3, 12),
        )
        assert hit.score > 0

    # -- order and going on

    def test_sorts(self, index: SearchIndex) -> None:
        put(
            index,
            entry(1, "a", title="École", document_date=date(2020, 1, 1), kept_at=START + timedelta(hours=3)),
            entry(2, "a", title="zone", document_date=None, kept_at=START + timedelta(hours=2)),
            entry(3, "a", title="abbaye", document_date=date(2021, 1, 1), kept_at=START + timedelta(hours=1)),
            entry(4, "a", title="Eau", document_date=date(2021, 1, 1), kept_at=START + timedelta(hours=1)),
        )

        def order(sort: Sort) -> list[int]:
            return [int(found[-4:]) for found in ids(ask(index, "a", sort=sort))]

        assert order(Sort.OLDEST_DOCUMENT) == [1, 3, 4, 2]
        assert order(Sort.NEWEST_DOCUMENT) == [4, 3, 1, 2]
        assert order(Sort.FIRST_KEPT) == [3, 4, 2, 1]
        assert order(Sort.LAST_KEPT) == [1, 2, 4, 3]
        assert order(Sort.TITLE) == [3, 4, 1, 2]
        assert [int(i[-4:]) for i in ids(ask(index))] == [1, 2, 4, 3], "nothing asked: last kept first"

    @pytest.mark.parametrize("sort", list(Sort))
    def test_paging_gives_every_record_once(self, many: SearchIndex, sort: Sort) -> None:
        seen: list[str] = []
        for answer in walk(many, 1000, sort=sort):
            assert answer.total == MANY
            seen += ids(answer)
        assert len(seen) == MANY
        assert len(set(seen)) == MANY

    def test_paging_an_answer_of_equal_scores(self, many: SearchIndex) -> None:
        seen = [found for answer in walk(many, 777, "séance") for found in ids(answer)]
        assert len(seen) == MANY // 2
        assert len(set(seen)) == MANY // 2
        again = [found for answer in walk(many, 1000, "séance") for found in ids(answer)]
        assert again == seen

    @pytest.mark.parametrize("sort", [Sort.OLDEST_DOCUMENT, Sort.LAST_KEPT, Sort.TITLE])
    def test_paging_stays_in_step_when_records_come_and_go(self, index: SearchIndex, sort: Sort) -> None:
        days = [date(2026, 1, 1) + timedelta(days=n * 7 % 30) for n in range(60)]
        put(index, *(entry(n, "a", title=f"T{n * 7 % 30:02d}", document_date=days[n]) for n in range(60)))
        whole = ids(ask(index, sort=sort, limit=100))
        first = ask(index, sort=sort, limit=20)
        gone, later = ids(first)[3:6], whole[40]
        changes: list[Change] = [Remove(found) for found in (*gone, later)]
        changes += [
            Upsert(entry(1000, "a", title="A", document_date=date(1900, 1, 1), kept_at=START + timedelta(days=9)))
        ]
        index.apply(TENANT, changes, 1)
        rest, after = [], first.next
        while after:
            answer = ask(index, sort=sort, limit=20, after=after)
            rest += ids(answer)
            after = answer.next
        assert rest == [found for found in whole[20:] if found != later]

    def test_a_cursor_belongs_to_its_question(self, index: SearchIndex) -> None:
        put(index, *(entry(n, "voirie") for n in range(5)))
        cursor = ask(index, "voirie", limit=2).next
        assert cursor is not None
        assert len(ask(index, "voirie", limit=3, after=cursor).hits) == 3
        for text, options in (
            ("budget", {}),
            ("voirie", {"sort": Sort.TITLE}),
            ("voirie", {"filters": {"rule": ("x",)}}),
            ("voirie", {"tenant": OTHER}),
        ):
            with pytest.raises(Refused) as refused:
                ask(index, text, limit=2, after=cursor, **options)
            assert refused.value.code == "bad_cursor"

    @pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "W10", "bnVsbA", "\ud800", "e30" * 900, "W1tbW1tb" * 300])
    def test_foreign_cursors_are_refused(self, index: SearchIndex, cursor: str) -> None:
        put(index, entry(1, "voirie"))
        with pytest.raises(Refused) as refused:
            ask(index, "voirie", after=cursor)
        assert refused.value.code == "bad_cursor"

    def test_the_last_part_has_no_next(self, index: SearchIndex) -> None:
        put(index, *(entry(n, "voirie") for n in range(4)))
        assert ask(index, "voirie", limit=4).next is None
        first = ask(index, "voirie", limit=2)
        assert ask(index, "voirie", limit=2, after=first.next).next is None

    # -- loosened

    def test_misread_words_are_found_when_nothing_is_exact(self, index: SearchIndex) -> None:
        put(
            index,
            entry(1, "la dé1ibératlon du conseil"),
            entry(2, "le cornmissaire enquêteur"),
            entry(3, "assainisscment collectif"),
            entry(4, "registre des naissances 2024"),
            entry(5, "rue de la Fontame"),
        )
        for text, number, word in (
            ("délibération", 1, "dé1ibératlon"),
            ("commissaire", 2, "cornmissaire"),
            ("assainissement", 3, "assainisscment"),
            ("assainissement collectif", 3, "assainisscment"),
            ('"assainissement collectif"', 3, "assainisscment"),
            ("naissamces", 4, "naissances"),
            ("fontaine", 5, "Fontame"),
        ):
            answer = ask(index, text)
            assert ids(answer) == [record_id(number)], text
            assert answer.loosened, text
            assert answer.total == 1
            assert word in marked(answer.hits[0].matches[0])

    def test_all_near_words_are_found_however_many(self, index: SearchIndex) -> None:
        words = [f"registr{one}{other}" for one in "abcdefghij" for other in "klmnopqrst"]
        put(index, *(entry(number, word) for number, word in enumerate(words)))
        answer = ask(index, "registrzz", limit=200)
        assert (answer.total, answer.loosened, len(answer.hits)) == (100, True, 100)

    def test_exact_answers_are_never_loosened(self, index: SearchIndex) -> None:
        put(index, entry(1, "délibération"), entry(2, "dé1ibération"))
        answer = ask(index, "délibération")
        assert (ids(answer), answer.loosened) == ([record_id(1)], False)

    def test_numbers_and_short_words_are_never_loosened(self, index: SearchIndex) -> None:
        put(index, entry(1, "délibération 2024-117 de la rue"))
        for text in (
            "2024-118",
            "2025-117",
            "118",
            "rud",
            "xyzxyzxyz",
            "reference:2024-117",
            "délibération 2025",
        ):
            answer = ask(index, text)
            assert (answer.total, answer.hits, answer.loosened) == (0, (), False), text

    def test_what_is_excluded_stays_excluded_when_loosened(self, index: SearchIndex) -> None:
        put(index, entry(1, "assainisscment collectif"), entry(2, "assainisscment individuel"))
        answer = ask(index, "assainissement -collectif")
        assert (ids(answer), answer.loosened) == ([record_id(2)], True)

    def test_a_loosened_answer_goes_on(self, index: SearchIndex) -> None:
        put(index, *(entry(n, "assainisscment") for n in range(30)))
        parts = list(walk(index, 7, "assainissement"))
        assert all(part.loosened and part.total == 30 for part in parts)
        assert len({found for part in parts for found in ids(part)}) == 30

    # -- hostile questions

    @pytest.mark.parametrize(
        ("text", "position"),
        [
            ('"', 0),
            ('arrêté "du 3 mai', 7),
            ("« arrêté", 0),
            ("*", 0),
            ("a*", 1),
            ("*arrêté", 0),
            ("arr*té", 3),
            ("voirie **", 7),
            ("OR", 0),
            ("OR voirie", 0),
            ("voirie OR", 7),
            ("voirie OR OR budget", 10),
            ("voirie OR -budget", 10),
            ("-voirie OR budget", 8),
            ("title:", 6),
            ("title: voirie", 6),
            ("reference:\"", 10),
            ("title:!!", 8),
            ("!!! ??", 0),
            ("  ;", 2),
            ("voirie \ud800", 7),
            ("x" * 1001, 1000),
        ],
    )  # fmt: skip
    def test_broken_questions_are_refused_with_the_position(self, index: SearchIndex, text: str, position: int) -> None:
        put(index, entry(1, "voirie"))
        with pytest.raises(Refused) as refused:
            ask(index, text)
        assert refused.value.code == "bad_query"
        assert refused.value.values["position"] == position
        assert "{" not in str(refused.value)

    @pytest.mark.parametrize(
        "text",
        [
            "voirie)", "((voirie", "voirie^2", "voirie~2", "voirie AND", "NOT voirie", "[a TO b]", "text:voirie",
            "_id:1",
            "http://exemple.fr/?a=1&b=2", "voirie\x00budget", "voirie\\", "/.*/", "a:b:c", "l'", "voirie l'",
            "-- voirie",
            "- voirie", "voirie -", "🏛️ voirie", "voirie\u202eeiriov", "'; DROP TABLE records; --", "<script>",
            "%00", "½ voirie",
            "ﷺ", "\u0301\u0301voirie", "ǅ", "voirie " * 60, "a" * 1000, "1" * 1000, "é" * 999,
            '"' + "voirie " * 100 + '"',
            "aa-" * 300, "2024-" * 150, "..", "l’l’l’l’", "title:voirie:budget", "de la le les", '"de la"', "et", "OU",
        ],
    )  # fmt: skip
    def test_odd_questions_are_answered_or_refused(self, index: SearchIndex, text: str) -> None:
        put(index, entry(1, "voirie"))
        try:
            answer = ask(index, text)
        except Refused as error:
            refused = error
        else:
            assert answer.total >= 0
            return
        assert refused.code == "bad_query"
        assert 0 <= int(str(refused.values["position"])) <= len(text)

    def test_a_phrase_of_many_words_with_several_stems_is_answered(self, index: SearchIndex) -> None:
        put(index, entry(1, "les usagers " * 60), entry(2, "usagers"))
        assert ids(ask(index, '"' + "les usagers " * 50 + '"')) == [record_id(1)]
        assert ask(index, '"' + "emplois usagers " * 40 + '"').total == 0
        assert ask(index, " OR ".join(["usag*", *(f'"usagers emplois {n}"' for n in range(25))])).total == 2

    def test_random_questions_never_break(self, index: SearchIndex) -> None:
        put(index, entry(1, "voirie arrêté 2024-117 l’école"), entry(2, "conseil"))
        rng = random.Random(20261124)
        alphabet = string.printable + "éœ’“”«»…‑–—\u00a0\u202f\ufeff\u200d٣½ß\U0001f3db"
        refusals: list[tuple[str, Refused]] = []
        words = ["OR", "title:", '"', "*", "-", "voirie", "l’", "2024-117", " ", "arr*", "reference:"]
        for _ in range(1500):
            count = rng.randrange(1, 12)
            text = "".join(rng.choice(words) if rng.random() < 0.5 else rng.choice(alphabet) for _ in range(count))
            try:
                ask(index, text)
            except Refused as refused:
                refusals.append((text, refused))
        assert [text for text, refused in refusals if refused.code != "bad_query"] == []
        assert [text for text, refused in refusals if not 0 <= int(str(refused.values["position"])) <= len(text)] == []
        assert 0 < len(refusals) < 1500

    # -- tenants

    def test_tenants_do_not_see_each_other(self, index: SearchIndex) -> None:
        put(index, entry(1, "voirie secrète", document_type="arrete"))
        put(index, entry(2, "voirie", tenant=OTHER), tenant=OTHER, position=9)
        assert ids(ask(index, "voirie")) == [record_id(1)]
        assert ids(ask(index, "voirie", tenant=OTHER)) == [record_id(2)]
        assert ask(index, "secrète", tenant=OTHER).total == 0
        assert ask(index, tenant=OTHER).facets["document_type"] == ()
        assert list(index.record_ids(OTHER)) == [(record_id(2), 1)]
        assert (index.position(TENANT), index.position(OTHER)) == (0, 9)

    def test_a_tenant_without_index_has_an_empty_answer(self, index: SearchIndex) -> None:
        answer = ask(index, "voirie", tenant="jamais-vu")
        assert (answer.hits, answer.total, answer.loosened, answer.next) == ((), 0, False, None)
        assert set(answer.facets) == set(FACETS)
        assert index.position("jamais-vu") == -1
        assert list(index.record_ids("jamais-vu")) == []

    # -- following

    def test_position_is_kept_with_the_changes(self, index: SearchIndex) -> None:
        assert index.position(TENANT) == -1
        put(index, entry(1, "voirie"), position=41)
        assert index.position(TENANT) == 41
        index.apply(TENANT, [], 57)
        assert index.position(TENANT) == 57
        assert ask(index).total == 1

    def test_applying_twice_changes_nothing(self, index: SearchIndex) -> None:
        changes: list[Change] = [
            Upsert(entry(1, "voirie", "budget")),
            Upsert(entry(2, "voirie")),
            Remove(record_id(2)),
        ]
        index.apply(TENANT, changes, 3)
        once = ask(index, "voirie")
        index.apply(TENANT, changes, 3)
        assert ids(ask(index, "voirie")) == ids(once) == [record_id(1)]
        assert ask(index).total == 1
        index.apply(TENANT, [Upsert(entry(2, "voirie"))], 2)
        assert ask(index).total == 1, "an older position was applied before"
        assert index.position(TENANT) == 3

    def test_a_record_is_replaced_whole(self, index: SearchIndex) -> None:
        put(index, entry(1, "voirie", "fontaine", title="Ancien", document_type="arrete"))
        put(index, entry(1, "budget", revision=2, title="Nouveau", document_type="courrier"), position=1)
        assert ask(index, "voirie").total == ask(index, "fontaine").total == ask(index, "title:ancien").total == 0
        (hit,) = ask(index, "budget").hits
        assert hit.title == "Nouveau"
        assert [v.value for v in ask(index).facets["document_type"]] == ["courrier"]
        assert list(index.record_ids(TENANT)) == [(record_id(1), 2)]

    def test_an_older_revision_does_not_replace_a_newer(self, index: SearchIndex) -> None:
        put(index, entry(1, "budget", revision=3), position=1)
        put(index, entry(1, "voirie", revision=2), position=2)
        index.apply(TENANT, [Upsert(entry(2, "a", revision=5)), Upsert(entry(2, "b", revision=4))], 3)
        assert ask(index, "voirie").total == 0
        assert sorted(index.record_ids(TENANT)) == [(record_id(1), 3), (record_id(2), 5)]
        assert index.position(TENANT) == 3

    def test_a_removed_record_is_gone(self, index: SearchIndex) -> None:
        put(index, entry(1, "voirie", "page deux"), entry(2, "voirie"))
        index.apply(TENANT, [Remove(record_id(1)), Remove(record_id(99))], 1)
        assert ids(ask(index, "voirie")) == [record_id(2)]
        assert ask(index).total == 1
        index.apply(TENANT, [Remove(record_id(2)), Upsert(entry(2, "budget", revision=2))], 2)
        assert ask(index, "budget").total == 1

    def test_release_lets_it_go_on(self, index: SearchIndex) -> None:
        put(index, entry(1, "voirie"), position=1)
        index.release()
        index.release()
        put(index, entry(2, "voirie"), position=2)
        assert ask(index, "voirie").total == 2

    # -- rebuilding

    def test_rebuilding_goes_on_beside_and_swaps(self, index: SearchIndex) -> None:
        put(index, entry(1, "voirie"), position=5)
        rebuilt = index.begin_rebuild(TENANT)
        assert rebuilt.position(TENANT) == -1
        rebuilt.apply(TENANT, [Upsert(entry(1, "budget")), Upsert(entry(2, "budget"))], 6)
        assert ask(index, "budget").total == 0
        put(index, entry(3, "voirie"), position=7)
        assert ask(index, "voirie").total == 2
        index.finish_rebuild(TENANT, rebuilt)
        assert ask(index, "voirie").total == 0
        assert ask(index, "budget").total == 2
        assert index.position(TENANT) == 6, "what was followed into the old index meanwhile is followed again"
        put(index, entry(3, "voirie"), position=7)
        assert ask(index).total == 3

    def test_rebuilding_the_same_gives_the_same_answers(self, french: tuple[SearchIndex, list[Pair]]) -> None:
        index, pairs = french
        before = {pair.query: sorted(ids(ask(index, pair.query, limit=1000))) for pair in pairs}
        rebuilt = index.begin_rebuild(TENANT)
        rebuilt.apply(TENANT, [Upsert(entry(number, pair.text)) for number, pair in enumerate(pairs)], 0)
        index.finish_rebuild(TENANT, rebuilt)
        assert {pair.query: sorted(ids(ask(index, pair.query, limit=1000))) for pair in pairs} == before

    def test_an_abandoned_rebuild_leaves_no_trace(self, index: SearchIndex) -> None:
        put(index, entry(1, "voirie"), position=5)
        abandoned = index.begin_rebuild(TENANT)
        abandoned.apply(TENANT, [Upsert(entry(2, "budget"))], 9)
        with pytest.raises(Refused) as refused:
            index.begin_rebuild(TENANT)
        assert refused.value.code == "rebuild_running"
        abandoned.close()
        assert ask(index).total == 1
        assert index.position(TENANT) == 5
        second = index.begin_rebuild(TENANT)
        assert second.position(TENANT) == -1
        second.close()

    # -- what one may not read is neither found, nor counted, nor guessed from an answer

    def test_records_left_out_are_in_no_part_of_an_answer(self, index: SearchIndex) -> None:
        put(
            index,
            entry(1, "le pont de la Creuse", producer="Voirie"),
            entry(2, "le pont zirconium", "la page du pont", producer="Police"),
        )
        answer = ask(index, "pont", without=frozenset({record_id(2)}))
        assert (ids(answer), answer.total) == ([record_id(1)], 1)
        assert [(one.value, one.count) for one in answer.facets["producer"]] == [("Voirie", 1)]
        assert ask(index, "", without=frozenset({record_id(1), record_id(2)})).total == 0
        assert ask(index, "pont", without=frozenset()).total == 2

    def test_a_word_of_a_record_left_out_is_unknown(self, index: SearchIndex) -> None:
        hidden = frozenset({record_id(2)})
        put(index, entry(1, "le pont zirconien"), entry(2, "le pont zirconium"))
        there = ask(index, "zirconium pont", without=hidden)
        put(index, entry(2, "le pont de bois", revision=2), position=1)
        gone = ask(index, "zirconium pont", without=hidden)
        assert (ids(there), there.loosened) == (ids(gone), gone.loosened) == ([record_id(1)], True)

    def test_an_answer_goes_on_when_more_is_left_out(self, index: SearchIndex) -> None:
        put(index, *(entry(n, "le pont") for n in range(1, 7)))
        first = ask(index, "pont", limit=2, sort=Sort.LAST_KEPT)
        hidden = frozenset({record_id(3)})
        rest = ask(index, "pont", limit=9, sort=Sort.LAST_KEPT, after=first.next, without=hidden)
        assert ids(first) + ids(rest) == [record_id(n) for n in (6, 5, 4, 2, 1)]
