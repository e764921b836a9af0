"""The pages of the schedule: list of rules, one rule with its versions, lines of a pack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from markupsafe import Markup
from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.http.i18n import _, ngettext, said
from api.views import rule as rules
from api.views import rule_pack
from api.views.history import name_of
from api.web import quantities
from api.web.effect_words import effect_told, states_told
from api.web.faults import Fault
from api.web.typed_date import DatePart, date_parts
from archive.model.days import Today
from archive.model.final_actions import FinalAction
from archive.retention.access import access_codes, access_rules
from archive.retention.dates import START_EVENTS
from archive.retention.packs import PACKS, Read, text_of
from archive.retention.schedule import document_types

PAGE: Final = 50
PACK_PAGE: Final = 25
DATE: Final = "valid_from-"
"""Prefix of the three controls of the day from which a version is valid."""
PACK_FILTERS: Final = ("mots", "ecart", "suite")
FIELDS: Final = (
    "label",
    "legal_text",
    "duration",
    "unit",
    "start_event",
    "final_action",
    "criteria",
    "access_rule",
    "valid_from",
)


@dataclass(frozen=True)
class RuleLine:
    """One rule of the list, in words."""

    href: str
    code: str
    label: str
    sentence: Markup
    records: Markup
    is_validated: bool


@dataclass(frozen=True)
class RulesPage:
    """The list of rules.

    Attributes:
        to_validate: How many wait for a second person.
        following: Address of the next page; empty on the last one.
    """

    template: ClassVar[str] = "regles.html"
    tab: ClassVar[str] = "regles"
    help_anchor: ClassVar[str] = "regles"
    json_href: ClassVar[str] = "/api/v1/retention/rules"

    lines: tuple[RuleLine, ...]
    chosen: Mapping[str, str]
    to_validate: int
    following: str
    packs: tuple[tuple[str, Markup], ...]
    may_change: bool


@dataclass(frozen=True)
class VersionView:
    """One version of a rule, in words."""

    number: int
    is_in_force: bool
    sentence: Markup
    told: Mapping[str, Any]
    access: str
    made: Markup
    validated: Markup


@dataclass(frozen=True)
class TypedRule:
    """A form that was sent: refused, or with its effect, to be confirmed."""

    form: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    effect: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class RulePage:
    """One rule, its versions, and the form of the next one.

    Attributes:
        code: Empty for a rule to be created.
    """

    template: ClassVar[str] = "regle.html"
    tab: ClassVar[str] = "regles"
    help_anchor: ClassVar[str] = "regles"

    code: str
    label: str
    number: int
    records: Markup
    types: tuple[str, ...]
    versions: tuple[VersionView, ...]
    values: Mapping[str, str]
    typed: TypedRule
    valid_from: tuple[DatePart, ...]
    effect: tuple[Markup, ...]
    states: tuple[tuple[Markup, int, int], ...]
    starts: tuple[tuple[str, Markup], ...]
    may_change: bool
    may_validate: bool
    is_own: bool

    @property
    def json_href(self) -> str:
        """Return the API's address of the same content."""
        return f"/api/v1/retention/rules/{self.code}" if self.code else "/api/v1/retention/rules"


@dataclass(frozen=True)
class PackLineView:
    """One difference between a pack and the tenant's rules, in words."""

    code: str
    label: str
    change: Markup
    before: Markup | None
    after: Markup | None
    records: Markup
    aside: str


@dataclass(frozen=True)
class PackPage:
    """Differences between a pack and the tenant's rules."""

    template: ClassVar[str] = "regles_jeu.html"
    tab: ClassVar[str] = "regles"
    help_anchor: ClassVar[str] = "regles"

    pack: str
    name: Markup
    total: int
    lines: tuple[PackLineView, ...]
    chosen: Mapping[str, str]
    following: str
    faults: tuple[Fault, ...]
    may_change: bool

    @property
    def json_href(self) -> str:
        """Return the API's address of the same content."""
        return f"/api/v1/retention/packs/{self.pack}"


