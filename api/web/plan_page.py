"""View-models of the filing plan: its tree, one node of it, and the effect of a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Final

from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.http.i18n import _, ngettext
from api.views import plan_node as nodes
from api.web import quantities
from api.web.due_words import action_name
from api.web.faults import Fault
from api.web.typed_date import DatePart, date_parts
from archive.catalogue import filing_plan, plan_queries
from archive.catalogue.plan_nodes import NodeKind
from archive.catalogue.plan_queries import TOP, Content, NodeFilter
from archive.catalogue.reading import Reader
from archive.database.retention_tables import PlanNodeRow
from archive.database.tables import RecordRow
from archive.model.final_actions import FinalAction
from archive.retention.declaration_json import read_declaration

PAGE: Final = 50
WHOLE_TREE: Final = 400
"""Classes up to which the tree is shown whole; beyond, its first level."""

NOTHING_WANTED: Final[Mapping[str, str]] = MappingProxyType({"reference": "", "kind": "", "words": ""})
"""No records are looked for."""


@dataclass(frozen=True)
class NodeLine:
    """A node in a list: its address, its code and title, its state, what it holds."""

    href: str
    code: str
    title: str
    kind: Markup
    state: str | None
    held: str
    dates: str


@dataclass(frozen=True)
class Branch:
    """A class of the tree with the classes in it."""

    line: NodeLine
    below: tuple[Branch, ...] = ()


@dataclass(frozen=True)
class Typed:
    """A form that was sent and is shown again: refused, or with its effect before it is confirmed.

    Attributes:
        act: Which form: ``creer``, ``changer``, ``clore`` ….
        effect: What the change would do; empty when it was refused.
    """

    act: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    effect: tuple[Markup, ...] = ()

    def value(self, act: str, name: str, kept: str | None = "") -> str:
        """Return what was typed in a field of one form; else what is kept."""
        return self.form.get(name, "") if self.act == act else kept or ""


@dataclass(frozen=True)
class PlanPage:
    """The filing plan: its tree, or the nodes that a filter finds."""

    template: ClassVar[str] = "plan.html"
    tab: ClassVar[str] = "plan"
    help_anchor: ClassVar[str] = "plan"

    tree: tuple[Branch, ...]
    lines: tuple[NodeLine, ...]
    filtered: bool
    text: str
    state: str
    links: Mapping[str, Any]
    may_change: bool
    typed: Typed
    opening: tuple[DatePart, ...]

    @property
    def json_href(self) -> str:
        """Return the API's address of the same content."""
        return "/api/v1/classification/nodes"


@dataclass(frozen=True)
class RecordLine:
    """A record in a file's list."""

    href: str
    id: str
    title: str
    dated: str
    due: str


@dataclass(frozen=True)
class NodePage:
    """One class or file.

    Attributes:
        facts: Names and values.
        reason: The sentence that gives the reason for its dates.
        lines: The nodes in a class.
        records: The records in a file.
        candidates: Records found that are in no file yet; None when none were asked for.
    """

    template: ClassVar[str] = "noeud.html"
    tab: ClassVar[str] = "plan"
    help_anchor: ClassVar[str] = "plan"

    id: str
    code: str
    title: str
    number: int
    is_file: bool
    closed: bool
    trail: tuple[tuple[str, str], ...]
    facts: tuple[tuple[Markup, str], ...]
    reason: Markup | None
    lines: tuple[NodeLine, ...]
    records: tuple[RecordLine, ...]
    candidates: tuple[RecordLine, ...] | None
    links: Mapping[str, Any]
    may_change: bool
    may_file: bool
    form: Mapping[str, str]
    typed: Typed
    opening: tuple[DatePart, ...]
    closing: tuple[DatePart, ...]
    wanted: Mapping[str, str]

    @property
    def json_href(self) -> str:
        """Return the API's address of the same content."""
        return f"/api/v1/classification/nodes/{self.id}"


def plan_page(
    session: Session, person: Caller, *, text: str = "", state: str = "", after: str = "", typed: Typed | None = None
) -> PlanPage:
    """Return the plan as one person sees it."""
    asked = bool(text or state or after)
    closed = {"ouverts": False, "clos": True}.get(state)
    rows: Sequence[PlanNodeRow] = ()
    if asked:
        wanted = NodeFilter(text=text, closed=closed)
        rows = plan_queries.page(session, person.tenant, wanted, after=after or None, limit=PAGE + 1)
    shown = typed or Typed()
    return PlanPage(
        tree=() if asked else _tree(session, person.reader),
        lines=_lines(session, rows[:PAGE], person.reader),
        filtered=asked,
        text=text,
        state=state,
        links=_links("/plan", rows, after, {"q": text, "etat": state}),
        may_change=person.may("retention:write"),
        typed=shown,
        opening=date_parts(ids="ouverture-", typed=shown.form if shown.act == "creer" else None),
    )


