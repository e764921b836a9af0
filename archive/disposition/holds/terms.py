"""Terms and scope of a hold, and what makes no sense in them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from archive.disposition.holds.query import StandingQuery
from archive.model.days import LAST_DAY, Today
from signing.ground.errors import Refused

LONGEST_REASON: Final = 2000
LONGEST_NAME: Final = 200


class Authority(StrEnum):
    """By whose authority a hold is placed."""

    JUDGE = "judge"
    INQUIRY = "inquiry"
    AUDIT = "audit"
    OTHER = "other"


class ScopeKind(StrEnum):
    """How a hold says what it covers; a word of the statement in the store for ever."""

    LIST = "list"
    SUBTREE = "subtree"
    QUERY = "query"

    @property
    def is_standing(self) -> bool:
        """Whether it also covers what comes later."""
        return self is not ScopeKind.LIST


@dataclass(frozen=True)
class Scope:
    """What a hold covers.

    Attributes:
        records: Ids, of a list.
        node: Id of a class or file of the plan, of a subtree.
        query: Conditions, of a standing query.
    """

    kind: ScopeKind
    records: tuple[str, ...] = ()
    node: str | None = None
    query: StandingQuery | None = None


@dataclass(frozen=True)
class Terms:
    """What is said of a hold besides its reason.

    Attributes:
        until: Last day; None: until it is released.
        reference: Of the case.
        owner: Who answers for it.
        review_on: Day on which somebody looks at it again; nothing ends by it.
        forbids_move: Whether its records stay where they are in the plan.
        restricts_reading: Whether only who may place holds reads its records.
    """

    until: date | None = None
    authority: Authority | None = None
    reference: str | None = None
    owner: str | None = None
    review_on: date | None = None
    forbids_move: bool = False
    restricts_reading: bool = False


def listed(records: object) -> Scope:
    """Return the scope of a list of ids, each once and in order."""
    return Scope(ScopeKind.LIST, tuple(sorted(set(records))))  # type: ignore[call-overload]


def check_terms(terms: Terms, days: Sequence[Today]) -> Terms:
    """Return the terms, tidied.

    Args:
        days: Today, by each clock that is asked; a day that one of them does not call past, or only
            while it is distrusted, is taken as given.

    Raises:
        Refused: ``bad_hold``.
    """
    check_day(terms.until, days, "/until", "Le dernier jour du gel est déjà passé.")
    check_day(terms.review_on, days, "/review_on", "Le jour de la revue est déjà passé.")
    return Terms(
        terms.until,
        terms.authority,
        check_name(terms.reference, "/reference"),
        check_name(terms.owner, "/owner"),
        terms.review_on,
        terms.forbids_move,
        terms.restricts_reading,
    )


def check_day(day: date | None, days: Sequence[Today], pointer: str, past: str) -> None:
    """Check a day of a hold.

    Raises:
        Refused: ``bad_hold``: it is past, or after the year 9000.
    """
    if day is not None and all(today.trusted and day < today.day for today in days):
        raise bad_hold(pointer, past)
    if day is not None and day > LAST_DAY:
        raise bad_hold(pointer, "Le dernier jour du gel est après l’an 9000.")


def check_reason(text: str, pointer: str = "/reason") -> str:
    """Return a reason, tidied.

    Raises:
        Refused: ``bad_hold``.
    """
    clean = text.strip()
    if not clean or len(clean) > LONGEST_REASON or "\0" in clean:
        raise bad_hold(pointer, "Le motif manque, ou dépasse {longest} signes.", longest=LONGEST_REASON)
    return clean


def check_name(text: str | None, pointer: str) -> str | None:
    """Return a name or reference, tidied; None where it is empty.

    Raises:
        Refused: ``bad_hold``.
    """
    clean = (text or "").strip()
    if len(clean) > LONGEST_NAME or "\0" in clean:
        raise bad_hold(pointer, "Ce texte dépasse {longest} signes.", longest=LONGEST_NAME)
    return clean or None


def bad_hold(pointer: str, detail: str, **values: object) -> Refused:
    """Return the refusal of one field of a hold."""
    return Refused(
        "bad_hold",
        detail,
        kept="Rien n’a été changé.",
        action="Corrigez ce champ puis recommencez.",
        pointer=pointer,
        **values,
    )
