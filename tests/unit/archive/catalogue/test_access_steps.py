"""Steps of access requests and derogations, and the two months of a derogation."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from archive.catalogue.access_steps import (
    REMEDIES,
    AccessStep,
    StepTaken,
    Warned,
    answer_by,
    registered,
    steps_open,
    taken,
    warned,
)
from archive.model.access_requests import AccessKind, AccessState
from archive.model.days import Today
from signing.ground.errors import Refused

TODAY = Today(date(2026, 6, 1))
D = date
MARCH = D(2026, 3, 31)


def a_request(kind: AccessKind = AccessKind.DEROGATION, on: date = MARCH) -> dict[str, Any]:
    return registered(
        kind,
        requester=" Une chercheuse ",
        contact=None,
        subject="Dossiers de 1962",
        motive=None,
        records=[],
        registered_on=on,
        today=TODAY,
    )


def after(body: dict[str, Any], *steps: tuple[str, Any]) -> dict[str, Any]:
    for name, more in steps:
        agreed = more if name == "answer" else None
        body = taken(body, StepTaken(AccessStep(name), D(2026, 4, 10), "dit", agreed), TODAY)
    return body


@pytest.mark.parametrize(
    ("registered_on", "last"),
    [
        pytest.param(D(2026, 3, 31), D(2026, 5, 31), id="A5, end of March"),
        pytest.param(D(2026, 12, 31), D(2027, 2, 28), id="A5, end of December"),
        (D(2027, 12, 31), D(2028, 2, 29)),
    ],
)
def test_a_derogation_is_answered_within_two_months(registered_on: date, last: date) -> None:
    assert answer_by(AccessKind.DEROGATION, registered_on) == last
    assert answer_by(AccessKind.COMMUNICATION, registered_on) is None


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (D(2026, 4, 29), None),
        (D(2026, 4, 30), Warned.MONTH_PASSED),
        (D(2026, 5, 20), Warned.MONTH_PASSED),
        (D(2026, 5, 21), Warned.TEN_DAYS),
        (D(2026, 5, 31), Warned.TEN_DAYS),
        (D(2026, 6, 1), Warned.LATE),
    ],
)
def test_its_clock_warns_at_one_month_and_ten_days_before(today: date, said: Warned | None) -> None:
    for state in (AccessState.REGISTERED, AccessState.SENT, AccessState.ANSWERED):
        assert warned(state, D(2026, 3, 31), D(2026, 5, 31), today) is said
    assert warned(AccessState.GRANTED, D(2026, 3, 31), D(2026, 5, 31), today) is None
    assert warned(AccessState.REGISTERED, D(2026, 3, 31), None, today) is None


def test_a_derogation_goes_its_whole_way() -> None:
    body = after(a_request(), ("send", None), ("answer", True), ("grant", None), ("consult", None), ("consult", None))
    assert (body["state"], body["requester"]) == ("granted", "Une chercheuse")
    body = taken(body, StepTaken(AccessStep.CLOSE, D(2026, 4, 12)), TODAY)
    assert (body["state"], [step["step"] for step in body["steps"]]) == (
        "closed",
        ["send", "answer", "grant", "consult", "consult", "close"],
    )
    assert steps_open(body) == ()


@pytest.mark.parametrize("steps", [(), (("send", None),), (("send", None), ("answer", False))])
def test_without_agreement_a_derogation_is_refused_never_granted(steps: tuple[tuple[str, Any], ...]) -> None:
    body = after(a_request(), *steps)
    with pytest.raises(Refused) as refused:
        after(body, ("grant", None))
    assert refused.value.code == "access_step_refused"
    assert AccessStep.GRANT not in steps_open(body)
    told = after(body, ("refuse", None))["steps"][-1]
    assert told["remedies"] == REMEDIES


def test_an_ordinary_request_is_decided_at_once() -> None:
    body = a_request(AccessKind.COMMUNICATION)
    assert (body["answer_by"], steps_open(body)) == (None, (AccessStep.GRANT, AccessStep.REFUSE, AccessStep.CLOSE))
    with pytest.raises(Refused):
        after(body, ("send", None))
    own = taken(body, StepTaken(AccessStep.REFUSE, D(2026, 4, 1), "Vie privée", remedies="Recours : …"), TODAY)
    assert own["steps"][-1]["remedies"] == "Recours : …"


@pytest.mark.parametrize(
    ("done", "pointer"),
    [
        (StepTaken(AccessStep.SEND, D(2026, 6, 2), "à"), "/on"),
        (StepTaken(AccessStep.SEND, D(2026, 3, 30), "à"), "/on"),
        (StepTaken(AccessStep.SEND, D(2026, 4, 1), " "), "/text"),
        (StepTaken(AccessStep.CLOSE, D(2026, 4, 1), ""), "/text"),
        (StepTaken(AccessStep.SEND, D(2026, 4, 1), "à", agreed=True), "/agreed"),
    ],
)
def test_a_wrong_step_is_refused(done: StepTaken, pointer: str) -> None:
    with pytest.raises(Refused) as refused:
        taken(a_request(), done, TODAY)
    assert (refused.value.code, refused.value.pointer) == ("bad_access_request", pointer)


def test_a_request_to_come_or_of_nobody_is_refused() -> None:
    with pytest.raises(Refused):
        a_request(on=D(2026, 6, 2))
    with pytest.raises(Refused):
        registered(
            AccessKind.COMMUNICATION,
            requester=" ",
            contact=None,
            subject="x",
            motive=None,
            records=[],
            registered_on=D(2026, 1, 1),
            today=TODAY,
        )
