"""Tables of the archive: tenants, records, journal, retention; a working copy of the store."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import (
    DDL,
    BigInteger,
    ColumnElement,
    Date,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    event,
    literal_column,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from archive.database import access_tables as access_tables
from archive.database import disposal_tables as disposal_tables
from archive.database import guest_tables as guest_tables
from archive.database import hold_tables as hold_tables
from archive.database import producer_tables as producer_tables
from archive.database import record_conditions as conditions
from archive.database import retention_counters as retention_counters
from archive.database import retention_tables as retention_tables
from archive.database import seda_tables as seda_tables
from archive.database import sorting_tables as sorting_tables
from archive.database.engine import Base
from archive.database.installation_tables import AlarmRow as AlarmRow
from archive.database.installation_tables import ClockRow as ClockRow
from archive.database.installation_tables import CopyRow as CopyRow
from archive.database.installation_tables import CustodyReportRow as CustodyReportRow
from archive.database.installation_tables import LeaseRow as LeaseRow
from archive.database.installation_tables import StoreProbeRow as StoreProbeRow
from archive.database.record_conditions import WITHHELD, withheld
from archive.database.record_conditions import index_of_some as some
from archive.database.rule_tables import DocumentTypeRow as DocumentTypeRow
from archive.database.rule_tables import RetentionRuleRow as RetentionRuleRow
from archive.model.days import DEFAULT_ZONE
from archive.model.final_actions import OUTCOME, FinalAction, outcome


class TenantRow(Base):
    """One administration sharing the installation."""

    __tablename__ = "tenants"
    id: Mapped[str] = mapped_column(String(63), primary_key=True)
    """Slug, ``[a-z][a-z0-9-]{0,62}``; also the folder name in the store."""
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    time_zone: Mapped[str] = mapped_column(String(64), default=DEFAULT_ZONE)
    """Time zone in which its days begin."""
    pack_decisions: Mapped[dict[str, Any] | None]
    """Lines of rule packs that an archivist set aside, by rule, each with its reason."""
    agreement_required: Mapped[bool] = mapped_column(default=False)
    """Whether no deposit is taken without a deposit agreement."""


class PseudonymRow(Base):
    """Key of one subject's pseudonym in the journal; destroying the row unlinks the subject."""

    __tablename__ = "pseudonyms"
    __table_args__ = (UniqueConstraint("tenant_id", "kind", "identity"),)
    pseudonym: Mapped[str] = mapped_column(String(40), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(63))
    kind: Mapped[str] = mapped_column(String(20))
    """``tenant``, ``agent``."""
    identity: Mapped[str] = mapped_column(String(200))
    """Tenant id, or ``user:<id>``, ``key:<id>``, ``service:<name>``."""
    key: Mapped[bytes] = mapped_column(LargeBinary(32))


