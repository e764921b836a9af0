"""Import and export of a filing plan: the nodes as lines, and lines as changes, all or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue import plan_changes, plan_queries, plan_reach, stale
from archive.catalogue.plan_changes import PlanChange
from archive.catalogue.plan_nodes import (
    CHANGEABLE,
    EXTENT,
    NodeKind,
    PlanNode,
    bad_node,
    changed_node,
    read_day,
    read_node,
)
from archive.database.retention_tables import PlanNodeRow
from archive.exchange.plan_lines import PlanLine
from archive.model.days import iso_day
from archive.retention.declarations import Convention, Declaration, GivenStart
from archive.retention.places import file_codes
from signing.ground.errors import Refused

_SEPARATOR: Final = "; "


@dataclass
class Imported:
    """What an import did.

    Attributes:
        nodes: Identifiers of the nodes that were made or changed.
    """

    created: int = 0
    changed: int = 0
    closed: int = 0
    unchanged: int = 0
    nodes: list[str] = field(default_factory=list)


# -- out


def lines_of(session: Session, tenant: str) -> list[dict[str, str]]:
    """Return every node of a tenant as the columns of an exchange file."""
    rows = plan_queries.everything(session, tenant)
    codes = {row.id: row.code for row in rows}
    return [_written(row, codes.get(row.parent_id or "", "")) for row in rows]


def _written(row: PlanNodeRow, parent: str) -> dict[str, str]:
    node = plan_changes.node_of(row)
    told = {
        "code": node.code,
        "parent": parent,
        "kind": node.kind.value,
        "title": node.title,
        "description": node.description,
        "producer": node.producer,
        "opened_on": node.opened_on.isoformat() if node.opened_on else None,
        "closed_on": node.closed_on.isoformat() if node.closed_on else None,
        **_declared("rules", node.retention),
        **_declared("access", node.access),
        **{name: (node.extent or {}).get(name) for name in EXTENT},
    }
    return {name: value for name, value in told.items() if value}


def _declared(prefix: str, declared: Declaration | None) -> dict[str, str]:
    one = declared or Declaration()
    starts = _SEPARATOR.join(
        f"{rule}={start.on.isoformat()}" + (f" {start.convention}" if start.convention is not Convention.OURS else "")
        for rule, start in sorted(one.starts.items())
    )
    told = {
        "rules" if prefix == "rules" else "access_rules": _SEPARATOR.join(one.rules),
        f"{prefix}_in_addition": "1" if one.in_addition else "",
        f"{prefix}_block_all": "1" if one.block_all else "",
        f"{prefix}_blocked": _SEPARATOR.join(sorted(one.blocked)),
    }
    return told | ({"rules_starts": starts} if prefix == "rules" else {})


# -- in


class _Import:
    """One import: what it did so far, and each line's error."""

    def __init__(self, change: PlanChange, lines: Sequence[PlanLine]) -> None:
        self._change = change
        self._lines = lines
        self.done = Imported()
        self.faults: list[Refused] = []
        row = PlanNodeRow
        rows = change.session.scalars(select(row).where(row.tenant_id == change.tenant))
        self._rows = {one.code: one for one in rows}
        self._ids = {code: one.id for code, one in self._rows.items() if not one.removed}
        self._closings: list[tuple[PlanLine, str, PlanNode]] = []

    def run(self) -> None:
        change, made = self._change, list[str]()
        ordered = self._ordered()
        self._lock(ordered)
        for line in ordered:
            try:
                made += self._take(line)
            except Refused as error:
                self.faults.append(_at(line, error))
        codes = [line.values["code"] for line in self._lines if line.values.get("code") not in self._rows]
        plan_reach.place_named(change.session, change.tenant, [code for code in codes if code in self._ids])
        for line, node_id, node in self._closings:
            try:
                plan_changes.check_closing(change, node_id, node)
            except Refused as error:
                self.faults.append(_at(line, error))
        plan_changes.mark_below(change, made)

    def _lock(self, ordered: Sequence[PlanLine]) -> None:
        """Lock the records that the file may touch, before its first entry."""
        tenant, session = self._change.tenant, self._change.session
        there = {line.values.get("code", ""): line for line in ordered}
        changed = [self._ids[code] for code, line in there.items() if code in self._ids and self._is_changed(line)]
        new = plan_reach.naming(tenant, [code for code in there if code not in self._rows])
        if not self._change.for_show:
            stale.lock_early(session, new | stale.below(tenant, changed))

    def _is_changed(self, line: PlanLine) -> bool:
        """Whether a line may give other dates; one that is refused later gives none."""
        row = self._rows[line.values["code"]]
        before = plan_changes.node_of(row)
        above = self._ids.get(line.values.get("parent", ""))
        if "parent" in line.values and above != row.parent_id:
            return True
        try:
            given = {name: value for name, value in _values(line.values).items() if name != "kind"}
            return changed_node(before, given) != before
        except (Refused, ValueError):
            return False

    def _ordered(self) -> list[PlanLine]:
        """Return the lines, each after the line of its parent; faults are noted on the way."""
        by_code: dict[str, PlanLine] = {}
        for line in self._lines:
            code = line.values.get("code", "")
            if code in by_code:
                self.faults.append(_at(line, bad_node("code", "Ce code est deux fois dans le fichier.")))
            else:
                by_code[code] = line
        ordered: dict[int, PlanLine] = {}
        for line in by_code.values():
            chain = [line]
            while (above := by_code.get(chain[-1].values.get("parent", ""))) is not None and above not in chain:
                chain.append(above)
            for one in reversed(chain):
                ordered.setdefault(one.number, one)
        return list(ordered.values())

    def _take(self, line: PlanLine) -> list[str]:
        """Make or change the node of one line; return its identifier if dates may differ below."""
        code, parent = line.values.get("code", ""), line.values.get("parent", "")
        values = _values(line.values)
        row = self._rows.get(code)
        node = read_node({"kind": row.kind if row is not None else NodeKind.CLASS.value, "code": code} | values)
        if parent and parent not in self._ids:
            raise bad_node("parent", "Aucune classe n’a le code « {node} ».", node=parent)
        given = values | ({"parent_id": self._ids[parent] if parent else None} if "parent" in line.values else {})
        if row is None:
            made = plan_changes.enter(self._change, read_node({"kind": node.kind.value, "code": code} | given))
            self._ids[code] = made
            self.done.created += 1
            if node.closed_on:
                self._closings.append((line, made, node))
            self.done.nodes.append(made)
            return [made]
        if row.removed:
            raise bad_node("code", "Ce code a été retiré du plan : il ne sert plus.")
        return self._amend(row, given)

    def _amend(self, row: PlanNodeRow, given: Mapping[str, Any]) -> list[str]:
        if "kind" in given and given["kind"] != row.kind:
            raise bad_node("kind", "La nature d’un élément ne change pas.")
        before = row.number
        wanted = {name: value for name, value in given.items() if name in CHANGEABLE}
        plan_changes.amend(self._change, row.id, before, wanted)
        closed = read_day("closed_on", given["closed_on"]) if "closed_on" in given else row.closed_on
        if closed != row.closed_on:
            if row.closed_on is not None or closed is None:
                raise bad_node("closed_on", "Ce dossier est déjà clos : rouvrez-le à part, en disant pourquoi.")
            plan_changes.close(self._change, row.id, row.number, closed)
            self.done.closed += 1
        if row.number == before:
            self.done.unchanged += 1
            return []
        self.done.changed += 1
        self.done.nodes.append(row.id)
        return []


