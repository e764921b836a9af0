"""Verify on request: a whole record of ours, or a file that anybody sends."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.views.headline import About, SubjectKind, check, finding, seal_checks, signature_checks
from api.views.journal_of_today import today_checks
from api.views.receipt_check import LONGEST, judge_older_page, judge_receipt, receipt_in
from api.views.receipt_pdf import ATTACHED
from api.views.record import checkpoint_over
from api.views.trust import trust_file_of
from archive.catalogue.reading import Reader
from archive.database.alarms import CONTRADICTS, alarmed
from archive.database.tables import RecordRow, RepresentationRow
from archive.database.tenancy import EVERYTHING, acting_for
from archive.holdings import verify as holdings
from archive.holdings.checks import Check
from archive.holdings.inclusion import Sequenced
from archive.journal.published import PublishedLog, SharedLog
from archive.journal.receipts import contradicts
from archive.objects.fixity import Fixity
from archive.objects.port import Unreadable
from archive.retention.civil import today_of
from signing.ground.canonical import parse_canonical
from signing.ground.clock import iso, parse_stamp, stamp
from signing.ground.errors import Corrupt

if TYPE_CHECKING:
    from ingestion.assembly import System


_MANY: Final = 10_000
_PRINTED: Final = 4 << 20
"""A printed receipt is never larger."""
_SAID: Final = {
    "bytes": "Ces octets sont, un à un, ceux qui sont conservés ici.",
    "published": "L’entrée est sous un scellement signé et horodaté du journal.",
    "waits": "L’entrée n’est pas encore sous un scellement : revenez dans une minute.",
    "contradicted": "La base dit que ces octets sont gardés ici ; le journal publié ne le dit pas.",
    "away": "Le journal publié ne peut pas être relu en ce moment.",
    "unreadable": "Ce dossier de preuve n’a pas pu être lu.",
    "unknown": "Ce fichier n’est pas conservé ici, du moins pas dans ces octets.",
}
VALID_THEN: Final = "Valide quand le journal a inscrit ce fichier ; ses certificats ont expiré depuis."
_NAMES: Final = {"bytes": "Empreinte", "journal": "Journal", "bundle": "Dossier"}


def verify(
    system: System, tenant: str, record_id: str, agent: str | None = None, *, published: SharedLog | None = None
) -> dict[str, Any]:
    """Run every check of one record, store the result and return it: ``{"verdict", "checks"}``.

    Args:
        published: The published journal, opened before, where many records are verified.

    Raises:
        Refused: ``record_not_found``.
    """
    log = published or SharedLog(system.store, system.log_key.vkey)

    def judge_seal(path: Path) -> Check:
        return seal_check(system, path, proven_at=lambda: _sealed_entry(system, log, tenant, record_id, path))

    result = holdings.verify(system.stores, tenant, record_id, validate_seal=judge_seal, agent=agent, published=log)
    return result.as_json()


def _sealed_entry(system: System, log: SharedLog, tenant: str, record_id: str, path: Path) -> datetime | None:
    """Return the moment that the journal proves for these bytes of a record; None without one."""
    subject = f"record:{record_id}"
    with system.database.read() as session:
        entries = system.ledger.entries(session, tenant=tenant, subject=subject, limit=_MANY)
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return _proven_at(log, [(entry.n, entry.body) for entry in entries], subject, digest)


def _proven_at(shared: SharedLog, entries: Iterable[tuple[int, bytes]], subject: str, sha256: str) -> datetime | None:
    """Return the time of the first published entry that states these bytes; None without one."""
    stating = [(n, body) for n, body in entries if sha256 in _kept_by(body, subject)]
    try:
        log = shared.covering()
        proven = [body for n, body in stating if n < log.head.size and log.holds(n, body)]
    except (Unreadable, Corrupt):
        return None
    return min((parse_stamp(parse_canonical(body)["at"]) for body in proven), default=None)


def kept_signatures(system: System, path: Path, *, proven_at: Callable[[], datetime | None]) -> dict[str, Any]:
    """Judge the signatures of bytes that we keep: the one rule for pages, API and verification.

    Args:
        proven_at: Finds when the journal proves that these bytes existed. What only lacks
            certificates that have not ended since is judged as of then, and the report says so in
            its signatures and has ``as_of``. None: today's answer stands.
    """
    report = signature_report(system, path)
    ended = {one.get("reason") for one in report.get("signatures", ()) if one.get("verdict") != "valid"}
    stated_at = proven_at() if ended == {"expired"} else None
    if stated_at is None:
        return report
    then = signature_report(system, path, at=stated_at)
    if then.get("verdict") != "valid":
        return report
    return then | {
        "signatures": [one | {"detail": VALID_THEN} for one in then["signatures"]],
        "as_of": stamp(stated_at),
    }


def seal_check(system: System, path: Path, *, proven_at: Callable[[], datetime | None] = lambda: None) -> Check:
    """Judge the seal of one of our archival PDFs (``kept_signatures``)."""
    report = kept_signatures(system, path, proven_at=proven_at)
    if "as_of" in report:
        return Check("Cachet", Fixity.INTACT, VALID_THEN)
    words = {
        "valid": (Fixity.INTACT, "Le cachet est valide."),
        "invalid": (Fixity.ALTERED, "Le cachet ne correspond pas au fichier."),
        "none": (Fixity.UNVERIFIABLE, "Le fichier ne porte pas de cachet."),
        "indeterminate": (Fixity.UNVERIFIABLE, "Le cachet n’a pas pu être contrôlé jusqu’au bout."),
    }
    verdict, said = words.get(str(report.get("verdict")), words["indeterminate"])
    return Check("Cachet", verdict, said)


def _trusted(system: System) -> dict[str, list[str]]:
    """Return whom signatures are judged by, as JSON: our own, past ones too, and others."""
    own = (*system.signer.chain[-1:], *system.timestamper.chain[-1:])
    return system.trust.everything().with_roots(own).as_json()


def signature_report(system: System, path: Path, *, at: datetime | None = None) -> dict[str, Any]:
    """Judge the signatures of a PDF in the sandbox; an unreadable file is indeterminate."""
    from ingestion.tools.sandbox import ToolFailed

    arguments = {"trusted": _trusted(system), "at": (at or system.clock()).isoformat()}
    try:
        return system.sandbox.call("pdf_signatures", arguments, {"received": path})
    except ToolFailed:
        return {"verdict": "indeterminate", "signatures": []}


# --- a file that anybody sends --------------------------------------------------------------------


def judge(system: System, path: Path, sha256: str, tenant: str | None, *, public_url: str = "") -> dict[str, Any]:
    """Verify a file that somebody sends: evidence bundle, bytes of a record, PDF or other.

    Args:
        tenant: The tenant of a caller with ``record:read``. None for anybody else: the answer then
            holds the verdict, the dates and the seal, and a title only where the law already lets
            everybody read the record.
        public_url: Address of the service, as printed receipts show it.
    """
    if zipfile.is_zipfile(path):
        bundle = _judge_bundle(system, path)
        if bundle is not None:
            return bundle
    with path.open("rb") as source:
        start = source.read(LONGEST + 1)
    is_pdf = start[:1024].lstrip().startswith(b"%PDF")
    # An anonymous caller belongs to no tenant, so all are searched; the answer is a verdict and
    # dates (see ``_shown``).
    with acting_for(EVERYTHING), system.database.read() as session:
        kept = _holder(session, sha256, tenant) is not None
    if not kept:
        carried = receipt_in(start)
        receipt = judge_receipt(system, carried) if carried is not None else None
        receipt = receipt or (_printed(system, path, public_url) if is_pdf else None)
        if receipt is not None:
            return receipt
    with acting_for(EVERYTHING), system.database.read() as session:
        row = _holder(session, sha256, tenant)
        if row is not None:
            record = said_of(session, system, row, tenant)
            told, subject = Sequenced.load(session, row.id, row.deposit_id), f"record:{row.id}"
    if row is None:
        return _unknown(signature_report(system, path) if is_pdf else None)
    checks = _stated(system, told, subject, sha256)
    signatures, log = None, SharedLog(system.store, system.log_key.vkey)
    if is_pdf:
        signatures = kept_signatures(system, path, proven_at=lambda: _proven_at(log, told.entries, subject, sha256))
    checks += seal_checks(record["seal"]) + signature_checks(signatures)
    return finding(SubjectKind.RECORD, checks, record=record, signatures=signatures)


def _printed(system: System, path: Path, public_url: str) -> dict[str, Any] | None:
    """Judge a PDF as a printed receipt of ours; None if it is none."""
    from ingestion.tools.sandbox import ToolFailed

    if path.stat().st_size > _PRINTED:
        return None
    try:
        asked = {"name": ATTACHED, "longest": LONGEST}
        found = system.sandbox.call("pdf_attachment", asked, {"received": path})
    except ToolFailed:
        return None
    carried = receipt_in(found["text"].encode()) if found["text"] is not None else None
    if carried is not None:
        return judge_receipt(system, carried, printed=path.read_bytes(), public_url=public_url)
    return judge_older_page(system, found["words"]) if found["words"] is not None else None


def _holder(session: Session, sha256: str, tenant: str | None) -> RecordRow | None:
    """Return the record with these bytes: the caller's own first, else the oldest; else None."""
    rows = session.scalars(
        select(RecordRow)
        .join(RepresentationRow, RepresentationRow.record_id == RecordRow.id)
        .where(RepresentationRow.sha256 == sha256, RepresentationRow.kind.in_(("original", "archival")))
        .order_by(RecordRow.kept_at, RecordRow.id)
    ).all()
    return next((row for row in rows if row.tenant_id == tenant), rows[0] if rows else None)


