"""Kinds of statements: the objects of the archivist, each stated anew when it changes. Pure."""

from __future__ import annotations

from enum import StrEnum


class StatementKind(StrEnum):
    """Kinds of objects about which statements are made; a name is in store keys for ever."""

    NODE = "node"
    """A class or a file of the filing plan."""
    EVENT = "event"
    """An event that starts retention."""
    REQUEST = "request"
    """An access request or a derogation."""
    REVIEW = "review"
    """The review of a hold; its subject is the hold."""
    POPULATION = "population"
    """Units frozen to be sampled, then the sample drawn from them."""
    SORTING = "sorting"
    """What becomes of one unit to be sorted; its subject is the record or the file."""
    DISPOSAL = "disposal"
    """A bordereau: what is to be destroyed or handed over, and how far it has come."""
    LINES = "lines"
    """A part of a disposal's population."""
    TRANSFER = "transfer"
    """What came in a package of SEDA: what its examination found, and the reply."""
    DELIVERY = "delivery"
    """What is sent in packages of SEDA: to whom, which records, and what the receiver replied."""
    VISA = "visa"
    """What one person said of a disposal, line by line."""
    CERTIFICATE = "certificate"
    """Certificates of a disposal, one for each run that destroyed; its subject is the disposal."""
    SCAN = "scan"
    """The scan of a bordereau that came back on paper, its bytes beside it."""
    OPINION = "opinion"
    """What a controller thinks of lines of a draft, before anything is asked: it binds nobody."""
    REPORT = "report"
    """A register that was issued, or a stocktaking with its minutes."""
