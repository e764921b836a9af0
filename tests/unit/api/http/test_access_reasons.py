"""Access is explained in the reader's language; French is what is stored."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from api.http.i18n import speaking
from api.http.reasons import all_told
from archive.retention.access import access_of, access_rules

MAYBE = st.none() | st.dates(date(1800, 1, 1), date(9999, 12, 31))
CODES = st.lists(st.sampled_from([*access_rules(), "perdu"]), max_size=3)
FRENCH = (" règle", " communicable", " après", " décès", " naissance", " pendant", " ouvr", " délai", " liste", " ans ")


def test_several_rules_in_english() -> None:
    access = access_of(
        "AR048 AR043", document_date=date(1980, 11, 3), closed_on=None, birth=date(1920, 7, 14), death=date(1998, 3, 1)
    )
    with speaking("en"):
        english = [one["sentence"].replace("\u00a0", " ") for one in all_told(access.reasons)]
    assert english == [
        (
            "Open to the public from 4 November 2030: private life, safety or secret protected for 50 years "
            "(rule AR048, French heritage code, art. L213-2)."
        ),
        "2 access rules apply, and the longest wins.",
        "Rule AR043 would open it on 2 March 2023.",
    ]


@given(codes=CODES, dated=MAYBE, death=MAYBE, birth=MAYBE)
def test_no_reason_of_access_stays_french(
    codes: list[str], dated: date | None, death: date | None, birth: date | None
) -> None:
    access = access_of(" ".join(codes), document_date=dated, closed_on=None, death=death, birth=birth)
    with speaking("en"):
        for told in all_told(access.reasons):
            sentence = f" {told['sentence'].lower()} ".replace("\u00a0", " ")
            assert not any(word in sentence for word in FRENCH), sentence
    with speaking("fr"):
        assert " ".join(told["sentence"] for told in all_told(access.reasons)) == access.explanation
