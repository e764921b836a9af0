"""The view-model of the home page, without HTTP: deposit form, to-do list, last deposits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from api.access.callers import Caller
from api.web import quantities
from api.web.deposit_lines import Line, line
from api.web.description_form import EMPTY, Box, TypedDescription, deposit_boxes
from api.web.faults import Fault
from archive.model.identifiers import new_id
from archive.retention.schedule import document_types
from ingestion.deposits.queries import count, count_incomplete, newest
from ingestion.deposits.states import DepositState

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
class HomePage:
    """The home page, from which a clerk starts.

    Attributes:
        lines: The newest deposits of this person.
        total: Number of all deposits of this person.
        boxes: Description fields of the deposit form.
        limit: Size of the largest accepted file, in words.
        idempotency_key: Key of this form, so that a second click makes no second deposit.
        faults: The errors of the deposit form just sent.
        described: Whether that form had a description, which is then shown again.
        received: How many files of that form were received.
    """

    template: ClassVar[str] = "accueil.html"
    tab: ClassVar[str] = "accueil"
    help_anchor: ClassVar[str] = "deposer"

    today: datetime
    lines: tuple[Line, ...]
    total: int
    todo: Todo
    boxes: tuple[Box, ...]
    limit: str
    idempotency_key: str
    faults: tuple[Fault, ...]
    described: bool
    received: int

    @property
    def json_href(self) -> str:
        """Return the API's address of the newest deposits."""
        return f"/api/v1/deposits?limit={SHOWN}"


def home_page(system: System, person: Caller, typed: TypedDescription = EMPTY, received: int = 0) -> HomePage:
    """Return the home page of a person, in the current language, with the form just refused."""
    now = system.clock()
    tenant, agent = person.tenant, person.agent
    with system.database.read() as session:
        boxes = deposit_boxes(document_types(session, tenant), typed)
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
            limit=quantities.size(system.settings.ingestion.max_deposit_bytes),
            idempotency_key=new_id(),
            faults=typed.faults,
            described=any(box.fault or box.value or any(p.value for p in box.parts) for box in boxes),
            received=received,
        )
