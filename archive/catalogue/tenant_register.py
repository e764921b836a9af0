"""Register: facts about each tenant that let the store be read without a database.

``register/<tenant>/<number>.json`` holds the name, document types and retention rules, all of them
each time one changed; its digest is in the journal. The file is written first, then the entry,
together with the change: a file that no entry claims is claimed by the next change or left behind.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue import producers
from archive.database.engine import Database
from archive.database.tables import DocumentTypeRow, JournalEntryRow, RetentionRuleRow, TenantRow
from archive.journal.effects import Subject
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from archive.model.days import DEFAULT_ZONE
from archive.objects import layout
from archive.objects.layout import TENANT_NAME, RegisterKey
from archive.objects.port import Listed, ObjectStore, Unreadable, read_all
from archive.retention.civil import known_zone
from archive.retention.dates import farthest_lock
from archive.retention.packs import DEFAULT_PACK, known_pack
from archive.retention.schedule import load_pack
from signing.ground.canonical import canonical, parse_canonical
from signing.ground.clock import Clock, parse_stamp, stamp
from signing.ground.errors import Refused, Unavailable

SUBJECT: Final = Subject.REGISTER.value
_OF_THE_FILE: Final = ("number", "salt", "written_at")
"""Fields that describe the file and not the tenant."""


def _nothing(_session: Session) -> None:
    """Change nothing."""


class Register:
    """Keeps the register in step with the tables.

    Args:
        horizon_days: Lock of each file; 0 = for as long as a store can.
    """

    def __init__(self, database: Database, ledger: Ledger, store: ObjectStore, clock: Clock, horizon_days: int) -> None:
        self._database = database
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._horizon = horizon_days

    def open_tenant(self, tenant: str, name: str, time_zone: str = DEFAULT_ZONE, pack: str = DEFAULT_PACK) -> bool:
        """Open and register a tenant with the types and rules of a pack; return False if it exists.

        Raises:
            Refused: ``bad_tenant``, ``bad_time_zone``, ``pack_not_found``.
        """
        if not TENANT_NAME.fullmatch(tenant) or not name.strip() or len(name) > 200:
            raise Refused(
                "bad_tenant",
                "Le nom court d’un service commence par une lettre, puis a-z, 0-9 et « - » (63 au plus).",
                action="Par exemple : mairie-de-saint-aubin.",
            )
        zone, chosen, now = known_zone(time_zone), known_pack(pack), self._clock()
        with self._database.read() as session:
            if session.get(TenantRow, tenant) is not None:
                return False

        def opened(session: Session) -> None:
            if session.get(TenantRow, tenant) is None:
                session.add(TenantRow(id=tenant, name=name.strip(), created_at=now, time_zone=zone))
                session.flush()
                load_pack(session, tenant, pack=chosen, at=now)

        return self.change(tenant, opened)

    def move_to(self, tenant: str, time_zone: str) -> bool:
        """Change the time zone in which a tenant's days begin; return False if nothing changed.

        Raises:
            Refused: ``bad_time_zone``.
        """
        zone = known_zone(time_zone)

        def moved(session: Session) -> None:
            session.get_one(TenantRow, tenant, with_for_update=True).time_zone = zone

        return self.change(tenant, moved)

    def change(
        self,
        tenant: str,
        make: Callable[[Session], None] = _nothing,
        *,
        before_entry: Callable[[Session], None] = _nothing,
        in_transaction: Callable[[Session], None] = _nothing,
        agent: str | None = None,
    ) -> bool:
        """Change a tenant's tables and register them; False if the register has them already.

        The change is made and undone to learn what the file must say; the file is written; then the
        change and its entry are committed together. So the store is never touched in a transaction.

        Args:
            make: Changes the tables; called twice, and must do the same both times.
            before_entry: Called once, after the change and before the entry: rows whose writers
                append to the journal are locked here.
            in_transaction: Called once, after the entry, which makes writers wait for each other.
            agent: Who decided it; None = the service.

        Raises:
            Unavailable: ``register_contended``: another program changes the same tenant.
        """
        with self._database.turn(f"register:{tenant}"):
            wanted = self._tried(tenant, make)
            number, content = newest(self._store, tenant) or (0, b"")
            is_new = _told(content) != wanted
            if is_new:
                number += 1
                content = self._write(tenant, number, wanted)
            with self._database.write() as session:
                make(session)
                session.flush()
                if _of_tables(session, tenant) != wanted:
                    raise _contended()
                if not is_new and self._claimed(session, tenant) == _digest(content):
                    return False
                before_entry(session)
                self._ledger.append(
                    session,
                    type=EntryType.TENANT_OPENED if number == 1 else EntryType.REGISTER_CHANGED,
                    tenant=tenant,
                    subject=SUBJECT,
                    agent=agent,
                    facts={"number": number, "sha-256": _digest(content)},
                )
                in_transaction(session)
        return True

    def enter_all(self) -> int:
        """Register every tenant that has no file in force; return how many entries were written.

        Tables that contradict the file in force were changed past this service. They are not
        registered as if somebody had decided it: reconciliation tells the difference.
        """
        with self._database.read() as session:
            tenants = list(session.scalars(select(TenantRow.id).order_by(TenantRow.id)))
            doubtful = {one for one in tenants if any(True for _ in disagreements(session, self._store, one))}
        return sum(self.change(tenant) for tenant in tenants if tenant not in doubtful)

    def _tried(self, tenant: str, make: Callable[[Session], None]) -> dict[str, Any]:
        """Return what the tables say after a change, and undo it."""
        with suppress(_Undone), self._database.write() as session:
            make(session)
            session.flush()
            wanted = _of_tables(session, tenant)
            raise _Undone
        return wanted

    def _write(self, tenant: str, number: int, wanted: Mapping[str, Any]) -> bytes:
        now = self._clock()
        content = canonical(
            {**wanted, "number": number, "salt": secrets.token_hex(16), "written_at": stamp(now)},
        )
        until = farthest_lock(now.date(), self._horizon)
        try:
            self._store.put(RegisterKey(tenant, number).key, content, sha256=_digest(content), retain_until=until)
        except Refused as error:
            if error.code != "object_exists":
                raise
            raise _contended() from error
        return content

    def _claimed(self, session: Session, tenant: str) -> str | None:
        query = (
            select(JournalEntryRow.body)
            .where(JournalEntryRow.subject == SUBJECT, JournalEntryRow.tenant_id == tenant)
            .order_by(JournalEntryRow.n.desc())
            .limit(1)
        )
        body = session.scalar(query)
        return str(json.loads(body)["facts"]["sha-256"]) if body is not None else None


def files(store: ObjectStore, tenant: str | None = None) -> Iterator[tuple[str, int, bytes | None]]:
    """Read the register's files in order: tenant, number, bytes (None if unreadable).

    The oldest version of a key is the one that we wrote: a register file is never replaced. Other
    keys there are not ours: they are skipped here, and a reconciliation reports them.
    """
    seen = ""
    for item in store.list(layout.register_folder(tenant) if tenant else layout.REGISTER):
        found = layout.register_key(item.key)
        if item.marker or item.key == seen or not isinstance(found, RegisterKey):
            continue
        seen = item.key
        try:
            content = read_all(store, item.key, item.version)
        except Unreadable:
            content = None
        yield found.tenant, found.number, content


def newest(store: ObjectStore, tenant: str) -> tuple[int, bytes] | None:
    """Return number and bytes (empty if unreadable) of a tenant's latest file, or None."""
    last: tuple[RegisterKey, Listed] | None = None
    for item in store.list(layout.register_folder(tenant)):
        found = layout.register_key(item.key)
        if not item.marker and isinstance(found, RegisterKey) and (last is None or found != last[0]):
            last = found, item
    if last is None:
        return None
    key, item = last
    try:
        return key.number, read_all(store, item.key, item.version)
    except Unreadable:
        return key.number, b""  # the next file holds everything again