def node_page(
    session: Session,
    person: Caller,
    row: PlanNodeRow,
    *,
    after: str = "",
    typed: Typed | None = None,
    wanted: Mapping[str, str] = NOTHING_WANTED,
    among: Sequence[str] | None = None,
) -> NodePage:
    """Return one node as one person sees it.

    Args:
        wanted: What records without a file are looked for: ``reference``, ``kind``, ``words``.
        among: Records that the words have found.
    """
    is_file, shown = row.kind == NodeKind.FILE, typed or Typed()
    held = plan_queries.contents(session, [row.id], person.reader)[row.id]
    lower: Sequence[PlanNodeRow] = ()
    records: Sequence[RecordRow] = ()
    if is_file:
        records = plan_queries.records_in(session, row.id, person.reader, after=after or None, limit=PAGE + 1)
    else:
        lower = plan_queries.page(session, person.tenant, NodeFilter(row.id), after=after or None, limit=PAGE + 1)
    found: Sequence[RecordRow] | None = None
    if any(wanted.values()):
        given = {"reference": wanted["reference"], "kind": wanted["kind"]}
        found = plan_queries.without_file(session, person.reader, PAGE, among=among, **given)
    path = filing_plan.path_to_root(session, row)[1:]
    return NodePage(
        id=row.id,
        code=row.code,
        title=row.title,
        number=row.number,
        is_file=is_file,
        closed=row.closed_on is not None,
        trail=(
            ("/plan", str(_("Plan de classement"))),
            *((f"/plan/{one.id}", f"{one.code} {one.title}") for one in reversed(path)),
        ),
        facts=_facts(row, held),
        reason=_reason(row, held) if is_file else None,
        lines=_lines(session, lower[:PAGE], person.reader),
        records=tuple(_record(one) for one in records[:PAGE]),
        candidates=tuple(_record(one) for one in found) if found is not None else None,
        links=_links(f"/plan/{row.id}", records or lower, after, {}),
        may_change=person.may("retention:write"),
        may_file=is_file and row.closed_on is None and person.may("record:describe"),
        form=form_of(row, path[0].code if path else ""),
        typed=shown,
        opening=date_parts(ids="ouverture-", typed=shown.form if shown.act == "creer" else None),
        closing=date_parts(ids="cloture-", value=held.latest, typed=shown.form if shown.act == "clore" else None),
        wanted=wanted,
    )


def form_of(row: PlanNodeRow, parent: str) -> dict[str, str]:
    """Return the values of a node in the form that changes it."""
    retention, access, extent = read_declaration(row.retention), read_declaration(row.access), row.extent or {}
    return {
        "title": row.title,
        "description": row.description or "",
        "producer": row.producer or "",
        "parent": parent,
        "rules": "; ".join(retention.rules) if retention else "",
        "in_addition": "1" if retention and retention.in_addition else "",
        "block_all": "1" if retention and retention.block_all else "",
        "access": "; ".join(access.rules) if access else "",
        **{name: extent.get(name, "") for name in ("medium", "metres", "place", "from", "to")},
    }


def effect_sentences(records: int, before: str | None, after: str | None, *, whole: bool) -> tuple[Markup, ...]:
    """Return what a change would do, in sentences."""
    if not records:
        return (_("Aucun document ne change de dates."),)
    told = [
        ngettext(
            "<strong>{n} document</strong> sera recalculé. Rien n’est exécuté sur lui d’ici là.",
            "<strong>{n} documents</strong> seront recalculés. Rien n’est exécuté sur eux d’ici là.",
            records,
        ),
        _("Première échéance aujourd’hui : {day}.", day=quantities.day(before) if before else _("aucune")),
        _("Première échéance après ce changement : {day}.", day=quantities.day(after) if after else _("aucune")),
    ]
    if not whole:
        told.append(_("Ils sont trop nombreux pour être tous recalculés ici : cette échéance est celle d’une partie."))
    return tuple(told)


# -- parts


