"""Access requests and derogations: their steps, in order, and the days that they have. Pure.

A derogation (code du patrimoine, L213-3) goes to the authority from which the records come; it is
granted only with that authority's agreement, and answered at most two months after it was
registered. An ordinary request for communication is decided at once. An early opening (L213-3, II)
goes the way of a derogation without its clock; once granted it is in force until it is withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

from archive.model.access_requests import AccessKind, AccessState
from archive.model.days import Today
from archive.retention.dates import Unit, end_date
from signing.ground.clock import iso
from signing.ground.errors import Refused

MONTHS: Final = 2
"""Most months from the registration of a derogation to its answer."""
LONGEST: Final = 2000
UNCHANGED: Final = "Le registre n’a pas changé."
REMEDIES: Final = (
    "Ce refus peut être porté devant la Commission d’accès aux documents administratifs (CADA) dans les deux mois "
    "de sa notification. Cette saisine est obligatoire avant tout recours devant le tribunal administratif."
)
"""Text on remedies of a refusal, where the decision gives no other."""


class AccessStep(StrEnum):
    """What can be done with an access request."""

    SEND = "send"
    ANSWER = "answer"
    GRANT = "grant"
    REFUSE = "refuse"
    CONSULT = "consult"
    CLOSE = "close"
    WITHDRAW = "withdraw"
    """End an early opening that is in force: the days that the rules give come back."""


class Warned(StrEnum):
    """What a derogation's clock says on a day."""

    MONTH_PASSED = "month_passed"
    TEN_DAYS = "ten_days"
    LATE = "late"


_UNDECIDED: Final = frozenset({AccessState.REGISTERED, AccessState.SENT, AccessState.ANSWERED})
_OPEN: Final = frozenset(set(AccessState) - {AccessState.CLOSED, AccessState.WITHDRAWN})
_FROM: Final[Mapping[AccessStep, frozenset[AccessState]]] = {
    AccessStep.SEND: frozenset({AccessState.REGISTERED}),
    AccessStep.ANSWER: frozenset({AccessState.SENT}),
    AccessStep.GRANT: _UNDECIDED,
    AccessStep.REFUSE: _UNDECIDED,
    AccessStep.CONSULT: frozenset({AccessState.GRANTED}),
    AccessStep.CLOSE: _OPEN,
    AccessStep.WITHDRAW: frozenset({AccessState.GRANTED}),
}
_TO: Final[Mapping[AccessStep, AccessState | None]] = {
    AccessStep.SEND: AccessState.SENT,
    AccessStep.ANSWER: AccessState.ANSWERED,
    AccessStep.GRANT: AccessState.GRANTED,
    AccessStep.REFUSE: AccessState.REFUSED,
    AccessStep.CONSULT: None,
    AccessStep.CLOSE: AccessState.CLOSED,
    AccessStep.WITHDRAW: AccessState.WITHDRAWN,
}
_NOT_OF: Final[Mapping[AccessKind, frozenset[AccessStep]]] = {
    AccessKind.COMMUNICATION: frozenset({AccessStep.SEND, AccessStep.ANSWER, AccessStep.WITHDRAW}),
    AccessKind.DEROGATION: frozenset({AccessStep.WITHDRAW}),
    AccessKind.EARLY_OPENING: frozenset({AccessStep.CONSULT}),
}


@dataclass(frozen=True)
class StepTaken:
    """A step as it was done.

    Attributes:
        text: To whom it was sent, what the authority said, why it is refused, what was consulted,
            why it is closed undecided.
        agreed: The authority's answer; of that step alone.
        remedies: Of a refusal; None: the usual text.
    """

    step: AccessStep
    on: date
    text: str = ""
    agreed: bool | None = None
    remedies: str | None = None


def answer_by(kind: AccessKind, registered_on: date) -> date | None:
    """Return the last day for the answer; None for a request that has no such day."""
    return end_date(registered_on, MONTHS, Unit.MONTH) if kind is AccessKind.DEROGATION else None


def warned(state: AccessState, registered_on: date, last_day: date | None, today: date) -> Warned | None:
    """Return what the clock of an undecided derogation says; the most pressing word."""
    if state not in _UNDECIDED or last_day is None:
        return None
    if today > last_day:
        return Warned.LATE
    if today >= last_day - timedelta(days=10):
        return Warned.TEN_DAYS
    month = end_date(registered_on, 1, Unit.MONTH)
    return Warned.MONTH_PASSED if month is not None and today >= month else None


