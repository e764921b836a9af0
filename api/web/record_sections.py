"""The sections of a record's page: what is read, kept, verified, taken away and told of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from markupsafe import Markup
from sqlalchemy.orm import Session

from api.http.i18n import _, said, translated
from api.views.history import history_of
from api.views.record import checkpoint_over, copies
from api.web import quantities
from api.web.file_kinds import kind_of
from api.web.page_view import Reading, read
from api.web.progress import Badge
from api.web.verdicts import Finding, findings, fixity_badge
from archive.database.tables import RecordRow, RepresentationRow, VerificationRow
from archive.journal.types import EntryType
from archive.model.description_fields import Page, fields_on
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
"""Pages shown at once in the strip."""


@dataclass(frozen=True)
class PageLink:
    """A page of the document in the strip; ``hits``: how many searched words stand on it."""

    number: int
    href: str
    hits: int


@dataclass(frozen=True)
class Leaf:
    """The page of the document that is read.

    Attributes:
        pages: How many the document has; None when it has none to show.
        strip: Links to the pages around this one.
    """

    number: int
    pages: int | None
    q: str
    reading: Reading
    strip: tuple[PageLink, ...]


def leaf_of(system: System, row: RecordRow, forms: Forms, page: int, q: str) -> Leaf:
    """One page of the document, with the searched words marked.

    The nearest one if it has no such page.
    """
    number = min(max(page, 1), max(row.pages or 1, 1))
    reading = read(system, row, forms, number, q)
    return Leaf(number, row.pages, q, reading, tuple(_strip(row, number, q, reading)))


def _strip(row: RecordRow, page: int, q: str, reading: Reading) -> list[PageLink]:
    """Links to the pages around this one, first and last always."""
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
    """One of the two stores: its name, its state, when it was last read whole."""

    name: Markup
    badge: Badge
    read: str


@dataclass(frozen=True)
class Keeping:
    """How long, for whom, and where it is kept.

    Attributes:
        until: Until when, and ``why``: one sentence, cut where its reason begins.
        public_on: The day from which everybody may read it, in words.
        described: Name and value of each field of the description that has a line of its own.
        locked_until: In words; empty when nothing is locked.
        enforced: Whether the store itself refuses a removal.
    """

    until: Markup
    why: Markup
    public_on: str
    access: Markup
    described: tuple[tuple[Markup, str], ...]
    copies: tuple[StoredCopy, ...]
    locked_until: str
    enforced: bool


def keeping_of(session: Session, row: RecordRow, forms: Forms, system: System) -> Keeping:
    """How long, for whom and where a record is kept."""
    until, why = _retention(row)
    original = forms.get("original")
    locked = original is not None and original.locked_until is not None
    return Keeping(
        until=until,
        why=why,
        public_on=quantities.day(row.communicable_on),
        access=said(row.access_explanation),
        described=tuple(_described(row)),
        copies=tuple(_copy(one) for one in copies(session, row, system)),
        locked_until=quantities.day(original.locked_until) if original is not None and locked else "",
        enforced=str(system.store.assurance) == "enforced",
    )


def _described(row: RecordRow) -> Iterator[tuple[Markup, str]]:
    """The fields that have a line of their own, but for those that say nothing."""
    for field in fields_on(Page.RECORD_FACTS):
        value = getattr(row, field.name)
        if value:
            yield said(field.heading), quantities.day(value) if isinstance(value, date) else value


def _retention(row: RecordRow) -> tuple[Markup, Markup]:
    sentence = said(row.retention_explanation)
    first, because, reason = sentence.partition(", parce que")
    return Markup(first), Markup(because + reason)  # noqa: S704  (both parts of what was escaped)


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
    """What was verified.

    Attributes:
        checked_at: When the record was last verified, in words; empty: never.
        kept_at: When it was put into the store and read back, in words.
        fixity: Whether the file is the one received.
        checks: Of the last verification.
        fresh: Whether that was made for this answer.
        digest: SHA-256 of the original, set in groups.
        entry: Its line of the journal, under ``checkpoint`` if one covers it.
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
    """What was verified of a record.

    Args:
        last: Its last verification on record.
        checked: The checks of one that was just made.
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
    return said(str(check["name"])), fixity_badge(str(check["verdict"])), said(str(check.get("detail") or ""))


@dataclass(frozen=True)
class Download:
    """One thing to take away."""

    href: str
    name: Markup
    meta: Markup


def downloads_of(row: RecordRow, forms: Forms) -> list[Download]:
    """The forms of a record, then its proof."""
    texts = {
        "original": (_("Le document reçu"), _("L’original, jamais modifié.")),
        "archival": (_("La copie durable"), _("PDF/A avec son cachet, à transmettre à quelqu’un.")),
        "text": (_("Le texte"), _("ALTO : chaque mot et sa place sur la page.")),
    }
    shown = []
    for kind, (name, why) in texts.items():
        form = forms.get(kind)
        if form is not None:
            what = kind_of(form.media_type, form.filename)
            meta = _("{what}, {size}. {why}", what=what, size=quantities.size(form.size), why=why)
            shown.append(Download(f"/documents/{row.id}/telecharger/{kind}", name, meta))
    evidence = f"/documents/{row.id}/telecharger/preuve"
    shown.append(Download(evidence, _("Le dossier de preuve"), _("ZIP. Quiconque peut tout vérifier sans nous.")))
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
    """What happened to a record: the newest events, of ``total`` in all."""

    events: tuple[Event, ...]
    total: int


def events_of(session: Session, row: RecordRow) -> History:
    """The newest events of a record, but for the steps that its deposit's page shows."""
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
