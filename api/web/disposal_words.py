"""Words of bordereaux for pages: states, what blocks, visas, decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup

from api.http.i18n import _, ngettext, said
from api.web import quantities
from api.web.due_words import state_badge
from api.web.progress import NOTHING, Badge
from archive.disposition.disposals.opinions import REMARK
from archive.model.disposals import DisposalAction, DisposalState, LineDecision, LineState, VisaStep
from archive.retention.dates import Unit
from archive.retention.states import DueState

STATES: Final = {
    DisposalState.DRAFT: ("none", "none", "Brouillon"),
    DisposalState.SUBMITTED: ("wait", "clock", "Attend un visa"),
    DisposalState.COOLING_OFF: ("warn", "clock", "Délai de repentir"),
    DisposalState.APPROVED: ("ok", "check", "Approuvé"),
    DisposalState.EXECUTING: ("wait", "now", "En cours d’exécution"),
    DisposalState.EXECUTED: ("ok", "check", "Exécuté"),
    DisposalState.REFUSED: ("bad", "cross", "Refusé"),
    DisposalState.WITHDRAWN: ("none", "cross", "Arrêté"),
}
ACTIONS: Final = {
    DisposalAction.DESTROY: "Élimination",
    DisposalAction.TRANSFER: "Versement",
    DisposalAction.REMOVE: "Retrait",
}
LINES: Final = {
    LineState.INCLUDED: ("ok", "check", "Sur le bordereau"),
    LineState.EXCLUDED: ("none", "none", "À garder"),
    LineState.REFUSED: ("bad", "cross", "Refusé par un visa"),
    LineState.BLOCKED: ("bad", "lock", "Bloqué"),
    LineState.WAITING: ("wait", "clock", "Attend un verrou"),
    LineState.DESTROYED: ("none", "check", "Exécuté"),
    LineState.FAILED: ("bad", "warn", "N’a pas abouti"),
}
STEPS: Final = {
    VisaStep.PRODUCER: "Visa du service producteur",
    VisaStep.AUTHORITY: "Visa du maire ou du président",
    VisaStep.CONTROLLER: "Visa du contrôle scientifique et technique",
}
DECISIONS: Final = {
    LineDecision.APPROVE: "Accord",
    LineDecision.REFUSE: "Refus, sans suite dite",
    LineDecision.KEEP_DEFINITIVELY: "Refus : à garder définitivement",
    LineDecision.NOT_BEFORE: "Refus : pas avant une date",
    LineDecision.SORT_NEEDED: "Refus : à trier",
}
MOTIVES: Final = ("Valeur historique", "Contentieux possible", "Erreur de règle", "Demande du service")
_BLOCKS: Final = {
    "changed": ("Changé depuis", "Le document ou sa règle a changé : le visa ne vaut plus pour lui."),
    "visa_stale": ("Visa trop ancien", "Un visa de plus de douze mois se redemande."),
    "other_action": ("Autre sort final", "Sa règle demande autre chose que ce bordereau."),
    "reply_awaited": ("Attend la réponse", "Le service d’archives destinataire n’a pas encore répondu."),
    "not_taken_over": ("Non pris en charge", "Le destinataire l’a refusé : dressez un autre paquet."),
    "unanswered": ("Sans réponse", "Un visa ne dit rien de cette ligne."),
    "contradicted": ("Contredit par le journal", "La base et le journal ne disent pas la même chose de lui."),
}
_FAILURES: Final = {
    "object_locked": ("Encore verrouillé", "Un magasin refuse : un verrou y court encore. Il sera redemandé."),
    "objects_left": ("Pas entièrement parti", "Des fichiers restent dans un magasin. Ils seront redemandés."),
}
_UNFINISHED: Final = ("Pas encore terminé", "Un magasin n’a pas répondu comme attendu. Il sera redemandé.")


def state_of(state: str) -> Badge:
    """Return the state of a bordereau as icon and word."""
    kind, icon, word = STATES[DisposalState(state)]
    return Badge(kind, icon, said(word))


def unread_title(line: Mapping[str, Any]) -> Markup:
    """Return what stands in the place of a title that is gone or not for this reader."""
    if line["restricted_by"] == "removal":
        return _("Lecture fermée par un retrait")
    return _("Lecture réservée par un gel") if line["restricted"] else _("N’est plus ici")


def line_badge(line: Mapping[str, Any]) -> Badge:
    """Return the state of a line, with its reason."""
    state = LineState(line["state"])
    kind, icon, word = LINES[state]
    return Badge(kind, icon, said(word), line_reason(state, line))


def line_reason(state: LineState, line: Mapping[str, Any]) -> Markup:
    """Say why a line is not simply included."""
    reason = line["reason"]
    if state is LineState.WAITING:
        return _("Le coffre la verrouille jusqu’au {day}.", day=quantities.day(line["waiting_until"]))
    if state is LineState.BLOCKED:
        return blocked(reason).reason
    if state is LineState.FAILED:
        return failure(reason or "").reason
    if state is LineState.REFUSED:
        if reason in set(LineDecision):
            return refusal(line)
        return said(_BLOCKS["unanswered"][1])
    return Markup.escape(reason) if reason else NOTHING


def refusal(line: Mapping[str, Any]) -> Markup:
    """Say what a visa wants instead."""
    if line["not_before"]:
        return _("Pas avant le {day}.", day=quantities.day(line["not_before"]))
    return said(DECISIONS[LineDecision(line["reason"])])


def blocked(reason: str) -> Badge:
    """Return what blocks a line, in words."""
    if reason in _BLOCKS:
        word, why = _BLOCKS[reason]
        return Badge("bad", "lock", said(word), said(why))
    state = DueState.TO_SORT if reason == "not_sorted" else DueState(reason)
    told = state_badge(state)
    return Badge("bad", "lock", told.word, told.reason)


def failure(code: str) -> Badge:
    """Return why the destruction of a line is not finished, in words."""
    word, why = _FAILURES.get(code, _UNFINISHED)
    return Badge("bad", "warn", said(word), said(why))


def duration_words(duration: int | None, unit: str | None) -> Markup:
    """Return a duration of a rule in words."""
    if duration is None or unit is None:
        return _("Sans limite")
    match Unit(unit):
        case Unit.YEAR:
            return ngettext("{n} an", "{n} ans", duration)
        case Unit.MONTH:
            return ngettext("{n} mois", "{n} mois", duration)
        case _:
            return ngettext("{n} jour", "{n} jours", duration)


def years(earliest: str | None, latest: str | None) -> str:
    """Return extreme dates as years: « 2012 à 2015 »."""
    if earliest is None or latest is None:
        return str(_("Sans date"))
    first, last = earliest[:4], latest[:4]
    return first if first == last else str(_("{first} à {last}", first=first, last=last))


def size_of_group(told: Mapping[str, Any]) -> Markup:
    """Return how many records a group has, and how large they are, without those taken out."""
    out = told["lines"][LineState.EXCLUDED.value]
    n, octets = told["records"] - out["records"], told["bytes"] - out["bytes"]
    return ngettext("{n} document, {size}", "{n} documents, {size}", n, size=quantities.size(octets))


def totals(shown: Mapping[str, Any]) -> Markup:
    """Return how many records of a bordereau go, stay and wait."""
    lines = shown["lines"]
    goes = [lines[one.value] for one in (LineState.INCLUDED, LineState.WAITING)]
    n, octets = sum(one["records"] for one in goes), sum(one["bytes"] for one in goes)
    parts = [
        ngettext(
            "{n} document à éliminer ({size})", "{n} documents à éliminer ({size})", n, size=quantities.size(octets)
        )
    ]
    if kept := lines[LineState.EXCLUDED.value]["records"]:
        parts.append(ngettext("{n} à garder", "{n} à garder", kept))
    if refused := lines[LineState.REFUSED.value]["records"]:
        parts.append(ngettext("{n} refusé", "{n} refusés", refused))
    if stopped := lines[LineState.BLOCKED.value]["records"]:
        parts.append(ngettext("{n} bloqué", "{n} bloqués", stopped))
    return Markup(", ").join(parts)


def opinion_word(name: str) -> Markup:
    """Return an opinion in words."""
    return _("Remarque") if name == REMARK else said(DECISIONS[LineDecision(name)])


def opinion_badge(told: Mapping[str, Any]) -> Badge:
    """Return an opinion as icon and word; its day where it has one."""
    name = told["decision"]
    kind, icon = {REMARK: ("none", "none"), LineDecision.APPROVE.value: ("ok", "check")}.get(name, ("warn", "warn"))
    day = told["not_before"]
    reason = _("Pas avant le {day}.", day=quantities.day(day)) if day else Markup()
    return Badge(kind, icon, opinion_word(name), reason)