def registered(
    kind: AccessKind,
    *,
    requester: str,
    contact: str | None,
    subject: str,
    motive: str | None,
    records: list[str],
    registered_on: date,
    today: Today,
    opening: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the body of a request that is registered.

    Args:
        opening: Of an early opening: what it opens, and from which day.

    Raises:
        Refused: ``bad_access_request``.
    """
    if not requester.strip() or not subject.strip():
        raise bad_access("/requester" if not requester.strip() else "/subject", "Dites qui demande, et quoi.")
    if (opening is not None) is not (kind is AccessKind.EARLY_OPENING):
        raise bad_access("/opening", "Une ouverture anticipée dit ce qu’elle ouvre, et elle seule.")
    _admit_day(registered_on, today, "/registered_on")
    return {
        "kind": kind.value,
        "requester": requester.strip(),
        "contact": (contact or "").strip() or None,
        "subject": subject.strip(),
        "motive": (motive or "").strip() or None,
        "records": list(records),
        "registered_on": registered_on.isoformat(),
        "answer_by": iso(answer_by(kind, registered_on)),
        "state": AccessState.REGISTERED.value,
        "steps": [],
        **({"opening": dict(opening)} if opening is not None else {}),
    }


def steps_open(body: Mapping[str, Any]) -> tuple[AccessStep, ...]:
    """Return the steps that may follow, in the order of the trade."""
    state, kind = AccessState(body["state"]), AccessKind(body["kind"])
    found = [step for step in AccessStep if state in _FROM[step] and step not in _NOT_OF[kind]]
    if kind is AccessKind.COMMUNICATION:
        return tuple(found)
    if kind is AccessKind.EARLY_OPENING and state is AccessState.GRANTED:
        return (AccessStep.WITHDRAW,)  # in force, it does not end unsaid
    return tuple(step for step in found if step is not AccessStep.GRANT or _agreed(body))


def taken(body: Mapping[str, Any], done: StepTaken, today: Today) -> dict[str, Any]:
    """Return the body of a request after a step.

    Raises:
        Refused: ``access_step_refused``: it does not follow; ``bad_access_request``.
    """
    if done.step not in steps_open(body):
        raise _not_next(body, done.step)
    _admit_day(done.on, today, "/on")
    before = body["steps"][-1]["on"] if body["steps"] else body["registered_on"]
    if done.on < date.fromisoformat(before):
        raise bad_access("/on", "Ce jour précède celui de l’étape d’avant.")
    closing_undecided = done.step is AccessStep.CLOSE and AccessState(body["state"]) in _UNDECIDED
    if not done.text.strip() and (closing_undecided or done.step not in {AccessStep.CLOSE, AccessStep.GRANT}):
        raise bad_access("/text", "Dites à qui, quoi ou pourquoi : le registre garde ces mots.")
    if (done.step is AccessStep.ANSWER) is not (done.agreed is not None):
        raise bad_access("/agreed", "L’accord se donne avec la réponse du service d’origine, et elle seule.")
    told: dict[str, Any] = {"step": done.step.value, "on": done.on.isoformat(), "text": done.text.strip() or None}
    if done.step is AccessStep.ANSWER:
        told["agreed"] = done.agreed
    if done.step is AccessStep.REFUSE:
        told["remedies"] = (done.remedies or "").strip() or REMEDIES
    state = _TO[done.step]
    return {**body, "state": state.value if state is not None else body["state"], "steps": [*body["steps"], told]}


def _agreed(body: Mapping[str, Any]) -> bool:
    return any(one["step"] == AccessStep.ANSWER and one["agreed"] for one in body["steps"])


def _admit_day(day: date, today: Today, pointer: str) -> None:
    if today.trusted and day > today.day:
        raise bad_access(pointer, "Ce jour est dans l’avenir.")


def bad_access(pointer: str, detail: str) -> Refused:
    """Return the refusal of one field of a request or of a step."""
    return Refused(
        "bad_access_request",
        detail,
        kept=UNCHANGED,
        action="Corrigez la demande, puis recommencez.",
        pointer=pointer,
    )


def _not_next(body: Mapping[str, Any], step: AccessStep) -> Refused:
    if step is AccessStep.GRANT and AccessState(body["state"]) in _UNDECIDED:
        return Refused(
            "access_step_refused",
            "Ni dérogation ni ouverture anticipée ne s’accorde sans l’accord du service d’origine.",
            kept=UNCHANGED,
            action="Envoyez-lui la demande, inscrivez sa réponse, puis décidez.",
            pointer="/step",
        )
    return Refused(
        "access_step_refused",
        "Cette étape ne suit pas l’état où se trouve la demande.",
        kept=UNCHANGED,
        action="Relisez la demande : elle dit quelles étapes peuvent suivre.",
        pointer="/step",
    )
