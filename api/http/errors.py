"""Answer errors as ``application/problem+json`` (RFC 9457).

This is the only place with HTTP statuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.http.i18n import translate
from api.http.languages import MACHINE_PATHS, preferred_language
from archive.model.states import DESTROYED
from signing.ground.errors import ChartrierError, Corrupt, Unavailable
from signing.ground.machine import machine_fault

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

TITLES: dict[int, str] = {
    400: "Demande illisible",
    401: "Connexion nécessaire",
    403: "Droit manquant",
    404: "Introuvable",
    405: "Méthode non admise",
    406: "Forme de réponse non proposée",
    409: "Conflit",
    410: "N’est plus ici",
    411: "Longueur nécessaire",
    412: "Modifié entre-temps",
    413: "Trop volumineux",
    415: "Type de contenu non admis",
    416: "Plage hors du fichier",
    421: "Mauvaise adresse",
    422: "Demande refusée",
    428: "Condition nécessaire",
    429: "Trop de demandes",
    500: "Erreur interne",
    501: "Pas encore proposé",
    503: "Momentanément indisponible",
}
"""French title of each status: the message ids of the catalogue."""

STATUSES: dict[str, int] = {
    "not_authenticated": 401,
    "login_link_spent": 401,
    "scope_missing": 403,
    "cross_site": 403,
    "csrf_refused": 403,
    "reading_restricted": 403,
    "deposit_quarantined": 403,
    "confirmed_by_controller": 403,
    "confirmed_by_inviter": 403,
    "controller_heads_producer": 403,
    "invitation_by_drafter": 403,
    "person_needed": 403,
    "visa_by_drafter": 403,
    "visa_same_person": 403,
    "visa_twice": 403,
    "not_found": 404,
    "object_missing": 404,
    "representation_missing": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "access_step_refused": 409,
    "agreement_exists": 409,
    "altered": 409,
    "clock_still_differs": 409,
    "clock_trusted": 409,
    "document_type_exists": 409,
    "disposal_closed": 409,
    "report_not_kept": 409,
    "report_not_ready": 409,
    "disposal_committed": 409,
    "disposal_empty": 409,
    "deposit_not_quarantined": 409,
    "file_already_closed": 409,
    "infected": 409,
    "file_not_closed": 409,
    "held_in_place": 409,
    "hold_not_reinstatable": 409,
    "event_differs": 409,
    "execution_confirmed": 409,
    "execution_not_confirmed": 409,
    "hold_released": 409,
    "record_in_disposal": 409,
    "record_not_kept": 409,
    "rule_already_validated": 409,
    "rule_code_used": 409,
    "rule_own_validation": 403,
    "rule_used": 409,
    "sample_drawn": 409,
    "sample_not_ready": 409,
    "population_changed": 409,
    "sorting_drawn": 409,
    "unit_in_disposal": 409,
    "invitation_over": 409,
    "mail_not_set": 409,
    "mail_over": 409,
    "visa_link_used": 410,
    "visa_not_expected": 409,
    "transfer_not_answered": 409,
    "delivery_answered": 409,
    "delivery_changed": 409,
    "delivery_not_doubtful": 409,
    "delivery_not_expected": 409,
    "visa_scan_missing": 409,
    "unit_in_a_population": 409,
    "node_code_used": 409,
    "node_not_empty": 409,
    "nothing_to_redact": 409,
    "nothing_to_retry": 409,
    "object_exists": 409,
    "object_locked": 409,
    "root_differs": 409,
    "service_exists": 409,
    "service_used": 409,
    "tenant_exists": 409,
    "precondition_failed": 412,
    "revision_stale": 412,
    "too_large": 413,
    "unsupported_media_type": 415,
    "bad_range": 416,
    "wrong_host": 421,
    "idempotency_key_missing": 400,
    "bad_request": 400,
    "precondition_required": 428,
    "if_match_missing": 428,
    "rate_limited": 429,
    "not_available": 501,
    **{state.value: 410 for state in DESTROYED},
}
"""Status of a refusal by its stable code; anything else is 422, and ``…_not_found`` is 404."""


_VIEWS = ("current", "sent", "departure")
"""What a failed precondition shows, the object as it is in place and the change that was sent; and
how a record went.
"""


def status_of(error: ChartrierError) -> int:
    """Return the HTTP status of one of our errors."""
    if isinstance(error, Unavailable):
        return 503
    if isinstance(error, Corrupt):
        return 409
    if error.code in STATUSES:
        return STATUSES[error.code]
    return 404 if error.code.endswith("_not_found") else 422


def problem(
    request: Request,
    *,
    status: int,
    code: str,
    detail: str,
    kept: str = "",
    action: str = "",
    errors: Sequence[Mapping[str, str]] = (),
    values: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """Return the body of a problem, in the caller's language."""
    language = preferred_language(request)
    filled = dict(values or {})

    def say(text: str) -> str:
        return translate(text, language).format(**filled) if text else ""

    body: dict[str, Any] = {
        "type": f"{request.app.state.public_url}/docs/problems#{code}",
        "title": translate(TITLES.get(status, TITLES[500]), language),
        "status": status,
        "code": code,
        "detail": say(detail),
        "kept": say(kept),
        "action": say(action),
        "errors": [dict(error) for error in errors],
        "trace_id": getattr(request.state, "trace_id", ""),
    }
    return body


