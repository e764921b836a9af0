"""Render pages from templates: one Jinja environment, one frame, blocks for htmx."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2_fragments import render_block
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.access.authentication import current_person
from api.access.callers import Caller
from api.http.i18n import LANGUAGES, _, current_language, ngettext, said, speaking
from api.http.languages import preferred_language
from api.version import VERSION
from api.web import quantities
from api.web.assets import HTMX_INTEGRITY, Assets
from archive.database.tables import TenantRow
from signing.ground.errors import ChartrierError

if TYPE_CHECKING:
    from ingestion.assembly import System

TEMPLATES = Path(__file__).parent / "templates"

ROLE_NAMES = {
    "clerk": "Agent",
    "reader": "Lecteur",
    "archivist": "Archiviste",
    "controller": "Contrôleur",
    "tenant_admin": "Administrateur de la collectivité",
    "platform_admin": "Administrateur",
}


class View(Protocol):
    """A frozen view-model: all that one page shows, made without HTTP."""

    template: ClassVar[str]
    tab: ClassVar[str]
    help_anchor: ClassVar[str]

    @property
    def json_href(self) -> str:
        """Return the API's address of the same content."""


class Pages:
    """Make every HTML answer."""

    def __init__(self, assets: Assets) -> None:
        self.assets = assets
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(
            _=_,
            n_=ngettext,
            said=said,
            asset=assets.url,
            quantities=quantities,
            htmx_integrity=HTMX_INTEGRITY,
            languages=LANGUAGES,
            version=VERSION,
        )

    def show(self, request: Request, view: View, *, block: str | None = None, status: int = 200) -> Response:
        """Answer with the page of a view-model; its template reads it as ``view``."""
        return self.answer(
            request,
            view.template,
            block=block,
            status=status,
            tab=view.tab,
            help_anchor=view.help_anchor,
            json_href=view.json_href,
            view=view,
        )

    def answer(
        self,
        request: Request,
        template: str,
        *,
        block: str | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """Answer with a whole page, or with one block of it to a fragment request of htmx.

        Args:
            request: The request; the frame shows its language, session and path.
            template: File name of the template.
            block: Name of the block for a fragment request; None: always the whole page.
            status: HTTP status.
            headers: More headers.
            context: Variables of the template.
        """
        fragment = block is not None and request.headers.get("hx-request") == "true"
        with speaking(preferred_language(request)):
            frame = self._frame(request) | context
            if fragment and block is not None:
                text = render_block(self._environment, template, block, frame)
            else:
                text = self._environment.get_template(template).render(frame)
            language = current_language()
        response = HTMLResponse(text, status_code=status)
        response.headers["Content-Language"] = language
        response.headers["Vary"] = "HX-Request, Cookie, Accept-Language"
        response.headers["Cache-Control"] = "no-store"
        for name, value in (headers or {}).items():
            response.headers[name] = value
        return response

    def _frame(self, request: Request) -> dict[str, Any]:
        person = _person(request)
        return {
            "lang": current_language(),
            "here": request.scope["path"],
            "back": _back(request),
            "person": person,
            "role": _(ROLE_NAMES[person.role]) if person is not None and person.role in ROLE_NAMES else None,
            "tenant_name": _tenant_name(request, person),
            "probative": True,
            "json_href": None,
            "help_anchor": None,
            "tab": None,
        }


def pages_of(request: Request) -> Pages:
    """Return the page maker of the application that serves this request."""
    pages: Pages = request.app.state.pages
    return pages


def system_of(request: Request) -> System:
    """Return the assembled system that serves this request."""
    system: System = request.app.state.system
    return system


def in_language(request: Request) -> Any:
    """Return a context in which sentences are made in the visitor's language."""
    return speaking(preferred_language(request))


def mark(text: str, ranges: tuple[tuple[int, int], ...]) -> Markup:
    """Return a passage of a document with the given ranges marked."""
    parts: list[Markup | str] = []
    at = 0
    for start, end in sorted(ranges):
        if start < at:
            continue
        parts += [Markup.escape(text[at:start]), Markup("<mark>{}</mark>").format(text[start:end])]
        at = end
    parts.append(Markup.escape(text[at:]))
    return Markup("").join(parts)


def _back(request: Request) -> str:
    """Return the address to come back to after a change of language."""
    if request.method != "GET":
        return "/"
    query = request.url.query
    return f"{request.scope['path']}?{query}" if query else str(request.scope["path"])


def _person(request: Request) -> Caller | None:
    try:
        return current_person(request)
    except ChartrierError:  # an error page must be shown even if the database is away or the key is bad
        return None


def _tenant_name(request: Request, person: Caller | None) -> str | None:
    if person is None:
        return None
    try:
        with system_of(request).database.read() as session:
            row = session.get(TenantRow, person.tenant)
            return row.name if row is not None else None
    except ChartrierError:
        return None
