"""Several signatures have one verdict: that of the weakest."""

from __future__ import annotations

from itertools import permutations

import pytest

from signing.verdict import SignatureFinding, SignatureReport, Verdict


def report(*verdicts: Verdict) -> SignatureReport:
    found = tuple(SignatureFinding(f"field {n}", "", verdict, "", "") for n, verdict in enumerate(verdicts))
    made = SignatureReport.of(found)
    assert made.findings == found
    return made


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [
        ((), Verdict.NONE),
        ((Verdict.VALID,), Verdict.VALID),
        ((Verdict.INDETERMINATE,), Verdict.INDETERMINATE),
        ((Verdict.INVALID,), Verdict.INVALID),
        ((Verdict.VALID, Verdict.INDETERMINATE), Verdict.INDETERMINATE),
        ((Verdict.VALID, Verdict.INVALID), Verdict.INVALID),
        ((Verdict.INDETERMINATE, Verdict.INVALID), Verdict.INVALID),
        ((Verdict.VALID, Verdict.INDETERMINATE, Verdict.INVALID), Verdict.INVALID),
    ],
)
def test_the_weakest_signature_speaks_for_the_document(verdicts: tuple[Verdict, ...], whole: Verdict) -> None:
    assert {report(*order).verdict for order in permutations(verdicts)} == {whole}