def rules_page(session: Session, person: Caller, chosen: Mapping[str, str], today: Today) -> RulesPage:
    """Make the list: filtered, sorted, one page of it."""
    everything = rules.views(session, person.tenant, today)
    validated = {"oui": True, "non": False}.get(chosen.get("validees", ""))
    found = rules.chosen(everything, chosen.get("mots", ""), validated, chosen.get("sort") or None)
    keys = {"intitule": lambda one: one["label"].casefold(), "documents": lambda one: -one["records"]}
    found = sorted(found, key=keys.get(chosen.get("tri", ""), lambda one: one["code"]))
    start = int(page) * PAGE if (page := chosen.get("page", "0")).isdecimal() and len(page) < 5 else 0
    kept = {name: chosen.get(name, "") for name in ("mots", "validees", "sort", "tri")}
    following = f"/regles?{urlencode(kept | {'page': start // PAGE + 1})}" if len(found) > start + PAGE else ""
    return RulesPage(
        tuple(_line(one) for one in found[start : start + PAGE]),
        kept,
        sum(one["validated_at"] is None for one in everything),
        following,
        tuple((f"/regles/jeux/{pack}", said(name)) for pack, name in PACKS.items()),
        person.may("retention:write"),
    )


def _line(one: Mapping[str, Any]) -> RuleLine:
    return RuleLine(
        f"/regles/{one['code']}", one["code"], one["label"], sentence(one), _records(one), bool(one["validated_at"])
    )


def _records(one: Mapping[str, Any]) -> Markup:
    return ngettext("{n} document", "{n} documents", one["records"])


def sentence(told: Mapping[str, Any]) -> Markup:
    """Return what a version says, in one sentence."""
    actions = {
        FinalAction.KEEP: _("conserver"),
        FinalAction.DESTROY: _("éliminer"),
        FinalAction.SORT: _("trier"),
    }
    action = actions[FinalAction(told["final_action"])]
    if told["duration"] is None:
        return _("Sans limite, puis {action}.", action=action)
    n = told["duration"]
    units = {
        "DAY": ngettext("{n} jour", "{n} jours", n),
        "MONTH": ngettext("{n} mois", "{n} mois", n),
        "YEAR": ngettext("{n} an", "{n} ans", n),
    }
    start = said(START_EVENTS[told["start_event"]].phrase)
    return _(
        "{duration} à compter de {start}, puis {action}.", duration=units[told["unit"]], start=start, action=action
    )


def new_rule_page(person: Caller, typed: TypedRule) -> RulePage:
    """Make the form of a rule to be created."""
    return _page(person, typed, {"code": "", "label": "", "version": 0}, (), {})


def rule_page(session: Session, person: Caller, code: str, today: Today, typed: TypedRule) -> RulePage:
    """Make the page of one rule.

    Raises:
        Refused: ``rule_not_found``.
    """
    told = rules.view(session, person.tenant, code, today)
    versions = tuple(_version(session, one, told["in_force"]) for one in told["versions"])
    labels = {one.code: one.label for one in document_types(session, person.tenant)}
    return _page(person, typed, told, versions, labels)


def _page(
    person: Caller,
    typed: TypedRule,
    told: Mapping[str, Any],
    versions: Sequence[VersionView],
    labels: Mapping[str, str],
) -> RulePage:
    kept = {name: "" if told.get(name) is None else str(told[name]) for name in FIELDS}
    effect = typed.effect
    return RulePage(
        code=told["code"],
        label=told["label"],
        number=told["version"],
        records=_records(told) if versions else Markup(""),
        types=tuple(labels.get(one, one) for one in told.get("document_types", ())),
        versions=tuple(versions),
        values={"code": "", "reason": ""} | kept | dict(typed.form),
        typed=typed,
        valid_from=date_parts(ids=DATE, names=DATE, value=_day(kept["valid_from"]), typed=typed.form or None),
        effect=(*effect_told(effect), _("Une autre personne doit valider la version.")) if effect is not None else (),
        states=states_told(effect) if effect is not None else (),
        starts=tuple((name, said(start.phrase)) for name, start in START_EVENTS.items()),
        may_change=person.may("retention:write"),
        may_validate=person.may("retention:write") and bool(versions) and told.get("validated_at") is None,
        is_own=told.get("created_by") == person.agent,
    )