def _tree(session: Session, reader: Reader) -> tuple[Branch, ...]:
    """Return the classes as a tree; files without a class stand beside them at the top."""
    row, tenant = PlanNodeRow, reader.tenant
    query = select(func.count()).where(row.tenant_id == tenant, row.kind == NodeKind.CLASS.value)
    number = session.scalar(query.where(row.removed.is_(False))) or 0
    top = plan_queries.page(session, tenant, NodeFilter(TOP), limit=WHOLE_TREE)
    classes: Sequence[PlanNodeRow] = ()
    if number <= WHOLE_TREE:
        classes = plan_queries.page(session, tenant, NodeFilter(kind=NodeKind.CLASS), limit=WHOLE_TREE)
    rows = {one.id: one for one in (*top, *classes)}
    lines = dict(zip(rows, _lines(session, list(rows.values()), reader), strict=True))
    below: dict[str | None, list[str]] = {}
    for one in rows.values():
        below.setdefault(one.parent_id, []).append(one.id)

    def branch(node: str) -> Branch:
        return Branch(lines[node], tuple(branch(one) for one in below.get(node, [])))

    return tuple(branch(node) for node in below.get(None, []))


def _lines(session: Session, rows: Sequence[PlanNodeRow], reader: Reader) -> tuple[NodeLine, ...]:
    held = plan_queries.contents(session, [row.id for row in rows], reader)
    return tuple(_line(row, held[row.id]) for row in rows)


def _line(row: PlanNodeRow, held: Content) -> NodeLine:
    parts = []
    if held.nodes:
        parts.append(ngettext("{n} élément", "{n} éléments", held.nodes))
    if held.records or row.kind == NodeKind.FILE:
        parts.append(ngettext("{n} document", "{n} documents", held.records))
    if row.extent:
        parts.append(_extent(row.extent))
    return NodeLine(
        f"/plan/{row.id}",
        row.code,
        row.title,
        _("Dossier") if row.kind == NodeKind.FILE else _("Classe"),
        nodes.state_of(row),
        ", ".join(str(one) for one in parts),
        _dates(held),
    )


def _dates(held: Content) -> str:
    if held.first is None or held.latest is None:
        return ""
    return str(_("du {first} au {last}", first=quantities.day(held.first), last=quantities.day(held.latest)))


def _extent(extent: Mapping[str, str]) -> Markup:
    return _(
        "{medium}, {metres} m, {place}",
        medium=extent.get("medium", _("papier")),
        metres=extent.get("metres", "?").replace(".", ","),
        place=extent.get("place", "?"),
    )


def _facts(row: PlanNodeRow, held: Content) -> tuple[tuple[Markup, str], ...]:
    retention, access = read_declaration(row.retention), read_declaration(row.access)
    told: list[tuple[Markup, str | None]] = [
        (_("Description"), row.description),
        (_("Service"), row.producer),
        (_("Règles déclarées"), ", ".join(retention.rules) if retention else None),
        (_("Règles d’accès"), ", ".join(access.rules) if access else None),
        (_("Ouvert le"), quantities.day(row.opened_on)),
        (_("Clos le"), quantities.day(row.closed_on)),
        (_("Contient"), _line(row, held).held),
        (_("Dates extrêmes"), _dates(held)),
        (_("Volume"), quantities.size(held.bytes) if held.bytes else None),
        (_("Unité sans fichier numérique"), str(_extent(row.extent)) if row.extent else None),
    ]
    if retention and retention.in_addition:
        told.append((_("Mode"), str(_("en plus des règles héritées"))))
    if retention and retention.block_all:
        told.append((_("Héritage"), str(_("coupé : rien n’est hérité ici"))))
    return tuple((name, value) for name, value in told if value)


def _reason(row: PlanNodeRow, held: Content) -> Markup:
    if row.closed_on is None:
        start = _("Ce dossier est ouvert : les durées qui comptent de sa clôture n’ont pas commencé.")
    else:
        start = _(
            "Ses documents comptent leur durée depuis le {day}, parce qu’il a été clos ce jour-là.",
            day=quantities.day(row.closed_on),
        )
    if held.latest is None:
        return start
    newest = _("Les délais d’accès comptent de son document le plus récent, du {day}.", day=quantities.day(held.latest))
    return start + Markup(" ") + newest


def _record(row: RecordRow) -> RecordLine:
    due = str(action_name(FinalAction(row.outcome))) if row.final_action in set(FinalAction) else ""
    if row.stale_since is not None:
        due = str(_("dates en cours de calcul"))
    elif row.due_on is not None:
        due = f"{quantities.day(row.due_on)}, {due}"
    return RecordLine(f"/documents/{row.id}", row.id, row.title, quantities.day(row.document_date), due)


def _links(path: str, rows: Sequence[Any], after: str, more: Mapping[str, str]) -> dict[str, Any]:
    from urllib.parse import urlencode

    rest = {name: value for name, value in more.items() if value}
    following = None
    if len(rows) > PAGE:
        last = rows[PAGE - 1]
        following = f"{path}?{urlencode(rest | {'apres': last.code if isinstance(last, PlanNodeRow) else last.id})}"
    first = f"{path}?{urlencode(rest)}" if after else None
    return {"previous": bool(after), "first": first, "next": following}