PageOf = Callable[[Request, dict[str, Any]], Response]
"""A function that shows a problem as a page; the pages set it as ``app.state.problem_page``."""


def _respond(request: Request, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    page: PageOf | None = getattr(request.app.state, "problem_page", None)
    if page is not None and wants_page(request):
        response = page(request, body)
    else:
        response = JSONResponse(body, status_code=body["status"], media_type=MEDIA_TYPE)
        response.headers["content-language"] = preferred_language(request)
    for name, value in (headers or {}).items():
        response.headers[name] = value
    return response


def wants_page(request: Request) -> bool:
    """Return whether the caller is a browser on a page, not a program on the API."""
    return not request.scope["path"].startswith(MACHINE_PATHS)


def chartrier_error(request: Request, error: Exception) -> Response:
    """Answer Refused, Unavailable or Corrupt with its own status and headers."""
    if not isinstance(error, ChartrierError):
        raise error
    status = status_of(error)
    if isinstance(error, Corrupt):
        log.error("integrity_broken", code=error.code, trace_id=getattr(request.state, "trace_id", ""))
    headers: dict[str, str] = {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="chartrier"'
    if error.code == "rate_limited":
        seconds = error.values.get("seconds", 60)
        headers["Retry-After"] = str(seconds)
        headers["RateLimit"] = f'"{error.values.get("what", "requests")}";r=0;t={seconds}'
    errors: list[dict[str, str]] = []
    faults = error.values.get("faults", ())  # of a file with several wrong lines
    for one in (error, *(faults if isinstance(faults, tuple) else ())):
        if one.pointer is not None:
            text = translate(one.detail, preferred_language(request)).format(**one.values)
            errors.append({"pointer": one.pointer, "detail": text})
    body = problem(
        request,
        status=status,
        code=error.code,
        detail=error.detail,
        kept=error.kept,
        action=error.action,
        errors=errors,
        values=error.values,
    )
    if error.code == "bad_query" and "position" in error.values:
        body["position"] = error.values["position"]
    body |= {name: error.values[name] for name in _VIEWS if name in error.values}
    if isinstance(gone := body.get("departure"), dict) and gone["disposal"]:
        body["departure"] = gone | {"certificate": f"/api/v1/disposals/{gone['disposal']}/certificate"}
    return _respond(request, body, headers)


_OF_STATUS: dict[int, tuple[str, str, str]] = {
    400: ("bad_request", "Le corps de la demande est illisible.", "Vérifiez sa forme puis recommencez."),
    404: ("not_found", "Cette adresse n’existe pas.", "Vérifiez l’adresse."),
    405: ("method_not_allowed", "Cette adresse n’admet pas cette méthode.", "Consultez /docs."),
    413: ("too_large", "Le corps de la demande est trop volumineux.", "Envoyez un fichier plus petit."),
    415: ("unsupported_media_type", "Ce type de contenu n’est pas admis ici.", "Consultez /docs."),
    416: (
        "bad_range",
        "La plage demandée est hors du fichier.",
        "Demandez une plage comprise dans sa taille.",
    ),
}


def http_error(request: Request, error: Exception) -> Response:
    """Answer what FastAPI and Starlette refuse by themselves: 404, 405, 413, unreadable bodies."""
    if not isinstance(error, HTTPException):
        raise error
    if isinstance(error.__cause__, ChartrierError):  # raised while the body was being read
        return chartrier_error(request, error.__cause__)
    code, detail, action = _OF_STATUS.get(
        error.status_code, ("bad_request", "La demande est refusée.", "Consultez /docs.")
    )
    body = problem(request, status=error.status_code, code=code, detail=detail, action=action)
    return _respond(request, body, error.headers)


def validation_error(request: Request, error: Exception) -> Response:
    """Answer FastAPI's own 422, with a JSON Pointer for each fault."""
    if not isinstance(error, RequestValidationError):
        raise error
    faults = [
        {"pointer": _pointer(fault["loc"]), "detail": _french(str(fault["type"]), str(fault["msg"]))}
        for fault in error.errors()
    ]
    body = problem(
        request,
        status=422,
        code="invalid_request",
        detail="Une partie de la demande n’a pas la forme attendue.",
        action="Corrigez les points nommés dans « errors ».",
        errors=faults,
    )
    return _respond(request, body)


def _pointer(location: Sequence[Any]) -> str:
    where, *rest = location
    path = "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in rest)
    return f"/{path}" if where == "body" else f"{where}:{path}"


_FAULTS = {
    "missing": "obligatoire",
    "int_parsing": "un nombre entier est attendu",
    "date_from_datetime_parsing": "une date AAAA-MM-JJ est attendue",
    "date_parsing": "une date AAAA-MM-JJ est attendue",
    "extra_forbidden": "champ inconnu",
    "json_invalid": "JSON illisible",
    "bool_parsing": "true ou false est attendu",
    "string_too_long": "texte trop long",
    "enum": "valeur hors de la liste",
    "literal_error": "valeur hors de la liste",
}


def _french(kind: str, message: str) -> str:
    return _FAULTS.get(kind, message.removeprefix("Value error, "))


def machine_error(request: Request, error: Exception) -> Response:
    """Answer a fault of the machine that nobody translated, such as a full disk."""
    fault = machine_fault(error)
    if fault is None:
        raise error
    log.warning("machine_fault", code=fault.code, path=request.scope["path"], error=str(error))
    return chartrier_error(request, fault)


def unexpected_error(request: Request, error: Exception) -> Response:
    """Answer an unforeseen error in general words; log it in full."""
    log.error(
        "unexpected_error",
        path=request.scope["path"],
        trace_id=getattr(request.state, "trace_id", ""),
        exc_info=error,
    )
    body = problem(
        request,
        status=500,
        code="internal_error",
        detail="Le service a rencontré une erreur qu’il n’avait pas prévue.",
        kept="Ce qui avait été confirmé avant cette demande reste conservé.",
        action="Réessayez. Si l’erreur se répète, donnez la référence « trace_id » au support.",
    )
    return _respond(request, body)


def install(app: FastAPI) -> None:
    """Register the handlers that answer every error of the application as a problem."""
    app.add_exception_handler(ChartrierError, chartrier_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, validation_error)
    app.add_exception_handler(OSError, machine_error)
    app.add_exception_handler(MemoryError, machine_error)
