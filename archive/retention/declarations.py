"""Declarations of rules on records, files, classes and document types, and their inheritance.

Pure.

The nearest declaration wins: record, file, class, document type. It replaces what comes from
further away unless it is marked *in addition*; blocking cuts what comes from further away.
Retention and access inherit each for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Final

from archive.retention.facts import FileFacts


class Level(StrEnum):
    """Levels on which rules are declared, nearest first."""

    RECORD = "record"
    FILE = "file"
    CLASS = "class"
    DOCUMENT_TYPE = "document_type"


class Convention(StrEnum):
    """Ways to count from a start that was given with a rule."""

    OURS = "ours"
    """The start is the day of the event, and not counted."""
    SEDA = "seda"
    """``StartDate`` of SEDA: the first day counted."""


@dataclass(frozen=True)
class GivenStart:
    """A start that was given with a rule, in the place of its start event."""

    on: date
    convention: Convention = Convention.OURS


@dataclass(frozen=True)
class Declaration:
    """Rules declared on one node, for retention or for access.

    Attributes:
        rules: Codes.
        in_addition: Whether they add to what is inherited instead of replacing it.
        block_all: Whether nothing is inherited.
        blocked: Codes that are not inherited.
        starts: Starts given for a rule, declared here or inherited, for all that lies below.
    """

    rules: tuple[str, ...] = ()
    in_addition: bool = False
    block_all: bool = False
    blocked: frozenset[str] = frozenset()
    starts: Mapping[str, GivenStart] = field(default_factory=dict)


@dataclass(frozen=True)
class Node:
    """A place where rules may be declared, on the way from a record to its document type.

    Attributes:
        code: Of the class, file or document type; the record's identifier.
        title: What people read; a document type's label, or its code where the list lacks it.
        retention: Retention rules declared here; None = none.
        access: Access rules declared here; None = none.
        file: Dates of the file, on the level ``FILE``.
        phrase: The label of a document type with its article, « une facture »; None where the
            tenant's list lacks the type.
    """

    level: Level
    code: str
    title: str
    retention: Declaration | None = None
    access: Declaration | None = None
    file: FileFacts | None = None
    phrase: str | None = None


Path = tuple[Node, ...]
"""Nodes from a record upwards, nearest first: record, file, its classes, document type.

A record in two files or two classes has two paths. A record without a document type has no node of
that level.
"""


def file_of(path: Path) -> FileFacts | None:
    """Return the file whose closing counts along a path: the nearest one."""
    return next((node.file for node in path if node.file is not None), None)


def newest_in_files(paths: Sequence[Path]) -> date | None:
    """Return the date of the most recent document in the files of a record, for access."""
    newest = (node.file.newest_document for path in paths for node in path if node.file is not None)
    return max((day for day in newest if day is not None), default=None)


@dataclass(frozen=True)
class Inherited:
    """A rule in force for a record along one path.

    Attributes:
        node: The node whose declaration brought it.
        start: Start given for it on that node or below; None = its start event counts.
        start_node: The node that gave this start.
    """

    rule: str
    node: Node
    start: GivenStart | None = None
    start_node: Node | None = None


@dataclass(frozen=True)
class InForce:
    """Rules in force along one path.

    Attributes:
        blocked_by: The node that blocks what would be inherited, where nothing is left in force.
    """

    rules: tuple[Inherited, ...] = ()
    blocked_by: Node | None = None


def retention_in_force(path: Path) -> InForce:
    """Return the retention rules in force for a record along one path."""
    return _inherited([(node, node.retention) for node in path])


def access_in_force(path: Path) -> InForce:
    """Return the access rules in force for a record along one path."""
    return _inherited([(node, node.access) for node in path])


def _inherited(declared: Sequence[tuple[Node, Declaration | None]]) -> InForce:
    rules: dict[str, Inherited] = {}
    blocked_by: Node | None = None
    for node, declaration in reversed(declared):
        if declaration is None:
            continue
        kept = _not_blocked(rules, declaration)
        if declaration.block_all or (rules and not kept):
            blocked_by = node
        added = _added(kept, declaration, node)
        rules = kept | added if declaration.in_addition or not declaration.rules else added
        rules = {code: _started(one, declaration, node) for code, one in rules.items()}
        if rules:
            blocked_by = None
    return InForce(tuple(rules[code] for code in sorted(rules)), blocked_by)


def _not_blocked(rules: Mapping[str, Inherited], declaration: Declaration) -> dict[str, Inherited]:
    if declaration.block_all:
        return {}
    return {code: one for code, one in rules.items() if code not in declaration.blocked}


def _added(kept: Mapping[str, Inherited], declaration: Declaration, node: Node) -> dict[str, Inherited]:
    """Return the rules that a node declares; one added again keeps the start given above it."""
    added: dict[str, Inherited] = {}
    for code in declaration.rules:
        above = kept.get(code) if declaration.in_addition else None
        added[code] = replace(above, node=node) if above is not None else Inherited(code, node)
    return added


def _started(one: Inherited, declaration: Declaration, node: Node) -> Inherited:
    given = declaration.starts.get(one.rule)
    return replace(one, start=given, start_node=node) if given is not None else one


_SEPARATOR: Final = ";"
_IN_ADDITION: Final = "+"


def declared_on_record(text: str | None) -> Declaration | None:
    """Read the field ``retention_rule``: codes separated by ``;``, ``+CODE`` for one in addition.

    The codes replace what is inherited unless every one of them is marked. None for an empty field.
    """
    written = [part.strip() for part in (text or "").split(_SEPARATOR)]
    codes = {part.lstrip(_IN_ADDITION).strip(): part.startswith(_IN_ADDITION) for part in written}
    codes.pop("", None)
    return Declaration(tuple(codes), in_addition=all(codes.values())) if codes else None
