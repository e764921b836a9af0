"""Deposit agreements: whom they bind, and each limit from both sides."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from archive.model.agreement_terms import read_agreement
from archive.model.deposit_agreements import Agreement, FoundFormat, Offered, choose
from signing.ground.errors import Refused

DAY = date(2026, 3, 12)
AGREEMENT = Agreement("CONV-1", "Factures", services=("FIN",))


def offered(**given: Any) -> Offered:
    values: dict[str, Any] = {
        "agent": "key:1",
        "services": ("FIN-1", "FIN"),
        "fields": {"producer": "Finances"},
        "size": 100,
        "format": lambda: FoundFormat("application/pdf", "fmt/20"),
        "received": lambda _code: 0,
    }
    return Offered(**(values | given))


def chosen(agreements: list[Agreement], what: Offered, named: str | None = None, **more: Any) -> str | None:
    found = choose(agreements, what, named, more.pop("day", DAY), **more)
    return found.code if found is not None else None


def refusal(agreements: list[Agreement], what: Offered, named: str | None = None, **more: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        chosen(agreements, what, named, **more)
    assert caught.value.kept == "Rien n’a été conservé."
    assert str(caught.value), "every place of its texts is filled"
    return caught.value


def test_an_agreement_binds_its_service_and_those_below_it_and_nobody_else() -> None:
    assert chosen([AGREEMENT], offered()) == "CONV-1"
    assert chosen([AGREEMENT], offered(services=("RH",))) is None
    assert chosen([AGREEMENT], offered(services=())) is None
    assert chosen([], offered()) is None


def test_where_an_agreement_is_required_nothing_is_taken_without_one() -> None:
    error = refusal([AGREEMENT], offered(services=("RH",)), required=True)
    assert (error.code, error.pointer) == ("agreement_missing", "/producer")
    assert refusal([], offered(), required=True).code == "agreement_missing"
    assert chosen([AGREEMENT], offered(), required=True) == "CONV-1"


def test_a_named_depositor_deposits_for_the_named_service_alone() -> None:
    one = replace(AGREEMENT, depositors=("key:1",))
    assert chosen([one], offered()) == "CONV-1"
    assert chosen([one], offered(agent="key:2")) is None
    error = refusal([one], offered(services=("RH",), fields={"producer": "RH"}))
    assert (error.code, error.pointer) == ("agreement_of_another", "/producer")
    assert chosen([one], offered(services=(), fields={})) == "CONV-1", "its only service is understood"
    two = replace(one, services=("FIN", "RH"))
    assert refusal([two], offered(services=(), fields={})).code == "agreement_of_another"


def test_the_nearest_agreement_goes_first_and_the_first_that_admits_is_taken() -> None:
    high = replace(AGREEMENT, code="A-HIGH")
    low = replace(AGREEMENT, code="B-LOW", services=("FIN-1",))
    own = replace(AGREEMENT, code="C-OWN", services=(), depositors=("key:1",))
    assert chosen([high, low], offered()) == "B-LOW"
    assert chosen([high, low, own], offered()) == "C-OWN"
    assert chosen([high, low, replace(own, max_bytes=99)], offered()) == "B-LOW"
    error = refusal([replace(one, max_bytes=99) for one in (high, low, own)], offered())
    assert (error.code, error.values["agreement"]) == ("agreement_size", "C-OWN")


def test_a_deposit_may_name_its_agreement() -> None:
    other = replace(AGREEMENT, code="CONV-2")
    assert chosen([AGREEMENT, other], offered(), "CONV-2") == "CONV-2"
    assert refusal([AGREEMENT], offered(), "CONV-9").code == "agreement_unknown"
    assert refusal([AGREEMENT], offered(services=("RH",)), "CONV-1").code == "agreement_of_another"


@pytest.mark.parametrize(
    ("day", "is_in_force"),
    [("2026-02-28", False), ("2026-03-01", True), ("2026-06-30", True), ("2026-07-01", False)],
)
def test_an_agreement_counts_from_its_first_day_to_its_last(day: str, is_in_force: bool) -> None:
    one = replace(AGREEMENT, valid_from=date(2026, 3, 1), valid_until=date(2026, 6, 30))
    when = date.fromisoformat(day)
    if is_in_force:
        assert chosen([one], offered(), day=when) == "CONV-1"
    else:
        assert refusal([one], offered(), day=when).code == "agreement_not_in_force"
        assert chosen([one, replace(AGREEMENT, code="CONV-2")], offered(), day=when) == "CONV-2"


def test_a_suspended_agreement_takes_nothing() -> None:
    assert refusal([replace(AGREEMENT, suspended=True)], offered()).code == "agreement_not_in_force"


@pytest.mark.parametrize(
    ("terms", "admitted", "refused", "code"),
    [
        (
            {"document_types": ("facture",)},
            {"fields": {"document_type": "facture"}},
            {"fields": {"document_type": "marche"}},
            "agreement_document_type",
        ),
        (
            {"document_types": ("facture",), "defaults": {"document_type": "facture"}},
            {"fields": {}},
            {"fields": {"document_type": "marche"}},
            "agreement_document_type",
        ),
        ({"document_types": ("facture",)}, {"fields": {"document_type": "facture"}}, {}, "agreement_document_type"),
        ({"max_bytes": 100}, {"size": 100}, {"size": 101}, "agreement_size"),
        ({"max_per_month": 3}, {"received": lambda _: 2}, {"received": lambda _: 3}, "agreement_month_full"),
        (
            {"formats": ("application/pdf",)},
            {},
            {"format": lambda: FoundFormat("image/png", "fmt/11")},
            "agreement_format",
        ),
        (
            {"formats": ("fmt/20",)},
            {},
            {"format": lambda: FoundFormat("application/pdf", "fmt/18")},
            "agreement_format",
        ),
        (
            {"formats": ("image/*",)},
            {"format": lambda: FoundFormat("image/png", None)},
            {"format": lambda: FoundFormat("imagex/png", None)},
            "agreement_format",
        ),
        ({"formats": ("image/*",)}, {"format": lambda: FoundFormat("image/png", None)}, {}, "agreement_format"),
        ({"formats": ("fmt/20",)}, {}, {"format": lambda: FoundFormat(None, None)}, "agreement_format"),
    ],
    ids=["type", "default type", "no type", "size", "month", "media type", "puid", "family", "other", "unrecognised"],
)
def test_each_limit_admits_on_one_side_and_refuses_on_the_other(
    terms: dict[str, Any], admitted: dict[str, Any], refused: dict[str, Any], code: str
) -> None:
    one = replace(AGREEMENT, **terms)
    assert chosen([one], offered(**admitted)) == "CONV-1"
    assert refusal([one], offered(**refused)).code == code


def test_the_format_is_looked_for_only_where_an_agreement_limits_it() -> None:
    def never() -> FoundFormat:
        raise AssertionError("looked for")

    assert chosen([AGREEMENT], offered(format=never)) == "CONV-1"
    full = replace(AGREEMENT, formats=("fmt/20",), max_bytes=1)
    assert refusal([full], offered(format=never)).code == "agreement_size"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"code": "é"}, "code"),
        ({"title": " "}, "title"),
        ({"services": []}, "services"),
        ({"services": "FIN"}, "services"),
        ({"depositors": ["jeanne"]}, "depositors"),
        ({"formats": ["pdf"]}, "formats"),
        ({"formats": ["*/*"]}, "formats"),
        ({"document_types": [""]}, "document_types"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"max_per_month": True}, "max_per_month"),
        ({"defaults": {"title": "x"}}, "defaults"),
        ({"defaults": {"classification": "c" * 501}}, "defaults"),
        ({"document_types": ["facture"], "defaults": {"document_type": "marche"}}, "defaults"),
        ({"valid_from": "2026-02-30"}, "valid_from"),
        ({"valid_from": "2026-03-02", "valid_until": "2026-03-01"}, "valid_until"),
    ],
    ids=lambda one: str(one)[:60],
)
def test_what_no_agreement_can_be_is_refused_with_its_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as caught:
        read_agreement({"code": "C", "title": "t", "services": ["FIN"]} | given)
    assert (caught.value.code, caught.value.pointer) == ("bad_agreement", f"/{field}")
    assert str(caught.value)


def test_an_agreement_is_read_from_what_it_says_of_itself() -> None:
    one = Agreement(
        "C-1",
        "Versements",
        "délibération 12",
        ("FIN",),
        ("key:1",),
        ("facture",),
        ("image/*", "fmt/20"),
        10,
        20,
        {"document_type": "facture"},
        date(2026, 1, 1),
        date(2026, 12, 31),
        suspended=True,
    )
    assert read_agreement(one.as_json()) == one
