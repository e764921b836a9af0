"""A transfer in our words: nodes of the filing plan, records, declarations, holds. Pure.

SEDA adds rules up: what a unit declares stands beside what it inherits, the same rule declared
lower takes the place of the one above, ``PreventInheritance`` cuts a whole category. So a block of
rules becomes a declaration *in addition*, with its starts under the convention of SEDA: the first
day counted. A unit in several places gives one node for each way to it, so that each way is
resolved by itself. The whole transfer is the node at the top, and has the rules of its
``ManagementMetadata``.

A unit becomes a node where it holds others, has no bytes, or declares rules; its bytes become a
record in that node, or in the node above. Nodes that hold nodes are classes, the others files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from archive.exchange.seda.days import first_day, last_day
from archive.exchange.seda.transfer import Category, Content, DataObject, Management, RuleBlock, RuleUse, Transfer, Unit
from archive.model.final_actions import FinalAction, strongest
from archive.retention.dates import day_before
from archive.retention.declarations import Convention, Declaration, GivenStart, Level, Node, Path

_ACTIONS: Final = {"Keep": FinalAction.KEEP, "Destroy": FinalAction.DESTROY}
_MASTER: Final = "BinaryMaster"


@dataclass(frozen=True)
class TransferNode:
    """A node of the filing plan that a transfer brings.

    Attributes:
        way: Ids of the units from the top to it; empty for the whole transfer.
        level: ``CLASS`` or ``FILE``.
        retention: Declared here, with starts under the convention of SEDA.
        begins: First day of its documents, as told.
        ends: Last day of its documents, as told; never the closing of a file.
        physical: Ids of physical objects, which have no bytes.
    """

    way: tuple[str, ...]
    level: Level
    title: str
    description: str | None = None
    retention: Declaration | None = None
    access: Declaration | None = None
    begins: date | None = None
    ends: date | None = None
    physical: tuple[str, ...] = ()

    @property
    def above(self) -> tuple[str, ...] | None:
        """The way of the node above; None for the whole transfer."""
        return self.way[:-1] if self.way else None


@dataclass(frozen=True)
class TransferHold:
    """A hold that a transfer brings.

    Attributes:
        until: Last held day: the day before ``HoldEndDate``; None: until it is released.
    """

    rule: str
    reason: str
    until: date | None = None
    owner: str | None = None
    review_on: date | None = None
    forbids_move: bool = False


@dataclass(frozen=True)
class TransferRecord:
    """A record that a transfer brings: one group of objects of one unit.

    Attributes:
        original: Id of the object with the original bytes.
        others: Ids of the other objects of its group.
        description: Our description fields, by name.
        ways: Ways of the nodes that it lies in, one for each place of its unit.
        final_actions: What the nearest declaration along each way asks for; empty without one.
    """

    unit: str
    original: str
    others: tuple[str, ...]
    description: Mapping[str, str]
    ways: tuple[tuple[str, ...], ...]
    final_actions: frozenset[FinalAction] = frozenset()
    holds: tuple[TransferHold, ...] = ()

    @property
    def final_action(self) -> FinalAction | None:
        """The strongest of its final actions; None where none is told: it is kept."""
        return strongest(self.final_actions) if self.final_actions else None

    @property
    def in_conflict(self) -> bool:
        """Whether its ways ask for different final actions: a person decides."""
        return len(self.final_actions) > 1


@dataclass(frozen=True)
class InOurWords:
    """A transfer as nodes and records; a node stands before those in it."""

    nodes: Mapping[tuple[str, ...], TransferNode] = field(default_factory=dict)
    records: tuple[TransferRecord, ...] = ()

    def paths(self, record: TransferRecord) -> tuple[Path, ...]:
        """Return the paths along which a record's retention is resolved."""
        own = Node(Level.RECORD, record.unit, record.description.get("title", record.unit))
        return tuple((own, *self._above(way)) for way in record.ways)

    def _above(self, way: tuple[str, ...]) -> Iterable[Node]:
        while True:
            node = self.nodes[way]
            yield Node(node.level, "/".join(way) or "*", node.title, node.retention, node.access)
            if not way:
                return
            way = way[:-1]


def in_our_words(transfer: Transfer) -> InOurWords:
    """Return a transfer as nodes and records.

    Its units lie in no loop and in no more places than the entry checks let pass.
    """
    ways = _ways(transfer)
    holding = {way[:-1] for way in ways if way and _is_node(transfer, transfer.units[way[-1]])}
    nodes: dict[tuple[str, ...], TransferNode] = {(): _whole(transfer, Level.CLASS if () in holding else Level.FILE)}
    for way in ways:
        unit = transfer.units[way[-1]]
        if _is_node(transfer, unit):
            nodes[way] = _node(transfer, unit, way, Level.CLASS if way in holding else Level.FILE)
    by_unit: dict[str, list[tuple[str, ...]]] = {}
    for way in ways:
        by_unit.setdefault(way[-1], []).append(way)
    records = [
        one
        for name, unit in transfer.units.items()
        if name in by_unit
        for one in _records(transfer, unit, by_unit[name])
    ]
    return InOurWords(nodes, tuple(records))


def _ways(transfer: Transfer) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    waiting: list[tuple[str, ...]] = [(name,) for name in reversed(transfer.top)]
    while waiting:
        way = waiting.pop()
        found.append(way)
        waiting += [(*way, below) for below in reversed(transfer.units[way[-1]].children)]
    return found


