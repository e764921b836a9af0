"""The pages of services and of deposit agreements, and what their forms say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.views import producer as views
from api.web.faults import Fault
from api.web.typed_date import DatePart, date_parts, typed_date
from archive.catalogue.producers import is_agreement_required
from archive.exchange.services_csv import read_places, write_places
from archive.model.agreement_terms import DEFAULTS

if TYPE_CHECKING:
    from ingestion.assembly import System

_OF_SERVICE: Final = ("code", "names", "parent", "rank", "successors", "former_places")
_DAYS_OF_SERVICE: Final = ("opened_on", "closed_on")
_DAYS_OF_AGREEMENT: Final = ("valid_from", "valid_until")
_OF_AGREEMENT: Final = (
    "code",
    "title",
    "reference",
    "services",
    "document_types",
    "formats",
    "max_bytes",
    "max_per_month",
    *(f"default_{name}" for name in DEFAULTS),
    "suspended",
)
DEPOSITOR: Final = "deposant:"
"""Beginning of the name of a depositor's box."""


@dataclass(frozen=True)
class TypedProducer:
    """A form that was sent and refused, or what an import did.

    Attributes:
        done: Counts of an import: ``created``, ``changed``, ``unchanged``.
    """

    form: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    done: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ServicesPage:
    """The tree of services by its names of a day, and the form of a new one."""

    template: ClassVar[str] = "services.html"
    tab: ClassVar[str] = "plan"
    help_anchor: ClassVar[str] = "services"
    json_href: ClassVar[str] = "/api/v1/services"

    on: date
    on_parts: tuple[DatePart, ...]
    services: Sequence[Mapping[str, Any]]
    values: Mapping[str, str]
    dates: Mapping[str, tuple[DatePart, ...]]
    typed: TypedProducer
    may_change: bool


@dataclass(frozen=True)
class ServicePage:
    """One service with its names in time, and the form that changes it."""

    template: ClassVar[str] = "service.html"
    tab: ClassVar[str] = "plan"
    help_anchor: ClassVar[str] = "services"

    service: Mapping[str, Any]
    parent: Mapping[str, Any] | None
    below: Sequence[Mapping[str, Any]]
    successors: Sequence[Mapping[str, Any]]
    former: Sequence[Mapping[str, Any]]
    values: Mapping[str, str]
    dates: Mapping[str, tuple[DatePart, ...]]
    typed: TypedProducer
    may_change: bool

    @property
    def json_href(self) -> str:
        """Return the API's address of the same content."""
        return f"/api/v1/services/{self.service['code']}"


@dataclass(frozen=True)
class AgreementsPage:
    """The list of deposit agreements."""

    template: ClassVar[str] = "conventions.html"
    tab: ClassVar[str] = "plan"
    help_anchor: ClassVar[str] = "conventions"
    json_href: ClassVar[str] = "/api/v1/deposit-agreements"

    required: bool
    agreements: Sequence[Mapping[str, Any]]
    may_change: bool


@dataclass(frozen=True)
class AgreementPage:
    """One deposit agreement, or one to be made, and its form.

    Attributes:
        agreement: None for one to be made.
        depositors: Who may deposit: name of the box, name of the depositor, whether it is ticked.
    """

    template: ClassVar[str] = "convention.html"
    tab: ClassVar[str] = "plan"
    help_anchor: ClassVar[str] = "conventions"

    agreement: Mapping[str, Any] | None
    depositors: Sequence[tuple[str, str, bool]]
    values: Mapping[str, str]
    dates: Mapping[str, tuple[DatePart, ...]]
    typed: TypedProducer

    @property
    def json_href(self) -> str:
        """Return the API's address of the same content."""
        code = self.agreement["code"] if self.agreement else None
        return f"/api/v1/deposit-agreements/{code}" if code else "/api/v1/deposit-agreements"


def services_page(
    session: Session, person: Caller, on: date, typed: TypedProducer, asked: Mapping[str, str] | None = None
) -> ServicesPage:
    """Make the page of all services.

    Args:
        asked: The day asked for, as it was typed and refused.
    """
    return ServicesPage(
        on,
        date_parts(ids="jour-", value=on, typed=asked),
        views.service_views(session, person.tenant, on),
        _filled(_OF_SERVICE, typed.form),
        _dates(_DAYS_OF_SERVICE, {}, typed.form),
        typed,
        person.may("retention:write"),
    )


def service_page(session: Session, person: Caller, code: str, on: date, typed: TypedProducer) -> ServicePage:
    """Make the page of one service.

    Raises:
        Refused: ``service_not_found``.
    """
    service = views.service_view(session, person.tenant, code, on)
    every = {one["code"]: one for one in views.service_views(session, person.tenant, on)}
    return ServicePage(
        service,
        every.get(service["parent"] or ""),
        [one for one in every.values() if one["parent"] == code],
        [every[one] for one in service["successors"]],
        [one | {"parent": every.get(one["parent"] or "")} for one in service["former_places"]],
        _filled(_OF_SERVICE, typed.form or _service_values(service)),
        _dates(_DAYS_OF_SERVICE, service, typed.form),
        typed,
        person.may("retention:write"),
    )