def _stated(system: System, told: Sequenced, subject: str, sha256: str) -> list[dict[str, str]]:
    """Check that the published journal says what the database says: that these bytes were kept."""
    stating = [(n, body) for n, body in told.entries if sha256 in _kept_by(body, subject)]
    try:
        with alarmed(system.database, system.clock, subject):
            if not stating:
                raise contradicts(subject, ["original", "archival"])
            log = PublishedLog(system.store, system.log_key.vkey)
            published = [log.holds(n, body) for n, body in stating if n < log.head.size]
            if False in published:
                raise contradicts(subject, ["leaf"])
    except Unreadable:
        return [check(About.JOURNAL, _NAMES["journal"], Fixity.UNVERIFIABLE, _SAID["away"])]
    except Corrupt as error:  # a journal that is damaged says nothing about these bytes
        contradicted = error.code == CONTRADICTS
        verdict, said = (Fixity.ALTERED, "contradicted") if contradicted else (Fixity.UNVERIFIABLE, "away")
        return [check(About.JOURNAL, _NAMES["journal"], verdict, _SAID[said])]
    return [
        check(About.BYTES, _NAMES["bytes"], Fixity.INTACT, _SAID["bytes"]),
        check(
            About.JOURNAL,
            _NAMES["journal"],
            Fixity.INTACT if published else Fixity.UNVERIFIABLE,
            _SAID["published"] if published else _SAID["waits"],
        ),
    ]


