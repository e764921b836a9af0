"""Rule packs: the retention rules and document types that come with the code. Reads files only.

A line says how far its source was read. What was not read in full gives no end until an archivist
validates it (``Rule.gives_end``): nothing falls due on a duration that nobody has seen.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from archive.model.final_actions import FinalAction
from archive.model.shipped import shipped
from archive.retention.access import access_codes, access_rules
from archive.retention.dates import START_EVENTS, Unit
from archive.retention.rules import Rule
from signing.ground.errors import Refused

PACKS: Final[Mapping[str, str]] = {
    "fr-departement": "Département",
    "fr-commune": "Commune et CCAS",
}
"""Packs that come with the code: French name by short name."""

DEFAULT_PACK: Final = "fr-departement"

FIELDS: Final = (
    "code",
    "label_fr",
    "duration",
    "unit",
    "start_event",
    "final_action",
    "criteria",
    "access_rule",
    "source",
)
"""Columns of a pack; ``criteria`` and ``access_rule`` may be missing from a pack of one's own."""


class Read(StrEnum):
    """How far the source of a rule was read, as its source begins."""

    IN_FULL = "V"
    """Duration and final action were read in the source."""
    IN_PART = "P"
    """A part was read, the rest is to be confirmed."""
    NOT = "NV"
    """No public source was read."""

    @classmethod
    def of(cls, source: str) -> Read | None:
        """Return the mark of a source; None where it has none."""
        return next((mark for mark in cls if source.startswith(f"[{mark.value}] ")), None)


def is_sure(source: str) -> bool:
    """Whether a source was read in full; one without a mark is a tenant's own, and its business."""
    return Read.of(source) in (Read.IN_FULL, None)


def text_of(source: str) -> str:
    """Return what a source says, without the mark of how far it was read."""
    mark = Read.of(source)
    return source.removeprefix(f"[{mark.value}] ") if mark is not None else source


@dataclass(frozen=True)
class PackType:
    """A document type of a pack.

    Attributes:
        phrase: The label with its article, « une facture ».
        access_rule: That of the rule, unless the type has its own.
    """

    code: str
    label: str
    phrase: str
    rule: str
    access_rule: str | None


def pack_folder() -> Path:
    """Return the folder of the rule packs."""
    return shipped("rules")


def known_pack(name: str) -> str:
    """Return the name of a pack.

    Raises:
        Refused: ``pack_not_found``.
    """
    if name not in PACKS:
        raise Refused(
            "pack_not_found",
            "Il n’y a pas de jeu de règles « {name} ».",
            action="Choisissez parmi : {known}.",
            name=name,
            known=", ".join(PACKS),
        )
    return name


def read_pack(path: Path) -> list[tuple[Rule, str]]:
    """Read the rules of a pack, each with its source.

    Raises:
        ValueError: A line does not make sense; a pack is loaded as a whole or not at all.
    """
    rules: dict[str, tuple[Rule, str]] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines):
            code = line["code"]
            if code in rules:
                raise ValueError(f"{path.name}: {code} is there twice")
            rules[code] = _rule(path.name, line), line["source"]
    return list(rules.values())


def _rule(name: str, line: Mapping[str, str]) -> Rule:
    code, source = line["code"], line["source"]
    if line["start_event"] not in START_EVENTS:
        raise ValueError(f"{name}: {code} starts from {line['start_event']!r}")
    if Read.of(source) is None:
        raise ValueError(f"{name}: {code} does not say how far its source was read")
    duration = None if line["duration"] == "unlimited" else int(line["duration"])
    if duration is not None and not 0 <= duration <= 999:
        raise ValueError(f"{name}: {code} lasts {duration}")
    action, criteria = FinalAction(line["final_action"].lower()), line.get("criteria") or ""
    if criteria and action is not FinalAction.SORT:
        raise ValueError(f"{name}: {code} has criteria and nothing to sort")
    access_rule = line.get("access_rule") or None
    unknown = set(access_codes(access_rule)) - access_rules().keys()
    if unknown:
        raise ValueError(f"{name}: {code} has no access rule {', '.join(sorted(unknown))}")
    return Rule(
        code,
        1,
        line["label_fr"],
        duration,
        Unit(line["unit"]),
        line["start_event"],
        action,
        legal_text=text_of(source),
        criteria=criteria,
        access_rule=access_rule,
        sure=is_sure(source),
    )


