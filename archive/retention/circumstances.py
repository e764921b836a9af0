"""Circumstances of a tenant: rules in force, plan and events, from which records are judged.

Read on demand and kept for one transaction, so that a job asks once for what many records share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.access_tables import AccessRequestRow
from archive.database.disposal_tables import DisposalRow, VisaRefusalRow
from archive.database.retention_tables import PlanNodeRow, RecordNodeRow, RetentionEventRow
from archive.database.tables import DocumentTypeRow, RecordRow, RetentionRuleRow
from archive.model.access_requests import AccessKind, AccessState
from archive.model.days import Today
from archive.model.description_fields import Description
from archive.model.final_actions import FinalAction
from archive.model.states import GONE
from archive.retention.access import access_codes
from archive.retention.civil import today_of
from archive.retention.dates import Unit
from archive.retention.declaration_json import read_declaration
from archive.retention.declarations import Declaration, Level, Node, Path, declared_on_record
from archive.retention.facts import Facts, FileFacts
from archive.retention.openings import Opening, opening_of
from archive.retention.packs import is_sure, text_of
from archive.retention.places import codes_of, file_codes
from archive.retention.refusals import VisaRefusal
from archive.retention.rules import Rule

_AT_ONCE: Final = 500
"""Nodes in one question."""
DEEPEST: Final = 100
"""Most levels of a plan."""

Days = Mapping[str, tuple[date, ...]]
"""Days of the events in force of one business case, by event, the latest statement last."""


@dataclass(frozen=True)
class Newest:
    """The two most recent documents of a file: record and date."""

    documents: tuple[tuple[str, date], ...]

    def among_others(self, record_id: str | None) -> date | None:
        """Return the date of the most recent document, one record left out."""
        return next((day for identity, day in self.documents if identity != record_id), None)


class Circumstances:
    """What the schedule, the plan and the events of a tenant give, within one transaction.

    Args:
        now: Its civil day decides which version of a rule is in force.
        supposed: Events by reference as a statement would make them, in place of those in force.
    """

    def __init__(
        self, session: Session, tenant: str, now: datetime, *, supposed: Mapping[str, Days] | None = None
    ) -> None:
        self._session = session
        self.tenant = tenant
        self.today: Today = today_of(session, tenant, now)
        self._rules: dict[str, Rule | None] | None = None
        self._types: dict[str, DocumentTypeRow] | None = None
        self._nodes: dict[str, PlanNodeRow | None] = {}
        self._by_id: dict[str, PlanNodeRow | None] = {}
        self._newest: dict[str, Newest] = {}
        self._events: dict[str, Days] = dict(supposed or {})
        self._made: dict[str, Node] = {}
        self._openings: list[Opening] | None = None
        self._climbs: dict[str, list[PlanNodeRow]] = {}
        self._refusals: dict[str, VisaRefusal | None] = {}
        self._dates_access = True
        self.memory: dict[object, Any] = {}
        """What a reader of many records has resolved already."""

    # -- schedule

    def rules(self) -> Mapping[str, Rule]:
        """Return the version in force of every rule, by code."""
        if self._rules is None:
            query = select(RetentionRuleRow).where(RetentionRuleRow.tenant_id == self.tenant)
            query = query.where(RetentionRuleRow.removed_at.is_(None))
            by_code: dict[str, list[Rule]] = {}
            for row in self._session.scalars(query.order_by(RetentionRuleRow.code, RetentionRuleRow.version)):
                by_code.setdefault(row.code, []).append(rule_of(row))
            self._rules = {code: in_force(versions, self.today.day) for code, versions in by_code.items()}
        return {code: rule for code, rule in self._rules.items() if rule is not None}

    def type_of(self, code: str | None) -> DocumentTypeRow | None:
        """Return a document type of the tenant's list; None for one that the list lacks."""
        if self._types is None:
            query = select(DocumentTypeRow).where(DocumentTypeRow.tenant_id == self.tenant)
            self._types = {row.code: row for row in self._session.scalars(query)}
        return self._types.get(code) if code else None

    def suppose(self, rule: Rule | None = None, kind: DocumentTypeRow | None = None) -> None:
        """Judge as if this were the version in force of a rule, or a line of the list of types.

        Args:
            kind: A row that no session has.
        """
        if rule is not None:
            self.rules()
            self._rules = {**(self._rules or {}), rule.code: rule}
        if kind is not None:
            self.type_of(None)
            self._types = {**(self._types or {}), kind.code: kind}

    # -- facts

    def facts_of(self, description: Description) -> Facts:
        """Return the dates of a record: its own, and those of the events of its business case."""
        reference = description.external_reference
        year = description.fiscal_year
        return Facts(
            description.document_date,
            description.closed_on,
            int(year) if year is not None and year.isdigit() else None,
            self.events_of(reference) if reference else {},
        )

    def events_of(self, reference: str) -> Days:
        """Return the days of the events in force of a business case."""
        if reference not in self._events:
            self.read_events([reference])
        return self._events[reference]

    def read_events(self, references: Iterable[str]) -> None:
        """Read the events of several business cases at once."""
        wanted = sorted(set(references) - self._events.keys())
        found: dict[str, dict[str, tuple[date, ...]]] = {one: {} for one in wanted}
        row = RetentionEventRow
        query = select(row).where(row.tenant_id == self.tenant, row.reference.in_(wanted), row.withdrawn.is_(False))
        for one in self._session.scalars(query.order_by(row.entry)) if wanted else ():
            days = found[one.reference]
            days[one.event] = (*days.get(one.event, ()), one.occurred_on)
        self._events |= found

    # -- plan

    def read_places(self, codes: Iterable[str]) -> None:
        """Read the nodes of many codes at once, with what they lie in, for retention alone.

        The newest documents of files, from which access counts, are not read.
        """
        self._dates_access = False
        wanted, found = sorted(set(codes) - self._nodes.keys()), dict[str, PlanNodeRow]()
        query = select(PlanNodeRow).where(PlanNodeRow.tenant_id == self.tenant, PlanNodeRow.removed.is_(False))
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            found |= {row.code: row for row in self._session.scalars(query.where(PlanNodeRow.code.in_(some)))}
        self._nodes |= {code: found.get(code) for code in wanted}
        rows = list(found.values())
        while above := sorted({row.parent_id for row in rows if row.parent_id is not None} - self._by_id.keys()):
            rows = []
            for start in range(0, len(above), _AT_ONCE):
                some = above[start : start + _AT_ONCE]
                rows += self._session.scalars(select(PlanNodeRow).where(PlanNodeRow.id.in_(some)))
            self._by_id |= dict.fromkeys(above) | {row.id: row for row in rows}

    def paths_of(self, description: Description, record_id: str | None, phrase: str | None) -> tuple[Path, ...]:
        """Return a record's paths: through each of its files, then through its class.

        A class that holds one of its files is no place of its own.

        Args:
            phrase: Its document type with an article.
        """
        own = Node(
            Level.RECORD,
            record_id or "",
            description.title,
            declared_on_record(description.retention_rule),
            _access(description.access_rule),
        )
        last = self._kind(description.document_type, phrase)
        climbs = [self._climb(node) for node in self._named(description)]
        through = {node.id for climb in climbs if climb[0].kind == Level.FILE for node in climb[1:]}
        wanted = [climb for climb in climbs if climb[0].id not in through]
        return tuple(
            (own, *(self._node(node, description, record_id) for node in climb), *last) for climb in wanted
        ) or ((own, *last),)

    def openings_over(self, description: Description) -> list[Opening]:
        """Return the early openings in force for a record: of its places, or of its producer."""
        if self._openings is None:
            row = AccessRequestRow
            query = select(row).where(row.tenant_id == self.tenant, row.kind == AccessKind.EARLY_OPENING.value)
            found = self._session.scalars(query.where(row.state == AccessState.GRANTED.value).order_by(row.id))
            told = [opening_of(one.id, one.content) for one in found]
            self._openings = [one for one in told if one is not None]
        if not self._openings:
            return []
        nodes = {row.id for node in self._named(description) for row in self._climb(node)}
        return [one for one in self._openings if one.covers(nodes, description.producer)]

    def refusal_over(self, record_id: str | None) -> VisaRefusal | None:
        """Return what the last visa that refused a record asks for."""
        if record_id is None:
            return None
        if record_id not in self._refusals:
            self.read_refusals([record_id])
        return self._refusals[record_id]

    def read_refusals(self, records: Iterable[str]) -> None:
        """Read what visas refused of several records at once."""
        refusal, disposal, wanted = VisaRefusalRow, DisposalRow, sorted(set(records) - self._refusals.keys())
        self._refusals |= dict.fromkeys(wanted)
        asked = select(refusal.record_id, refusal.decision, disposal.reference, refusal.decided_on)
        asked = asked.join(disposal, disposal.id == refusal.disposal_id)
        for start in range(0, len(wanted), _AT_ONCE):
            some = asked.where(refusal.record_id.in_(wanted[start : start + _AT_ONCE]))
            found = self._session.execute(some)
            self._refusals |= {record: VisaRefusal(word, number, day) for record, word, number, day in found}

    def unknown_files(self, description: Description) -> list[str]:
        """Return the codes of files that the plan lacks."""
        self._named(description)
        return [code for code in file_codes(description.file) if self._nodes.get(code) is None]

    def _named(self, description: Description) -> list[PlanNodeRow]:
        codes = codes_of(description.file, description.classification)
        missing = [code for code in codes if code not in self._nodes]
        if missing:
            query = select(PlanNodeRow).where(PlanNodeRow.tenant_id == self.tenant, PlanNodeRow.code.in_(missing))
            there = {row.code: row for row in self._session.scalars(query.where(PlanNodeRow.removed.is_(False)))}
            self._nodes |= {code: there.get(code) for code in missing}
        return [node for code in codes if (node := self._nodes[code]) is not None]

    def _climb(self, node: PlanNodeRow) -> list[PlanNodeRow]:
        if node.id in self._climbs:
            return self._climbs[node.id]
        climb = [node]
        while (above := climb[-1].parent_id) is not None and len(climb) < DEEPEST:
            if above not in self._by_id:
                self._by_id[above] = self._session.get(PlanNodeRow, above)
            parent = self._by_id[above]
            if parent is None:
                break
            climb.append(parent)
        if not self._dates_access:  # many records of one node
            self._climbs[node.id] = climb
        return climb

    def _node(self, row: PlanNodeRow, description: Description, record_id: str | None) -> Node:
        if row.id in self._made:
            return self._made[row.id]
        level = Level(row.kind)
        node = Node(
            level,
            row.code,
            row.title,
            read_declaration(row.retention),
            read_declaration(row.access),
            self._file(row, description, record_id) if level is Level.FILE else None,
        )
        if level is not Level.FILE or not self._dates_access:  # the same for every record
            self._made[row.id] = node
        return node

    def _file(self, row: PlanNodeRow, description: Description, record_id: str | None) -> FileFacts:
        newest = None
        if self._dates_access:
            days = [self._newest_of(row.id).among_others(record_id), description.document_date]
            newest = max((day for day in days if day is not None), default=None)
        return FileFacts(row.code, row.title, row.opened_on, row.closed_on, newest)

    def _newest_of(self, node_id: str) -> Newest:
        if node_id not in self._newest:
            place = RecordNodeRow  # which repeats the date, in an index of its own
            query = (
                select(place.record_id, place.document_date)
                .join(RecordRow, RecordRow.id == place.record_id)
                .where(place.node_id == node_id, place.document_date.is_not(None), RecordRow.state.not_in(GONE))
                .order_by(place.document_date.desc())
                .limit(2)
            )
            found = self._session.execute(query)
            self._newest[node_id] = Newest(tuple((identity, day) for identity, day in found if day is not None))
        return self._newest[node_id]

    def _kind(self, code: str | None, phrase: str | None) -> tuple[Node, ...]:
        if not code:
            return ()
        row = self.type_of(code)
        if row is None:
            return (Node(Level.DOCUMENT_TYPE, code, code),)
        declared = Declaration((row.rule_code,)) if row.rule_code else None
        return (Node(Level.DOCUMENT_TYPE, code, row.label, declared, _access(row.access_rule), phrase=phrase),)


def _access(rule: str | None) -> Declaration | None:
    codes = access_codes(rule)
    return Declaration(codes) if codes else None


def in_force(versions: Iterable[Rule], day: date) -> Rule | None:
    """Return the version of a rule in force on a day: the latest validated one, else the latest.

    A version that nobody has validated never takes the place of one that somebody has: an end comes
    earlier by a validated version only. Pure.

    Args:
        versions: Of one rule, in order.
    """
    begun = [one for one in versions if one.valid_from is None or one.valid_from <= day]
    validated = [one for one in begun if one.validated]
    return next(reversed(validated or begun), None)


def rule_of(row: RetentionRuleRow) -> Rule:
    """Return the rule that a row of the schedule holds."""
    return Rule(
        row.code,
        row.version,
        row.label,
        row.duration,
        Unit(row.unit),
        row.start_event,
        FinalAction(row.final_action),
        validated=row.validated_at is not None,
        legal_text=text_of(row.source),
        valid_from=row.valid_from,
        criteria=row.criteria or "",
        access_rule=row.access_rule,
        sure=is_sure(row.source),
    )
