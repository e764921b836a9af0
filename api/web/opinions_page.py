"""The page of what is thought of a draft before it is submitted: lines, opinions, the list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlencode

from markupsafe import Markup

from api.access.callers import Caller
from api.http.i18n import _, ngettext, said
from api.views import disposal_opinions as told_lines
from api.web import quantities
from api.web.disposal_words import DECISIONS, line_badge, opinion_badge, opinion_word, unread_title
from api.web.faults import Fault
from api.web.progress import Badge
from api.web.typed_date import DatePart, date_parts
from archive.disposition.disposals import bordereau, opinions
from archive.disposition.disposals.opinions import REMARK
from archive.model.disposals import DisposalState, LineDecision

if TYPE_CHECKING:
    from ingestion.assembly import System

SHOWN: Final = 50
_FILTERS: Final = ("any", "none", *(one.value for one in LineDecision), REMARK)


@dataclass(frozen=True)
class OpinionLine:
    """A line, what is thought of it, and what may be typed."""

    id: str
    position: int
    title: str | Markup
    dates: str
    state: Badge
    opinion: Badge | None
    who: str
    comment: str
    chosen: str
    typed: str


@dataclass(frozen=True)
class OpinionsPage:
    """Lines of a bordereau with the opinions about them.

    Attributes:
        open: Whether opinions can still be given.
        own: Whether the visitor's opinion is their own, and not somebody's whom they name.
        done: How many opinions were just kept; -1: none was sent.
    """

    template: ClassVar[str] = "bordereau_avis.html"
    tab: ClassVar[str] = "bordereaux"
    help_anchor: ClassVar[str] = "bordereaux"

    id: str
    reference: str
    title: str
    open: bool
    own: bool
    lines: tuple[OpinionLine, ...]
    filters: tuple[tuple[str, Markup, int], ...]
    chosen: str
    following: str
    choices: tuple[tuple[str, Markup], ...]
    parts: tuple[DatePart, ...]
    form: Mapping[str, str]
    faults: tuple[Fault, ...]
    done: Markup

    @property
    def json_href(self) -> str:
        """Return the API's address of the same lines."""
        return f"/api/v1/disposals/{self.id}/lines"

    def value(self, name: str) -> str:
        """Return what was typed in a box."""
        return self.form.get(name, "")


def opinions_page(
    system: System,
    person: Caller,
    disposal_id: str,
    asked: Mapping[str, str],
    form: Mapping[str, str] | None = None,
    faults: tuple[Fault, ...] = (),
) -> OpinionsPage:
    """Return the page, in the current language.

    Raises:
        Refused: ``disposal_not_found``.
    """
    wanted = asked.get("avis", "")
    chosen = wanted if wanted in _FILTERS else ""
    start, kept = asked.get("apres", ""), asked.get("lus", "")
    after = int(start) if start.isdecimal() and len(start) < 8 else 0
    typed = form or {}
    with system.database.read() as session:
        row = bordereau.get(session, person.tenant, disposal_id)
        shown, following = told_lines.lines_page(session, person, row, chosen or None, after, SHOWN)
        numbers = opinions.numbers(session, row.id)
        read = int(kept) if kept.isdecimal() and len(kept) < 7 else -1
        return OpinionsPage(
            id=row.id,
            reference=row.reference,
            title=row.title,
            open=row.state == DisposalState.DRAFT,
            own=not person.may("disposal:write"),
            lines=tuple(_line(one, typed) for one in shown),
            filters=_filters(numbers),
            chosen=chosen,
            following=f"?{urlencode({'avis': chosen, 'apres': following})}#lignes" if following else "",
            choices=(*((one.value, said(text)) for one, text in DECISIONS.items()), (REMARK, _("Remarque seule"))),
            parts=date_parts(typed=typed if faults else None),
            form=typed,
            faults=faults,
            done=ngettext("{n} avis enregistré.", "{n} avis enregistrés.", read) if read >= 0 else Markup(),
        )


def _filters(numbers: Mapping[str | None, int]) -> tuple[tuple[str, Markup, int], ...]:
    every = sum(numbers.values())
    found = [("", _("Tous"), every), ("any", _("Avec un avis"), every - numbers.get(None, 0))]
    found += [(name, opinion_word(name), numbers.get(name, 0)) for name in _FILTERS[2:]]
    return (*found, ("none", _("Sans avis"), numbers.get(None, 0)))


def _line(told: Mapping[str, Any], typed: Mapping[str, str]) -> OpinionLine:
    opinion, record = told["opinion"], told["record_id"]
    who = ", ".join(text for text in (opinion["person"], opinion["quality"]) if text) if opinion else ""
    return OpinionLine(
        id=record,
        position=told["position"],
        title=told["title"] or unread_title(told),
        dates=quantities.day(told["document_date"]),
        state=line_badge(told),
        opinion=opinion_badge(opinion) if opinion else None,
        who=who,
        comment=opinion["comment"] if opinion else "",
        chosen=typed.get(f"a{record}", ""),
        typed=typed.get(f"c{record}", ""),
    )
