"""The page on which a person gives a visa: for all lines, and otherwise by group and by record.

What was decided on one page of lines is carried to the next in the form itself: without a script,
and without a draft that somebody else could read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar, Final

from markupsafe import Markup

from api.access.callers import Caller
from api.http.i18n import _, ngettext, said
from api.views import disposal as views
from api.web import quantities
from api.web.disposal_page import GROUPS, LINES_SHOWN, ShownGroup, shown_group
from api.web.disposal_words import DECISIONS, STEPS, line_badge, unread_title
from api.web.faults import Fault
from api.web.progress import Badge
from api.web.typed_date import DatePart, date_parts, typed_date
from archive.disposition.disposals import bordereau, listing
from archive.model.disposals import DisposalAction, LineDecision, LineState, VisaStep
from archive.retention.schedule import document_types
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from ingestion.assembly import System

_KEPT: Final = "Le visa n’est pas donné."
_BY_LINE: Final = "by_line"


@dataclass(frozen=True)
class Decided:
    """What was decided so far: by group, and by record; a decision and its day."""

    groups: Mapping[int, tuple[str, str | None]] = field(default_factory=dict)
    lines: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)

    def as_text(self) -> str:
        """Return it as the form carries it."""
        return json.dumps({"g": {str(n): one for n, one in self.groups.items()}, "l": self.lines})

    def given(self) -> dict[str, Any]:
        """Return it as the API takes it."""
        return {
            "groups": [{"group": n, **_answer(*one)} for n, one in self.groups.items()],
            "lines": [{"record_id": record, **_answer(*one)} for record, one in self.lines.items()],
        }


def _answer(decision: str, day: str | None) -> dict[str, Any]:
    return {"decision": decision, "not_before": date.fromisoformat(day) if day else None, "comment": None}


def read_decided(form: Mapping[str, str]) -> Decided:
    """Read what a form carries and what was chosen on its page.

    Raises:
        Refused: ``bad_disposal``.
    """
    try:
        told = json.loads(form.get("dit") or "{}")
        groups = {int(n): (str(one[0]), one[1]) for n, one in told.get("g", {}).items()}
        lines = {str(record): (str(one[0]), one[1]) for record, one in told.get("l", {}).items()}
    except (ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        raise _bad("/answers", "Les décisions de ce formulaire ne se lisent pas.") from error
    day: str | None = None
    for name, value in form.items():
        kind, key = name[:1], name[1:]
        if kind not in {"g", "r"} or not (key.isdecimal() if kind == "g" else len(key) == 36):
            continue
        if value == LineDecision.NOT_BEFORE and day is None:
            day = day_of(form)
        one = (value, day if value == LineDecision.NOT_BEFORE else None)
        known: dict[Any, tuple[str, str | None]] = groups if kind == "g" else lines
        place: Any = int(key) if kind == "g" else key
        if value not in set(LineDecision):
            known.pop(place, None)
        elif value != LineDecision.NOT_BEFORE or known.get(place, ("", None))[0] != value or form.get("day"):
            known[place] = one
    return Decided(groups, lines)


def day_of(form: Mapping[str, str]) -> str:
    """Return the day typed for « pas avant ».

    Raises:
        Refused: ``bad_disposal``.
    """
    day = typed_date(form, code="bad_disposal", kept=_KEPT, pointer="/not_before")
    if day is None:
        raise _bad("/not_before", "« Pas avant » demande une date.")
    return day.isoformat()


def _bad(pointer: str, detail: str) -> Refused:
    return Refused("bad_disposal", detail, kept=_KEPT, action="Corrigez-la, puis recommencez.", pointer=pointer)


@dataclass(frozen=True)
class VisaGroup:
    """A group, and what was decided about it."""

    shown: ShownGroup
    decision: str


@dataclass(frozen=True)
class VisaLine:
    """A record, and what was decided about it."""

    id: str
    title: str | Markup
    dates: str
    size: str
    badge: Badge
    decision: str
    day: str


@dataclass(frozen=True)
class VisaPage:
    """The form of a visa.

    Attributes:
        removed_for: Reason of a removal; empty otherwise.
        told: What was decided on other pages, as the form carries it.
        special: How many groups and records are decided otherwise than the rest.
        group: The group whose records are shown; 0 where groups are.
        following: Where the next page begins; 0 on the last.
    """

    template: ClassVar[str] = "bordereau_visa.html"
    tab: ClassVar[str] = "bordereaux"
    help_anchor: ClassVar[str] = "bordereaux"

    id: str
    number: int
    reference: str
    title: str
    removed_for: str
    step: Markup
    total: Markup
    told: str
    special: Markup
    groups: tuple[VisaGroup, ...]
    lines: tuple[VisaLine, ...]
    group: int
    following: int
    choices: tuple[tuple[str, Markup], ...]
    rest: tuple[tuple[str, Markup, Markup], ...]
    parts: tuple[DatePart, ...]
    form: Mapping[str, str]
    faults: tuple[Fault, ...]

    @property
    def json_href(self) -> str:
        """Return the API's address of the same bordereau."""
        return f"/api/v1/disposals/{self.id}"

    def value(self, name: str) -> str:
        """Return what was typed in a box."""
        return self.form.get(name, "")


