"""All that the home page shows, made without HTTP: the deposit form, what is left to do, my last
deposits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from api.access.callers import Caller
from api.web import quantities
from api.web.deposit_lines import Line, line
from api.web.description_form import Box, deposit_boxes
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
    """Counts for this person: records to complete, deposits quarantined and refused."""

    incomplete: int
    aside: int
    refused: int


@dataclass(frozen=True)
class HomePage:
    """The page that a clerk starts from.

    Attributes:
        total: How many deposits are this person's; ``lines`` are the newest.
        boxes: What may be said of the files at once.
        limit: The largest file, in words.
        idempotency_key: A second click on the same form makes no second deposit.
        faults: What went wrong in the sending just made.
        received: How many files of it were received.
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
    received: int

    @property
    def json_href(self) -> str:
        """The newest deposits from the API."""
        return f"/api/v1/deposits?limit={SHOWN}"


def home_page(system: System, person: Caller, faults: tuple[Fault, ...] = (), received: int = 0) -> HomePage:
    """The home page of a person, in the language being spoken."""
    now = system.clock()
    tenant, agent = person.tenant, person.agent
    with system.database.read() as session:
        return HomePage(
            today=now,
            lines=tuple(line(session, row, now) for row in newest(session, tenant, agent=agent, limit=SHOWN)),
            total=count(session, tenant, agent),
            todo=Todo(
                incomplete=count_incomplete(session, tenant, agent),
                aside=count(session, tenant, agent, DepositState.QUARANTINED),
                refused=count(session, tenant, agent, DepositState.REFUSED),
            ),
            boxes=deposit_boxes(document_types(session, tenant)),
            limit=quantities.size(system.settings.ingestion.max_deposit_bytes),
            idempotency_key=new_id(),
            faults=faults,
            received=received,
        )
