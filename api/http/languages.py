"""Choose the language of an answer: French first, English on request."""

from __future__ import annotations

from starlette.requests import Request

LANGUAGES = ("fr", "en")
MACHINE_PATHS = ("/api/", "/health/", "/metrics", "/openapi.json")
"""Where programs call; everything else is a page for people."""


def preferred_language(request: Request) -> str:
    """Return ``fr`` or ``en``: from the ``lang`` cookie, else ``Accept-Language``, else French.

    ``Accept-Language`` counts only where programs call. Pages stay French until somebody chooses
    otherwise: the browsers of many clerks ask for English only because nobody ever set them up.
    """
    chosen = request.cookies.get("lang")
    if chosen in LANGUAGES:
        return chosen
    if not request.scope["path"].startswith(MACHINE_PATHS):
        return "fr"
    best, best_weight = "fr", 0.0
    for part in request.headers.get("accept-language", "").split(","):
        name, _, parameters = part.strip().partition(";")
        language = name.strip().lower().split("-")[0]
        weight = _weight(parameters)
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
