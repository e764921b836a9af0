"""Figures of a stocktaking: series, lacunae, fixity, the sealed head, as they are at one moment.

Records are read in the order of their ids, a part at a time: a million takes seconds, and the
memory of the plan alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.catalogue import plan_queries
from archive.catalogue.plan_nodes import NodeKind
from archive.catalogue.reading import Reader
from archive.database.counter_tables import RetentionCounterRow
from archive.database.retention_tables import PlanNodeRow, RecordNodeRow
from archive.database.tables import CheckpointRow, RecordRow, VerificationRow
from archive.disposition.reports.stocktaking import Seen
from archive.model.states import GONE
from archive.objects.fixity import Fixity
from signing.ground.clock import stamp

LISTED: Final = 500
"""How many of each lacuna are listed; their number is always told."""
MOST_SERIES: Final = 2000
_LEVELS: Final = 2
"""Levels of the plan that are told as series; what lies deeper counts in them."""
_TOGETHER: Final = 2000
_LARGEST_GAP: Final = 50
"""More numbers missing in one row than this are another way of numbering, no gap."""
_NUMBERED: Final = re.compile(r"(.*?)([0-9]{1,6})")
RECENTLY: Final = (90, 365)
"""Days since the last verification, as its table tells them."""


@dataclass
class Series:
    """What lies in a class and below it."""

    code: str
    title: str
    level: int
    records: int = 0
    bytes: int = 0
    first: date | None = None
    latest: date | None = None
    files: int = 0
    units: int = 0
    metres: Decimal = Decimal(0)

    def take(self, dated: date | None, size: int) -> None:
        """Count a record."""
        self.records, self.bytes = self.records + 1, self.bytes + size
        if dated is not None:
            self.first = dated if self.first is None else min(self.first, dated)
            self.latest = dated if self.latest is None else max(self.latest, dated)

    def as_json(self) -> dict[str, Any]:
        """Return the part of a statement that says it."""
        return {
            "code": self.code,
            "title": self.title,
            "level": self.level,
            "records": self.records,
            "bytes": self.bytes,
            "first": self.first.isoformat() if self.first else None,
            "latest": self.latest.isoformat() if self.latest else None,
            "files": self.files,
            "units": self.units,
            "metres": f"{self.metres:f}",
        }


def figures(session: Session, tenant: str, today: date, seen: Mapping[str, str]) -> dict[str, Any]:
    """Return the figures of a tenant's archives, as the statement of a stocktaking has them.

    Args:
        seen: By code, what a person found of paper units.
    """
    nodes = plan_queries.everything(session, tenant)
    above = _above(nodes)
    series = _series(nodes, above)
    placed, filled = _count_records(session, tenant, above, series)
    _count_nodes(nodes, above, series)
    records, size = _totals(session, tenant)
    told = [series[node.id] for node in _ordered(nodes, series)]
    return {
        "records": records,
        "bytes": size,
        "unfiled": {"records": records - placed.records, "bytes": size - placed.bytes},
        "first": placed.first.isoformat() if placed.first else None,
        "latest": placed.latest.isoformat() if placed.latest else None,
        "gone": _gone(session, tenant),
        "series": [one.as_json() for one in told[:MOST_SERIES]],
        "series_left_out": max(0, len(told) - MOST_SERIES),
        "paper": _paper(nodes, seen),
        "empty_files": _some(
            [
                {"code": node.code, "title": node.title}
                for node in nodes
                if node.kind == NodeKind.FILE and node.id not in filled and not node.extent
            ]
        ),
        "gaps": _some([{"code": code} for code in gaps(_codes(nodes))]),
        "fixity": _fixity(session, tenant, today, records),
        "head": head(session),
    }


def head(session: Session) -> dict[str, Any] | None:
    """Return the sealed head of the journal: its size, root, moment; None while there is none."""
    row = session.scalar(select(CheckpointRow).order_by(CheckpointRow.size.desc()).limit(1))
    if row is None:
        return None
    stamped = select(CheckpointRow).where(CheckpointRow.token.is_not(None)).order_by(CheckpointRow.size.desc())
    last = session.scalar(stamped.limit(1))
    return {
        "size": row.size,
        "root": row.root,
        "at": stamp(row.published_at),
        "stamped_size": last.size if last is not None else None,
    }


def _above(nodes: Sequence[PlanNodeRow]) -> dict[str, list[str]]:
    """Return the classes that each node lies in, the highest first, itself last."""
    parents = {node.id: node.parent_id for node in nodes}
    found: dict[str, list[str]] = {}
    for node in nodes:
        path = list[str]()
        at: str | None = node.id
        while at in parents and len(path) < 100:
            path.append(at)
            at = parents[at]
        found[node.id] = path[::-1]
    return found


def _series(nodes: Sequence[PlanNodeRow], above: Mapping[str, Sequence[str]]) -> dict[str, Series]:
    return {
        node.id: Series(node.code, node.title, len(above[node.id]))
        for node in nodes
        if node.kind == NodeKind.CLASS and len(above[node.id]) <= _LEVELS
    }


def _ordered(nodes: Sequence[PlanNodeRow], series: Mapping[str, Series]) -> list[PlanNodeRow]:
    """Return the series in the order of the plan: each below the one that it lies in."""
    codes = {node.id: node.code for node in nodes}
    told = [node for node in nodes if node.id in series]
    return sorted(told, key=lambda node: (codes.get(node.parent_id or "", node.code), series[node.id].level, node.code))


def _count_records(
    session: Session, tenant: str, above: Mapping[str, Sequence[str]], series: Mapping[str, Series]
) -> tuple[Series, set[str]]:
    """Count placed records once in each series; return their total, and the nodes with any."""
    total, filled = Series("", "", 0), set[str]()
    place = RecordNodeRow
    asked = (
        select(place.record_id, place.node_id, RecordRow.document_date, RecordRow.bytes)
        .join(RecordRow, RecordRow.id == place.record_id)
        .where(RecordRow.tenant_id == tenant, RecordRow.state.not_in(GONE))
        .order_by(place.record_id)
    )
    rows = session.execute(asked.execution_options(yield_per=_TOGETHER))
    for _, group in groupby(rows, key=lambda row: row.record_id):
        lies = list(group)
        nodes = {row.node_id for row in lies if row.node_id in above}
        if not nodes:
            continue
        filled |= nodes
        total.take(lies[0].document_date, lies[0].bytes)
        for one in {one for node in nodes for one in above[node] if one in series}:
            series[one].take(lies[0].document_date, lies[0].bytes)
    return total, filled


def _count_nodes(
    nodes: Iterable[PlanNodeRow], above: Mapping[str, Sequence[str]], series: Mapping[str, Series]
) -> None:
    for node in nodes:
        for one in above[node.id]:
            if one not in series or one == node.id:
                continue
            series[one].files += node.kind == NodeKind.FILE
        if node.extent:
            for one in above[node.id]:
                if one in series:
                    series[one].units += 1
                    series[one].metres += Decimal(node.extent.get("metres", "0"))


def _totals(session: Session, tenant: str) -> tuple[int, int]:
    row = RetentionCounterRow
    asked = select(func.coalesce(func.sum(row.n), 0), func.coalesce(func.sum(row.bytes), 0))
    records, size = session.execute(asked.where(row.tenant_id == tenant)).one()
    return int(records), int(size)


def _gone(session: Session, tenant: str) -> dict[str, int]:
    row = RecordRow
    asked = select(row.state, func.count()).where(row.tenant_id == tenant, row.state.in_(GONE)).group_by(row.state)
    return {state: int(number) for state, number in session.execute(asked)}


def _some(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {"number": len(found), "listed": found[:LISTED]}


def _paper(nodes: Iterable[PlanNodeRow], seen: Mapping[str, str]) -> dict[str, Any]:
    """Return the units without bytes, as declared and as somebody found them on their shelf."""
    number, length = dict.fromkeys(Seen, 0), dict.fromkeys(Seen, Decimal(0))
    missing, unmeasured = list[dict[str, Any]](), 0
    for node in nodes:
        if not node.extent:
            continue
        found, metres = Seen(seen.get(node.code, Seen.NOT_LOOKED)), node.extent.get("metres")
        number[found] += 1
        length[found] += Decimal(metres or "0")
        unmeasured += metres is None
        if found is Seen.NO:
            missing.append({"code": node.code, "title": node.title, "place": node.extent.get("place")})
    return {
        "units": {one.value: number[one] for one in Seen},
        "metres": {one.value: f"{length[one]:f}" for one in Seen},
        "unmeasured": unmeasured,
        "missing": _some(missing),
    }


def _codes(nodes: Iterable[PlanNodeRow]) -> dict[str | None, list[str]]:
    found: dict[str | None, list[str]] = defaultdict(list)
    for node in nodes:
        if node.kind == NodeKind.FILE:
            found[node.parent_id].append(node.code)
    return found


def gaps(codes: Mapping[str | None, Iterable[str]]) -> list[str]:
    """Return the codes that are missing in rows of numbered files, at least three in one class.

    Args:
        codes: Of files, by the class that they lie in.
    """
    found = list[str]()
    for some in codes.values():
        rows: dict[str, dict[int, str]] = defaultdict(dict)
        for code in some:
            if match := _NUMBERED.fullmatch(code):
                rows[match[1]][int(match[2])] = match[2]
        for prefix, numbers in rows.items():
            missing = max(numbers) - min(numbers) + 1 - len(numbers)
            if len(numbers) < 3 or not 0 < missing <= _LARGEST_GAP:
                continue
            padded = any(len(text) > 1 and text[0] == "0" for text in numbers.values())
            width = max(map(len, numbers.values())) if padded else 1
            found += [f"{prefix}{n:0{width}d}" for n in range(min(numbers), max(numbers)) if n not in numbers]
    return sorted(found)


def _fixity(session: Session, tenant: str, today: date, records: int) -> dict[str, Any]:
    """Return what the last verification of each record found, and how long ago that was.

    A record that was never verified is neither intact nor damaged.
    """
    check, row = VerificationRow, RecordRow
    latest = (
        select(func.max(check.id).label("id"))
        .join(row, row.id == check.record_id)
        .where(row.tenant_id == tenant, row.state.not_in(GONE))
        .group_by(check.record_id)
        .subquery()
    )
    every = select(check.verdict, check.at).join(latest, latest.c.id == check.id)
    verdicts = dict.fromkeys((one.value for one in Fixity), 0)
    ages = dict.fromkeys(RECENTLY, 0)
    oldest: datetime | None = None
    checked = 0
    for verdict, at in session.execute(every.execution_options(yield_per=_TOGETHER)):
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
        checked += 1
        oldest = at if oldest is None else min(oldest, at)
        for days in RECENTLY:
            ages[days] += at.date() >= today - timedelta(days=days)
    return {
        "verdicts": verdicts,
        "never": records - checked,
        "within": {str(days): number for days, number in ages.items()},
        "oldest": stamp(oldest) if oldest is not None else None,
        "doubtful": _doubtful(session, tenant, latest),
    }


def _doubtful(session: Session, tenant: str, latest: Any) -> dict[str, Any]:
    """Return the records whose last verification did not find them intact."""
    check, row = VerificationRow, RecordRow
    joined = select(row.id, row.title, check.verdict, check.at).join(check, check.record_id == row.id)
    asked = joined.join(latest, latest.c.id == check.id).where(check.verdict != Fixity.INTACT.value)
    found = session.execute(asked.order_by(row.id).limit(LISTED + 1)).all()
    number = len(found)
    if number > LISTED:
        counted = select(func.count()).select_from(check).join(latest, latest.c.id == check.id)
        number = session.scalar(counted.where(check.verdict != Fixity.INTACT.value)) or 0
    # the minutes are read by mayors: what a hold keeps from others has no title in them
    hidden = Reader(tenant, reads_all=False).hidden_among(session, [one.id for one in found])
    listed = [
        {
            "record": one.id,
            "title": None if one.id in hidden else one.title[:200],
            "verdict": one.verdict,
            "at": stamp(one.at),
        }
        for one in found[:LISTED]
    ]
    return {"number": number, "listed": listed}
