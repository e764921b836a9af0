"""What a change of rules or document types would do, in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from markupsafe import Markup

from api.http.i18n import _, ngettext
from api.web import quantities
from api.web.due_words import state_badge
from archive.retention.states import DueState


def effect_told(found: Mapping[str, Any]) -> tuple[Markup, ...]:
    """Return what a change would do, one sentence a fact."""
    told = [
        ngettext("{n} document concerné.", "{n} documents concernés.", found["records"]),
        ngettext(
            "{n} change d’échéance ou de sort final.", "{n} changent d’échéance ou de sort final.", found["changed"]
        ),
    ]
    if found["sooner"]:
        told.append(ngettext("{n} échoit plus tôt.", "{n} échoient plus tôt.", found["sooner"]))
    if found["later"]:
        told.append(
            ngettext(
                "{n} échoit plus tard, ou plus du tout.", "{n} échoient plus tard, ou plus du tout.", found["later"]
            )
        )
    if found["due_after"]:
        day = quantities.day(date.fromisoformat(found["due_after"]))
        told.append(_("Première échéance parmi eux : {day}.", day=day))
    return (*told, _("Aucun bordereau n’est touché."))


def states_told(found: Mapping[str, Any]) -> tuple[tuple[Markup, int, int], ...]:
    """Return the records of each state: its word, today, and after the change."""
    shown = [state for state in DueState if state in found["before"] or state in found["after"]]
    return tuple((state_badge(one).word, found["before"].get(one, 0), found["after"].get(one, 0)) for one in shown)