class RecordRow(Base):
    """The current revision of a record."""

    __tablename__ = "records"
    __table_args__ = (
        Index("ix_records_tenant_kept", "tenant_id", "kept_at"),
        Index("ix_records_tenant_ends", "tenant_id", "ends_on"),
        Index("ix_records_due", "tenant_id", "due_on", "id"),
        Index("ix_records_reference", "tenant_id", "external_reference"),
        Index("ix_records_action", "tenant_id", "final_action", "due_on", "id"),
        Index("ix_records_basis", "tenant_id", "basis", "id"),
        Index("ix_records_held", "tenant_id", "held_until"),
        Index("ix_records_producer", "tenant_id", "producer", "due_on", "id", "bytes", "state"),
        Index("ix_records_type", "tenant_id", "document_type", "due_on", "id"),
        Index("ix_records_rule", "tenant_id", "rule_code", "due_on", "id"),
        some(
            "ix_records_file",
            conditions.HAS_FILE,
            *("tenant_id", "file", "id", "document_date", "final_action", "due_on"),
        ),
        some("ix_records_unfiled", conditions.HAS_NO_FILE, "tenant_id", "document_type", "id"),
        some("ix_records_classification", conditions.HAS_CLASS, "tenant_id", "classification"),
        # what is few among many, in the order in which it is listed
        some("ix_records_stale", conditions.IS_STALE, "id"),
        some("ix_records_sorted", conditions.IS_SORTED, "tenant_id", "sorted", "due_on", "id"),
        some("ix_records_several", conditions.HAS_SEVERAL, "tenant_id", "id"),
        some("ix_records_endless", conditions.IS_ENDLESS, "tenant_id", "id"),
        some("ix_records_undated", conditions.IS_UNDATED, "tenant_id", "id"),
        some("ix_records_disposing", conditions.IS_DISPOSING, "tenant_id", "due_on", "id"),
        some("ix_records_marked", conditions.IS_STALE, "tenant_id", "due_on", "id"),
        some("ix_records_refused", conditions.IS_REFUSED, "tenant_id", "due_on", "id"),
        some("ix_records_opening", conditions.IS_OPENED, "opening"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    deposit_id: Mapped[str] = mapped_column(String(36), unique=True)
    revision: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    kept_at: Mapped[datetime]
    # description
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    document_type: Mapped[str | None] = mapped_column(String(100))
    classification: Mapped[str | None] = mapped_column(String(100))
    producer: Mapped[str | None] = mapped_column(String(200))
    document_date: Mapped[date | None]
    closed_on: Mapped[date | None]
    external_reference: Mapped[str | None] = mapped_column(String(200))
    language: Mapped[str | None] = mapped_column(String(10))
    access_rule: Mapped[str | None] = mapped_column(String(100))
    file: Mapped[str | None] = mapped_column(String(500))
    fiscal_year: Mapped[str | None] = mapped_column(String(4))
    retention_rule: Mapped[str | None] = mapped_column(String(200))
    # facts
    filename: Mapped[str] = mapped_column(Text)
    pages: Mapped[int | None]
    words: Mapped[int | None]
    mean_confidence: Mapped[float | None]
    verdicts: Mapped[dict[str, Any]]
    warnings: Mapped[list[Any]]
    """``[{"code", "detail", "stage"}]``."""
    tools: Mapped[list[Any]]
    """Stage runs as written in ``metadata/record.json``."""
    # retention
    rule_code: Mapped[str | None] = mapped_column(String(40))
    rule_version: Mapped[int | None]
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    due_on: Mapped[date | None]
    """The day after ``ends_on``: the first on which anything may be done."""
    basis: Mapped[str | None] = mapped_column(String(24))
    """What the dates rest on, a ``Basis``."""
    retention_parts: Mapped[list[Any] | None]
    """Each rule that applies, with its own dates and the node that it comes from."""
    stale_since: Mapped[datetime | None]
    """Since when a rule, node or event may give other dates; None: the dates are those of now."""
    other_rules: Mapped[str | None] = mapped_column(Text)
    """All rules in force as ``code/version``, separated by ``;``, where there are several."""
    final_action: Mapped[str] = mapped_column(String(10))
    sorted: Mapped[str | None] = mapped_column(String(10))
    """What a person decided, ``keep`` or ``destroy``, where the final action is to sort."""
    not_before: Mapped[date | None]
    """First day on which a controller lets it go, after a refusal."""
    held_until: Mapped[date | None]
    """Last held day over all holds in force, ``FOR_EVER`` until a release; kept by triggers."""
    locked_until: Mapped[date | None]
    """Last day of the latest lock over all its objects and copies; kept by triggers."""
    awaiting_until: Mapped[date | None]
    """Last day of the lock that it was given, once due, while its decision is awaited."""
    bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Size of its representations together."""
    retention_explanation: Mapped[str] = mapped_column(Text)
    communicable_on: Mapped[date | None]
    access_explanation: Mapped[str] = mapped_column(Text)
    opening: Mapped[str | None] = mapped_column(String(36))
    """Request of the register: the early opening that gives ``communicable_on``."""
    # proof
    salt: Mapped[str] = mapped_column(String(32))
    ocfl_version: Mapped[int]
    inventory_sha512: Mapped[str] = mapped_column(String(128))
    record_json_sha256: Mapped[str] = mapped_column(String(64))
    kept_entry: Mapped[int]
    """Journal entry ``RecordKept``."""
    last_entry: Mapped[int]
    """Latest journal entry that changes the record in the index."""

    @hybrid_property
    def outcome(self) -> str:
        """What becomes of it: its final action, or what was decided if it is to be sorted."""
        return outcome(FinalAction(self.final_action), self.sorted).value

    @outcome.inplace.expression
    @classmethod
    def _outcome(cls) -> ColumnElement[str]:
        return literal_column(OUTCOME.format(r="records"), String(10))

    @hybrid_property
    def withheld_until(self) -> date | None:
        """Last day of a lock that withholds it; None while it only awaits a decision."""
        return withheld(self.locked_until, self.awaiting_until)

    @withheld_until.inplace.expression
    @classmethod
    def _withheld_until(cls) -> ColumnElement[date | None]:
        return literal_column(WITHHELD.format(r="records"), Date())


class RepresentationRow(Base):
    """One representation of a record, pinned to one version of one key."""

    __tablename__ = "representations"
    record_id: Mapped[str] = mapped_column(ForeignKey("records.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    filename: Mapped[str] = mapped_column(Text)
    media_type: Mapped[str] = mapped_column(String(120))
    puid: Mapped[str | None] = mapped_column(String(20))
    format_name: Mapped[str | None] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    sha512: Mapped[str] = mapped_column(String(128))
    key: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(String(200))
    locked_until: Mapped[date | None] = mapped_column(index=True)
    legal_hold: Mapped[bool]


class StoredFileRow(Base):
    """A stored object of a record that is no representation: inventory, metadata, report."""

    __tablename__ = "stored_files"
    record_id: Mapped[str] = mapped_column(ForeignKey("records.id"), primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[str] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    locked_until: Mapped[date | None] = mapped_column(index=True)
    legal_hold: Mapped[bool] = mapped_column(default=False)


class HoldRow(Base):
    """A hold: suspends the disposal of its records until it is released or ends."""

    __tablename__ = "holds"
    __table_args__ = (Index("ix_holds_tenant", "tenant_id", "id"), Index("ix_holds_settled", "settled_at"))
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    reason: Mapped[str] = mapped_column(Text)
    until: Mapped[date | None]
    """Last day of the hold; None: until it is released."""
    placed_at: Mapped[datetime]
    placed_by: Mapped[str] = mapped_column(String(200))
    placed_salt: Mapped[str] = mapped_column(String(32))
    released_at: Mapped[datetime | None]
    """None while the hold is in force."""
    released_by: Mapped[str | None] = mapped_column(String(200))
    """None also when the hold ended by itself."""
    release_reason: Mapped[str | None] = mapped_column(Text)
    release_salt: Mapped[str | None] = mapped_column(String(32))
    settled_at: Mapped[datetime | None]
    """When the store was seen to follow the last decision; None: not yet."""
    problem: Mapped[str | None] = mapped_column(String(60))
    """Error code of the last attempt to bring the store in step."""
    # what a hold says since it may cover what comes later
    scope: Mapped[str | None] = mapped_column(String(10))
    """A ``ScopeKind``; None: placed by an earlier version, whose statements have another form."""
    node_id: Mapped[str | None] = mapped_column(String(36))
    query: Mapped[dict[str, Any] | None]
    authority: Mapped[str | None] = mapped_column(String(20))
    reference: Mapped[str | None] = mapped_column(String(200))
    owner: Mapped[str | None] = mapped_column(String(200))
    review_on: Mapped[date | None]
    """Day of the first review; later ones are in ``hold_reviews``."""
    forbids_move: Mapped[bool] = mapped_column(default=False)
    restricts_reading: Mapped[bool] = mapped_column(default=False)
    statement_sha256: Mapped[str | None] = mapped_column(String(64))
    """Digest of the statement that it was placed, for the entries of what comes later."""


class HeldRecordRow(Base):
    """A record that a hold covers, in force or not."""

    __tablename__ = "held_records"
    __table_args__ = (Index("ix_held_records_settled", "hold_id", "settled_at"),)
    hold_id: Mapped[str] = mapped_column(ForeignKey("holds.id"), primary_key=True)
    record_id: Mapped[str] = mapped_column(ForeignKey("records.id"), primary_key=True, index=True)
    since: Mapped[datetime | None]
    """When a standing hold reached it; None: covered from the beginning."""
    settled_at: Mapped[datetime | None]
    """When the store was seen to follow the hold's last decision here; None: not yet."""


class RevisionRow(Base):
    """The changes that one revision made to a description."""

    __tablename__ = "revisions"
    record_id: Mapped[str] = mapped_column(ForeignKey("records.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    agent: Mapped[str] = mapped_column(String(200))
    changes: Mapped[dict[str, Any]]
    entry: Mapped[int]


class VerificationRow(Base):
    """Result of a fixity check of one record."""

    __tablename__ = "verifications"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    record_id: Mapped[str] = mapped_column(ForeignKey("records.id"), index=True)
    at: Mapped[datetime]
    verdict: Mapped[str] = mapped_column(String(20))
    checks: Mapped[list[Any]]


class JournalEntryRow(Base):
    """The journal, sequenced. Append-only."""

    __tablename__ = "journal_entries"
    __table_args__ = (
        Index("ix_journal_entries_subject", "subject", "n"),
        Index("ix_journal_entries_tenant", "tenant_id", "n"),
    )
    n: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """From 0, without gaps."""
    at: Mapped[datetime]
    type: Mapped[str] = mapped_column(String(60))
    tenant_id: Mapped[str | None] = mapped_column(String(63))
    """Plain tenant id, for reading rights; the body has the pseudonym.

    None for the installation's own entries.
    """
    subject: Mapped[str] = mapped_column(String(80))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    """Canonical JSON: the log entry, byte for byte."""
    leaf_hash: Mapped[str] = mapped_column(String(64))


APPEND_ONLY: Final[dict[str, tuple[str, ...]]] = {
    "sqlite": (
        (
            "CREATE TRIGGER journal_entries_no_update BEFORE UPDATE ON journal_entries "
            "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
        ),
        (
            "CREATE TRIGGER journal_entries_no_delete BEFORE DELETE ON journal_entries "
            "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
        ),
        (
            "CREATE TRIGGER journal_entries_no_gap BEFORE INSERT ON journal_entries "
            "WHEN NEW.n <> (SELECT COALESCE(MAX(n) + 1, 0) FROM journal_entries) "
            "BEGIN SELECT RAISE(ABORT, 'the journal has no gaps'); END"
        ),
    ),
    "postgresql": (
        (
            "CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$"
        ),
        (
            "CREATE TRIGGER journal_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
            "ON journal_entries FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()"
        ),
    ),
}
"""By dialect, statements that make the database refuse to change or remove journal entries.

Also run by the migration.
"""

for _dialect, _statements in APPEND_ONLY.items():
    for _statement in _statements:
        _rule = DDL(_statement)  # type: ignore[no-untyped-call]
        event.listen(JournalEntryRow.__table__, "after_create", _rule.execute_if(dialect=_dialect))


class CheckpointRow(Base):
    """A published tree head."""

    __tablename__ = "journal_checkpoints"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    """1, 2, 3 … in order of publication: the ``{n}`` of the API."""
    size: Mapped[int] = mapped_column(unique=True)
    root: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(Text)
    token: Mapped[bytes | None] = mapped_column(LargeBinary)
    published_at: Mapped[datetime]
