"""Words of due lists and of the states of their lines, for pages."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from api.http.i18n import _
from api.web.progress import Badge
from archive.model.final_actions import FinalAction
from archive.retention.states import DueList, DueState

_STATES: Final = {
    DueState.NO_END: ("none", "none", "Sans fin", "La règle ne donne pas de terme."),
    DueState.START_MISSING: ("warn", "warn", "Départ inconnu", "La date dont part la durée manque."),
    DueState.RULE_MISSING: ("warn", "warn", "Sans règle", "Le type manque, est inconnu, ou n’a pas de règle."),
    DueState.FINAL_ACTION_CONFLICT: (
        "warn",
        "warn",
        "Sorts contraires",
        "Plusieurs règles s’appliquent et se contredisent : à vous de trancher.",
    ),
    DueState.HELD: ("wait", "lock", "Gelé", "Un gel suspend toute élimination."),
    DueState.IN_DISPOSAL: ("wait", "clock", "Dans un bordereau", "Une élimination ou un versement est en cours."),
    DueState.RULE_NOT_VALIDATED: (
        "warn",
        "warn",
        "Règle à valider",
        "Une règle qui s’applique n’a pas été validée par une seconde personne.",
    ),
    DueState.STALE: ("wait", "clock", "À recalculer", "Une règle, une place ou un événement a changé."),
    DueState.NOT_YET: ("none", "none", "Pas encore", "L’échéance est après cette date."),
    DueState.TO_SORT: ("warn", "warn", "À trier", "Une personne doit dire ce qui est gardé."),
    DueState.NOT_BEFORE: ("wait", "clock", "Reporté", "Un visa refusé repousse l’échéance."),
    DueState.LOCKED_UNTIL: ("wait", "lock", "Verrouillé", "Le coffre garde encore son verrou."),
    DueState.READY: ("ok", "check", "Prêt", "Plus rien ne s’y oppose."),
}
_LISTS: Final = {
    DueList.TO_ELIMINATE: ("À éliminer", "document à éliminer", "documents à éliminer"),
    DueList.TO_SORT: ("À trier", "document à trier", "documents à trier"),
    DueList.TO_TRANSFER: ("À transférer", "document à transférer", "documents à transférer"),
}
_ACTIONS: Final = {
    FinalAction.DESTROY: "à éliminer",
    FinalAction.KEEP: "à garder",
    FinalAction.SORT: "à trier",
}


def state_badge(state: DueState) -> Badge:
    """Return a state as icon, word and reason."""
    kind, icon, word, reason = _STATES[state]
    return Badge(kind, icon, _(word), _(reason))


def list_name(which: DueList) -> Markup:
    """Return the name of a due list."""
    return _(_LISTS[which][0])


def list_noun(which: DueList, n: int) -> Markup:
    """Return what the records of a list are called."""
    return _(_LISTS[which][1 if n < 2 else 2])


def capitalised(text: Markup) -> Markup:
    """Return words with a capital at their beginning, for a title or a list."""
    return text[:1].upper() + text[1:]


def action_name(action: FinalAction) -> Markup:
    """Return a final action as it stands beside a number."""
    return _(_ACTIONS[action])