def visa_page(
    system: System,
    person: Caller,
    disposal_id: str,
    form: Mapping[str, str],
    decided: Decided,
    faults: tuple[Fault, ...] = (),
) -> VisaPage:
    """Return the form of a visa, in the current language.

    Raises:
        Refused: ``disposal_not_found``.
    """
    kind, _sep, rest = form.get("vers", "").partition(" ")
    group, after = (_small(one) for one in (*rest.split(" "), "0", "0")[:2])
    with system.database.read() as session:
        row = bordereau.get(session, person.tenant, disposal_id)
        shown = views.view(views.reading(system, session, person.tenant), row)
        groups: tuple[VisaGroup, ...] = ()
        lines: tuple[VisaLine, ...] = ()
        following = 0
        if kind == "lignes" and group:
            found = listing.lines(session, row.id, group=group, after=after, limit=LINES_SHOWN + 1)
            told = views.line_views(session, views.signing(session, person, row), found[:LINES_SHOWN])
            lines = tuple(_line(one, decided) for one in told if one["state"] != LineState.EXCLUDED)
            following = found[LINES_SHOWN - 1].position if len(found) > LINES_SHOWN else 0
        else:
            group = 0
            there = listing.groups(session, row.id, after=after, limit=GROUPS + 1)
            types = {one.code: one.label for one in document_types(session, person.tenant)}
            groups = tuple(
                VisaGroup(
                    shown_group("", views.group_view(session, person.tenant, one), types),
                    decided.groups.get(one.number, ("", None))[0],
                )
                for one in there[:GROUPS]
            )
            following = there[GROUPS - 1].number if len(there) > GROUPS else 0
    step = next((one["step"] for one in shown["steps"] if one["state"] == "expected"), None)
    records = sum(one["records"] for state, one in shown["lines"].items() if state != LineState.EXCLUDED)
    return VisaPage(
        id=row.id,
        number=row.number,
        reference=row.reference,
        title=row.title,
        removed_for=shown["reason"] or "" if row.action == DisposalAction.REMOVE else "",
        step=said(STEPS[VisaStep(step)]) if step else Markup(),
        total=ngettext("{n} document", "{n} documents", records),
        told=decided.as_text(),
        special=_special(decided),
        groups=groups,
        lines=lines,
        group=group,
        following=following,
        choices=tuple((one.value, said(text)) for one, text in DECISIONS.items()),
        rest=rest_choices(),
        parts=date_parts(typed=form if faults else None),
        form=form,
        faults=faults,
    )


def rest_choices() -> tuple[tuple[str, Markup, Markup], ...]:
    """Return what a person may say of all that is not decided apart: value, label, hint."""
    return (
        ("approve", _("Accord pour tout le reste"), _("Ce qui n’est pas décidé à part peut être éliminé.")),
        (_BY_LINE, _("Rien pour le reste"), _("Une ligne sans réponse n’est pas approuvée : elle reste gardée.")),
        ("refuse", _("Refus pour tout le reste"), _("Ce qui n’est pas décidé à part reste gardé.")),
    )


def _special(decided: Decided) -> Markup:
    n = len(decided.groups) + len(decided.lines)
    return ngettext("{n} décision à part est retenue.", "{n} décisions à part sont retenues.", n) if n else Markup()


def _line(told: Mapping[str, Any], decided: Decided) -> VisaLine:
    decision, day = decided.lines.get(told["record_id"], ("", None))
    return VisaLine(
        id=told["record_id"],
        title=told["title"] or unread_title(told),
        dates=quantities.day(told["document_date"]),
        size=quantities.size(told["size"]),
        badge=line_badge(told),
        decision=decision,
        day=quantities.day(day),
    )


def _small(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 8 else 0
