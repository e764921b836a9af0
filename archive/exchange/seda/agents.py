"""People, keywords, events and signatures in a description, read and written. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from archive.exchange.seda.elements import (
    Element,
    add,
    add_raw,
    child,
    children,
    made,
    others,
    token,
    tokens,
)
from archive.exchange.seda.transfer import Agent, Event, Keyword, SignatureTold, SigningInformation
from archive.exchange.seda.versions import Version

_PERSON: Final = {
    "FirstName": "first_name",
    "BirthName": "birth_name",
    "FullName": "full_name",
    "GivenName": "given_name",
}
_AGENT: Final = ("Corpname", *_PERSON, "BirthDate", "DeathDate", "Identifier", "Function")
_AFTER_BIRTH: Final = ("BirthPlace",)
_AFTER_DEATH: Final = ("DeathPlace", "Nationality")
_AFTER_FUNCTIONS: Final = ("Activity", "Position", "Role", "Mandate")
_TIMES: Final = ("SigningTime", "ValidationTime")
_EVENT: Final = {
    "EventIdentifier": "identifier",
    "EventTypeCode": "code",
    "EventType": "kind",
    "EventDateTime": "on",
    "EventDetail": "detail",
    "Outcome": "outcome",
    "OutcomeDetail": "outcome_detail",
    "OutcomeDetailMessage": "message",
    "EventDetailData": "technical",
}


def agents(elements: Iterable[Element]) -> tuple[Agent, ...]:
    """Return people and bodies."""
    return tuple(agent(one) for one in elements)


def agent(element: Element) -> Agent:
    """Return a person or body."""
    return Agent(
        body=token(element, "Corpname"),
        birth=token(element, "BirthDate"),
        death=token(element, "DeathDate"),
        identifiers=tokens(element, "Identifier"),
        functions=tokens(element, "Function"),
        others=others(element, (*_AGENT, *_TIMES)),
        **{attribute: token(element, name) for name, attribute in _PERSON.items()},
    )


def add_agents(parent: Element, version: Version, name: str, told: Iterable[Agent]) -> None:
    """Write people and bodies."""
    for one in told:
        _add_agent(parent, version, name, one)


def _add_agent(parent: Element, version: Version, name: str, told: Agent, *time: str | None) -> None:
    """Write a person or body; where it signed, the name of the time's element and the time."""
    element = made(parent, version, name)
    if told.body is not None:
        add(element, version, "Corpname", told.body)
    else:
        for person, attribute in _PERSON.items():
            add(element, version, person, getattr(told, attribute))
        _add_others(element, version, told, ("Gender",))
        add(element, version, "BirthDate", told.birth)
        _add_others(element, version, told, _AFTER_BIRTH)
        add(element, version, "DeathDate", told.death)
        _add_others(element, version, told, _AFTER_DEATH)
    for one in told.identifiers:
        add(element, version, "Identifier", one)
    if time:
        add(element, version, time[0] or "", time[1])
    for one in told.functions:
        add(element, version, "Function", one)
    _add_others(element, version, told, _AFTER_FUNCTIONS)


def _add_others(parent: Element, version: Version, told: Agent, names: Iterable[str]) -> None:
    for name in names:
        for one in told.others:
            if one.name == name:
                add_raw(parent, version, one)


def keywords(elements: Iterable[Element]) -> tuple[Keyword, ...]:
    """Return keywords."""
    return tuple(
        Keyword(token(one, "KeywordContent") or "", token(one, "KeywordReference"), token(one, "KeywordType"))
        for one in elements
    )


def add_keywords(parent: Element, version: Version, name: str, told: Iterable[Keyword]) -> None:
    """Write keywords."""
    for one in told:
        element = made(parent, version, name)
        add(element, version, "KeywordContent", one.content)
        add(element, version, "KeywordReference", one.reference)
        add(element, version, "KeywordType", one.kind)


def events(elements: Iterable[Element]) -> tuple[Event, ...]:
    """Return events."""
    return tuple(
        Event(
            on=token(one, "EventDateTime") or "",
            **{attribute: token(one, name) for name, attribute in _EVENT.items() if attribute != "on"},
        )
        for one in elements
    )


def add_events(parent: Element, version: Version, name: str, told: Iterable[Event]) -> None:
    """Write events."""
    for one in told:
        element = made(parent, version, name)
        for part, attribute in _EVENT.items():
            add(element, version, part, getattr(one, attribute))


def signing(elements: list[Element]) -> SigningInformation:
    """Return what a unit is in a signed set."""
    element = elements[0]
    named = ("SigningRole", "DetachedSigningRole", "SignedDocumentReferenceId", "SignatureDescription")
    return SigningInformation(
        roles=tokens(element, "SigningRole"),
        detached_roles=tokens(element, "DetachedSigningRole"),
        signed_documents=tokens(element, "SignedDocumentReferenceId"),
        signatures=tuple(_signature(one) for one in children(element, "SignatureDescription")),
        others=others(element, named),
    )


def _signature(element: Element) -> SignatureTold:
    signer, validator = child(element, "Signer"), child(element, "Validator")
    return SignatureTold(
        agent(signer) if signer is not None else None,
        token(signer, "SigningTime") if signer is not None else None,
        agent(validator) if validator is not None else None,
        token(validator, "ValidationTime") if validator is not None else None,
        token(element, "SigningType"),
    )


def add_signing(parent: Element, version: Version, name: str, told: SigningInformation) -> None:
    """Write what a unit is in a signed set."""
    element = made(parent, version, name)
    for one in told.roles:
        add(element, version, "SigningRole", one)
    for one in told.detached_roles:
        add(element, version, "DetachedSigningRole", one)
    for one in told.signed_documents:
        add(element, version, "SignedDocumentReferenceId", one)
    for signature in told.signatures:
        described = made(element, version, "SignatureDescription")
        if signature.signer is not None:
            _add_agent(described, version, "Signer", signature.signer, "SigningTime", signature.signed_at)
        if signature.validator is not None:
            _add_agent(described, version, "Validator", signature.validator, "ValidationTime", signature.validated_at)
        add(described, version, "SigningType", signature.kind)
    for other in told.others:
        add_raw(element, version, other)