def take_in(change: PlanChange, lines: Sequence[PlanLine]) -> Imported:
    """Make and change the nodes of a file, all or none; nodes that it lacks stay as they are.

    Raises:
        Refused: ``bad_plan``, with the error of each wrong line.
    """
    work = _Import(replace(change, locks=False), lines)
    work.run()
    if work.faults:
        raise Refused(
            "bad_plan",
            "Le fichier a {count} erreurs : rien n’a été importé.",
            kept="Le plan est inchangé.",
            action="Corrigez les lignes nommées dans « errors », puis recommencez.",
            count=len(work.faults),
            faults=tuple(work.faults),
        )
    return work.done


def _values(told: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a node that the columns give; a column that is not there gives none."""
    names = ("kind", "title", "description", "producer", "opened_on", "closed_on")
    values: dict[str, Any] = {name: told[name] or None for name in names if name in told}
    if any(name.startswith("rules") for name in told):
        values["retention"] = _declaration(told, "rules", "rules")
    if any(name.startswith("access") for name in told):
        values["access"] = _declaration(told, "access", "access_rules")
    if any(name in told for name in EXTENT):
        values["extent"] = {name: told[name] for name in EXTENT if told.get(name)} or None
    return values


def _declaration(told: Mapping[str, str], prefix: str, rules: str) -> Declaration:
    starts: dict[str, GivenStart] = {}
    for one in file_codes(told.get("rules_starts")) if prefix == "rules" else ():
        code, _, start = one.partition("=")
        day, _, convention = start.strip().partition(" ")
        try:
            starts[code.strip()] = GivenStart(iso_day(day), Convention(convention.strip() or Convention.OURS.value))
        except ValueError as error:
            raise bad_node("rules_starts", "Un départ s’écrit « CODE=2020-12-31 ».") from error
    return Declaration(
        tuple(file_codes(told.get(rules))),
        in_addition=_flag(told, f"{prefix}_in_addition"),
        block_all=_flag(told, f"{prefix}_block_all"),
        blocked=frozenset(file_codes(told.get(f"{prefix}_blocked"))),
        starts=starts,
    )


def _flag(told: Mapping[str, str], name: str) -> bool:
    value = told.get(name, "")
    if value not in {"", "0", "1"}:
        raise bad_node(name, "Écrivez 1 pour oui ; laissez vide pour non.")
    return value == "1"


def _at(line: PlanLine, error: Refused) -> Refused:
    """Return an error with the place of its line."""
    column = {"/parent_id": "/parent", "/retention": "/rules", "/access": "/access_rules"}
    pointer = error.pointer or "/code"
    error.pointer = f"/lines/{line.number}{column.get(pointer, pointer)}"
    return error
