"""Early openings: acts of the archives that let the public read before the delay is over. Pure.

Code du patrimoine, art. L213-3, II: with the agreement of the authority from which the records
come, for a whole fonds or a part of it. What the law never opens stays closed, and so does what no
rule that can be read says to be something else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from archive.model.access_requests import AccessKind, AccessState
from archive.retention.access import Access, Openable, openable
from archive.retention.declarations import Level, Node
from archive.retention.reasons import Reason, Value, Words
from archive.retention.sentences import place_of

_IN_FORCE: Final = AccessState.GRANTED


@dataclass(frozen=True)
class Opening:
    """An early opening in force.

    Attributes:
        id: Of its request in the register.
        opens_on: First day on which the public may read; never before the decision.
        node: The part of the plan that it opens; None where it opens a producer's fonds.
        producers: The names and the code under which the producer's records are kept.
        place: What it opens, in words.
    """

    id: str
    opens_on: date
    decided_on: date
    agreed_on: date
    node: str | None
    producers: frozenset[str]
    place: Words

    def covers(self, nodes: Collection[str], producer: str | None) -> bool:
        """Whether it opens a record with these nodes above it, of this producer."""
        return self.node in nodes if self.node is not None else producer in self.producers


def opening_of(identity: str, body: Mapping[str, Any]) -> Opening | None:
    """Return the early opening that a request of the register has put in force; None else.

    Args:
        identity: Of the request.
        body: Of its latest statement.
    """
    given = body.get("opening")
    if body["kind"] != AccessKind.EARLY_OPENING or body["state"] != _IN_FORCE or not given:
        return None
    days = {step["step"]: date.fromisoformat(step["on"]) for step in body["steps"]}
    decided = days["grant"]
    return supposed(identity, given, agreed_on=days["answer"], decided_on=decided)


def supposed(identity: str, given: Mapping[str, Any], *, agreed_on: date, decided_on: date) -> Opening:
    """Return an early opening as if it were decided on a day.

    Args:
        given: Part ``opening`` of its request.
    """
    return Opening(
        identity,
        max(date.fromisoformat(given["opens_on"]), decided_on),
        decided_on,
        agreed_on,
        given.get("node"),
        frozenset(given.get("producers") or ()),
        place_opened(given),
    )


def place_opened(given: Mapping[str, Any]) -> Words:
    """Say what an early opening is about, by the names of the day when it was registered."""
    if given.get("node"):
        return place_of(Node(Level(given["kind"]), given["code"], given["title"]))
    return Words("le fonds « {producer} »", {"producer": given["producer"]})


def opened_day(access_rule: str | None, communicable_on: date | None, opens_on: date) -> date | None:
    """Return from when the public may read what an opening covers, its own day given.

    Args:
        communicable_on: Without the opening, or with an earlier one.
    """
    if openable(access_rule) is not Openable.YES:
        return communicable_on
    return opens_on if communicable_on is None else min(communicable_on, opens_on)


def opened(access: Access, access_rule: str | None, openings: Iterable[Opening]) -> Access:
    """Return access under the early openings that cover a record; the earliest of them decides."""
    first = min(openings, key=lambda one: (one.opens_on, one.id), default=None)
    if first is None:
        return access
    match openable(access_rule):
        case Openable.AT_ONCE:
            return access
        case Openable.NEVER | Openable.UNKNOWN:
            return replace(access, reasons=(*access.reasons, _without_effect(first)))
        case Openable.YES if access.communicable_on is not None and access.communicable_on <= first.opens_on:
            return access
        case Openable.YES:
            reasons = (_opened(first), _otherwise(access))
            return replace(access, communicable_on=first.opens_on, reasons=reasons, opening=first.id)


def _opened(opening: Opening) -> Reason:
    values: dict[str, Value] = {
        "day": opening.opens_on,
        "decided": opening.decided_on,
        "agreed": opening.agreed_on,
        "place": opening.place,
        "law": Words("(code du patrimoine, art.\u00a0L213-3, II)"),
    }
    return Reason(
        "access_opened_early",
        "Communicable à partir du {day} : ouverture anticipée décidée le {decided} pour {place}, avec l’accord du "
        "service d’origine donné le {agreed} {law}.",
        values,
    )


def _otherwise(access: Access) -> Reason:
    rule = access.decided_by or ""
    if access.communicable_on is None:
        return Reason(
            "access_without_opening", "Sans cet acte, la règle {rule} n’en donne pas le jour.", {"rule": rule}
        )
    return Reason(
        "access_without_opening",
        "Sans cet acte, ce serait le {day} (règle {rule}).",
        {"day": access.communicable_on, "rule": rule},
    )


def _without_effect(opening: Opening) -> Reason:
    return Reason(
        "access_opening_without_effect",
        "L’ouverture anticipée décidée le {decided} pour {place} ne l’ouvre pas.",
        {"decided": opening.decided_on, "place": opening.place},
    )
