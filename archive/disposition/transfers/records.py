"""Records of a tenant in the words of SEDA: their files, rules in force, and folders above them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue.filing_plan import path_to_root
from archive.catalogue.plan_nodes import NodeKind
from archive.database.batches import batches
from archive.database.retention_tables import PlanNodeRow, RecordNodeRow
from archive.database.tables import RecordRow, RepresentationRow, RetentionRuleRow
from archive.exchange.seda.sending import FileToSend, FolderToSend, RecordToSend, RuleToSend
from archive.model.final_actions import FinalAction
from archive.model.records import Kind
from archive.retention.access import access_codes, whole_years_of
from archive.retention.dates import Unit
from archive.retention.resolution import Basis

_USAGES: Final = {
    Kind.ORIGINAL.value: "BinaryMaster",
    Kind.ARCHIVAL.value: "Dissemination",
    Kind.TEXT.value: "TextContent",
}
_LEVELS: Final = {NodeKind.CLASS.value: "Class", NodeKind.FILE.value: "File"}
_SEPARATOR: Final = "\n"


@dataclass(frozen=True)
class ToSend:
    """Records to be sent, in order, with the folders above them.

    Attributes:
        stated: SHA-256 of the ``record.json`` in force, by record.
    """

    records: tuple[RecordToSend, ...] = ()
    folders: Mapping[str, FolderToSend] = field(default_factory=dict)
    stated: Mapping[str, str] = field(default_factory=dict)


def to_send(session: Session, tenant: str, records: Sequence[str]) -> ToSend:
    """Return records of a tenant as a receiver is told of them; what is not its own is left out."""
    folders: dict[str, FolderToSend] = {}
    told: list[RecordToSend] = []
    stated: dict[str, str] = {}
    rules = _Rules(session, tenant)
    for some in batches(list(records), 500):
        asked = select(RecordRow).where(RecordRow.id.in_(some), RecordRow.tenant_id == tenant)
        rows = {row.id: row for row in session.scalars(asked)}
        files = _files(session, some)
        places = _places(session, some, folders)
        for record in some:
            if record in rows:
                told.append(_told(rows[record], files.get(record, ()), places.get(record, ()), rules))
                stated[record] = rows[record].record_json_sha256
    return ToSend(tuple(told), folders, stated)


def place_of(file: FileToSend) -> tuple[str, str]:
    """Return key and version of a file's bytes in the store."""
    key, _, version = file.key.partition(_SEPARATOR)
    return key, version


class _Rules:
    """Rules of a tenant by code and version, read once each."""

    def __init__(self, session: Session, tenant: str) -> None:
        rows = session.scalars(select(RetentionRuleRow).where(RetentionRuleRow.tenant_id == tenant))
        self._known = {(row.code, row.version): row for row in rows}

    def of(self, part: Mapping[str, Any]) -> RuleToSend | None:
        """Return the rule of a part of a record's retention; None for a part without one."""
        if part["rule"] is None:
            return None
        row = self._known.get((part["rule"], part["rule_version"] or 0))
        ends_on = date.fromisoformat(part["ends_on"]) if part["ends_on"] else None
        due_on = ends_on + timedelta(days=1) if ends_on is not None and ends_on < date.max else None
        if row is None:
            return RuleToSend(part["rule"])
        return RuleToSend(part["rule"], due_on, row.duration, Unit(row.unit))


def _told(row: RecordRow, files: Iterable[FileToSend], places: Iterable[str], rules: _Rules) -> RecordToSend:
    parts = [rule for part in row.retention_parts or () if (rule := rules.of(part)) is not None]
    retention = {rule.code: rule for rule in sorted(parts, key=lambda one: one.due_on or date.max)}
    return RecordToSend(
        row.id,
        row.title,
        tuple(files),
        tuple(places),
        row.description,
        row.document_type,
        row.document_date,
        row.language,
        row.external_reference,
        row.producer,
        tuple(retention.values()),
        _access(row),
        FinalAction(row.outcome),
        row.basis == Basis.FINAL_ACTION_CONFLICT,
    )


def _access(row: RecordRow) -> tuple[RuleToSend, ...]:
    """Return the access rules in force; the day is told where one rule alone gives it."""
    codes = access_codes(row.access_rule)
    if len(codes) != 1:
        return tuple(RuleToSend(code) for code in codes)
    years = whole_years_of(codes[0])
    return (RuleToSend(codes[0], row.communicable_on if years is not None else None, years),)


def _files(session: Session, records: Sequence[str]) -> dict[str, list[FileToSend]]:
    form = RepresentationRow
    found: dict[str, list[FileToSend]] = {}
    asked = select(form).where(form.record_id.in_(records), form.kind.in_(list(_USAGES)))
    order = list(_USAGES)
    for one in sorted(session.scalars(asked), key=lambda row: (row.record_id, order.index(row.kind))):
        found.setdefault(one.record_id, []).append(
            FileToSend(
                f"{one.key}{_SEPARATOR}{one.version}",
                one.filename,
                one.size,
                one.sha512,
                _USAGES[one.kind],
                one.puid,
                one.media_type,
                one.format_name,
            )
        )
    return found


def _places(session: Session, records: Sequence[str], folders: dict[str, FolderToSend]) -> dict[str, list[str]]:
    """Return the codes of the nodes of each record, and enter those above them."""
    place, node = RecordNodeRow, PlanNodeRow
    asked = select(place.record_id, node).join(node, node.id == place.node_id).where(place.record_id.in_(records))
    found: dict[str, list[str]] = {}
    for record, row in session.execute(asked.order_by(node.code)):
        found.setdefault(record, []).append(row.code)
        if row.code not in folders:
            path = path_to_root(session, row)
            for one, above in zip(path, [*path[1:], None], strict=True):
                folders.setdefault(
                    one.code,
                    FolderToSend(
                        one.code, one.title, above.code if above else None, _LEVELS[one.kind], one.description
                    ),
                )
    return found
