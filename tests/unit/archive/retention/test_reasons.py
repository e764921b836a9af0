"""Why: each date and each thing that is missing is one sentence, with all that it rests on."""

from __future__ import annotations

from datetime import date

import pytest

from archive.retention.dates import Unit
from archive.retention.declarations import Convention, GivenStart, Path
from archive.retention.facts import Facts
from archive.retention.reasons import FRENCH, Lasting, Since, Words, in_french
from archive.retention.resolution import Resolution, resolve
from archive.retention.rules import Rule
from tests.unit.archive.retention.plan import (
    DESTROY,
    KEEP,
    SORT,
    a_class,
    a_file,
    a_record,
    a_rule,
    a_type,
    declares,
)

CLOSED = date(2020, 2, 29)


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u00a0", " ")


def told(found: Resolution) -> list[str]:
    return [plain(in_french(reason)) for reason in found.reasons]


def by_one(rule: Rule, *path: object, facts: Facts | None = None) -> list[str]:
    return told(resolve([path], facts or Facts(date(2019, 7, 14)), {rule.code: rule}))  # type: ignore[list-item]


def test_a_date_is_told_with_event_duration_rule_version_law_node_and_first_day() -> None:
    """Section 3, why; D1."""
    rule = Rule("ADM-3", 4, "x", 10, Unit.YEAR, "calendar_year_end", DESTROY, True, "code général, art. L1")
    assert by_one(rule, a_file("2021-07", CLOSED), a_class("2", declares("ADM-3"))) == [
        (
            "Jusqu’au 31 décembre 2030, parce que la classe 2 « Classe 2 » le prévoit (règle ADM-3, version 4, "
            "code général, art. L1) : 10 ans à compter de la fin de l’année de clôture du dossier 2021-07 "
            "« Dossier 2021-07 » (31 décembre 2020)."
        ),
        "Il pourra ensuite être éliminé, avec un visa.",
        "Rien n’en est éliminé avant le 1er janvier 2031.",
    ]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ((a_record(declares("R")),), "parce que c’est indiqué sur le document lui-même (règle R, version 1)"),
        ((a_file("F", CLOSED, declares("R")),), "parce que le dossier F « Dossier F » le prévoit (règle R, version 1)"),
        ((a_class("2", declares("R")),), "parce que la classe 2 « Classe 2 » le prévoit (règle R, version 1)"),
        ((a_type("R"),), "parce que c’est une facture (règle R, version 1)"),
        ((a_type("R", phrase=None),), "parce que c’est un document de type « Facture » (règle R, version 1)"),
    ],
)
def test_the_node_that_brought_a_rule_is_named(path: Path, why: str) -> None:
    """R1."""
    for rule in (a_rule(1), a_rule(None), a_rule(1, start="birth_date"), a_rule(1, sure=False)):
        assert why in by_one(rule, *path)[0]


@pytest.mark.parametrize(
    ("start", "facts", "file", "count"),
    [
        ("document_date", Facts(CLOSED), None, "à compter de la date du document (29 février 2020)"),
        ("document_date", Facts(), CLOSED, "à compter de la clôture du dossier F « Dossier F » (29 février 2020)"),
        ("fiscal_year_end", Facts(CLOSED), None, "de la fin de l’exercice budgétaire (31 décembre 2020)"),
        ("fiscal_year_end", Facts(CLOSED, None, 2019), None, "de la fin de l’exercice 2019 (31 décembre 2019)"),
        ("fiscal_year_end", Facts(), CLOSED, "de la fin de l’exercice de clôture du dossier F « Dossier F »"),
        ("school_year_end", Facts(), CLOSED, "de la fin de l’année scolaire de clôture du dossier F « Dossier F »"),
        ("final_payment", Facts(closed_on=CLOSED), None, "à compter du solde du marché (29 février 2020)"),
        (
            "death_date",
            Facts(events={"death_date": (CLOSED,)}),
            CLOSED,
            "à compter de la date du décès de la personne (29 février 2020)",
        ),
    ],
)
def test_the_event_is_told_as_it_was_found(start: str, facts: Facts, file: date | None, count: str) -> None:
    path = (a_file("F", file), a_type("R")) if file else (a_type("R"),)
    assert count in by_one(a_rule(1, start=start), *path, facts=facts)[0]


