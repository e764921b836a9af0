"""Deposit agreements: who may deposit what, and what is understood where nothing is said. Pure.

An agreement binds those whom it names: services (with those below them), or depositors, or both.
Who is named by none deposits as if there were none; who is named by some needs one in force that
admits the deposit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from signing.ground.errors import Refused

ALONE: Final = "Rien n’a été conservé."


@dataclass(frozen=True)
class Agreement:
    """A deposit agreement.

    Attributes:
        reference: Of the signed paper, in words.
        services: Codes of the producers it is for; empty = of any.
        depositors: ``key:…`` or ``user:…``; empty = anybody.
        document_types: Codes; empty = any.
        formats: Media types (``image/*`` for a whole family) or PRONOM identifiers; empty = any.
        max_bytes: Of one file; None = as large as the installation takes.
        max_per_month: Deposits in one civil month; None = any number.
        defaults: Field of a description -> value, where the deposit gives none.
        suspended: Whether nothing is taken for the time being.
    """

    code: str
    title: str
    reference: str = ""
    services: tuple[str, ...] = ()
    depositors: tuple[str, ...] = ()
    document_types: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    max_bytes: int | None = None
    max_per_month: int | None = None
    defaults: Mapping[str, str] = field(default_factory=dict)
    valid_from: date | None = None
    valid_until: date | None = None
    suspended: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as the API and the register say it."""
        return {
            "code": self.code,
            "title": self.title,
            "reference": self.reference,
            "services": list(self.services),
            "depositors": list(self.depositors),
            "document_types": list(self.document_types),
            "formats": list(self.formats),
            "max_bytes": self.max_bytes,
            "max_per_month": self.max_per_month,
            "defaults": dict(self.defaults),
            "valid_from": self.valid_from.isoformat() if self.valid_from else None,
            "valid_until": self.valid_until.isoformat() if self.valid_until else None,
            "suspended": self.suspended,
        }

    def is_in_force(self, day: date) -> bool:
        """Whether deposits may be made under it on a day."""
        begun = self.valid_from is None or self.valid_from <= day
        return begun and (self.valid_until is None or day <= self.valid_until) and not self.suspended


@dataclass(frozen=True)
class FoundFormat:
    """FoundFormat of received bytes, as they themselves tell it; None where they don't."""

    media_type: str | None
    puid: str | None


@dataclass(frozen=True)
class Offered:
    """What somebody wants to deposit.

    Attributes:
        agent: ``key:…`` or ``user:…``.
        services: Code of the producer and of the services above it, nearest first; empty if the
            deposit names none that the tree has.
        fields: As given.
        format: Finds the format; asked only by an agreement that limits it.
        received: Counts the deposits of this month under the agreement with a code.
    """

    agent: str
    services: Sequence[str]
    fields: Mapping[str, str]
    size: int
    format: Callable[[], FoundFormat]
    received: Callable[[str], int]


def choose(
    agreements: Collection[Agreement], offered: Offered, named: str | None, day: date, *, required: bool = False
) -> Agreement | None:
    """Return the agreement under which a deposit is made; None if no agreement binds its depositor.

    Of several, one that names the depositor goes before one that names the service alone, and one
    for a lower service before one for a higher one; the first that admits the deposit is taken.

    Args:
        named: Code of the agreement that the deposit itself names.
        required: Whether the tenant takes no deposit without an agreement.

    Raises:
        Refused: ``agreement_unknown``, ``agreement_of_another``, ``agreement_missing``,
            ``agreement_not_in_force``, or what the first agreement says against it.
    """
    binding = bound(agreements, offered)
    if named is not None:
        binding = [_named(agreements, binding, named)]
    if not binding:
        _require_free(agreements, offered, required=required)
        return None
    in_force = [one for one in binding if one.is_in_force(day)]
    if not in_force:
        raise _not_in_force(binding[0], day)
    refusals: list[Refused] = []
    for one in in_force:
        try:
            require_admitted(one, offered)
        except Refused as error:
            refusals.append(error)
        else:
            return one
    raise refusals[0]


def require_admitted(agreement: Agreement, offered: Offered) -> None:
    """Refuse what an agreement doesn't admit; what costs least is looked at first.

    Raises:
        Refused: ``agreement_document_type``, ``agreement_size``, ``agreement_month_full``,
            ``agreement_format``.
    """
    kind = offered.fields.get("document_type") or agreement.defaults.get("document_type") or ""
    if agreement.document_types and kind not in agreement.document_types:
        raise _refused(
            "agreement_document_type",
            "La convention « {agreement} » n’admet pas le type de document « {kind} »."
            if kind
            else "La convention « {agreement} » demande le type de document.",
            "Types admis : {admitted}.",
            agreement,
            "document_type",
            kind=kind,
            admitted=", ".join(agreement.document_types),
        )
    if agreement.max_bytes is not None and offered.size > agreement.max_bytes:
        raise _refused(
            "agreement_size",
            "Ce fichier compte {size} octets ; la convention « {agreement} » en admet {limit}.",
            "Découpez le document, ou demandez à un archiviste de changer la convention.",
            agreement,
            "file",
            size=offered.size,
            limit=agreement.max_bytes,
        )
    require_room(agreement, offered.received)
    if agreement.formats and not _is_admitted(offered.format(), agreement.formats):
        found = offered.format()
        told = " · ".join(one for one in (found.media_type, found.puid) if one)
        raise _refused(
            "agreement_format",
            "La convention « {agreement} » n’admet pas ce format : {format}."
            if told
            else "Le format de ce fichier n’est pas reconnu : la convention « {agreement} » ne l’admet pas.",
            "Formats admis : {admitted}. Le contenu compte, pas le nom du fichier.",
            agreement,
            "file",
            format=told,
            admitted=", ".join(agreement.formats),
        )


def require_room(agreement: Agreement, received: Callable[[str], int]) -> None:
    """Refuse a deposit in a month in which as many were received as the agreement admits.

    Raises:
        Refused: ``agreement_month_full``.
    """
    if agreement.max_per_month is not None and received(agreement.code) >= agreement.max_per_month:
        raise _refused(
            "agreement_month_full",
            "La convention « {agreement} » admet {limit} versements par mois : ils ont été reçus.",
            "Attendez le mois prochain, ou demandez à un archiviste de changer la convention.",
            agreement,
            None,
            limit=agreement.max_per_month,
        )


# -- who is bound


def bound(agreements: Iterable[Agreement], offered: Offered) -> list[Agreement]:
    """Return the agreements that bind a depositor, the nearest first."""
    return sorted((one for one in agreements if _binds(one, offered)), key=lambda one: _distance(one, offered))


def _binds(agreement: Agreement, offered: Offered) -> bool:
    if agreement.depositors and offered.agent not in agreement.depositors:
        return False
    if not agreement.services or understood_producer(agreement, offered.fields) is not None:
        return True
    return any(one in agreement.services for one in offered.services)


def understood_producer(agreement: Agreement, fields: Mapping[str, str]) -> str | None:
    """Return the service of a deposit that names none, if its depositor has one alone."""
    is_alone = bool(agreement.depositors) and len(agreement.services) == 1
    return agreement.services[0] if is_alone and not fields.get("producer") else None


def _distance(agreement: Agreement, offered: Offered) -> tuple[bool, int, str]:
    steps = [n for n, one in enumerate(offered.services) if one in agreement.services]
    return not agreement.depositors, min(steps, default=len(offered.services)), agreement.code


def _named(agreements: Collection[Agreement], binding: Sequence[Agreement], code: str) -> Agreement:
    if not any(one.code == code for one in agreements):
        raise Refused(
            "agreement_unknown",
            "Aucune convention de versement n’a la référence « {agreement} ».",
            kept=ALONE,
            action="Vérifiez-la, ou n’en donnez pas : celle de votre service s’applique.",
            pointer="/agreement",
            agreement=code,
        )
    found = next((one for one in binding if one.code == code), None)
    if found is None:
        raise Refused(
            "agreement_of_another",
            "La convention « {agreement} » est passée avec un autre service ou un autre déposant.",
            kept=ALONE,
            action="Vérifiez le service producteur, ou demandez à un archiviste.",
            pointer="/agreement",
            agreement=code,
        )
    return found


def _require_free(agreements: Collection[Agreement], offered: Offered, *, required: bool) -> None:
    """Refuse a deposit that no agreement covers, where one must."""
    naming = next((one for one in agreements if offered.agent in one.depositors), None)
    if naming is not None:
        raise _refused(
            "agreement_of_another",
            "La convention « {agreement} » ne vous permet pas de verser pour ce service.",
            "Indiquez comme service producteur : {admitted}.",
            naming,
            "producer",
            admitted=", ".join(naming.services),
        )
    if required:
        raise Refused(
            "agreement_missing",
            "Aucune convention de versement ne couvre ce dépôt.",
            kept=ALONE,
            action="Indiquez le service producteur, ou demandez une convention à un archiviste.",
            pointer="/producer",
        )


def _not_in_force(agreement: Agreement, day: date) -> Refused:
    return _refused(
        "agreement_not_in_force",
        "La convention « {agreement} » est suspendue."
        if agreement.suspended
        else "La convention « {agreement} » ne commence que le {since}."
        if agreement.valid_from is not None and day < agreement.valid_from
        else "La convention « {agreement} » a pris fin le {until}.",
        "Demandez à un archiviste de la renouveler.",
        agreement,
        None,
        since=agreement.valid_from,
        until=agreement.valid_until,
    )


def _is_admitted(found: FoundFormat, formats: Collection[str]) -> bool:
    media_type = (found.media_type or "").partition(";")[0].strip().lower()
    family = media_type.partition("/")[0] + "/*"
    return bool({found.puid, media_type, family} & set(formats) - {"", "/*"})


def _refused(
    code: str, detail: str, action: str, agreement: Agreement, pointer: str | None, **values: object
) -> Refused:
    where = f"/{pointer}" if pointer else None
    return Refused(code, detail, kept=ALONE, action=action, pointer=where, agreement=agreement.code, **values)
