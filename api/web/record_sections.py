"""Sections of a record's page: one page read, keeping, proofs, downloads and history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from markupsafe import Markup, escape
from sqlalchemy.orm import Session

from api.http.i18n import _, said, translated
from api.http.reasons import told
from api.views.history import history_of
from api.views.record import checkpoint_over, copies
from api.web import quantities
from api.web.file_kinds import kind_of
from api.web.page_view import Reading, read
from api.web.progress import Badge
from api.web.verdicts import Finding, check_badge, findings, fixity_badge
from archive.catalogue.disposals import disposal_of
from archive.catalogue.rows import holds_on
from archive.catalogue.stale import as_told
from archive.catalogue.standing import standing_of
from archive.database.tables import RecordRow, RepresentationRow, VerificationRow
from archive.journal.types import EntryType
from archive.model.description_fields import fields_on
from archive.model.field_rules import Spot
from archive.model.states import RecordState
from archive.retention.circumstances import Circumstances
from archive.retention.civil import today_of
from archive.retention.decisions import Resolved
from archive.retention.reasons import Reason
from archive.retention.states import blockers
from signing.ground.clock import parse_stamp

if TYPE_CHECKING:
    from ingestion.assembly import System

Check = tuple[Markup, Badge, Markup]
"""Name, verdict and detail."""
Forms = Mapping[str, RepresentationRow]
"""The representations of a record by kind."""

SHOWN_EVENTS = 8
_ON_THE_DEPOSIT = (EntryType.STAGE_COMPLETED, EntryType.STAGE_FAILED)
"""Events that the deposit's page shows as steps."""
_STRIP = 9
"""Number of neighbouring pages in the strip."""


@dataclass(frozen=True)
class PageLink:
    """A link to a page of the document; ``hits`` is the number of searched words on it."""

    number: int
    href: str
    hits: int


@dataclass(frozen=True)
class Leaf:
    """The page of the document that is shown.

    Attributes:
        pages: Number of pages of the document; None when it has none to show.
        strip: Links to the pages around this one.
    """

    number: int
    pages: int | None
    q: str
    reading: Reading
    strip: tuple[PageLink, ...]


def leaf_of(system: System, row: RecordRow, forms: Forms, page: int, q: str) -> Leaf:
    """Return one page of the document, with the searched words marked.

    If the document has no such page, it is the nearest one.
    """
    number = min(max(page, 1), max(row.pages or 1, 1))
    reading = read(system, row, forms, number, q)
    return Leaf(number, row.pages, q, reading, tuple(_strip(row, number, q, reading)))