def agreements_page(system: System, session: Session, person: Caller) -> AgreementsPage:
    """Make the page of all deposit agreements."""
    found = views.agreement_views(system, session, person.tenant)
    return AgreementsPage(is_agreement_required(session, person.tenant), found, person.may("retention:write"))


def agreement_page(
    system: System, session: Session, person: Caller, code: str | None, typed: TypedProducer
) -> AgreementPage:
    """Make the page of one deposit agreement, or of one to be made.

    Raises:
        Refused: ``agreement_not_found``.
    """
    agreement = views.agreement_view(system, session, person.tenant, code) if code is not None else None
    ticked = {one.removeprefix(DEPOSITOR) for one in typed.form if one.startswith(DEPOSITOR)}
    if not typed.form and agreement is not None:
        ticked = set(agreement["depositors"])
    known = dict(views.depositors(session, person.tenant))
    known |= {one: one for one in sorted(ticked - known.keys())}
    boxes = [(f"{DEPOSITOR}{agent}", name, agent in ticked) for agent, name in known.items()]
    values = typed.form or (_agreement_values(agreement) if agreement is not None else {})
    dates = _dates(_DAYS_OF_AGREEMENT, agreement or {}, typed.form)
    return AgreementPage(agreement, boxes, _filled(_OF_AGREEMENT, values), dates, typed)


def service_given(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the service that a form gives; a name a line: name, first day, last day."""
    names = []
    for line in form.get("names", "").splitlines():
        if line.strip():
            parts = [part.strip() for part in line.split(";")]
            name, since, until = (*parts[:3], "", "")[:3]
            names.append({"name": name, "valid_from": since or None, "valid_until": until or None})
    told: dict[str, Any] = {name: form.get(name, "").strip() or None for name in ("code", "parent", "rank")}
    told |= _days(_DAYS_OF_SERVICE, form, "bad_service")
    places = read_places(form.get("former_places", "").splitlines())
    return told | {"names": names, "successors": _codes(form.get("successors", "")), "former_places": places}


def agreement_given(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the agreement that a form gives."""
    told: dict[str, Any] = {name: form.get(name, "").strip() or None for name in ("code", "title", "reference")}
    told |= _days(_DAYS_OF_AGREEMENT, form, "bad_agreement")
    told |= {name: _codes(form.get(name, "")) for name in ("services", "document_types", "formats")}
    told |= {name: _number(form.get(name, "")) for name in ("max_bytes", "max_per_month")}
    told["depositors"] = [one.removeprefix(DEPOSITOR) for one in form if one.startswith(DEPOSITOR)]
    told["defaults"] = {name: value for name in DEFAULTS if (value := form.get(f"default_{name}", "").strip())}
    return told | {"title": told["title"] or "", "suspended": "suspended" in form}


def anchor_of(pointer: str | None) -> str:
    """Return the anchor of the field that a refusal names; empty when it names none."""
    name = (pointer or "").strip("/")
    return f"#{name}-day" if name in {*_DAYS_OF_SERVICE, *_DAYS_OF_AGREEMENT} else f"#{name}" if name else ""


def _dates(names: Sequence[str], kept: Mapping[str, Any], form: Mapping[str, str]) -> dict[str, tuple[DatePart, ...]]:
    """Return the controls of each date: as typed, else as it is kept."""
    days = {name: date.fromisoformat(kept[name]) if kept.get(name) else None for name in names}
    return {
        name: date_parts(ids=f"{name}-", names=f"{name}-", value=day, typed=form or None) for name, day in days.items()
    }


def _days(names: Sequence[str], form: Mapping[str, str], code: str) -> dict[str, date | None]:
    kept = "Rien n’a été changé."
    return {name: typed_date(form, f"{name}-", code=code, kept=kept, pointer=f"/{name}") for name in names}


def _filled(names: Sequence[str], values: Mapping[str, str]) -> dict[str, str]:
    """Return a value for each box of a form."""
    return {name: values.get(name, "") for name in names}


def _service_values(service: Mapping[str, Any]) -> dict[str, str]:
    names = [
        "; ".join((one["name"], one["valid_from"] or "", one["valid_until"] or "")).rstrip("; ")
        for one in service["names"]
    ]
    told = {name: service[name] or "" for name in ("code", "parent", "rank")}
    told |= {"names": "\n".join(names), "successors": "; ".join(service["successors"])}
    return told | {"former_places": write_places(service["former_places"], "\n")}


def _agreement_values(agreement: Mapping[str, Any]) -> dict[str, str]:
    told = {name: str(agreement[name] or "") for name in ("code", "title", "reference", "max_bytes", "max_per_month")}
    told |= {name: "; ".join(agreement[name]) for name in ("services", "document_types", "formats")}
    told |= {f"default_{name}": value for name, value in agreement["defaults"].items()}
    return told | ({"suspended": "1"} if agreement["suspended"] else {})


def _codes(text: str) -> list[str]:
    return [one.strip() for one in text.replace("\n", ";").split(";") if one.strip()]


def _number(text: str) -> int | str | None:
    bare = "".join(text.split())
    return int(bare) if bare.isascii() and bare.isdecimal() and len(bare) < 16 else bare or None
