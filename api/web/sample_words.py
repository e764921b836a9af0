"""Words of sorting for pages: methods, criteria, the state of a population."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from api.http.i18n import _, ngettext
from archive.database.sorting_tables import PopulationRow
from archive.disposition.sampling import SampleMethod
from archive.model.final_actions import FinalAction


def methods() -> tuple[tuple[str, Markup, Markup], ...]:
    """Return each method with its name and what it means."""
    told = {
        SampleMethod.SELECTION: (
            _("Sélection qualitative"),
            _("Vous choisissez une à une les unités gardées, d’après un critère écrit."),
        ),
        SampleMethod.SPECIMEN: (_("Spécimen"), _("Quelques exemples, tirés au sort.")),
        SampleMethod.RANDOM: (_("Échantillon au hasard"), _("Une part, tirée au sort : 1/10, ou 5 %.")),
        SampleMethod.YEARS: (
            _("Échantillon par années"),
            _("Les unités dont l’année de départ finit par certains chiffres."),
        ),
        SampleMethod.INITIALS: (_("Échantillon par initiales"), _("Les unités dont le nom commence par une lettre.")),
    }
    return tuple((method.value, *told[method]) for method in SampleMethod)


def criterion_words(criterion: Mapping[str, Any]) -> Markup:
    """Return a criterion in one sentence."""
    match SampleMethod(criterion["method"]):
        case SampleMethod.SELECTION:
            return _("Sélection qualitative : {words}", words=criterion["words"])
        case SampleMethod.SPECIMEN:
            return ngettext("{n} exemple, tiré au sort.", "{n} exemples, tirés au sort.", criterion["count"])
        case SampleMethod.RANDOM:
            return _("Échantillon au hasard : {rate}, au moins une unité.", rate=criterion["rate"])
        case SampleMethod.YEARS:
            ends = ", ".join(str(one) for one in criterion["endings"])
            return _("Années de départ finissant par {endings}.", endings=ends)
        case SampleMethod.INITIALS:
            fields = {"title": _("du titre"), "producer": _("du service"), "external_reference": _("de la référence")}
            told = {"letters": ", ".join(criterion["letters"]), "field": fields[criterion["field"]]}
            if criterion["particles"]:
                return _("Initiale {field} : {letters} ; la particule compte.", **told)
            return _("Initiale {field} : {letters} ; la particule ne compte pas.", **told)


def state_words(row: PopulationRow, *, ready: bool) -> tuple[str, str, Markup]:
    """Return the state of a population: kind, icon and word of its badge."""
    if row.draw is not None:
        return ("ok", "check", _("Trié") if row.method == SampleMethod.SELECTION else _("Tiré"))
    if not ready:
        return ("wait", "clock", _("Attend le point d’horodatage"))
    return ("warn", "warn", _("Sélection en cours") if row.method == SampleMethod.SELECTION else _("Prêt à tirer"))


def decision_badge(decision: str | None) -> tuple[str, str, Markup]:
    """Return a decision: kind, icon and word of its badge."""
    if decision == FinalAction.KEEP:
        return ("ok", "check", _("À garder"))
    if decision == FinalAction.DESTROY:
        return ("none", "cross", _("À éliminer"))
    return ("warn", "warn", _("À trier"))
