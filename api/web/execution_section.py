"""View-models of what stands in the way of a bordereau, and of its execution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from markupsafe import Markup

from api.access.callers import Caller
from api.http.i18n import _, ngettext, said
from api.web import quantities
from api.web.disposal_words import LINES, blocked, failure
from api.web.progress import NOTHING, Badge
from archive.model.disposals import DisposalAction, DisposalState, LineState

_SHOWN: Final = frozenset(
    {DisposalState.COOLING_OFF, DisposalState.APPROVED, DisposalState.EXECUTING, DisposalState.EXECUTED}
)


@dataclass(frozen=True)
class InTheWay:
    """One thing that keeps lines back: how many, why, and where they are listed."""

    badge: Badge
    count: Markup
    href: str


def reading_sentence(shown: Mapping[str, Any]) -> Markup:
    """Say who alone reads what a removal takes; empty where nothing is removed."""
    if shown["readers"] is None or not DisposalState(shown["state"]).is_open:
        return NOTHING
    who = Markup(", ").join(shown["readers"])
    if not shown["reading_closed"]:
        return _("Une fois soumis, ses documents ne seront plus lus que par : {who}.", who=who)
    told = _("La lecture de ses documents est fermée à tous, sauf à : {who}.", who=who)
    if shown["waiting_until"]:
        day = quantities.day(shown["waiting_until"])
        return told + " " + _("Leurs octets ne partent pas avant la fin du verrou du coffre, le {day}.", day=day)
    return told + " " + _("Leurs octets partent après les visas et le délai de repentir.")


@dataclass(frozen=True)
class ExecutionSection:
    """The execution of a bordereau.

    Attributes:
        sentences: What happens, on which day, how many lines; or what has happened.
        may_confirm: Whether this person can confirm it here and now.
        may_cancel: Whether this person can still take the confirmation back.
        cancel: Until when, in words.
    """

    sentences: tuple[Markup, ...]
    may_confirm: bool
    may_cancel: bool
    cancel: Markup


def in_the_way(shown: Mapping[str, Any]) -> tuple[InTheWay, ...]:
    """Return what keeps lines of a bordereau back, each with its list; its JSON tells."""
    if not DisposalState(shown["state"]).is_open:
        return ()
    found = [
        InTheWay(
            blocked(one["reason"]),
            ngettext("{n} ligne ne partira pas", "{n} lignes ne partiront pas", one["records"]),
            _listed(shown, LineState.BLOCKED, one["reason"]),
        )
        for one in shown["blocked"]
    ]
    found += [
        InTheWay(
            failure(one["reason"]),
            ngettext("{n} ligne n’a pas abouti", "{n} lignes n’ont pas abouti", one["records"]),
            _listed(shown, LineState.FAILED, one["reason"]),
        )
        for one in shown["failed"]
    ]
    if waiting := shown["lines"][LineState.WAITING.value]["records"]:
        day = quantities.day(shown["waiting_until"])
        until = _("Le coffre les garde verrouillées, jusqu’au {day} au plus tard.", day=day)
        badge = Badge("wait", "clock", said(LINES[LineState.WAITING][2]), until)
        count = ngettext("{n} ligne attend", "{n} lignes attendent", waiting)
        found.append(InTheWay(badge, count, _listed(shown, LineState.WAITING)))
    return tuple(found)


def execution_section(shown: Mapping[str, Any], person: Caller) -> ExecutionSection | None:
    """Return what the execution of a bordereau does, in the current language.

    Args:
        shown: Its JSON.
        person: Who looks at it.
    """
    state = DisposalState(shown["state"])
    if state not in _SHOWN:
        return None
    decides, confirmed = person.may("disposal:write"), shown["confirmed"]
    visaed = state in {DisposalState.COOLING_OFF, DisposalState.APPROVED}
    last = quantities.day(shown["stop_until"])
    return ExecutionSection(
        sentences=tuple(_sentences(shown, state)),
        may_confirm=decides and visaed and not confirmed,
        may_cancel=decides and confirmed and state is DisposalState.COOLING_OFF and shown["days_left"] is not None,
        cancel=_("Jusqu’au {last} inclus. Les visas restent donnés.", last=last),
    )


def _sentences(shown: Mapping[str, Any], state: DisposalState) -> list[Markup]:
    gone = shown["lines"][LineState.DESTROYED.value]
    size = quantities.size(gone["bytes"])
    done = ngettext("{n} document détruit ({size}).", "{n} documents détruits ({size}).", gone["records"], size=size)
    hands_over = shown["action"] == DisposalAction.TRANSFER
    if hands_over:
        done = ngettext("{n} document versé ({size}).", "{n} documents versés ({size}).", gone["records"], size=size)
    if state is DisposalState.EXECUTED:
        return [_("Terminée le {day}.", day=quantities.day(shown["ended_on"])), done]
    if state is DisposalState.EXECUTING:
        return [_("Commencée : ce qui est retenu partira quand plus rien ne s’y opposera, sous visa valable."), done]
    going = shown["lines"][LineState.INCLUDED.value]
    what = ngettext(
        "{n} document ({size}) sera détruit dans chaque copie : original, autres formes, texte et images.",
        "{n} documents ({size}) seront détruits dans chaque copie : originaux, autres formes, textes et images.",
        going["records"],
        size=quantities.size(going["bytes"]),
    )
    if hands_over:
        what = ngettext(
            "La garde de {n} document ({size}) passe au service qui l’a accepté. Rien n’est détruit.",
            "La garde de {n} documents ({size}) passe au service qui les a acceptés. Rien n’est détruit.",
            going["records"],
            size=quantities.size(going["bytes"]),
        )
    day = quantities.day(shown["executes_from"])
    if shown["confirmed"]:
        by = shown["confirmed_by"] or _("une personne qui n’a plus de compte")
        return [_("Confirmée par {who}. Elle commence d’elle-même le {day}.", who=by, day=day), what]
    when = _("Elle commence le {day} au plus tôt, si quelqu’un la confirme.", day=day)
    if state is DisposalState.APPROVED or shown["days_left"] is None:
        when = _("Elle commence dès que vous la confirmez, et ne s’annule plus.")
    look = _("Chaque ligne est regardée encore à cet instant. Ce qui est détruit ne revient pas.")
    if hands_over:
        look = _("Chaque ligne est regardée encore à cet instant.")
    return [what, when, look]


def _listed(shown: Mapping[str, Any], state: LineState, reason: str = "") -> str:
    kept = {"etat": state.value} | ({"motif": reason} if reason else {})
    return f"/bordereaux/{shown['id']}?{urlencode(kept)}#lignes"
