"""Terms of a deposit agreement, as somebody gives them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from archive.model.days import FIRST_DAY, LAST_DAY, iso_day
from archive.model.deposit_agreements import Agreement
from archive.model.description_fields import BY_NAME
from archive.model.field_rules import is_text
from signing.ground.errors import Refused

UNCHANGED: Final = "Aucune convention n’a été changée."
DEFAULTS: Final = ("document_type", "file", "classification", "access_rule")
"""Fields that an agreement may give where the deposit doesn't."""
LONGEST_TITLE: Final = 200
MOST: Final = 500
"""Codes in one list."""
LARGEST: Final = 1 << 40
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_DEPOSITOR: Final = re.compile(r"(?:key|user|service):[A-Za-z0-9._-]{1,100}")
_FORMAT: Final = re.compile(r"[a-z]+/(?:\*|[a-z0-9][a-z0-9.+-]{0,100})|(?:x-)?fmt/[0-9]{1,5}")


def read_agreement(given: Mapping[str, Any]) -> Agreement:
    """Read an agreement as a caller gives it.

    Raises:
        Refused: ``bad_agreement``, with the field as its pointer.
    """
    code = given.get("code")
    if not isinstance(code, str) or not _CODE.fullmatch(code.strip()):
        raise bad_agreement("code", "Un code a 1 à 40 signes : lettres sans accent, chiffres, « . », « _ », « - ».")
    agreement = Agreement(
        code.strip(),
        _text("title", given.get("title")),
        _text("reference", given.get("reference") or ""),
        _list("services", given.get("services"), _CODE),
        _list("depositors", given.get("depositors"), _DEPOSITOR),
        _list("document_types", given.get("document_types"), None),
        _list("formats", given.get("formats"), _FORMAT),
        _number("max_bytes", given.get("max_bytes")),
        _number("max_per_month", given.get("max_per_month")),
        _defaults(given.get("defaults")),
        _day("valid_from", given.get("valid_from")),
        _day("valid_until", given.get("valid_until")),
        given.get("suspended") is True,
    )
    if not agreement.title:
        raise bad_agreement("title", "L’intitulé manque.")
    if not agreement.services and not agreement.depositors:
        raise bad_agreement("services", "Dites avec qui : au moins un service, ou un déposant.")
    if agreement.valid_from and agreement.valid_until and agreement.valid_until < agreement.valid_from:
        raise bad_agreement("valid_until", "La convention finirait avant d’avoir commencé.")
    kind = agreement.defaults.get("document_type")
    if kind is not None and agreement.document_types and kind not in agreement.document_types:
        raise bad_agreement("defaults", "Le type de document par défaut n’est pas de ceux que la convention admet.")
    return agreement


def bad_agreement(name: str, detail: str, **values: object) -> Refused:
    """Return the refusal of one field of an agreement."""
    return Refused(
        "bad_agreement",
        detail,
        kept="Aucune convention n’a été changée.",
        action="Corrigez ce champ puis recommencez.",
        pointer=f"/{name}",
        **values,
    )


def _text(name: str, given: object) -> str:
    if not isinstance(given, str) or not is_text(given) or len(given.strip()) > LONGEST_TITLE:
        raise bad_agreement(name, "Ce texte est illisible, ou dépasse {longest} signes.", longest=LONGEST_TITLE)
    return given.strip()


def _list(name: str, given: object, form: re.Pattern[str] | None) -> tuple[str, ...]:
    told = given if given is not None else ()
    if not isinstance(told, Sequence) or isinstance(told, str) or len(told) > MOST:
        raise bad_agreement(name, "Donnez une liste de {most} codes au plus.", most=MOST)
    found = [one.strip() if isinstance(one, str) and is_text(one) else "" for one in told]
    wrong = next((one for one in found if not (form.fullmatch(one) if form else 0 < len(one) <= 100)), None)
    if wrong is not None:
        raise bad_agreement(name, "« {wrong} » n’a pas la forme attendue.", wrong=wrong[:100])
    return tuple(dict.fromkeys(found))


def _number(name: str, given: object) -> int | None:
    if given is None:
        return None
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= LARGEST:
        raise bad_agreement(name, "Donnez un nombre entier, à partir de 1, ou rien.")
    return given


def _defaults(given: object) -> dict[str, str]:
    told = given if given is not None else {}
    if not isinstance(told, Mapping) or not set(told) <= set(DEFAULTS):
        raise bad_agreement("defaults", "Une valeur par défaut est possible pour : {known}.", known=", ".join(DEFAULTS))
    found: dict[str, str] = {}
    for name, value in told.items():
        text = value.strip() if isinstance(value, str) else ""
        if text:
            try:
                BY_NAME[name].read(text, kept=UNCHANGED)
            except Refused as error:
                raise Refused(
                    "bad_agreement",
                    error.detail,
                    kept=UNCHANGED,
                    action=error.action,
                    pointer="/defaults",
                    **error.values,
                ) from error
            found[name] = text
    return found


def _day(name: str, given: object) -> date | None:
    if given is None or given == "":
        return None
    try:
        day = given if isinstance(given, date) else iso_day(given if isinstance(given, str) else "")
    except ValueError as error:
        raise bad_agreement(name, "Cette date n’existe pas : écrivez-la ainsi, 2026-03-12.") from error
    if not FIRST_DAY <= day <= LAST_DAY:
        raise bad_agreement(name, "L’année n’est pas entre 1000 et 9000.")
    return day
