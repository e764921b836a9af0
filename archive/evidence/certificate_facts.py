"""Facts of a certificate: what statements, entries and rows tell of one run of a disposal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.batches import batches
from archive.database.disposal_tables import DisposalChunkRow, DisposalLineRow, DisposalRow
from archive.database.retention_tables import StatementRow
from archive.database.tables import DocumentTypeRow, JournalEntryRow, RetentionRuleRow, TenantRow
from archive.disposition.disposals import listing, projection
from archive.journal.types import EntryType
from archive.model.disposals import LineState
from archive.model.statement_kinds import StatementKind
from signing.ground.canonical import parse_canonical
from signing.ground.clock import iso
from signing.ground.errors import Corrupt

ENDED: Final = (EntryType.DESTRUCTION_DECIDED, EntryType.RECORD_DISPOSED)
"""Entries by which a record went, in order."""
_GROUPS: Final = 200
_RULE: Final = re.compile(r"(.+)/([0-9]+)")
"""Code and version of a rule, as a frozen line has them."""


class Stated(NamedTuple):
    """A statement with its entry, byte for byte."""

    content: bytes
    n: int
    entry: bytes

    @property
    def body(self) -> dict[str, Any]:
        """What it says."""
        told: dict[str, Any] = parse_canonical(self.content)["body"]
        return told


@dataclass(frozen=True)
class Facts:
    """What one certificate tells, read on one snapshot.

    Attributes:
        parts: Statements of those parts of the population in which this run destroyed something.
        chunks: Digest of each part of the population, in order.
        lines: Every line, in the order of the bordereau.
        gone: Entries about the records of this run, by number.
        ended: Numbers of the two entries of each of these records.
        groups: The lines that a reader sees, with what became of their records.
        rules: The versions of rules in force, with their texts.
        types: Labels of document types.
        last_gone: When the last record of this run was shown to be gone.
    """

    disposal: str
    tenant: str
    service: str
    supplement: int
    state: str
    bordereau: Stated
    visas: tuple[Stated, ...]
    parts: tuple[Stated, ...]
    chunks: tuple[str, ...]
    lines: tuple[dict[str, Any], ...]
    gone: Mapping[int, bytes]
    ended: Mapping[str, tuple[int, int]]
    groups: tuple[dict[str, Any], ...]
    rules: tuple[dict[str, Any], ...]
    types: Mapping[str, str]
    last_gone: datetime

    @property
    def entries(self) -> dict[int, bytes]:
        """Every entry that is told, by number, in order."""
        stated = {one.n: one.entry for one in (self.bordereau, *self.visas, *self.parts)}
        return dict(sorted((stated | dict(self.gone)).items()))

    @property
    def destroyed(self) -> list[str]:
        """The records of this run."""
        return [line["record"] for line in self.lines if line["supplement"] == self.supplement]


def facts_of(session: Session, disposal_id: str, supplement: int) -> Facts:
    """Read what there is to tell of one run."""
    row = session.get_one(DisposalRow, disposal_id)
    lines = _lines(session, disposal_id)
    destroyed = [line["record"] for line in lines if line["supplement"] == supplement]
    gone, ended, last = _gone(session, disposal_id, destroyed)
    chunk = DisposalChunkRow
    asked = select(chunk.id, chunk.digest).where(chunk.disposal_id == disposal_id).order_by(chunk.position)
    chunks = session.execute(asked).all()
    parts = _touched(session, [one.id for one in chunks], set(destroyed))
    groups = _groups(session, disposal_id, lines, supplement)
    rules = {rule for part in parts for line in part.body["lines"] for rule in line["rules"]}
    rules |= {one["rule"] for one in groups if one["rule"]}
    types = select(DocumentTypeRow.code, DocumentTypeRow.label).where(DocumentTypeRow.tenant_id == row.tenant_id)
    for line in lines:
        line["decided"], line["gone"] = ended.get(line["record"], (None, None))
    return Facts(
        disposal_id,
        row.tenant_id,
        session.get_one(TenantRow, row.tenant_id).name,
        supplement,
        row.state,
        _stated(session, StatementKind.DISPOSAL, disposal_id),
        tuple(_stated(session, StatementKind.VISA, visa.id) for visa in projection.visas_of(session, disposal_id)),
        tuple(parts),
        tuple(one.digest for one in chunks),
        tuple(lines),
        gone,
        ended,
        tuple(groups),
        tuple(_rules(session, row.tenant_id, sorted(rules))),
        {code: label for code, label in session.execute(types)},  # noqa: C416 - typed
        last,
    )


def _stated(session: Session, kind: StatementKind, subject: str) -> Stated:
    row = StatementRow
    asked = select(row).where(row.kind == kind, row.subject == subject).order_by(row.number.desc()).limit(1)
    told = session.scalars(asked).one()
    return Stated(told.content, told.entry, session.get_one(JournalEntryRow, told.entry).body)


def _touched(session: Session, chunks: Sequence[str], destroyed: set[str]) -> list[Stated]:
    found = []
    for chunk in chunks:
        told = _stated(session, StatementKind.LINES, chunk)
        if any(line["record"] in destroyed for line in told.body["lines"]):
            found.append(told)
    return found


def _lines(session: Session, disposal_id: str) -> list[dict[str, Any]]:
    line = DisposalLineRow
    asked = select(
        line.position,
        line.record_id,
        line.group_no,
        line.state,
        line.reason,
        line.not_before,
        line.waiting_until,
        line.supplement,
    )
    return [
        {
            "position": row.position,
            "record": row.record_id,
            "group": row.group_no,
            "state": row.state,
            "reason": row.reason,
            "not_before": iso(row.not_before),
            "waiting_until": iso(row.waiting_until),
            "supplement": row.supplement if row.state == LineState.DESTROYED else None,
        }
        for row in session.execute(asked.where(line.disposal_id == disposal_id).order_by(line.position))
    ]


def _groups(
    session: Session, disposal_id: str, lines: Sequence[dict[str, Any]], supplement: int
) -> list[dict[str, Any]]:
    """Return the lines that a reader sees, in order."""
    now = Counter(line["group"] for line in lines if line["supplement"] == supplement)
    found: list[dict[str, Any]] = []
    while page := listing.groups(session, disposal_id, after=found[-1]["number"] if found else 0, limit=_GROUPS):
        for group in page:
            states: Counter[str] = Counter()
            for (state, _), count in group.tally.items():
                states[state.value] += count.records
            found.append(
                {
                    "number": group.number,
                    "rule": next(iter(group.first.rules), None),
                    "document_type": group.first.document_type,
                    "file": group.first.file,
                    "earliest": iso(group.earliest),
                    "latest": iso(group.latest),
                    "records": group.total.records,
                    "size": group.total.bytes,
                    "destroyed": now[group.number],
                    "states": dict(states),
                }
            )
    return found


def _gone(
    session: Session, disposal_id: str, records: Sequence[str]
) -> tuple[dict[int, bytes], dict[str, tuple[int, int]], datetime]:
    """Return the entries by which records went: bodies by number, and both numbers by record."""
    entry = JournalEntryRow
    bodies: dict[int, bytes] = {}
    told: dict[str, dict[str, int]] = {}
    last: datetime | None = None
    for some in batches(sorted(records), 500):
        subjects = [f"record:{record}" for record in some]
        asked = select(entry).where(entry.subject.in_(subjects), entry.type.in_([one.value for one in ENDED]))
        for row in session.scalars(asked.order_by(entry.n)):
            bodies[row.n] = row.body
            told.setdefault(row.subject.removeprefix("record:"), {})[row.type] = row.n
            last = max(last, row.at) if last is not None else row.at
    if last is None or any(len(told.get(record, {})) < len(ENDED) for record in records):
        raise contradicts(disposal_id, "un document n’a pas ses deux lignes au journal")
    ended = {record: (found[ENDED[0].value], found[ENDED[1].value]) for record, found in told.items()}
    return bodies, ended, last


def _rules(session: Session, tenant: str, names: Sequence[str]) -> list[dict[str, Any]]:
    found = []
    for name in names:
        named = _RULE.fullmatch(name)
        row = session.get(RetentionRuleRow, (tenant, named[1], int(named[2]))) if named is not None else None
        if row is not None:
            found.append(
                {
                    "rule": name,
                    "label": row.label,
                    "text": row.source,
                    "duration": row.duration,
                    "unit": row.unit,
                    "start_event": row.start_event,
                    "final_action": row.final_action,
                    "validated_on": iso(row.validated_at.date() if row.validated_at is not None else None),
                }
            )
    return found


def contradicts(disposal_id: str, what: str) -> Corrupt:
    """Return the error of a certificate that does not hold together."""
    return Corrupt(
        "certificate_contradicts",
        "Le certificat de ce bordereau se contredit ({what}) : il n’est pas délivré.",
        kept="Ce qui est détruit l’est ; le journal le dit.",
        action="Prévenez l’administrateur : « chartrier reconcile » dit ce qui diffère.",
        disposal=disposal_id,
        what=what,
    )
