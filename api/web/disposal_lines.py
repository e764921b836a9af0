"""Records of a bordereau as its page shows them, and what was typed about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from api.views import disposal as views
from api.web import quantities
from api.web.disposal_words import line_badge, opinion_badge, unread_title
from api.web.faults import Fault
from api.web.progress import Badge
from archive.model.disposals import LineState


@dataclass(frozen=True)
class TypedDecisions:
    """A form that was sent and refused."""

    form: Mapping[str, str]
    faults: tuple[Fault, ...] = ()


NOTHING_TYPED: Final = TypedDecisions({})


@dataclass(frozen=True)
class ShownLine:
    """One record of the bordereau.

    Attributes:
        title: Its title; what stands in its place where this person may not read it.
        may_decide: Whether it can be taken out or put back here and now.
        taken_out: Whether it is out.
        detached: Records that still hold the same bytes as this one, which was destroyed.
        opinion: What was thought of it before the visas.
    """

    id: str
    title: str | Markup
    readable: bool
    dates: str
    due_on: str
    size: str
    badge: Badge
    may_decide: bool
    may_return: bool
    taken_out: bool
    motive: str
    fault: bool
    detached: tuple[str, ...]
    opinion: Badge | None


def shown_line(told: Mapping[str, Any], typed: TypedDecisions, *, decides: bool, is_draft: bool) -> ShownLine:
    """Return a record of a bordereau, as it was typed where a form was refused."""
    state, record = LineState(told["state"]), told["record_id"]
    out = state is LineState.EXCLUDED
    choice = typed.form.get(f"d{record}", views.EXCLUDE if out else views.INCLUDE)
    return ShownLine(
        id=record,
        title=told["title"] or unread_title(told),
        readable=told["title"] is not None,
        dates=quantities.day(told["document_date"]),
        due_on=quantities.day(told["due_on"]),
        size=quantities.size(told["size"]),
        badge=line_badge(told),
        may_decide=(decides and not state.is_final) or (decides and out and is_draft),
        may_return=is_draft or not out,
        taken_out=choice == views.EXCLUDE,
        motive=typed.form.get(f"m{record}", told["reason"] if out else "") or "",
        fault=any(fault.href == f"#m{record}" for fault in typed.faults),
        detached=tuple(told["detached"]),
        opinion=opinion_badge(told["opinion"]) if told["opinion"] else None,
    )
