"""French sentences on a record's retention: why, until when, and what then. Pure."""

from __future__ import annotations

from datetime import date
from typing import Final, assert_never

from archive.model.final_actions import FinalAction
from archive.retention.dates import START_EVENTS, StartField, Unit
from archive.retention.rules import Rule

NARROW: Final = "\u202f"
"""Space before ``: ; ? !`` and inside « »."""
HARD: Final = "\u00a0"
"""Space in dates and durations."""
MONTHS: Final = (
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()  # noqa: SIM905
)
_UNITS: Final = {Unit.DAY: ("jour", "jours"), Unit.MONTH: ("mois", "mois"), Unit.YEAR: ("an", "ans")}


def in_words(day: date) -> str:
    """Write a day as « 31 décembre 2036 », with spaces that don't break."""
    return f"{'1er' if day.day == 1 else day.day}{HARD}{MONTHS[day.month - 1]}{HARD}{day.year}"


def because_of(rule: Rule, phrase: str) -> str:
    """Write « parce que c’est une facture (règle …) »."""
    return f"parce que c’est {phrase} (règle{HARD}{rule.code})"


def of_type(label: str | None) -> str:
    """Write « un document de type … », for a type without a known article."""
    return f"un document de type «{NARROW}{label}{NARROW}»"


def without_limit(because: str) -> str:
    """Write the sentence for a rule whose duration never ends."""
    return f"Sans limite de durée, {because}."


def _lasting(rule: Rule) -> str:
    one, many = _UNITS[rule.unit]
    return f"{rule.duration}{HARD}{one if (rule.duration or 0) < 2 else many}"


def _since(rule: Rule) -> str:
    start = START_EVENTS.get(rule.start_event)
    if start is None:
        return f"de «{NARROW}{rule.start_event}{NARROW}»"
    return f"du {start.phrase[3:]}" if start.phrase.startswith("le ") else f"de {start.phrase}"


def dated(rule: Rule, because: str, start: date, end: date) -> str:
    """Write the sentences for a rule whose end is known."""
    count = f"{_lasting(rule)} à compter {_since(rule)} ({in_words(start)})"
    match rule.final_action:
        case FinalAction.KEEP:
            return (
                f"Définitivement, {because}{NARROW}: le service en a besoin {count}, jusqu’au {in_words(end)}, "
                "puis les archives le gardent pour toujours."
            )
        case FinalAction.SORT:
            afterwards = "Un archiviste choisira ensuite ce qui est gardé et ce qui est éliminé."
        case FinalAction.DESTROY if rule.validated:
            afterwards = "Il pourra ensuite être éliminé, avec un visa."
        case FinalAction.DESTROY:
            afterwards = "Il ne sera pas éliminé avant qu’un archiviste ait validé cette règle et obtenu un visa."
        case action:
            assert_never(action)
    return f"Jusqu’au {in_words(end)}, {because}{NARROW}: {count}. {afterwards}"


def beyond_calendar(rule: Rule, because: str, start: date) -> str:
    """Write the sentence for a rule whose end lies beyond the calendar."""
    count = f"{_lasting(rule)} à compter {_since(rule)} ({in_words(start)})"
    first = "Définitivement" if rule.final_action.kept_for_ever else "Sans date de fin"
    return f"{first}, {because}{NARROW}: {count} dépassent le calendrier. Vérifiez cette date."


def without_start(rule: Rule, because: str) -> str:
    """Write the sentence for a rule whose start event has no date here."""
    first = "Définitivement" if rule.final_action.kept_for_ever else "Sans date de fin pour l’instant"
    return f"{first}, {because}{NARROW}: {_lasting(rule)} à compter {_since(rule)}, et {_missing(rule)}."


def _missing(rule: Rule) -> str:
    start = START_EVENTS.get(rule.start_event)
    match start.known_by if start is not None else None:
        case StartField.DOCUMENT_DATE:
            return "il manque la date du document"
        case StartField.CLOSED_ON:
            return "il manque la date de clôture"
        case None:
            return "cette date n’est pas connue ici"
        case field:
            assert_never(field)


def without_rule(phrase: str | None, document_type: str | None) -> str:
    """Write the sentences for a record without a rule."""
    if not document_type:
        why = "le type du document n’est pas indiqué"
    elif phrase is None:
        why = f"le type «{NARROW}{document_type}{NARROW}» n’est pas dans la liste du service"
    else:
        why = f"aucune règle n’est donnée pour {phrase}"
    return f"Sans date de fin, parce que {why}{NARROW}: à compléter. Rien n’est éliminé sans règle."
