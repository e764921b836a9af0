"""An act on a disposal by the API: on the number that the caller read, else both views."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request

from api.access.callers import Caller
from api.http.conditions import expected_number
from api.views import disposal as views
from api.views import examples
from archive.database.disposal_tables import DisposalRow
from archive.disposition.act import Act
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from ingestion.assembly import System

NOT_FOUND: Final = examples.problem("Pas de tel bordereau.", "disposal_not_found")
BAD: Final = examples.problem("Une partie se lit mal.", "bad_disposal")
CHANGE: Final[dict[int | str, dict[str, Any]]] = {
    404: NOT_FOUND,
    409: examples.problem("Il n’en est pas là.", "disposal_closed"),
    412: examples.problem("Modifié entre-temps : `current` et `sent`.", "precondition_failed"),
    422: BAD,
}


def changed(
    request: Request,
    caller: Caller,
    system: System,
    disposal_id: str,
    sent: Mapping[str, Any],
    do: Callable[[Act, int | None], DisposalRow],
) -> dict[str, Any]:
    """Do an act on the number that the caller read.

    Raises:
        Refused: As the act; ``precondition_failed`` carries both views.
    """
    expected = expected_number(request)

    def act_on(act: Act) -> DisposalRow:
        return do(act, expected)

    try:
        return views.acting(system, caller.tenant, caller.agent, act_on)
    except Refused as error:
        raise views.with_both_views(error, system, caller.tenant, disposal_id, sent) from None
