"""Middleware around every request: trace, host, body size, headers and unexpected errors."""

from __future__ import annotations

import re
import secrets
import socket
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http import errors
from api.operations.traffic import Traffic
from archive.database.tenancy import confined
from ingestion.settings import ApiSettings
from signing.ground.errors import Refused

log = structlog.get_logger("api.request")

SMALL_BODY = 1024 * 1024
"""Largest request body in bytes, where ``large_bodies`` sets no other limit."""

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # "no-referrer" would also empty the Origin of our own forms
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-frame-options": "DENY",
}
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def allowed_hosts(settings: ApiSettings) -> frozenset[str]:
    """Return the host names answered: loopback, listening address, machine and public URL."""
    names = {"127.0.0.1", "localhost", "::1", settings.host, socket.gethostname().lower()}
    public = urlsplit(settings.public_url).hostname
    if public:
        names.add(public)
    return frozenset(names)


class Middleware:
    """The outermost ASGI layer.

    Args:
        app: The application.
        hosts: Host names we answer to.
        large_bodies: Largest body in bytes by path, where more than ``SMALL_BODY`` is accepted; an
            identifier in the path stands as ``*``.
        secure: Whether people reach us by HTTPS.
        traffic: The counter of requests.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: frozenset[str],
        large_bodies: Mapping[str, int],
        secure: bool,
        traffic: Traffic,
    ) -> None:
        self.app = app
        self.traffic = traffic
        self.hosts = hosts
        self.large_bodies = dict(large_bodies)
        self.headers = dict(_HEADERS)
        if secure:
            self.headers["strict-transport-security"] = "max-age=31536000; includeSubDomains"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        confined()  # no row of any tenant is visible until the caller is authenticated
        request = Request(scope)
        given = _TRACEPARENT.fullmatch(request.headers.get("traceparent", ""))
        request.state.trace_id = given[1] if given else secrets.token_hex(16)
        status = 0
        started_at = time.perf_counter()

        async def send_dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._dress(MutableHeaders(scope=message), request)
            await send(message)

        try:
            if not self._host_is_ours(request):
                raise Refused("wrong_host", "Ce service ne répond pas sous ce nom.", action="Vérifiez l’adresse.")
            if b"%00" in scope["query_string"] or "\0" in scope["path"]:  # no text of ours has it, no database takes it
                raise Refused(
                    "invalid_request",
                    "L’adresse porte un caractère qui n’est pas du texte.",
                    action="Retirez ce caractère, puis recommencez.",
                )
            await self.app(scope, self._counted(scope, receive), send_dressed)
        except ClientDisconnect:  # nobody is left to answer; an incomplete request was never acknowledged
            log.info("gone", path=_loggable(scope["path"]), trace_id=request.state.trace_id)
            self.traffic.count(scope, 0, time.perf_counter() - started_at)
            return
        except Exception as error:
            if status:  # the answer has begun: cut the connection, so that half a file never passes for a whole
                log.error("cut", path=_loggable(scope["path"]), trace_id=request.state.trace_id, exc_info=error)
                self.traffic.count(scope, 500, time.perf_counter() - started_at)
                raise
            answer = errors.chartrier_error if isinstance(error, Refused) else errors.unexpected_error
            await answer(request, error)(scope, receive, send_dressed)
        spent = time.perf_counter() - started_at
        self.traffic.count(scope, status, spent)
        log.info(
            "request",
            method=scope["method"],
            path=_loggable(scope["path"]),
            status=status,
            ms=round(spent * 1000),
            trace_id=request.state.trace_id,
        )

    def _dress(self, headers: MutableHeaders, request: Request) -> None:
        for name, value in self.headers.items():
            headers.setdefault(name, value)
        headers.setdefault("cache-control", "no-store")
        headers.setdefault("x-trace-id", request.state.trace_id)

    def _host_is_ours(self, request: Request) -> bool:
        """Return whether the request names a host of ours; ``/metrics`` with a key is exempt.

        Prometheus asks by address and brings a key, which no page of another site could make a
        browser send.
        """
        if request.scope["path"] == "/metrics" and "authorization" in request.headers:
            return True
        try:
            name = urlsplit(f"//{request.headers.get('host', '')}").hostname
        except ValueError:
            return False
        return name in self.hosts

    def _counted(self, scope: Scope, receive: Receive) -> Receive:
        limit = self.large_bodies.get(_pattern(scope["path"]), SMALL_BODY)
        seen = 0

        async def count() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > limit:
                    raise Refused(
                        "too_large",
                        "Le corps de la demande dépasse la limite de {limit} octets.",
                        kept="Rien n’a été conservé de cet envoi.",
                        action="Envoyez un fichier plus petit, ou demandez une limite plus haute.",
                        limit=limit,
                    )
            return message

        return count


def _loggable(path: str) -> str:
    """Return the path for the log, without a token that opens a session, a calendar or a visa."""
    return re.sub(r"^(/connexion/|/calendrier/|/visa/(?!bordereau$|quitter$)).+", r"\1…", path)


def _pattern(path: str) -> str:
    """Return a path with ``*`` for each identifier."""
    return re.sub(r"/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=/|$)", "/*", path)