@pytest.mark.parametrize(
    ("start", "in_file", "missing"),
    [
        ("document_date", False, "et il manque la date du document."),
        ("calendar_year_end", False, "et il manque la date du document."),
        ("final_payment", False, "et il manque la date de clôture."),
        ("birth_date", False, "et cette date n’est pas connue ici."),
        ("no_such_event", False, "à compter de « no_such_event », et cette date n’est pas connue ici."),
        ("document_date", True, "et le dossier F « Dossier F » n’est pas clos."),
        ("file_closing", True, "et le dossier F « Dossier F » n’est pas clos."),
        ("final_payment", True, "et aucun événement n’en a donné la date."),
    ],
)
def test_what_is_missing_is_named(start: str, in_file: bool, missing: str) -> None:
    """D9."""
    path = (a_file("F"), a_type("R")) if in_file else (a_type("R"),)
    (sentence,) = by_one(a_rule(1, start=start), *path, facts=Facts())
    assert sentence.endswith(missing)
    assert sentence.startswith("Sans date de fin pour l’instant, parce que")
    (kept,) = by_one(a_rule(1, start=start, action=KEEP), *path, facts=Facts())
    assert kept.startswith("Définitivement, parce que")


def test_a_rule_not_sure_tells_what_else_is_missing() -> None:
    first, second = by_one(a_rule(1, sure=False), a_type("R"), facts=Facts())
    assert first.endswith(
        "la source de cette règle n’a pas été lue en entier, et aucun archiviste ne l’a encore validée."
    )
    assert second.endswith("et il manque la date du document.")


def test_a_given_start_is_told_with_its_convention_and_node() -> None:
    """D11."""
    root = a_class("2", declares("R"))
    for convention, words in (
        (Convention.OURS, "5 ans à compter du 1er janvier 2002, date donnée avec le dossier F « Dossier F »"),
        (Convention.SEDA, "5 ans dont le premier jour est le 1er janvier 2002, date donnée avec le dossier F « D"),
    ):
        start = GivenStart(date(2002, 1, 1), convention)
        file = a_file("F", None, declares(starts={"R": start}))
        assert words in by_one(a_rule(5), file, root)[0]


def test_several_rules_are_all_told_and_a_conflict_last() -> None:
    """R3."""
    rules = {"A": a_rule(5, code="A"), "B": a_rule(10, action=SORT, code="B")}
    facts = Facts(date(2018, 12, 31))
    found = resolve([(a_class("1", declares("A")),), (a_class("2", declares("B")),)], facts, rules)
    first, _, second, _, which, conflict = told(found)
    assert first.startswith("Jusqu’au 31 décembre 2023, parce que la classe 1")
    assert second.startswith("Jusqu’au 31 décembre 2028, parce que la classe 2")
    assert which == "Toutes ces durées doivent être écoulées : la plus tardive l’emporte."
    assert conflict.startswith("Ces règles ne prévoient pas le même sort final")
    assert conflict.endswith("le plus prudent vaut : Trier.")
    assert plain(found.explanation) == " ".join(told(found))
    undated = told(resolve([(a_class("1", declares("A", "GONE")),)], facts, rules))
    assert "Toutes ces règles s’appliquent : tant que l’une n’a pas de fin, il n’y en a pas." in undated


def test_one_rule_along_two_paths_is_told_once() -> None:
    rules = {"R": a_rule(5, validated=True)}
    paths = [(a_class(code), a_class("0", declares("R"))) for code in ("1", "2")]
    assert len(told(resolve(paths, Facts(date(2018, 12, 31)), rules))) == 3


def test_what_is_kept_for_ever_may_be_transferred_from_its_first_day() -> None:
    sentences = by_one(a_rule(1, action=KEEP), a_type("R"))
    assert sentences[-1] == "Il peut être transmis aux archives à partir du 15 juillet 2020."


def test_values_are_not_read_as_places() -> None:
    odd = a_class("{0}", declares("R"))
    assert "la classe {0} « Classe {0} »" in by_one(a_rule(1), odd)[0]


def test_french_contracts_and_spaces() -> None:
    say = in_french(Words("« {a} » : {b} {c}", {"a": "x : y", "b": Lasting(1, Unit.YEAR), "c": Since("le décès")}))
    assert say == "«\u202fx : y\u202f»\u202f: 1\u00a0an du décès"
    assert FRENCH.lasting(0, Unit.DAY) == "0\u00a0jour"
    assert FRENCH.lasting(2, Unit.MONTH) == "2\u00a0mois"
