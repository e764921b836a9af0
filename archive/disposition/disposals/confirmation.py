"""Confirmation of an execution: a person says that it goes, and can take that back in time."""

from __future__ import annotations

from typing import Final

from archive.database.disposal_tables import DisposalRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau, invitations, projection
from archive.model.disposals import DisposalState, VisaStep
from signing.ground.errors import Refused

NOTHING_DESTROYED: Final = "Rien n’a été détruit."
_READ: Final = "Relisez le bordereau : il dit où il en est."
_VISAED: Final = frozenset({DisposalState.COOLING_OFF, DisposalState.APPROVED})


def confirm(act: Act, disposal_id: str, expected: int | None) -> DisposalRow:
    """Confirm that a disposal is executed when its cooling-off period is over.

    Whoever drafted it may: two other people have given their visas. Its controller may not, nor
    who was shown link and code of one of its visas.

    Raises:
        Refused: ``disposal_not_found``, ``precondition_failed``, ``disposal_closed``,
            ``visa_not_expected``, ``execution_confirmed``, ``confirmed_by_controller``,
            ``confirmed_by_inviter``.
    """
    row = bordereau.changeable(act, disposal_id, expected)
    if row.state not in _VISAED:
        raise Refused(
            "visa_not_expected",
            "Ce bordereau n’a pas encore ses visas.",
            kept=NOTHING_DESTROYED,
            action=_READ,
        )
    if row.content["confirmed_by"] is not None:
        raise Refused("execution_confirmed", "Son exécution est déjà confirmée.", kept=NOTHING_DESTROYED, action=_READ)
    controllers = {one.agent for one in projection.visas_of(act.session, row.id) if one.step == VisaStep.CONTROLLER}
    if act.agent in controllers:
        raise Refused(
            "confirmed_by_controller",
            "Celui qui contrôle un bordereau n’en confirme pas l’exécution.",
            kept=NOTHING_DESTROYED,
            action="Un archiviste la confirme.",
        )
    if act.agent in invitations.copied_by(act.session, row.id):
        raise Refused(
            "confirmed_by_inviter",
            "Vous avez eu le lien et le code d’un visa de ce bordereau : vous n’en confirmez pas l’exécution.",
            kept=NOTHING_DESTROYED,
            action="Un autre archiviste la confirme.",
        )
    return bordereau.state_disposal(act, row, "confirmed", {**row.content, "confirmed_by": act.agent})


def cancel(act: Act, disposal_id: str, expected: int | None) -> DisposalRow:
    """Take a confirmation back, until the end of the last day of the cooling-off period.

    The bordereau keeps its visas: its execution can be confirmed again.

    Raises:
        Refused: ``disposal_not_found``, ``precondition_failed``, ``disposal_closed``,
            ``execution_not_confirmed``.
    """
    row = bordereau.changeable(act, disposal_id, expected)
    if row.content["confirmed_by"] is None:
        raise Refused(
            "execution_not_confirmed",
            "Son exécution n’est pas confirmée.",
            kept=NOTHING_DESTROYED,
            action=_READ,
        )
    if row.state != DisposalState.COOLING_OFF or row.stop_until is None or act.today.day > row.stop_until:
        raise Refused(
            "disposal_closed",
            "Le délai de repentir est passé : son exécution ne s’annule plus.",
            kept=bordereau.UNCHANGED,
            action=_READ,
            state=row.state,
        )
    return bordereau.state_disposal(act, row, "confirmation_cancelled", {**row.content, "confirmed_by": None})
