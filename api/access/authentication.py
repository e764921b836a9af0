"""Find who makes a request: an application by its key, or a person by their session."""

from __future__ import annotations

from starlette.requests import Request

from api.access.callers import Caller
from api.access.keys import key_caller, note_key_use
from api.access.sessions import COOKIE, SECURE_COOKIE, note_visit, session_caller
from archive.database.tenancy import EVERYTHING, acting_for, found_to_be
from signing.ground.errors import Refused


def session_token(request: Request) -> str | None:
    """Return the session cookie of a request; None when it brings none."""
    return request.cookies.get(SECURE_COOKIE) or request.cookies.get(COOKIE)


def current_caller(request: Request) -> Caller | None:
    """Return who makes the request: by bearer key if it brings one, else by session.

    The answer is looked up once a request. None when the request brings neither a key nor a valid
    session.

    Raises:
        Refused: ``not_authenticated`` for a key that opens nothing: a caller with a bad key is
            never treated as an anonymous one.
    """
    if not hasattr(request.state, "caller"):
        with acting_for(EVERYTHING):  # the tenant is found by this very look-up
            request.state.caller = _look_up(request)
        if request.state.caller is not None:
            found_to_be(request.state.caller.tenant)
    caller: Caller | None = request.state.caller
    return caller


def current_person(request: Request) -> Caller | None:
    """Return the person logged in on this request; None for a key or for nobody."""
    caller = current_caller(request)
    return caller if caller is not None and caller.kind == "user" else None


def set_aside_account(request: Request) -> Caller | None:
    """Return the account behind a request, and have the rest of it be nobody's.

    A guest's page is of the tenant that invited them, whoever else uses this browser.
    """
    with acting_for(EVERYTHING):  # only to know who it is: no row is shown to them
        account = _look_up(request)
    request.state.caller = None
    return account


def _look_up(request: Request) -> Caller | None:
    system = request.app.state.system
    now = system.clock()
    authorization = request.headers.get("authorization")
    if authorization is not None:
        scheme, _, plain = authorization.partition(" ")
        found = None
        if scheme.lower() == "bearer":
            with system.database.read() as session:
                found = key_caller(session, plain.strip(), now)
            if found is None:  # perhaps it ended by a doubtful clock alone: deposits go on
                certain = system.time_sense.certain_now()
                with system.database.read() as session:
                    found = key_caller(session, plain.strip(), certain)
        if found is None:
            raise not_authenticated()
        if found[1]:
            with system.database.write() as session:
                note_key_use(session, found[0].id, now)
        return found[0]
    token = session_token(request)
    if token is None:
        return None
    with system.database.read() as session:
        found = session_caller(session, token, now)
    if found is None:
        return None
    if found[1]:
        with system.database.write() as session:
            note_visit(session, token, now)
    return found[0]


def not_authenticated() -> Refused:
    """Return the refusal of an unknown caller (401)."""
    return Refused(
        "not_authenticated",
        "Cette demande ne dit pas qui la fait, ou la clé n’est pas valable.",
        action="Envoyez « Authorization: Bearer chr_… » avec une clé valable, ou connectez-vous.",
    )