def _strip(row: RecordRow, page: int, q: str, reading: Reading) -> list[PageLink]:
    """Return links to the pages around this one, and always to the first and the last."""
    count = row.pages or 0
    if count < 2:
        return []
    start = max(1, min(page - _STRIP // 2, count - _STRIP + 1))
    numbers = sorted({1, count, *range(start, min(start + _STRIP, count + 1))})
    return [
        PageLink(
            number,
            f"/documents/{row.id}?{urlencode({'page': number} | ({'q': q} if q else {}))}",
            reading.hits.get(number, 0),
        )
        for number in numbers
    ]


@dataclass(frozen=True)
class StoredCopy:
    """The record in one of the two stores: name, state, and when it was last read whole."""

    name: Markup
    badge: Badge
    read: str


@dataclass(frozen=True)
class Keeping:
    """The section on retention, access and stores.

    Attributes:
        until: First half of the sentence on retention; ``why`` is the second, its reason.
        public_on: The day from which everybody may read the record, in words.
        described: Name and value of each description field that has a line of its own.
        locked_until: End of the lock in words; empty when nothing is locked.
        enforced: Whether the store itself refuses a removal.
        is_stale: Whether its dates are being computed again.
        events: Address of the events of its business case; empty without one.
        blockers: What stands in the way of what comes after, one sentence each.
        disposal: Address and number of the bordereau that it is in.
    """

    until: Markup
    why: Markup
    public_on: str
    access: Markup
    described: tuple[tuple[Markup, str], ...]
    copies: tuple[StoredCopy, ...]
    locked_until: str
    enforced: bool
    is_stale: bool
    events: str
    blockers: tuple[Markup, ...]
    disposal: tuple[str, str] | None


def keeping_of(session: Session, row: RecordRow, forms: Forms, system: System) -> Keeping:
    """Return the section on retention, access and stores of a record."""
    found = as_told(Circumstances(session, row.tenant_id, system.clock()), row)
    until, why = _retention(row, found)
    original = forms.get("original")
    locked = original is not None and original.locked_until is not None
    return Keeping(
        until=until,
        why=why,
        public_on=quantities.day(row.communicable_on),
        access=_sentences(found.access.reasons) if found is not None else said(row.access_explanation),
        blockers=tuple(_sentences([reason]) for reason in _blockers(session, row, system)),
        described=tuple(_described(row)),
        copies=tuple(_copy(one) for one in copies(session, row, system)),
        locked_until=quantities.day(original.locked_until) if original is not None and locked else "",
        enforced=str(system.store.assurance) == "enforced",
        is_stale=row.stale_since is not None,
        disposal=_disposal(session, row),
        events=f"/evenements?{urlencode({'affaire': row.external_reference})}" if row.external_reference else "",
    )


def _disposal(session: Session, row: RecordRow) -> tuple[str, str] | None:
    there = disposal_of(session, row.id)
    return (f"/bordereaux/{there.id}", there.reference) if there is not None else None


def _described(row: RecordRow) -> Iterator[tuple[Markup, str]]:
    """Yield name and value of the fields with a line of their own, except the empty ones."""
    for field in fields_on(Spot.RECORD_FACTS):
        value = getattr(row, field.name)
        if value:
            yield said(field.heading), quantities.day(value) if isinstance(value, date) else value


def _retention(row: RecordRow, found: Resolved | None) -> tuple[Markup, Markup]:
    """Return until when, and why: as the schedule says it now, in the reader's language."""
    sentence = _sentences(found.retention.summary) if found is not None else said(row.retention_explanation)
    for link in (", parce que", ", because"):
        first, because, reason = sentence.partition(link)
        if because:
            return Markup(first), Markup(because + reason)  # noqa: S704  (both parts of what was escaped)
    return sentence, Markup("")


def _sentences(reasons: Iterable[Reason]) -> Markup:
    return Markup(" ").join(escape(told(reason)) for reason in reasons)


def _blockers(session: Session, row: RecordRow, system: System) -> tuple[Reason, ...]:
    """Return what stands in the way today, where a day alone does not say it."""
    if RecordState(row.state).gone:
        return ()
    day = today_of(session, row.tenant_id, system.clock()).day
    last_days = [hold.until for hold in holds_on(session, row.id)]
    return blockers(standing_of(session, row, day), day, last_days)


def _copy(one: dict[str, Any]) -> StoredCopy:
    name = _("Coffre") if one["store"] == "first" else _("Seconde copie")
    if one["state"] in {"absent", "incomplete"}:
        badge = Badge("warn", "warn", _("Pas encore copié") if one["state"] == "absent" else _("Copie en cours"))
    elif one["state"] == "unverified":
        badge = Badge("none", "none", _("Pas encore relu"))
    else:
        badge = fixity_badge(one["state"])
    checked_at = one["checked_at"]
    read_on = _("relu le {day}", day=quantities.day(parse_stamp(checked_at))) if checked_at else ""
    return StoredCopy(name, badge, read_on)


@dataclass(frozen=True)
class Proofs:
    """The section on verification and proof.

    Attributes:
        checked_at: When the record was last verified, in words; empty when it never was.
        kept_at: When it was put into the store and read back, in words.
        fixity: Badge of the last verification's verdict.
        checks: Checks of the last verification.
        fresh: Whether that verification was made for this answer.
        digest: SHA-256 of the original, in groups of digits.
        entry: Number of the record's journal entry.
        checkpoint: Number of the first checkpoint that covers it; None when none does yet.
    """

    checked_at: str
    kept_at: str
    fixity: Badge
    checks: tuple[Check, ...]
    fresh: bool
    digest: str
    findings: tuple[Finding, ...]
    entry: int
    checkpoint: int | None


def proofs_of(
    session: Session,
    row: RecordRow,
    forms: Forms,
    last: VerificationRow | None,
    checked: Sequence[Mapping[str, Any]] | None,
) -> Proofs:
    """Return the section on verification and proof of a record.

    Args:
        last: Its last stored verification, if any.
        checked: The checks of a verification that was just made, if one was.
    """
    original = forms.get("original")
    checks = checked if checked is not None else last.checks if last is not None else ()
    return Proofs(
        checked_at=quantities.moment(last.at) if last is not None else "",
        kept_at=quantities.moment(row.kept_at),
        fixity=fixity_badge(last.verdict) if last is not None else Badge("ok", "check", _("Relu au rangement")),
        checks=tuple(_check(check) for check in checks),
        fresh=checked is not None,
        digest=quantities.digest(original.sha256) if original is not None else "",
        findings=tuple(findings(row.verdicts)),
        entry=row.kept_entry,
        checkpoint=checkpoint_over(session, row.kept_entry),
    )


def _check(check: Mapping[str, Any]) -> Check:
    return said(str(check["name"])), check_badge(check), said(str(check.get("detail") or ""))


@dataclass(frozen=True)
class Download:
    """One file to download.

    Attributes:
        infected: Whether malware was found in it: then it is handed out on a second click only.
    """

    href: str
    name: Markup
    meta: Markup
    infected: bool = False


def downloads_of(row: RecordRow, forms: Forms) -> list[Download]:
    """Return the downloads of a record: its representations, then its evidence bundle."""
    texts = {
        "original": (_("Le document reçu"), _("L’original, jamais modifié.")),
        "archival": (_("La copie durable"), _("PDF/A avec son cachet, à transmettre à quelqu’un.")),
        "redacted": (_("La copie occultée"), _("PDF/A avec son cachet, sans ce qui a été couvert.")),
        "text": (_("Le texte"), _("ALTO : chaque mot et sa place sur la page.")),
    }
    infected = row.verdicts.get("virus", {}).get("verdict") == "infected"
    confirmed = "?confirm=infected" if infected else ""
    shown = []
    for kind, (name, why) in texts.items():
        form = forms.get(kind)
        if form is not None:
            what = kind_of(form.media_type, form.filename)
            meta = _("{what}, {size}. {why}", what=what, size=quantities.size(form.size), why=why)
            href = f"/documents/{row.id}/telecharger/{kind}{confirmed}"
            shown.append(Download(href, name, meta, infected))
    evidence, why = _("Le dossier de preuve"), _("ZIP. Quiconque peut tout vérifier sans nous.")
    shown.append(Download(f"/documents/{row.id}/telecharger/preuve{confirmed}", evidence, why, infected))
    return shown


@dataclass(frozen=True)
class Event:
    """One line of the history."""

    at: str
    moment: str
    sentence: Markup
    agent: str | None


@dataclass(frozen=True)
class History:
    """The history of a record: its newest events, of ``total`` in all."""

    events: tuple[Event, ...]
    total: int


def events_of(session: Session, row: RecordRow) -> History:
    """Return the newest events of a record, without the steps that its deposit's page shows."""
    found = history_of(session, row, translated)[::-1]
    shown = [event for event in found if event["type"] not in _ON_THE_DEPOSIT][:SHOWN_EVENTS]
    return History(
        tuple(
            Event(
                at=event["at"],
                moment=quantities.moment(event["at"]),
                sentence=said(event["sentence"]),
                agent=event["agent"] if event["agent"] != "ingestion" else None,
            )
            for event in shown
        ),
        len(found),
    )