def names_of(store: ObjectStore, tenant: str) -> set[str]:
    """Return every name that a tenant ever had in the register; empty if it has no file there."""
    told = (_told(content) for _, _, content in files(store, tenant) if content is not None)
    return {str(document["name"]) for document in told if document is not None}


def restore(session: Session, content: bytes) -> None:
    """Restore a tenant from its register: row, types, rules, services, agreements."""
    told = parse_canonical(content)
    tenant = told["tenant"]
    created, zone = parse_stamp(told["created_at"]), told.get("time_zone", DEFAULT_ZONE)
    decisions = told.get("pack_decisions")
    row = TenantRow(id=tenant, name=told["name"], created_at=created, time_zone=zone, pack_decisions=decisions)
    row.agreement_required = bool(told.get("agreement_required"))
    session.add(row)
    session.flush()
    for given in told["document_types"]:
        session.add(DocumentTypeRow(tenant_id=tenant, **{k: given[k] for k in _TYPE}))
    for given in told["rules"]:
        session.add(RetentionRuleRow(tenant_id=tenant, **_rule_values(given)))
    for given in told.get("services", ()):
        producers.enter_service(session, tenant, given)
    for given in told.get("deposit_agreements", ()):
        producers.enter_agreement(session, tenant, given)
    session.flush()


