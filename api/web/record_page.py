"""The view-model of a record's page, made without HTTP from rows of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from markupsafe import Markup

from api.access.callers import Caller
from api.http.i18n import _, said
from api.views.record import find_record, representations_of
from api.web import quantities
from api.web.description_form import DescriptionForm, TypedDescription, description_form
from api.web.hold_form import HoldForm, TypedHold, hold_form
from api.web.progress import Badge
from api.web.record_sections import (
    Download,
    History,
    Keeping,
    Leaf,
    Proofs,
    downloads_of,
    events_of,
    keeping_of,
    leaf_of,
    proofs_of,
)
from api.web.verdicts import fixity_badge, is_unconfirmed, is_unguarded
from archive.catalogue.rows import latest_verification
from archive.catalogue.service_names import names_of, shown
from archive.database.tables import RecordRow, VerificationRow
from archive.retention.schedule import document_types

if TYPE_CHECKING:
    from ingestion.assembly import System

_SAID_ELSEWHERE = ("seal_not_probative", "rule_unsure", "start_missing")
"""Remarks left out, since rows of the page show them: the seal's verdict, the retention."""


@dataclass(frozen=True)
class Visit:
    """The visitor's request, and the outcome of a form that was sent.

    Attributes:
        page: Number of the document's page to read.
        q: Words to mark on it.
        checked: The checks of a verification that was just made; None when none was.
        description: A description form that was sent and refused.
        hold: A hold form that was sent and refused.
    """

    page: int = 1
    q: str = ""
    checked: Sequence[Mapping[str, Any]] | None = None
    description: TypedDescription = field(default_factory=TypedDescription)
    hold: TypedHold = field(default_factory=TypedHold)


@dataclass(frozen=True)
class RecordPage:
    """The page of one record, as one person sees it.

    Attributes:
        shelfmark: The record's place in the filing plan, else its external reference.
        lines: Type, date and service, as far as they are known.
        summary: The one line under the title.
        remarks: Remarks about this record.
        description: The description form; None without the scope ``record:describe``.
    """

    template: ClassVar[str] = "document.html"
    tab: ClassVar[str] = "recherche"
    help_anchor: ClassVar[str] = "document"

    id: str
    deposit_id: str
    title: str
    shelfmark: str | None
    lines: tuple[str, ...]
    summary: Badge
    remarks: tuple[Markup, ...]
    leaf: Leaf
    keeping: Keeping
    holding: HoldForm
    description: DescriptionForm | None
    proofs: Proofs
    downloads: tuple[Download, ...]
    history: History

    @property
    def json_href(self) -> str:
        """Return the API's address of the same record."""
        return f"/api/v1/records/{self.id}"


def record_page(system: System, person: Caller, record_id: str, visit: Visit) -> RecordPage:
    """Return the page of a record, in the current language.

    Raises:
        Refused: ``record_not_found``.
    """
    with system.database.read() as session:
        row = find_record(session, person.tenant, record_id)
        forms = {form.kind: form for form in representations_of(session, row.id)}
        last = latest_verification(session, row.id)
        types = document_types(session, person.tenant)
        keeping = keeping_of(session, row, forms, system)
        holding = hold_form(session, row, person, visit.hold, system.clock())
        proofs = proofs_of(session, row, forms, last, visit.checked)
        history = events_of(session, row)
        services = names_of(session, person.tenant, [row])
        session.expunge_all()  # rows are used after the transaction ends: reading a page takes time
    describes = person.may("record:describe")
    return RecordPage(
        id=row.id,
        deposit_id=row.deposit_id,
        title=row.title,
        shelfmark=row.classification or row.external_reference,
        lines=_lines(row, {kind.code: kind.label for kind in types}, services),
        summary=_summary(row, last),
        remarks=tuple(said(remark["detail"]) for remark in row.warnings if remark["code"] not in _SAID_ELSEWHERE),
        leaf=leaf_of(system, row, forms, visit.page, visit.q),
        keeping=keeping,
        holding=holding,
        description=description_form(row, types, visit.description) if describes else None,
        proofs=proofs,
        downloads=tuple(downloads_of(row, forms)),
        history=history,
    )


def _lines(row: RecordRow, types: Mapping[str, str], services: Mapping[str, str]) -> tuple[str, ...]:
    known = (
        types.get(row.document_type or "", row.document_type),
        quantities.day(row.document_date),
        shown(row.producer, services, row.id),
    )
    return tuple(line for line in known if line)


def _summary(row: RecordRow, last: VerificationRow | None) -> Badge:
    """Return the state of a record in one line; damage comes before all else."""
    if last is not None and last.verdict in {"altered", "missing"}:
        found = fixity_badge(last.verdict)
        word = _("{state} : ce n’est plus ce qui a été reçu et gardé", state=found.word)
        return Badge(found.kind, found.icon, word)
    seal = row.verdicts.get("seal") or {}
    parts = [_("Conservé")]
    if seal.get("verdict") == "valid":
        parts.append(_("scellé") if seal.get("probative") else _("scellé sans valeur probante"))
    else:
        parts.append(_("sans cachet"))
    if last is not None and last.verdict == "intact":
        parts.append(_("intact"))
    if last is not None and is_unguarded(last.checks):
        parts.append(_("verrou ou gel absent du coffre"))
        return Badge("warn", "warn", Markup(", ").join(parts))
    if last is not None and is_unconfirmed(last.checks):
        parts.append(_("le journal publié ne le confirme pas"))
        return Badge("warn", "warn", Markup(", ").join(parts))
    if last is not None and last.verdict == "unverifiable":
        parts.append(_("dernière vérification sans réponse"))
        return Badge("none", "none", Markup(", ").join(parts))
    icon = "seal" if seal.get("verdict") == "valid" else "check"
    return Badge("ok", icon, Markup(", ").join(parts))