def _kept_by(body: bytes, subject: str) -> set[str]:
    """Return the digests of the forms that an entry about a record says were kept."""
    try:
        entry = parse_canonical(body)
        return (
            {str(entry["facts"].get(form)) for form in ("original", "archival")}
            if entry["subject"] == subject
            else set()
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return set()


def said_of(session: Session, system: System, row: RecordRow, tenant: str | None) -> dict[str, Any]:
    """Return what may be said of a record to a caller of this tenant, or to anybody (None)."""
    readable = row.tenant_id == tenant or (
        row.stale_since is None  # its day may be another one: an early opening was withdrawn, a birth corrected
        and row.communicable_on is not None
        and row.communicable_on <= today_of(session, row.tenant_id, system.clock()).day
    )
    readable = readable and not Reader(row.tenant_id, reads_all=False).hidden_among(session, [row.id])
    record: dict[str, Any] = {
        "kept_at": stamp(row.kept_at),
        "state": row.state,
        "entry": row.kept_entry,
        "checkpoint": checkpoint_over(session, row.kept_entry),
        "seal": row.verdicts.get("seal"),
        "communicable_on": iso(row.communicable_on),
    }
    if readable:
        record |= {
            "title": row.title,
            "description": row.description,
            "document_date": iso(row.document_date),
        }
    if row.tenant_id == tenant:
        record["id"] = row.id
    return record


def _unknown(signatures: dict[str, Any] | None) -> dict[str, Any]:
    checks = [check(About.BYTES, _NAMES["bytes"], Fixity.UNVERIFIABLE, _SAID["unknown"])]
    return finding(SubjectKind.FILE, checks + signature_checks(signatures), signatures=signatures)


def _judge_bundle(system: System, path: Path) -> dict[str, Any] | None:
    """Run the bundle's checks in the sandbox; None when the zip is no evidence bundle."""
    from archive.evidence.bundle import looks_like_bundle
    from ingestion.tools.sandbox import ToolFailed

    if not looks_like_bundle(path):
        return None
    trust = trust_file_of(system).decode()
    try:
        result = system.sandbox.call("verify_bundle", {"trust": trust}, {"received": path})
    except ToolFailed:
        detail = _SAID["unreadable"]
        result = {"checks": [check(About.BUNDLE, _NAMES["bundle"], Fixity.UNVERIFIABLE, detail)]}
    checks = [one | {"about": About.BUNDLE.value} for one in result["checks"]]
    checks += today_checks(system, result.get("note"))
    return finding(SubjectKind.BUNDLE, checks)