def disagreements(session: Session, store: ObjectStore, tenant: str) -> Iterator[str]:
    """Return ``table.column`` for each value that the register in force contradicts.

    Nothing is said about a tenant whose file can't be read, or is not what the journal claims: the
    comparison of the register with the journal tells that.
    """
    query = select(JournalEntryRow.body).where(JournalEntryRow.subject == SUBJECT, JournalEntryRow.tenant_id == tenant)
    body = session.scalar(query.order_by(JournalEntryRow.n.desc()).limit(1))
    if body is None:
        return
    claim = json.loads(body)["facts"]
    content = next((c for _, number, c in files(store, tenant) if number == claim["number"]), None)
    if content is None or _digest(content) != claim["sha-256"]:
        return
    told, is_so = _told(content) or {}, _of_tables(session, tenant)
    for name in sorted((told.keys() | is_so.keys()) - {part for _, part, _ in _LISTS}):
        if told.get(name) != is_so.get(name):
            yield f"tenants.{name}"
    for table, part, keys in _LISTS:
        lines = [{tuple(line[key] for key in keys): line for line in one.get(part, ())} for one in (told, is_so)]
        if lines[0].keys() != lines[1].keys():
            yield f"{table}.code"
        for key in sorted(lines[0].keys() & lines[1].keys()):
            for column, value in lines[0][key].items():
                if lines[1][key].get(column) != value:
                    yield f"{table}.{column}"
            yield from (f"{table}.{column}" for column in sorted(lines[1][key].keys() - lines[0][key].keys()))


_LISTS: Final = (
    ("document_types", "document_types", ("code",)),
    ("retention_rules", "rules", ("code", "version")),
    ("services", "services", ("code",)),
    ("deposit_agreements", "deposit_agreements", ("code",)),
)
"""Table, its part of a register file, and what names a row."""
_TYPE: Final = ("code", "label", "rule_code", "access_rule")
_RULE: Final = ("code", "version", "label", "duration", "unit", "start_event", "final_action", "source")
_RULE_MOMENTS: Final = ("validated_at", "created_at")
_RULE_TOLD: Final = ("criteria", "access_rule", "created_by", "reason", "validated_by", "validation")
"""Told of a version only where there is something to tell, like the two below."""


def _rule_line(row: RetentionRuleRow) -> dict[str, Any]:
    """Return what a register says of one version of a rule."""
    line = {name: getattr(row, name) for name in _RULE}
    line |= {name: stamp(at) if (at := getattr(row, name)) else None for name in _RULE_MOMENTS}
    line |= {name: value for name in _RULE_TOLD if (value := getattr(row, name)) is not None}
    if row.valid_from is not None:
        line["valid_from"] = row.valid_from.isoformat()
    if row.removed_at is not None:
        line["removed_at"] = stamp(row.removed_at)
    return line


def _rule_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a version of a rule, as a register says them."""
    moments = {name: parse_stamp(at) if (at := given.get(name)) else None for name in (*_RULE_MOMENTS, "removed_at")}
    day = given.get("valid_from")
    told = {name: given.get(name) for name in _RULE_TOLD}
    return {k: given[k] for k in _RULE} | moments | told | {"valid_from": date.fromisoformat(day) if day else None}


class _Undone(Exception):
    """A change that was only tried."""


def _contended() -> Unavailable:
    return Unavailable("register_contended", "Le registre est en cours d’écriture par un autre programme.")


def _of_tables(session: Session, tenant: str) -> dict[str, Any]:
    owner = session.get_one(TenantRow, tenant)
    types = select(DocumentTypeRow).where(DocumentTypeRow.tenant_id == tenant)
    rules = select(RetentionRuleRow).where(RetentionRuleRow.tenant_id == tenant)
    services = [producers.service_line(row) for row in producers.service_rows(session, tenant).values()]
    agreements = [producers.agreement_line(row) for row in producers.agreement_rows(session, tenant).values()]
    return {
        "v": 1,
        "type": "register",
        "tenant": tenant,
        "name": owner.name,
        "created_at": stamp(owner.created_at),
        # told where it is not that of most: so a register of before it existed still says the same
        **({"time_zone": owner.time_zone} if owner.time_zone != DEFAULT_ZONE else {}),
        **({"pack_decisions": owner.pack_decisions} if owner.pack_decisions else {}),
        **({"agreement_required": True} if owner.agreement_required else {}),
        **({"services": services} if services else {}),
        **({"deposit_agreements": agreements} if agreements else {}),
        "document_types": sorted(
            ({name: getattr(row, name) for name in _TYPE} for row in session.scalars(types)),
            key=lambda line: line["code"],
        ),
        "rules": sorted(
            (_rule_line(row) for row in session.scalars(rules)),
            key=lambda line: (line["code"], line["version"]),
        ),
    }


def _told(content: bytes) -> dict[str, Any] | None:
    """Read a register file without the file's own fields; None if it is empty or unreadable."""
    try:
        document = parse_canonical(content)
        return {name: value for name, value in document.items() if name not in _OF_THE_FILE}
    except (ValueError, AttributeError):
        return None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