def _is_node(transfer: Transfer, unit: Unit) -> bool:
    has_bytes = any(not transfer.objects[one].physical for one in unit.objects)
    declares = retention_of(unit.management) is not None or access_of(unit.management) is not None
    return bool(unit.children) or declares or not has_bytes


def _whole(transfer: Transfer, level: Level) -> TransferNode:
    comment = transfer.comments[0].value if transfer.comments else None
    return TransferNode(
        (),
        level,
        comment or transfer.identifier,
        retention=retention_of(transfer.management),
        access=access_of(transfer.management),
    )


def _node(transfer: Transfer, unit: Unit, way: tuple[str, ...], level: Level) -> TransferNode:
    content = unit.content
    return TransferNode(
        way,
        level,
        content.title or unit.id,
        content.descriptions[0].value if content.descriptions else None,
        retention_of(unit.management),
        access_of(unit.management),
        first_day(content.starts_on),
        last_day(content.ends_on),
        tuple(one for one in unit.objects if transfer.objects[one].physical),
    )


def retention_of(management: Management) -> Declaration | None:
    """Return what a unit declares for retention; None for nothing."""
    return declaration(management.blocks.get(Category.APPRAISAL))


def access_of(management: Management) -> Declaration | None:
    """Return what a unit declares for access; None for nothing."""
    return declaration(management.blocks.get(Category.ACCESS))


def declaration(block: RuleBlock | None) -> Declaration | None:
    """Return a block of rules as a declaration of ours; None where it says nothing of rules.

    A rule without a start takes the place of the same rule above, and so its start away.
    """
    if block is None or not (block.uses or block.blocked or block.prevents_inheritance):
        return None
    rules = tuple(dict.fromkeys(use.rule for use in block.uses))
    starts = {use.rule: GivenStart(use.start, Convention.SEDA) for use in block.uses if use.start is not None}
    restarted = {rule for rule in rules if rule not in starts}
    return Declaration(
        rules,
        in_addition=True,
        block_all=block.prevents_inheritance,
        blocked=frozenset(block.blocked) | restarted,
        starts=starts,
    )


def _records(transfer: Transfer, unit: Unit, ways: list[tuple[str, ...]]) -> list[TransferRecord]:
    groups: dict[str, list[DataObject]] = {}
    for name in unit.objects:
        one = transfer.objects[name]
        if not one.physical:
            groups.setdefault(one.group, []).append(one)
    if not groups:
        return []
    places = tuple(way if _is_node(transfer, unit) else way[:-1] for way in ways)
    managed = [_managed(transfer, way) for way in ways]
    actions = frozenset(action for one in managed for action in _final_action(one))
    holds = tuple(dict.fromkeys(hold for one in managed for hold in _holds(one)))
    records = []
    for inside in groups.values():
        original = next((one for one in inside if one.usage in {None, _MASTER}), inside[0])
        others = tuple(one.id for one in inside if one is not original)
        described = _description(transfer, unit, original)
        records.append(TransferRecord(unit.id, original.id, others, described, places, actions, holds))
    return records


def _managed(transfer: Transfer, way: tuple[str, ...]) -> list[Management]:
    """Return what applies along a way, from the whole transfer down to the unit."""
    return [transfer.management, *(transfer.units[name].management for name in way)]


def _final_action(managed: list[Management]) -> list[FinalAction]:
    """Return the final action of the nearest block; its schema asks each block for one."""
    for one in reversed(managed):
        block = one.blocks.get(Category.APPRAISAL)
        if block is not None and block.final_action in _ACTIONS:
            return [_ACTIONS[block.final_action]]
    return []


def _holds(managed: list[Management]) -> list[TransferHold]:
    """Return the holds in force along a way."""
    uses: dict[str, RuleUse] = {}
    for one in managed:
        block = one.blocks.get(Category.HOLD)
        if block is None:
            continue
        if block.prevents_inheritance:
            uses = {}
        uses = {rule: use for rule, use in uses.items() if rule not in block.blocked}
        uses |= {use.rule: use for use in block.uses}
    return [
        TransferHold(
            use.rule,
            use.hold_reason or use.rule,
            day_before(use.hold_end) if use.hold_end is not None else None,
            use.hold_owner,
            use.hold_review_on,
            use.forbids_move,
        )
        for use in uses.values()
    ]


def _description(transfer: Transfer, unit: Unit, original: DataObject) -> dict[str, str]:
    """Return our description fields; what is not told is not there."""
    content = unit.content
    day = document_day(content)
    agency = content.originating_agency.identifier if content.originating_agency is not None else None
    references = (*content.originating_agency_ids, *content.transferring_agency_ids, *content.originating_system_ids)
    told = {
        "title": content.title or original.filename,
        "description": "\n\n".join(one.value for one in content.descriptions),
        "document_type": content.document_type,
        "producer": agency or transfer.originating_agency,
        "document_date": day.isoformat() if day is not None else None,
        "external_reference": next(iter(references), None),
        "language": next(iter(content.languages), None),
    }
    return {name: value for name, value in told.items() if value}


def document_day(content: Content) -> date | None:
    """Return the date of the document; of an imprecise one the last day that it may mean."""
    told = (
        content.transacted_on,
        content.created_on,
        content.sent_on,
        content.received_on,
        content.registered_on,
        content.ends_on,
    )
    return next((day for one in told if (day := last_day(one)) is not None), None)
