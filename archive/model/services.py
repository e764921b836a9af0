"""Services of a tenant: one tree of producers, each with its names in time. Pure.

A service that becomes another one is closed, and names its successors; one that only takes another
name, rank or place keeps its code. Name, rank and place shown for a day are those of that day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any, Final

from archive.model.days import FIRST_DAY, LAST_DAY, iso_day
from archive.model.field_rules import is_text
from signing.ground.errors import Refused

UNCHANGED: Final = "Aucun service n’a été changé."
LONGEST_NAME: Final = 200
LONGEST_RANK: Final = 80
MOST_NAMES: Final = 50
MOST_SUCCESSORS: Final = 20
MOST_PLACES: Final = 50
DEEPEST: Final = 20
"""Services from the root to the lowest one."""
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


@dataclass(frozen=True)
class DatedName:
    """A name of a service and the days on which it is its name, both included.

    Attributes:
        since: None = since ever.
        until: None = still.
    """

    name: str
    since: date | None = None
    until: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether it is the name on a day."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


@dataclass(frozen=True)
class FormerPlace:
    """A place that a service had in the tree, until a day: the service above it, and its rank.

    Attributes:
        until: Last day; it began on the day after the one before it.
    """

    until: date
    parent: str | None = None
    rank: str = ""


@dataclass(frozen=True)
class Service:
    """A service.

    Attributes:
        names: In the order of time, never two on one day, at least one.
        parent: Code of the service above; None for one at the top.
        rank: Kind of service in the administration's own words, such as *direction*.
        successors: Codes of the services that took over from it.
        former_places: In the order of time; ``parent`` and ``rank`` follow the last of them.
    """

    code: str
    names: tuple[DatedName, ...]
    parent: str | None = None
    rank: str = ""
    opened_on: date | None = None
    closed_on: date | None = None
    successors: tuple[str, ...] = ()
    former_places: tuple[FormerPlace, ...] = ()

    def parent_on(self, day: date) -> str | None:
        """Return the code of the service above it on a day."""
        return next((one.parent for one in self.former_places if day <= one.until), self.parent)

    def rank_on(self, day: date) -> str:
        """Return its rank of a day."""
        return next((one.rank for one in self.former_places if day <= one.until), self.rank)

    def name_on(self, day: date) -> str:
        """Return the name of a day; on a day without one, the last before it, else the first."""
        found = next((one for one in self.names if one.holds_on(day)), None)
        before = [one for one in self.names if one.since is None or one.since <= day]
        return (found or (before or self.names[:1])[-1]).name

    def as_json(self) -> dict[str, Any]:
        """Return it as the API and the register say it."""
        return {
            "code": self.code,
            "parent": self.parent,
            "rank": self.rank,
            "opened_on": _written(self.opened_on),
            "closed_on": _written(self.closed_on),
            "names": [
                {"name": one.name, "valid_from": _written(one.since), "valid_until": _written(one.until)}
                for one in self.names
            ],
            "successors": list(self.successors),
            "former_places": [
                {"parent": one.parent, "rank": one.rank, "until": _written(one.until)} for one in self.former_places
            ],
        }


@dataclass(frozen=True)
class ServiceOnDay:
    """A service as it was called on a day, with the services above it, nearest first."""

    code: str
    name: str
    rank: str
    above: tuple[str, ...]


Tree = Mapping[str, Service]
"""Services of one tenant by code."""


def read_service(given: Mapping[str, Any]) -> Service:
    """Read a service as a caller gives it.

    Raises:
        Refused: ``bad_service``, with the field as its pointer.
    """
    service = Service(
        _code("code", given.get("code")),
        _names(given.get("names")),
        _code("parent", given["parent"]) if given.get("parent") else None,
        _text("rank", given.get("rank") or "", LONGEST_RANK),
        read_day("opened_on", given.get("opened_on")),
        read_day("closed_on", given.get("closed_on")),
        tuple(_code("successors", one) for one in given.get("successors") or ()),
        _places(given.get("former_places") or ()),
    )
    if service.opened_on and service.closed_on and service.closed_on < service.opened_on:
        raise bad_service("closed_on", "Le service serait fermé avant d’être ouvert.")
    if service.successors and service.closed_on is None:
        raise bad_service("successors", "Un service qui a des successeurs est fermé : dites depuis quel jour.")
    if len(service.successors) > MOST_SUCCESSORS or len(set(service.successors)) != len(service.successors):
        raise bad_service("successors", "Un successeur est nommé deux fois, ou il y en a trop.")
    return service


def check_tree(tree: Tree) -> None:
    """Check that every service has its place, and every successor exists.

    Raises:
        Refused: ``bad_service``.
    """
    found = faults_of(tree)
    if found:
        raise found[0]


def faults_of(tree: Tree) -> list[Refused]:
    """Return what is wrong with a tree; the value ``name`` of each is the code of the service."""
    found: list[Refused] = []
    for code, service in tree.items():
        above = [place.parent for place in service.former_places if place.parent is not None]
        unknown = next((one for one in above if one not in tree), None)
        if unknown is not None:
            found.append(
                bad_service("former_places", "Aucun service n’a le code « {other} ».", name=code, other=unknown)
            )
        # a circle of the past lasted until one of those in it changed its place
        elif any(len(chain(tree, code, place.until)) > DEEPEST for place in service.former_places):
            found.append(
                bad_service("former_places", "Le service « {name} » aurait été au-dessous de lui-même.", name=code)
            )
        if service.parent is not None and service.parent not in tree:
            found.append(
                bad_service("parent", "Aucun service n’a le code « {other} ».", name=code, other=service.parent)
            )
        elif len(chain(tree, code)) > DEEPEST:
            found.append(bad_service("parent", "Le service « {name} » serait au-dessous de lui-même.", name=code))
        missing = next((one for one in service.successors if one not in tree), None)
        if missing is not None:
            found.append(bad_service("successors", "Aucun service n’a le code « {other} ».", name=code, other=missing))
        elif _comes_back(code, lambda one: tree[one].successors if one in tree else ()):
            found.append(bad_service("successors", "Le service « {name} » se succéderait à lui-même.", name=code))
    return found


def chain(tree: Tree, code: str, day: date | None = None) -> list[str]:
    """Return the code of a service and of those above it, nearest first, as far as they go.

    Args:
        day: On which they were above; None = as they are.
    """
    found, at = list[str](), tree.get(code)
    while at is not None and len(found) <= DEEPEST:
        found.append(at.code)
        above = at.parent if day is None else at.parent_on(day)
        at = tree.get(above) if above is not None else None
    return found


def find(tree: Tree, told: str | None, day: date) -> Service | None:
    """Return the service that a producer's text names: by code, else by its name of that day.

    A name that two services have is nobody's.
    """
    text = (told or "").strip()
    if text in tree:
        return tree[text]
    named = [one for one in tree.values() if any(name.name == text for name in one.names)] if text else []
    of_day = [one for one in named if any(name.name == text and name.holds_on(day) for name in one.names)]
    found = of_day or named
    return found[0] if len(found) == 1 else None


def alike(tree: Tree, told: str) -> list[str]:
    """Return the texts that name the same service as this one, and no other; at least itself."""
    owners = owners_of(tree)
    ours = owners.get(told, frozenset())
    return sorted(text for text, theirs in owners.items() if theirs == ours) if len(ours) == 1 else [told]


def owners_of(tree: Tree) -> dict[str, frozenset[str]]:
    """Return the services that each code and name may name; a code names its own alone."""
    found: dict[str, set[str]] = {}
    for code, service in tree.items():
        for one in service.names:
            found.setdefault(one.name, set()).add(code)
    return {text: frozenset(codes) for text, codes in found.items()} | {code: frozenset({code}) for code in tree}


def on_day(tree: Tree, service: Service, day: date) -> ServiceOnDay:
    """Return a service and those above it as they were on a day: names, rank and places."""
    above = tuple(tree[one].name_on(day) for one in chain(tree, service.code, day)[1:])
    return ServiceOnDay(service.code, service.name_on(day), service.rank_on(day), above)


def ordered(tree: Tree, day: date) -> list[tuple[int, Service]]:
    """Return every service with its depth on a day, each below the one above it, by name."""
    below: dict[str | None, list[Service]] = {}
    for service in tree.values():
        above = service.parent_on(day)
        below.setdefault(above if above in tree else None, []).append(service)
    found: list[tuple[int, Service]] = []
    waiting = [(0, one) for one in _by_name(below.get(None, ()), day)]
    while waiting:
        depth, service = waiting.pop(0)
        found.append((depth, service))
        waiting[:0] = [(depth + 1, one) for one in _by_name(below.get(service.code, ()), day)]
    return found


def bad_service(field: str, detail: str, **values: object) -> Refused:
    """Return the refusal of one field of a service."""
    return Refused(
        "bad_service",
        detail,
        kept="Aucun service n’a été changé.",
        action="Corrigez ce champ puis recommencez.",
        pointer=f"/{field}",
        **values,
    )


def read_day(field: str, given: object) -> date | None:
    """Read a day; None for nothing.

    Raises:
        Refused: ``bad_service``.
    """
    if given is None or given == "":
        return None
    try:
        day = given if isinstance(given, date) else iso_day(given if isinstance(given, str) else "")
    except ValueError as error:
        raise bad_service(field, "Cette date n’existe pas : écrivez-la ainsi, 2026-03-12.") from error
    if not FIRST_DAY <= day <= LAST_DAY:
        raise bad_service(field, "L’année n’est pas entre 1000 et 9000.")
    return day


def _by_name(services: Iterable[Service], day: date) -> list[Service]:
    return sorted(services, key=lambda one: (one.name_on(day).casefold(), one.code))


def _comes_back(code: str, following: Any) -> bool:
    seen, waiting = set[str](), list(following(code))
    while waiting:
        one = waiting.pop()
        if one == code:
            return True
        if one not in seen:
            seen.add(one)
            waiting += following(one)
    return False


def _names(given: object) -> tuple[DatedName, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str) or not 1 <= len(given) <= MOST_NAMES:
        raise bad_service("names", "Un service a de un à {most} noms.", most=MOST_NAMES)
    names = sorted((_name(one) for one in given), key=lambda one: one.since or date.min)
    for before, after in pairwise(names):
        if before.until is None or after.since is None or after.since <= before.until:
            raise bad_service("names", "Deux noms seraient portés le même jour : datez-les, l’un après l’autre.")
    return tuple(names)


def _name(given: object) -> DatedName:
    told = given if isinstance(given, Mapping) else {"name": given}
    name = _text("names", told.get("name"), LONGEST_NAME)
    if not name:
        raise bad_service("names", "Le nom du service manque.")
    since, until = read_day("names", told.get("valid_from")), read_day("names", told.get("valid_until"))
    if since and until and until < since:
        raise bad_service("names", "Un nom finirait avant d’avoir commencé.")
    return DatedName(name, since, until)


def _places(given: object) -> tuple[FormerPlace, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MOST_PLACES:
        raise bad_service("former_places", "Un service a eu {most} places au plus.", most=MOST_PLACES)
    places = sorted((_place(one) for one in given), key=lambda one: one.until)
    if len({one.until for one in places}) != len(places):
        raise bad_service("former_places", "Deux places finiraient le même jour.")
    return tuple(places)


def _place(given: object) -> FormerPlace:
    told = given if isinstance(given, Mapping) else {}
    until = read_day("former_places", told.get("until"))
    if until is None:
        raise bad_service("former_places", "Dites jusqu’à quel jour le service a eu cette place.")
    above = _code("former_places", told["parent"]) if told.get("parent") else None
    return FormerPlace(until, above, _text("former_places", told.get("rank") or "", LONGEST_RANK))


def _code(field: str, given: object) -> str:
    code = given.strip() if isinstance(given, str) else ""
    if not _CODE.fullmatch(code):
        raise bad_service(field, "Un code a 1 à 40 signes : lettres sans accent, chiffres, « . », « _ », « - ».")
    return code


def _text(field: str, given: object, longest: int) -> str:
    if not isinstance(given, str) or not is_text(given) or len(given.strip()) > longest or "\n" in given.strip():
        raise bad_service(field, "Ce texte est illisible, ou dépasse {longest} signes.", longest=longest)
    return given.strip()


def _written(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None
