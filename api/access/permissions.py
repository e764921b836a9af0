"""Permissions: each route declares one, else the application refuses to start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.routing import Mount

from api.access.authentication import current_caller, current_person, not_authenticated
from api.access.callers import SCOPES, Caller
from api.access.csrf import require_csrf
from archive.catalogue.disposals import require_not_gone
from archive.database.batches import batches
from archive.database.tables import RecordRow
from signing.ground.errors import Refused

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Permission:
    """Base class of the permissions that a route declares as ``Depends(…)``."""


class Needs(Permission):
    """Require a scope of the caller: an application by its key, a person by their session.

    A change made by a session must also carry its CSRF token (``X-CSRF-Token``): a page of another
    site can send a cookie, never that header.

    Args:
        scope: The scope.
        instead: Scopes of which one will do as well.
        gone: Whether the route also answers for a record that is gone.
    """

    def __init__(self, scope: str, *instead: str, gone: bool = False) -> None:
        self.scope, self.enough, self.gone = scope, _known(scope, *instead), gone

    def __call__(self, request: Request) -> Caller:
        """Return the caller.

        Raises:
            Refused: ``not_authenticated`` (401), ``scope_missing`` (403), ``csrf_refused``,
                ``reading_restricted`` (403), ``disposed`` (410).
        """
        caller = current_caller(request)
        if caller is None:
            raise not_authenticated()
        if caller.kind == "user" and request.method not in _SAFE:
            require_csrf(request)
        _require(caller, self.enough_of(caller))
        require_there(request, caller, gone=self.gone)
        return caller

    def enough_of(self, caller: Caller) -> tuple[str, ...]:  # noqa: ARG002 - a subclass asks who it is
        """Return the scopes of which this caller needs one."""
        return self.enough


class NeedsPerson(Needs):
    """Require a scope of a person: no key will do, whatever its scopes."""

    def enough_of(self, caller: Caller) -> tuple[str, ...]:
        """Return the scopes of which this caller needs one; other scopes serve no key instead."""
        return self.enough if caller.kind == "user" else (self.scope,)

    def __call__(self, request: Request) -> Caller:
        """Return the person.

        Raises:
            Refused: ``person_needed`` (403), and as ``Needs``.
        """
        caller = super().__call__(request)
        if caller.kind != "user":
            raise Refused(
                "person_needed",
                "Ceci revient à une personne : une clé ne suffit pas.",
                kept="Rien n’a été modifié.",
                action="Connectez-vous avec un compte qui en a le droit.",
            )
        return caller


class AnyCaller(Permission):
    """Require an authenticated caller, whatever the scopes (``/me``)."""

    def __call__(self, request: Request) -> Caller:
        """Return the caller.

        Raises:
            Refused: ``not_authenticated`` (401).
        """
        caller = current_caller(request)
        if caller is None:
            raise not_authenticated()
        return caller


class PageNeeds(Permission):
    """Require a person logged in who holds a scope (None: any person).

    For pages: the route itself checks a form's ``csrf`` field with ``csrf.require_csrf``, since
    the form is read in the route.

    Args:
        scope: The scope.
        instead: Scopes of which one will do as well.
    """

    def __init__(self, scope: str | None = None, *instead: str) -> None:
        self.scope, self.enough = scope, _known(scope, *instead) if scope is not None else ()

    def __call__(self, request: Request) -> Caller:
        """Return the person.

        Raises:
            Refused: ``not_authenticated`` (pages then send to the login page), ``scope_missing``,
                ``reading_restricted``, ``disposed``.
        """
        person = current_person(request)
        if person is None:
            raise not_authenticated()
        if self.enough:
            _require(person, self.enough)
        require_there(request, person)
        return person


class Public(Permission):
    """Permit anybody; the reason is written in the route."""

    def __init__(self, why: str) -> None:
        self.why = why

    def __call__(self) -> None:
        """Check nothing."""


def _known(*scopes: str) -> tuple[str, ...]:
    for scope in scopes:
        if scope not in SCOPES:
            raise ValueError(f"unknown scope {scope}")
    return scopes


def _require(caller: Caller, enough: tuple[str, ...]) -> None:
    if not any(caller.may(scope) for scope in enough):
        raise Refused(
            "scope_missing",
            "Vous n’avez pas le droit « {scope} ».",
            action="Demandez-le à votre administrateur.",
            scope=enough[0],
        )


def require_there(request: Request, caller: Caller, *, gone: bool = False) -> None:
    """Refuse a record that is gone, or kept from the caller, by its address or its deposit's.

    Args:
        gone: Whether what is gone is answered for; a deposit always is.

    Raises:
        Refused: ``disposed`` (410), ``reading_restricted`` (403).
    """
    record_id, deposit_id = (request.path_params.get(name) for name in ("record_id", "deposit_id"))
    if record_id is None and deposit_id is None:
        return
    named = RecordRow.id == record_id if record_id is not None else RecordRow.deposit_id == deposit_id
    with request.app.state.system.database.read() as session:
        if record_id is not None and not gone:
            require_not_gone(session, caller.tenant, record_id)
        found = session.scalar(select(RecordRow.id).where(named, RecordRow.tenant_id == caller.tenant))
        if found is None or not caller.reader.hidden_among(session, [found]):
            return
        removed = caller.reader.is_closed_by_removal(session, found)
    raise _closed(by_removal=removed)


def require_readable(session: Session, caller: Caller, records: Sequence[str]) -> None:
    """Refuse an answer that shows records of which one is kept from the caller.

    Raises:
        Refused: ``reading_restricted``.
    """
    for some in batches(records):
        if hidden := caller.reader.hidden_among(session, some):
            raise _closed(by_removal=caller.reader.is_closed_by_removal(session, min(hidden)))


def _closed(*, by_removal: bool) -> Refused:
    return Refused(
        "reading_restricted",
        "Un retrait ferme la lecture de ce document, sauf à deux personnes nommées."
        if by_removal
        else "Un gel réserve la lecture de ce document.",
        kept="Le document reste gardé.",
        action="Adressez-vous à l’archiviste, qui peut le lire.",
    )


def permission_of(route: RouteContext) -> Permission | None:
    """Return the permission that a route, its router or its dependencies declare, or None."""
    found: list[Any] = [child.call for child in _walk(route.dependant)]
    return next((call for call in found if isinstance(call, Permission)), None)


def _walk(dependant: Dependant) -> Iterator[Dependant]:
    for child in dependant.dependencies:
        yield child
        yield from _walk(child)


def check_permissions(app: FastAPI, open_mounts: Iterable[str] = ()) -> None:
    """Refuse to start with a route that declares no permission: anybody could use it.

    Args:
        app: The application with all its routes.
        open_mounts: Paths of static folders, which hold nothing but our own assets.

    Raises:
        RuntimeError: At least one route has no permission; the message names each of them.
    """
    allowed = frozenset(open_mounts)
    missing = [name for route in iter_route_contexts(app.routes) for name in _undeclared(route, allowed)]
    if missing:
        raise RuntimeError("routes without a declared permission: " + ", ".join(missing))


def _undeclared(route: RouteContext, open_mounts: frozenset[str]) -> Iterator[str]:
    if isinstance(route.original_route, APIRoute):
        if permission_of(route) is None:
            yield f"{'|'.join(sorted(route.methods or ()))} {route.path}"
    elif not (isinstance(route.original_route, Mount) and route.path in open_mounts):
        yield route.path or repr(route.original_route)
