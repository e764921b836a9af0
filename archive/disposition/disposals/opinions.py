"""Opinions about lines of a draft: what a controller would say, before anything is asked.

They bind nobody. Each is a statement; the latest about a line stands beside it. What an archivist
changes afterwards is theirs alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.database.batches import batches
from archive.database.disposal_tables import DisposalLineRow, DisposalRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau, projection
from archive.disposition.disposals.bordereau import LONGEST
from archive.disposition.disposals.population import bad_disposal
from archive.journal.types import EntryType
from archive.model.disposals import DisposalState, LineDecision
from archive.model.identifiers import new_id
from archive.model.statement_kinds import StatementKind
from signing.ground.clock import iso
from signing.ground.errors import Refused

REMARK: Final = "remark"
"""An opinion without a decision: a comment alone."""
TOGETHER: Final = 500
"""Lines of one statement."""


@dataclass(frozen=True)
class Opinion:
    """What somebody thinks of a line.

    Attributes:
        decision: What they would decide; None: a comment alone.
    """

    decision: LineDecision | None
    not_before: date | None = None
    comment: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as it is stated."""
        decision = self.decision.value if self.decision is not None else REMARK
        return {"decision": decision, "not_before": iso(self.not_before), "comment": self.comment.strip()}


@dataclass(frozen=True)
class Thinker:
    """Who has an opinion.

    Attributes:
        quality: Function; empty: not told.
    """

    person: str
    quality: str = ""


def require_valid(opinion: Opinion) -> None:
    """Refuse an opinion that says nothing, or half of something.

    Raises:
        Refused: ``bad_disposal``.
    """
    if opinion.decision is None and not opinion.comment.strip():
        raise bad_disposal("/comment", "Cet avis ne dit rien : donnez une décision, ou une remarque.")
    if len(opinion.comment) > LONGEST or "\0" in opinion.comment:
        raise bad_disposal("/comment", "Cette remarque est trop longue.")
    if (opinion.decision is LineDecision.NOT_BEFORE) != (opinion.not_before is not None):
        raise bad_disposal("/not_before", "« Pas avant » demande une date, et les autres avis n’en ont pas.")


def give(act: Act, disposal_id: str, expected: int | None, who: Thinker, told: Mapping[str, Opinion]) -> DisposalRow:
    """State what somebody thinks of lines of a draft; each line gets its own, or none does.

    Raises:
        Refused: ``disposal_not_found``, ``precondition_failed``, ``disposal_closed``,
            ``line_not_found``, ``bad_disposal``.
    """
    row = bordereau.changeable(act, disposal_id, expected)
    require_draft(row)
    for name, text in (("person", who.person), ("quality", who.quality)):
        if (
            len(text) > (200 if name == "person" else LONGEST)
            or "\0" in text
            or (name == "person" and not text.strip())
        ):
            raise bad_disposal(f"/{name}", "Dites de qui est cet avis.")
    for opinion in told.values():
        require_valid(opinion)
    bordereau.require_lines(act.session, row, told)
    records = sorted(told)
    for start in range(0, len(records), TOGETHER):
        body = {
            "disposal_id": row.id,
            "person": who.person.strip(),
            "quality": who.quality.strip(),
            "given_on": iso(act.today.day),
            "recorded_by": act.agent,
            "lines": {record: told[record].as_json() for record in records[start : start + TOGETHER]},
        }
        made = act.state(StatementKind.OPINION, new_id(), 0, "given", body, EntryType.DISPOSAL_STATED)
        projection.follow(act.session, made)
    return row


def require_draft(row: DisposalRow) -> None:
    """Refuse a bordereau that is submitted: from then on visas decide.

    Raises:
        Refused: ``disposal_closed``.
    """
    if row.state != DisposalState.DRAFT:
        raise Refused(
            "disposal_closed",
            "Ce bordereau est soumis : un avis préalable n’y a plus de place, seuls les visas comptent.",
            kept=bordereau.UNCHANGED,
            action="Donnez un visa, quand il est attendu.",
            state=row.state,
        )


def lines_told(
    session: Session, disposal_id: str, said: str | None, *, after: int, limit: int
) -> Sequence[DisposalLineRow]:
    """Return lines in the order of the bordereau, those with an opinion alone if one is asked for.

    Args:
        said: An opinion; ``any``: whatever it is; ``none``: lines without one; None: every line.
        after: Position of the last one of the page before.
    """
    line = DisposalLineRow
    asked = select(line).where(line.disposal_id == disposal_id, line.position > after)
    if said == "any":
        asked = asked.where(line.opinion.is_not(None))
    elif said == "none":
        asked = asked.where(line.opinion.is_(None))
    elif said is not None:
        asked = asked.where(line.opinion == said)
    return session.scalars(asked.order_by(line.position).limit(limit)).all()


def numbers(session: Session, disposal_id: str) -> dict[str | None, int]:
    """Return the number of lines by opinion; None: without one."""
    line = DisposalLineRow
    asked = select(line.opinion, func.count()).where(line.disposal_id == disposal_id).group_by(line.opinion)
    return {opinion: n for opinion, n in session.execute(asked)}  # noqa: C416 - typed


def places(session: Session, disposal_id: str, records: Collection[str] | None = None) -> dict[str, int]:
    """Return the position of lines by record; of all of them without ``records``."""
    line = DisposalLineRow
    asked = select(line.record_id, line.position).where(line.disposal_id == disposal_id)
    parts: Iterable[Any] = [asked]
    if records is not None:
        parts = [asked.where(line.record_id.in_(some)) for some in batches(sorted(records))]
    return {record: position for one in parts for record, position in session.execute(one)}
