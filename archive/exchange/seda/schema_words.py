"""Messages of the schema validators in plain words, by their kind. Pure.

libxml2 tells errors in English and in the terms of XML Schema. What it means for who prepared the
package is said here; the message itself is kept beside.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Final

from archive.exchange.seda.findings import Finding, Place, Step, found_ko
from archive.exchange.seda.versions import local_name

_LONGEST_VALUE: Final = 80
_LONGEST_ORIGINAL: Final = 500
_MOST_NAMES: Final = 12
_NAME: Final = re.compile(r"\{[^{}]*\}")
_EXPECTED: Final = re.compile(r"Expected is (?:one of )?\( (.+?) \)\.")
_QUOTED: Final = re.compile(r"'(.*?)'", re.DOTALL)
_ATTRIBUTE: Final = re.compile(r"attribute '([^']*)'")
_SET: Final = re.compile(r"element of the set \{(.+)\}", re.DOTALL)


@dataclass(frozen=True)
class Told:
    """An error as the validator told it.

    Attributes:
        kind: Name of its type in libxml2.
        message: In English.
        element: The element that it is about; None where it could not be found again.
    """

    kind: str
    message: str
    element: Any
    place: Place


def in_plain_words(told: Told) -> Finding:
    """Return the finding for an error against the official schema."""
    say = _KINDS.get(told.kind, _other)
    return say(told)


def _content(told: Told) -> Finding:
    name, expected = _element(told), _names(told.message)
    if "Missing child element(s)" in told.message:
        return _ko(
            "seda_element_missing",
            "Dans « {element} », il manque un élément. Attendu : {expected}.",
            told,
            element=name,
            expected=expected,
        )
    if not expected:
        return _ko(
            "seda_element_not_expected",
            "L’élément « {element} » n’existe pas à cet endroit : rien n’est plus attendu ici.",
            told,
            element=name,
        )
    return _ko(
        "seda_element_not_expected",
        "L’élément « {element} » n’est pas attendu ici. Attendu à cette place : {expected}.",
        told,
        element=name,
        expected=expected,
    )


def _empty(told: Told) -> Finding:
    where = _where(told)
    return _ko(
        "seda_value_empty",
        "« {element} » est vide ou trop court. Si vous n’avez rien à y mettre, retirez-le.",
        told,
        element=where,
    )


def _not_listed(told: Told) -> Finding:
    found = _SET.search(told.message)
    allowed = ", ".join(_QUOTED.findall(found.group(1))) if found is not None else ""
    return _ko(
        "seda_value_not_listed",
        "« {element} » a une valeur qui n’est pas dans la liste : « {value} ». Valeurs admises : {allowed}.",
        told,
        element=_where(told),
        value=_value(told),
        allowed=allowed,
    )


def _bad_value(told: Told) -> Finding:
    kind, value = _type(told.message), _value(told)
    element = _where(told)
    if _is_identifier(told, kind):
        if _is_name(value):
            return _ko(
                "seda_id_taken",
                "L’identifiant « {value} » est déjà pris par un autre élément.",
                told,
                element=element,
                value=value,
            )
        return _ko(
            "seda_id_impossible",
            "L’identifiant « {value} » n’est pas possible : il commence par une lettre, sans espace.",
            told,
            element=element,
            value=value,
        )
    if not value.strip():
        return _empty(told)
    if kind in {"date", "dateTime", "DateType"}:
        return _ko(
            "seda_date_impossible",
            "« {element} » n’est pas une date possible : « {value} ». Écrivez AAAA-MM-JJ.",
            told,
            element=element,
            value=value,
        )
    if kind in {"SizeInBytesType", "positiveInteger", "int", "integer", "decimal"}:
        return _ko(
            "seda_number_impossible",
            "« {element} » n’est pas un nombre possible : « {value} ».",
            told,
            element=element,
            value=value,
        )
    return _ko(
        "seda_value_impossible",
        "« {element} » a une valeur qui n’est pas possible : « {value} ».",
        told,
        element=element,
        value=value,
    )


def _attribute_missing(told: Told) -> Finding:
    found = _ATTRIBUTE.search(told.message)
    name = found.group(1) if found is not None else ""
    return _ko(
        "seda_attribute_missing",
        "Dans « {element} », l’attribut « {attribute} » manque.",
        told,
        element=_element(told),
        attribute=name,
    )


def _attribute_not_allowed(told: Told) -> Finding:
    found = _ATTRIBUTE.search(told.message)
    name = found.group(1) if found is not None else ""
    return _ko(
        "seda_attribute_not_allowed",
        "« {element} » n’a pas d’attribut « {attribute} ».",
        told,
        element=_element(told),
        attribute=name,
    )


def _text(told: Told) -> Finding:
    return _ko(
        "seda_text_not_expected",
        "« {element} » contient du texte entre ses éléments : il ne doit contenir que des éléments.",
        told,
        element=_element(told),
    )


def _root(told: Told) -> Finding:
    return _ko("seda_message_unknown", "« {element} » n’est pas un message du SEDA.", told, element=_element(told))


def _other(told: Told) -> Finding:
    return _ko(
        "seda_not_valid", "« {element} » n’est pas conforme au schéma officiel du SEDA.", told, element=_element(told)
    )


_KINDS: Final = {
    "SCHEMAV_ELEMENT_CONTENT": _content,
    "SCHEMAV_CVC_MINLENGTH_VALID": _empty,
    "SCHEMAV_CVC_ENUMERATION_VALID": _not_listed,
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_1": _bad_value,
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_3": _bad_value,
    "SCHEMAV_CVC_COMPLEX_TYPE_4": _attribute_missing,
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": _attribute_not_allowed,
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_2": _attribute_not_allowed,
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": _text,
    "SCHEMAV_CVC_TYPE_3_1_2": _text,
    "SCHEMAV_CVC_ELT_1": _root,
}


def profile_words(told: Told) -> Finding:
    """Return the finding for an error against the archive profile.

    A profile fixes values that the standard leaves open; its validator tells less of why.
    """
    element = _element(told)
    if told.kind in {"RELAXNG_ERR_VALUE", "RELAXNG_ERR_TYPECMP", "RELAXNG_ERR_TYPEVAL", "RELAXNG_ERR_TYPE"}:
        return _of_profile(
            "seda_profile_value", "« {element} » n’a pas la valeur que demande le profil d’archivage.", told, element
        )
    if told.kind in {"RELAXNG_ERR_ELEMWRONG", "RELAXNG_ERR_ELEMEXTRA", "RELAXNG_ERR_EXTRACONTENT"}:
        return _of_profile(
            "seda_profile_not_expected",
            "« {element} » n’est pas prévu à cet endroit par le profil d’archivage.",
            told,
            element,
        )
    if told.kind in {"RELAXNG_ERR_NOELEM", "RELAXNG_ERR_ELEMNAME", "RELAXNG_ERR_ATTRVALID"}:
        return _of_profile(
            "seda_profile_missing",
            "« {element} » n’a pas ce que le profil d’archivage demande à cet endroit.",
            told,
            element,
        )
    return _of_profile(
        "seda_profile_not_valid", "« {element} » n’est pas conforme au profil d’archivage.", told, element
    )


def _of_profile(code: str, detail: str, told: Told, element: str) -> Finding:
    return replace(found_ko(code, Step.PROFILE, detail, told.place, element=element), original=_original(told))


def _ko(code: str, detail: str, told: Told, **values: str | int) -> Finding:
    return replace(found_ko(code, Step.MANIFEST, detail, told.place, **values), original=_original(told))


def _original(told: Told) -> str:
    return told.message[:_LONGEST_ORIGINAL]


def _element(told: Told) -> str:
    if told.element is not None:
        return local_name(told.element.tag)
    found = _QUOTED.search(_NAME.sub("", told.message))
    return found.group(1) if found is not None else "?"


def _where(told: Told) -> str:
    """Return the element, or the attribute of it that has the value."""
    head = _NAME.sub("", told.message).split(": ", 1)[0]  # values come later
    found = _ATTRIBUTE.search(head)
    return f"{_element(told)}/@{found.group(1)}" if found is not None else _element(told)


def _value(told: Told) -> str:
    rest = _NAME.sub("", told.message).split(": ", 1)[-1]
    found = _QUOTED.search(rest.removeprefix("[facet 'enumeration'] "))
    value = found.group(1) if found is not None else ""
    return value if len(value) <= _LONGEST_VALUE else value[:_LONGEST_VALUE] + "…"


def _type(message: str) -> str:
    found = re.search(r" type '(?:\{[^{}]*\}|\w+:)?(\w+)'\.\s*$", message)
    return found.group(1) if found is not None else ""


def _is_identifier(told: Told, kind: str) -> bool:
    return kind in {"ID", "ArchiveUnitIdType", "DataObjectIdType", "GroupIdType"} or _where(told).endswith("/@id")


def _is_name(value: str) -> bool:
    return re.fullmatch(r"[^\W\d][\w.\-]*", value) is not None


def _names(message: str) -> str:
    found = _EXPECTED.search(message)
    if found is None:
        return ""
    names = [one.strip().strip("*") for one in _NAME.sub("", found.group(1)).split(",")]
    more = " …" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
