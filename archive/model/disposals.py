"""Words of a disposal: actions, directions, states, visas and decisions about lines. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, assert_never

from archive.model.final_actions import FinalAction
from archive.model.vocabularies import require_complete


class DisposalAction(StrEnum):
    """Actions that a disposal executes on its records."""

    DESTROY = FinalAction.DESTROY.value
    TRANSFER = "transfer"
    """Custody passes to another archives service."""
    REMOVE = "remove"
    """*Retrait* of what was entered by mistake: no retention has ended."""

    @property
    def final_action(self) -> FinalAction | None:
        """The final action of the records that it takes; None: whatever it is."""
        match self:
            case DisposalAction.DESTROY:
                return FinalAction.DESTROY
            case DisposalAction.TRANSFER:
                return FinalAction.KEEP
            case DisposalAction.REMOVE:
                return None
            case _:
                assert_never(self)


class Direction(StrEnum):
    """Who asks whom (code du patrimoine, R212-14)."""

    SERVICE_ASKS = "service_asks"
    """The service asks for the visa of the State's control: silence never means yes."""
    ARCHIVES_PROPOSE = "archives_propose"
    """The archives propose to eliminate what was transferred to them: three months to object."""


class DisposalState(StrEnum):
    """States in the life of a disposal."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    """Its population is frozen, and its visas are asked for."""
    APPROVED = "approved"
    """The cooling-off period is over, and nobody has confirmed its execution yet."""
    REFUSED = "refused"
    COOLING_OFF = "cooling_off"
    EXECUTING = "executing"
    EXECUTED = "executed"
    """Each of its lines is final."""
    WITHDRAWN = "withdrawn"

    @property
    def is_open(self) -> bool:
        """Whether its lines are taken: no other disposal may have them."""
        match self:
            case DisposalState.REFUSED | DisposalState.EXECUTED | DisposalState.WITHDRAWN:
                return False
            case (
                DisposalState.DRAFT
                | DisposalState.SUBMITTED
                | DisposalState.APPROVED
                | DisposalState.COOLING_OFF
                | DisposalState.EXECUTING
            ):
                return True
            case _:
                assert_never(self)

    @property
    def may_be_stopped(self) -> bool:
        """Whether it can still be withdrawn as a whole."""
        return self.is_open and self is not DisposalState.EXECUTING


class LineState(StrEnum):
    """States of a line of a disposal."""

    INCLUDED = "included"
    EXCLUDED = "excluded"
    """Taken out by an archivist."""
    REFUSED = "refused"
    """Not approved by a visa."""
    BLOCKED = "blocked"
    """Something stands in the way; it goes on when that ends, if its visas are still fresh."""
    WAITING = "waiting"
    """A store still locks it."""
    DESTROYED = "destroyed"
    """Its action was executed: destroyed, or handed over."""
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to it in this disposal."""
        match self:
            case LineState.EXCLUDED | LineState.REFUSED | LineState.DESTROYED:
                return True
            case LineState.INCLUDED | LineState.BLOCKED | LineState.WAITING | LineState.FAILED:
                return False
            case _:
                assert_never(self)


class VisaStep(StrEnum):
    """Steps of a disposal at which a person gives a visa, in order."""

    PRODUCER = "producer"
    """Head of the producing service; of the administration of origin where the archives propose."""
    AUTHORITY = "authority"
    """Mayor or president; head of the archives where they propose."""
    CONTROLLER = "controller"
    """Person charged with the scientific and technical control, from outside."""


class VisaMeans(StrEnum):
    """Ways in which a person gave a visa."""

    ACCOUNT = "account"
    GUEST = "guest"
    """By a link and a code, without an account."""
    PAPER = "paper"
    """On a printed bordereau: entered by one archivist, confirmed by another, its scan attached."""


class LineDecision(StrEnum):
    """Decisions of a visa about a line."""

    APPROVE = "approve"
    REFUSE = "refuse"
    """It does not go; what becomes of it afterwards is not said."""
    KEEP_DEFINITIVELY = "keep_definitively"
    NOT_BEFORE = "not_before"
    SORT_NEEDED = "sort_needed"

    @property
    def approves(self) -> bool:
        """Whether the line may go."""
        return self is LineDecision.APPROVE

    @property
    def strength(self) -> int:
        """Rank among decisions that differ: the strongest holds."""
        match self:
            case LineDecision.APPROVE:
                return 0
            case LineDecision.REFUSE:
                return 1
            case LineDecision.NOT_BEFORE:
                return 2
            case LineDecision.SORT_NEEDED:
                return 3
            case LineDecision.KEEP_DEFINITIVELY:
                return 4
            case _:
                assert_never(self)


OPEN_DISPOSALS: Final = tuple(state.value for state in DisposalState if state.is_open)
"""For database queries."""
FINAL_LINES: Final = tuple(state.value for state in LineState if state.is_final)
"""For database queries."""

require_complete(DisposalAction, DisposalState, LineState, LineDecision)
