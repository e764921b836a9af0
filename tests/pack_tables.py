"""Write the tables of the rule packs: ``docs/retention-pack-*.md``, one example a rule.

``python -m tests.pack_tables`` writes them; a test compares what it would write with what is there.
The examples are computed by the same functions as the dates of a record.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from archive.model.final_actions import FinalAction
from archive.retention.access import Access, access_of
from archive.retention.dates import START_EVENTS, Unit
from archive.retention.declarations import Declaration, Level, Node
from archive.retention.facts import Facts
from archive.retention.packs import PACKS, Read, pack_rules, pack_types, text_of
from archive.retention.resolution import Resolution, resolve
from archive.retention.rules import Rule

ROOT: Final = Path(__file__).resolve().parents[1]

HAPPENED: Final = date(2020, 2, 29)
"""Day of the document and of every event in the examples: one that most years lack."""
BORN: Final = date(1960, 2, 29)

_ACTIONS: Final = {FinalAction.KEEP: "keep", FinalAction.DESTROY: "destroy", FinalAction.SORT: "sort"}
_UNITS: Final = {Unit.DAY: "day", Unit.MONTH: "month", Unit.YEAR: "year"}


@dataclass(frozen=True)
class Example:
    """One rule applied to the facts of the examples: as it comes, and once it is validated."""

    as_drafted: Resolution
    validated: Resolution
    access: Access | None


def example(rule: Rule) -> Example:
    """Apply a rule to a document of 29 February 2020 about a person born on 29 February 1960."""
    return Example(
        _resolved(rule),
        _resolved(replace(rule, validated=True)),
        access_of(rule.access_rule, document_date=HAPPENED, closed_on=None, birth=BORN) if rule.access_rule else None,
    )


def _resolved(rule: Rule) -> Resolution:
    day = BORN if rule.start_event == "birth_date" else HAPPENED
    kind = Node(Level.DOCUMENT_TYPE, "type", "type", Declaration((rule.code,)))
    facts = Facts(HAPPENED, HAPPENED, events={rule.start_event: (day,)})
    return resolve(((kind,),), facts, {rule.code: rule})


def table(pack: str) -> str:
    """Return the document of one pack."""
    rules = pack_rules(pack)
    read = Counter(Read.of(source) for _, source in rules)
    lines = [
        f"# Rule pack `{pack}`: {PACKS[pack]}",
        "",
        f"{len(rules)} rules, {len(pack_types(pack))} document types. Written by",
        "`python -m tests.pack_tables` from `rules/`; [what the columns mean](retention-packs.md).",
        "",
        "| read | rules |",
        "|---|---|",
        *(f"| `{mark.value}` | {read[mark]} |" for mark in Read),
        "",
        "| rule | label | duration | counted from | then | public from | read | source | example |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_line(rule, source) for rule, source in rules),
        "",
        "## Criteria of sorting",
        "",
        "| rule | criteria |",
        "|---|---|",
        *(f"| {rule.code} | {rule.criteria} |" for rule, _ in rules if rule.criteria),
        "",
        "## Document types",
        "",
        "| type | label | rule | access |",
        "|---|---|---|---|",
        *(f"| `{one.code}` | {one.label} | {one.rule} | {one.access_rule or '–'} |" for one in pack_types(pack)),
        "",
    ]
    return "\n".join(lines)


def _line(rule: Rule, source: str) -> str:
    mark = Read.of(source)
    cells = (
        rule.code,
        rule.label,
        _duration(rule),
        START_EVENTS[rule.start_event].phrase,
        _ACTIONS[rule.final_action],
        rule.access_rule or "–",
        mark.value if mark else "–",
        text_of(source),
        _told(example(rule)),
    )
    return "| " + " | ".join(cells) + " |"


def _duration(rule: Rule) -> str:
    if rule.duration is None:
        return "unlimited"
    if rule.duration == 0:
        return "none"
    return f"{rule.duration} {_UNITS[rule.unit]}{'s' if rule.duration > 1 else ''}"


def _told(made: Example) -> str:
    """Write an example: what is known now, and what the validation of the rule would give."""
    dates = made.validated
    if dates.due_on is None:
        told = "no end"
    else:
        told = f"starts {dates.starts_on}, ends {dates.ends_on}, due {dates.due_on}"
        told = told if made.as_drafted.due_on is not None else f"no end until validated; then {told}"
    if made.access is None:
        return f"{told}; access to be completed"
    opens = made.access.communicable_on
    by = f" ({made.access.decided_by})" if made.access.decided_by else ""
    return f"{told}; public from {opens}{by}" if opens else f"{told}; closed to the public{by}"


def path_of(pack: str) -> Path:
    """Return the document of a pack."""
    return ROOT / "docs" / f"retention-pack-{pack.removeprefix('fr-')}.md"


def main() -> None:
    """Write the documents of all packs."""
    for pack in PACKS:
        path_of(pack).write_text(table(pack), encoding="utf-8")


if __name__ == "__main__":
    main()