def _day(written: str) -> date | None:
    return date.fromisoformat(written) if written else None


def _version(session: Session, told: Mapping[str, Any], in_force: int | None) -> VersionView:
    by, at = told["created_by"], quantities.day(told["created_at"])
    made = (
        _("Faite le {day} par {who}.", day=at, who=_who(session, by))
        if by
        else _("Reçue le {day} d’un jeu de règles.", day=at)
    )
    validated = Markup("")
    if told["validated_at"]:
        by, at = told["validated_by"], quantities.day(told["validated_at"])
        validated = (
            _("Validée le {day} par {who}.", day=at, who=_who(session, by)) if by else _("Validée le {day}.", day=at)
        )
    return VersionView(
        told["version"],
        told["version"] == in_force,
        sentence(told),
        told,
        access_told(told["access_rule"]),
        made,
        validated,
    )


def access_told(codes: str | None) -> str:
    """Return access rules in words, each with its code."""
    known = access_rules()
    return ", ".join(f"{said(known[code])} ({code})" if code in known else code for code in access_codes(codes))


def _who(session: Session, agent: str) -> str:
    return name_of(session, agent) or str(_("une personne qui n’a plus de compte"))


def pack_page(
    session: Session, person: Caller, pack: str, chosen: Mapping[str, str], faults: tuple[Fault, ...] = ()
) -> PackPage:
    """Make one page of what a pack says otherwise: at first what waits for a decision.

    Raises:
        Refused: ``pack_not_found``.
    """
    everything = rule_pack.lines(session, person.tenant, pack)
    kept = {name: chosen.get(name, "") for name in PACK_FILTERS}
    found = [one for one in everything if _is_chosen(one, kept)]
    start = int(page) * PACK_PAGE if (page := chosen.get("page", "0")).isdecimal() and len(page) < 5 else 0
    more = urlencode(kept | {"page": str(start // PACK_PAGE + 1)})
    return PackPage(
        pack=pack,
        name=said(PACKS[pack]),
        total=len(found),
        lines=tuple(_pack_line(one) for one in found[start : start + PACK_PAGE]),
        chosen=kept,
        following=f"/regles/jeux/{pack}?{more}" if len(found) > start + PACK_PAGE else "",
        faults=faults,
        may_change=person.may("retention:write"),
    )


def _is_chosen(line: Mapping[str, Any], chosen: Mapping[str, str]) -> bool:
    if chosen["ecart"] and line["change"] != chosen["ecart"]:
        return False
    if chosen["suite"] != "toutes" and (line["decision"] is None) == (chosen["suite"] == "ecartees"):
        return False
    words = chosen["mots"].casefold()
    return not words or words in f"{line['code']} {_label(line)}".casefold()


def _label(line: Mapping[str, Any]) -> str:
    return str((line["after"] or line["before"])["label"])


def _pack_line(line: Mapping[str, Any]) -> PackLineView:
    names = {
        "added": _("Vous n’avez pas cette règle"),
        "changed": _("Votre règle diffère"),
        "removed": _("Le jeu ne l’a plus"),
    }
    return PackLineView(
        line["code"],
        _label(line),
        names[line["change"]],
        _said(line["before"]),
        _said(line["after"]),
        _records(line),
        line["decision"]["reason"] if line["decision"] else "",
    )


def _said(terms: Mapping[str, Any] | None) -> Markup | None:
    if terms is None:
        return None
    words = {Read.IN_PART: _("Source lue en partie."), Read.NOT: _("Source non lue.")}
    mark = Read.of(terms["legal_text"])
    read = words.get(mark) if mark is not None else None
    told = [terms["label"] + ".", sentence(terms), Markup("<small>{}</small>").format(text_of(terms["legal_text"]))]
    return Markup(" ").join([*told, *([read] if read else [])])
