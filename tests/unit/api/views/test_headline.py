"""The headline of a public verification is the worst of its checks, whatever they are."""

from __future__ import annotations

from itertools import combinations_with_replacement, product
from typing import Any

import pytest

from api.views.headline import (
    About,
    SubjectKind,
    check,
    finding,
    headline,
    is_unknown,
    seal_checks,
    signature_checks,
    verdict_of,
)
from archive.objects.fixity import Fixity

SIGNATURES = ("valid", "indeterminate", "invalid")
WORST = [Fixity.INTACT, Fixity.UNVERIFIABLE, Fixity.MISSING, Fixity.ALTERED]
COLOURS = {
    Fixity.INTACT: {"ok"},
    Fixity.UNVERIFIABLE: {"none", "warn"},
    Fixity.MISSING: {"bad"},
    Fixity.ALTERED: {"bad"},
}


def report(verdicts: tuple[str, ...]) -> dict[str, Any]:
    worst = max(verdicts, key=SIGNATURES.index, default="none")
    return {"verdict": worst, "signatures": [{"signer": f"CN={n}", "verdict": v} for n, v in enumerate(verdicts)]}


REPORTS = [None, {"verdict": "indeterminate", "signatures": []}] + [
    report(verdicts) for count in range(3) for verdicts in combinations_with_replacement(SIGNATURES, count)
]
SEALS = [None, {"verdict": "none"}, *({"verdict": verdict} for verdict in SIGNATURES)]


def everything() -> list[dict[str, Any]]:
    """Every combination of checks, for each kind of file."""
    made = []
    for own, journal, seal, signed in product(WORST, WORST, SEALS, REPORTS):
        checks = [check(About.BYTES, "Empreinte", own, ""), check(About.JOURNAL, "Journal", journal, "")]
        checks += seal_checks(seal) + signature_checks(signed)
        made.append(finding(SubjectKind.RECORD, checks, signatures=signed))
    for own, signed in product(WORST, REPORTS):
        made.append(finding(SubjectKind.FILE, [check(About.BYTES, "Empreinte", own, ""), *signature_checks(signed)]))
    for kind, about in ((SubjectKind.BUNDLE, About.BUNDLE), (SubjectKind.RECEIPT, About.RECEIPT)):
        for count in (1, 2, 3):
            for verdicts in product(WORST, repeat=count):
                checks = [check(about, f"{n}", verdict, "") for n, verdict in enumerate(verdicts)]
                made += [finding(kind, checks)]
    return made


def test_no_combination_of_checks_has_a_better_headline_than_its_worst() -> None:
    found = everything()
    assert len(found) > 900
    for one in found:
        worst = max((Fixity(told["verdict"]) for told in one["checks"]), key=WORST.index)
        title, (colour, icon, word) = headline(one)
        assert one["verdict"] == worst, one
        assert colour in COLOURS[worst], (title, one)
        assert title
        assert icon
        assert word
        assert one["because"] == [told["name"] for told in one["checks"] if told["verdict"] == worst]


def test_no_title_says_what_a_check_denies() -> None:
    for one in everything():
        title, (_, _, word) = headline(one)
        verdicts = {Fixity(told["verdict"]) for told in one["checks"]}
        others = {Fixity(told["verdict"]) for told in one["checks"] if told["about"] not in {"seal", "signature"}}
        if "connaissons pas" in title or "Inconnu" in word:
            assert not verdicts & {Fixity.ALTERED, Fixity.MISSING}, "unknown is not said of what is false"
            assert is_unknown(one)
        if "celui que nous gardons" in title:
            assert others == {Fixity.INTACT}, title
        if "bien" in title or word == "Intact":
            assert verdicts == {Fixity.INTACT}
        if "faux" in title:
            assert Fixity.ALTERED in {
                Fixity(c["verdict"]) for c in one["checks"] if c["about"] in {"seal", "signature"}
            }


def test_nothing_checked_is_no_pass() -> None:
    assert verdict_of([]) is Fixity.UNVERIFIABLE


@pytest.mark.parametrize("verdict", ["none", None])
def test_no_signature_is_no_check(verdict: str | None) -> None:
    assert signature_checks({"verdict": verdict, "signatures": []}) == []
    assert seal_checks({"verdict": verdict}) == []
    (unread,) = signature_checks({"verdict": "indeterminate", "signatures": []})
    assert unread["verdict"] == "unverifiable", "what could not be read is said"