@cache
def pack_rules(pack: str) -> tuple[tuple[Rule, str], ...]:
    """Return the rules of a pack that comes with the code, each with its source."""
    return tuple(read_pack(pack_folder() / f"{pack}.csv"))


@cache
def pack_types(pack: str) -> tuple[PackType, ...]:
    """Return the document types of a pack that comes with the code."""
    of_rules = {rule.code: rule.access_rule for rule, _ in pack_rules(pack)}
    with (pack_folder() / f"{pack}-types.csv").open(encoding="utf-8", newline="") as lines:
        return tuple(
            PackType(
                line["code"],
                line["label"],
                line["phrase"],
                line["rule"],
                line["access_rule"] or of_rules[line["rule"]],
            )
            for line in csv.DictReader(lines)
        )


@cache
def phrase_of(code: str, label: str) -> str | None:
    """Return a type's label with its article; None for a label that no pack has."""
    for pack in PACKS:
        for line in pack_types(pack):
            if (line.code, line.label) == (code, label):
                return line.phrase
    return None


@dataclass(frozen=True)
class RuleChange:
    """One rule that a pack has otherwise than the tenant: both, and the names of what differs."""

    code: str
    before: Rule
    after: Rule
    fields: tuple[str, ...]


@dataclass(frozen=True)
class PackDiff:
    """Difference between a tenant's rules and a pack: nothing is changed by it.

    Attributes:
        added: Rules that only the pack has.
        changed: Rules that both have, and that differ.
        removed: Rules that only the tenant has: its own, or gone from the pack.
    """

    added: tuple[Rule, ...]
    changed: tuple[RuleChange, ...]
    removed: tuple[Rule, ...]

    def __bool__(self) -> bool:
        """Whether there is any difference."""
        return bool(self.added or self.changed or self.removed)


COMPARED: Final = (
    "label",
    "duration",
    "unit",
    "start_event",
    "final_action",
    "criteria",
    "access_rule",
    "legal_text",
    "sure",
)
"""What a pack states of a rule; version, validity and validation are the tenant's own."""

NOT_IN_THE_TABLE: Final = frozenset({"criteria", "access_rule"})
"""What the tenant's table of rules has no column for: unknown there, and so no difference."""


def diff(pack: Iterable[Rule], of_tenant: Iterable[Rule], *, unknown: Collection[str] = frozenset()) -> PackDiff:
    """Compare a pack with the rules that a tenant has in force, by code.

    Args:
        pack: Rules of the pack.
        of_tenant: The tenant's rules, each in its version in force.
        unknown: Names of what is not known of the tenant's rules, which is then not compared.
    """
    theirs, ours = ({rule.code: rule for rule in rules} for rules in (pack, of_tenant))
    return PackDiff(
        added=tuple(rule for code, rule in sorted(theirs.items()) if code not in ours),
        changed=tuple(_changes(ours, theirs, [name for name in COMPARED if name not in unknown])),
        removed=tuple(rule for code, rule in sorted(ours.items()) if code not in theirs),
    )


def _changes(ours: Mapping[str, Rule], theirs: Mapping[str, Rule], compared: Iterable[str]) -> Iterator[RuleChange]:
    for code in sorted(ours.keys() & theirs.keys()):
        before, after = ours[code], theirs[code]
        fields = tuple(name for name in compared if getattr(before, name) != getattr(after, name))
        if fields:
            yield RuleChange(code, before, after, fields)
