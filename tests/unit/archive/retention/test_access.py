"""Access under several codes: each must be over, the latest decides, and the sentence tells all."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.retention.access import Access, access_codes, access_of, access_rules

DAYS = st.dates(date(1800, 1, 1), date(2100, 12, 31))
MAYBE = st.none() | DAYS
FACTS = st.fixed_dictionaries(
    {"document_date": MAYBE, "closed_on": MAYBE, "death": MAYBE, "birth": MAYBE, "newest_in_file": MAYBE}
)
CODES = st.sampled_from([*access_rules()])
SIGNS = st.sampled_from([*access_rules(), "AR999", "perdu"])


def of(rule: str | None, **known: date) -> Access:
    return access_of(rule, **({"document_date": None, "closed_on": None} | known))


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u00a0", " ")


# -- the acceptance examples of the specification


@pytest.mark.parametrize(
    ("code", "known", "opens"),
    [
        pytest.param("AR042", {"document_date": date(2000, 5, 10)}, date(2025, 5, 11), id="A1"),
        pytest.param("AR043", {"death": date(1998, 3, 1)}, date(2023, 3, 2), id="A2 death known"),
        pytest.param("AR043", {"birth": date(1920, 7, 14)}, date(2040, 7, 15), id="A2 death unknown"),
        pytest.param(
            "AR052", {"document_date": date(1960, 1, 1), "death": date(1990, 6, 30)}, date(2015, 7, 1), id="A3"
        ),
        pytest.param(
            "AR048",
            {"document_date": date(1975, 1, 1), "newest_in_file": date(1980, 11, 3)},
            date(2030, 11, 4),
            id="A4 newest of 1980",
        ),
        pytest.param(
            "AR048",
            {"document_date": date(1975, 1, 1), "newest_in_file": date(1981, 2, 2)},
            date(2031, 2, 3),
            id="A4 one of 1981 added",
        ),
        pytest.param(
            "AR048", {"document_date": date(1981, 2, 2), "newest_in_file": date(1980, 11, 3)}, date(2031, 2, 3)
        ),
    ],
)
def test_the_examples(code: str, known: dict[str, date], opens: date) -> None:
    assert of(code, **known).communicable_on == opens


# -- several codes


def test_private_life_and_medical_secret_wait_for_the_later_of_both() -> None:
    known = {"document_date": date(1980, 11, 3), "birth": date(1920, 7, 14), "death": date(1998, 3, 1)}
    both = of("AR048 AR043", **known)
    assert both.communicable_on == date(2030, 11, 4)
    assert both.decided_by == "AR048"
    text = plain(both.explanation)
    assert text.startswith("Communicable à partir du 4 novembre 2030 : vie privée")
    assert "2 règles d’accès s’appliquent" in text
    assert text.endswith("La règle AR043 ouvrirait le 2 mars 2023.")
    assert [reason.code for reason in both.reasons] == ["access_dated", "access_several", "access_other"]
    alive = of("AR048 AR043", document_date=date(1980, 11, 3), birth=date(1960, 7, 14))
    assert (alive.communicable_on, alive.decided_by) == (date(2080, 7, 15), "AR043")


@pytest.mark.parametrize(
    ("rule", "decides", "words"),
    [
        ("AR048 AR043", "AR043", ["décès", "date inconnue ici", "La règle AR048 ouvrirait le 4 novembre 2030"]),
        ("AR062 AR048", "AR062", ["Jamais", "La règle AR048 ouvrirait le 4 novembre 2030"]),
        ("AR043 AR062", "AR062", ["Jamais", "La règle AR043 n’a pas de date connue"]),
        ("AR999 AR048", "AR999", ["« AR999 » n’est pas dans la liste nationale", "La règle AR048 ouvrirait le"]),
        ("AR048 AR999", "AR999", ["« AR999 » n’est pas dans la liste nationale"]),
        ("AR062 AR999", "AR999", ["liste nationale", "La règle AR062 n’ouvre jamais"]),
    ],
)
def test_one_code_that_has_no_day_closes_the_record(rule: str, decides: str, words: list[str]) -> None:
    access = of(rule, document_date=date(1980, 11, 3))
    assert (access.communicable_on, access.decided_by) == (None, decides)
    for word in words:
        assert word in plain(access.explanation)


def test_without_delay_gives_way_to_any_delay() -> None:
    access = of("AR038 AR048", document_date=date(1980, 11, 3))
    assert (access.communicable_on, access.decided_by) == (date(2030, 11, 4), "AR048")
    assert "La règle AR038 ne demande aucun délai" in plain(access.explanation)
    undated = of("AR038 AR043", death=date(1998, 3, 1))
    assert undated.communicable_on == date(2023, 3, 2)


def test_codes_are_read_once_each_and_in_order() -> None:
    assert access_codes(" AR048\tAR043  AR048\n") == ("AR048", "AR043")
    assert access_codes(None) == access_codes(" ") == ()
    assert "à compléter" in of(" ").explanation
    known = {"document_date": date(1980, 11, 3)}
    assert of("AR048 AR048", **known) == of("AR048", **known)


@given(codes=st.lists(SIGNS, min_size=1, max_size=5), facts=FACTS)
def test_the_latest_code_wins(codes: list[str], facts: dict[str, date | None]) -> None:
    access = access_of(" ".join(codes), **facts)
    alone = {code: access_of(code, **facts) for code in codes}
    assert access.decided_by in alone
    assert access.communicable_on == alone[access.decided_by].communicable_on
    without_delay = {code for code in codes if code == "AR038"}
    days = [one.communicable_on for code, one in alone.items() if code not in without_delay]
    if None in days:
        assert access.communicable_on is None
    elif days:
        assert access.communicable_on == max(
            [*(day for day in days if day), *(d for c in without_delay if (d := alone[c].communicable_on))]
        )
    for code in alone:
        assert code in access.explanation


@given(codes=st.permutations(["AR038", "AR043", "AR048", "AR054", "AR062", "AR999"]), facts=FACTS)
def test_the_order_of_codes_does_not_matter(codes: list[str], facts: dict[str, date | None]) -> None:
    some = codes[:3]
    first, other = access_of(" ".join(some), **facts), access_of(" ".join(reversed(some)), **facts)
    assert first.communicable_on == other.communicable_on


@given(codes=st.lists(CODES, min_size=1, max_size=4), more=CODES, facts=FACTS)
def test_one_more_code_never_opens_a_record_sooner(codes: list[str], more: str, facts: dict[str, date | None]) -> None:
    before = access_of(" ".join(codes), **facts).communicable_on
    after = access_of(" ".join([*codes, more]), **facts).communicable_on
    if before is None:
        assert after is None or set(codes) == {"AR038"}
    elif after is not None:
        assert after >= before


@given(codes=st.lists(CODES, min_size=1, max_size=3), facts=FACTS, newer=DAYS)
def test_a_newer_document_in_the_file_never_opens_it_sooner(
    codes: list[str], facts: dict[str, date | None], newer: date
) -> None:
    facts = facts | {"newest_in_file": facts["newest_in_file"] or date(1850, 1, 1)}
    older = facts["newest_in_file"]
    assert older is not None
    before = access_of(" ".join(codes), **facts).communicable_on
    after = access_of(" ".join(codes), **(facts | {"newest_in_file": max(older, newer)})).communicable_on
    assert (before is None) is (after is None)
    if before is not None and after is not None:
        assert after >= before
