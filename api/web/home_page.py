"""The view-model of the home page, without HTTP: deposit form, to-do list, last deposits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.http.i18n import _
from api.views import disposal as views
from api.web import quantities
from api.web.deposit_lines import Line, line
from api.web.description_form import EMPTY, Box, TypedDescription, deposit_boxes
from api.web.disposals_page import DisposalLine, disposal_line
from api.web.faults import Fault
from archive.disposition.disposals import listing
from archive.model.deposit_agreements import Agreement
from archive.model.disposals import DisposalState
from archive.model.identifiers import new_id
from archive.retention.schedule import document_types
from ingestion.deposits.queries import count, count_incomplete, newest
from ingestion.deposits.states import DepositState
from ingestion.reception.agreed import open_to, terms_of
from ingestion.reception.submission import AGREEMENT

if TYPE_CHECKING:
    from ingestion.assembly import System

SHOWN = 10


@dataclass(frozen=True)
class Todo:
    """Numbers for this person: records to complete, deposits quarantined and refused."""

    incomplete: int
    aside: int
    refused: int


@dataclass(frozen=True)
class AgreementChoice:
    """A deposit agreement to choose in the deposit form.

    Attributes:
        fills: What it says where the deposit does not, in words.
    """

    code: str
    title: str
    fills: str
    chosen: bool


@dataclass(frozen=True)
class HomePage:
    """The home page, from which a clerk starts.

    Attributes:
        lines: The newest deposits of this person.
        total: Number of all deposits of this person.
        boxes: Description fields of the deposit form.
        agreements: Under which this person may deposit now; none where there is nothing to choose.
        limit: Size of the largest accepted file, in words.
        idempotency_key: Key of this form, so that a second click makes no second deposit.
        faults: The errors of the deposit form just sent.
        described: Whether that form had a description, which is then shown again.
        received: How many files of that form were received.
        disposals: Bordereaux that wait for a visa, or can still be stopped, of who gives visas.
    """

    template: ClassVar[str] = "accueil.html"
    tab: ClassVar[str] = "accueil"
    help_anchor: ClassVar[str] = "deposer"

    today: datetime
    lines: tuple[Line, ...]
    total: int
    todo: Todo
    boxes: tuple[Box, ...]
    agreements: tuple[AgreementChoice, ...]
    limit: str
    idempotency_key: str
    faults: tuple[Fault, ...]
    described: bool
    received: int
    disposals: tuple[DisposalLine, ...] = ()

    @property
    def json_href(self) -> str:
        """Return the API's address of the newest deposits."""
        return f"/api/v1/deposits?limit={SHOWN}"


def home_page(system: System, person: Caller, typed: TypedDescription = EMPTY, received: int = 0) -> HomePage:
    """Return the home page of a person, in the current language, with the form just refused."""
    now = system.clock()
    tenant, agent = person.tenant, person.agent
    with system.database.read() as session:
        types = document_types(session, tenant)
        boxes = deposit_boxes(types, typed)
        agreements = _agreements(session, system, person, {one.code: one.label for one in types}, typed)
        return HomePage(
            today=now,
            lines=tuple(
                line(session, row, now, person.reader) for row in newest(session, tenant, agent=agent, limit=SHOWN)
            ),
            total=count(session, tenant, agent),
            todo=Todo(
                incomplete=count_incomplete(session, person.reader, agent),
                aside=count(session, tenant, agent, DepositState.QUARANTINED),
                refused=count(session, tenant, agent, DepositState.REFUSED),
            ),
            boxes=boxes,
            agreements=agreements,
            limit=quantities.size(system.settings.ingestion.max_deposit_bytes),
            idempotency_key=new_id(),
            faults=typed.faults,
            described=any(box.fault or box.value or any(p.value for p in box.parts) for box in boxes)
            or any(one.chosen for one in agreements),
            received=received,
            disposals=_disposals(system, session, person),
        )


def _disposals(system: System, session: Session, person: Caller) -> tuple[DisposalLine, ...]:
    if not person.may("disposal:visa"):
        return ()
    act = views.reading(system, session, person.tenant)
    rows = listing.in_states(session, person.tenant, DisposalState.SUBMITTED, DisposalState.COOLING_OFF)
    return tuple(disposal_line(one) for one in views.shorts(act, rows[:SHOWN]))


def _agreements(
    session: Session, system: System, person: Caller, types: Mapping[str, str], typed: TypedDescription
) -> tuple[AgreementChoice, ...]:
    if not person.may("deposit:write"):
        return ()
    terms, chosen = terms_of(session, person.tenant, system.clock()), (typed.form or {}).get(AGREEMENT.name)
    found = open_to(terms, person.agent, person.service)
    return tuple(AgreementChoice(one.code, one.title, _fills(one, types), one.code == chosen) for one in found)


def _fills(agreement: Agreement, types: Mapping[str, str]) -> str:
    """Return what an agreement says where the deposit does not."""
    labels = {
        "document_type": _("type"),
        "classification": _("classe"),
        "file": _("dossier"),
        "access_rule": _("règle d’accès"),
    }
    told = ((labels[name], types.get(value, value)) for name, value in agreement.defaults.items())
    return ", ".join(f"{label} {value}" for label, value in told)
