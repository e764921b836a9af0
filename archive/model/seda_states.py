"""States of what comes in packages of SEDA, and of what is sent in them. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from archive.model.vocabularies import require_complete


class TransferState(StrEnum):
    """States of a transfer that came."""

    REFUSED = "refused"
    """An entry check refused it; its bytes are kept for a while, like those of any refusal."""
    TAKING = "taking"
    """It passed the entry checks; its units become nodes and records."""
    TAKEN = "taken"
    """Each of its units is a node or a record of ours; the reply says so."""
    REPEATED = "repeated"
    """The same package came before; the answer of then is the answer."""

    @property
    def has_reply(self) -> bool:
        """Whether its own statement has the reply."""
        match self:
            case TransferState.REFUSED | TransferState.TAKEN:
                return True
            case TransferState.TAKING | TransferState.REPEATED:
                return False
            case _:
                assert_never(self)

    @property
    def claims_identifier(self) -> bool:
        """Whether no other transfer of its sender may have its identifier."""
        match self:
            case TransferState.TAKING | TransferState.TAKEN:
                return True
            case TransferState.REFUSED | TransferState.REPEATED:
                return False
            case _:
                assert_never(self)


class DeliveryState(StrEnum):
    """States of one package that is sent."""

    MADE = "made"
    """It can be fetched, and its reply is waited for: silence says nothing."""
    ACCEPTED = "accepted"
    """The receiver has taken everything over."""
    DOUBTFUL = "doubtful"
    """The receiver took it over with reservations, or its reply has a fault: a person decides."""
    REFUSED = "refused"
    """The receiver has not taken it over."""

    @property
    def takes_over(self) -> bool:
        """Whether the receiver answers for its records from then on."""
        match self:
            case DeliveryState.ACCEPTED:
                return True
            case DeliveryState.MADE | DeliveryState.DOUBTFUL | DeliveryState.REFUSED:
                return False
            case _:
                assert_never(self)


require_complete(TransferState, DeliveryState)
