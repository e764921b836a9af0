"""Forms of a bordereau's page: an act on what was seen, or the page again with what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.views import disposal as views
from api.web.disposal_lines import TypedDecisions
from api.web.disposal_page import disposal_page
from api.web.faults import Fault, in_words
from api.web.render import in_language, pages_of, system_of
from archive.database.disposal_tables import DisposalRow
from archive.disposition.act import Act
from signing.ground.errors import Refused

FIELDS: Final = {
    "/title": "#titre",
    "/decision": "#reste",
    "/reason": "#motif",
    "/quality": "#qualite",
    "/not_before": "#pas-avant",
}
NOT_FOUND: Final = "disposal_not_found"


def changed(
    request: Request,
    person: Caller,
    disposal_id: str,
    form: dict[str, str],
    do: Callable[[Act, int | None, Mapping[str, str]], DisposalRow],
) -> Response:
    """Do an act on the bordereau as it was seen; a refusal shows it as it is now."""
    require_csrf(request, form.get("csrf", ""))
    expected = number_of(form)
    try:
        views.acting(system_of(request), person.tenant, person.agent, lambda act: do(act, expected, form))
    except Refused as error:
        if error.code == NOT_FOUND:
            raise
        with in_language(request):
            pointer = error.pointer or ""
            fault = Fault(pointer if pointer.startswith("#m") else FIELDS.get(pointer, ""), in_words(error))
        return shown_one(request, person, disposal_id, form, TypedDecisions(form, (fault,)))
    shown = {name: form[name] for name in ("groupe", "etat") if form.get(name)}
    query = "&".join(f"{name}={value}" for name, value in shown.items() if value.isalnum())
    return RedirectResponse(f"/bordereaux/{disposal_id}" + (f"?{query}#lignes" if query else ""), 303)


def number_of(form: Mapping[str, str]) -> int:
    """Return the number of the bordereau as the form was made; -1 for none."""
    given = form.get("number", "")
    return int(given) if given.isdecimal() and len(given) < 9 else -1


def shown_one(
    request: Request,
    person: Caller,
    disposal_id: str,
    asked: Mapping[str, str],
    typed: TypedDecisions | None = None,
) -> Response:
    """Answer with a bordereau as it is; with a form that was refused, if one was."""
    with in_language(request):
        page = disposal_page(system_of(request), person, disposal_id, asked, typed or TypedDecisions({}))
    return pages_of(request).show(request, page, status=422 if typed is not None else 200)
