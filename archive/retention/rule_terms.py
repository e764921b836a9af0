"""Terms of a rule as somebody gives them: admitted, and read from a file of rules. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from archive.model.days import iso_day
from archive.model.field_rules import is_text
from archive.model.final_actions import FinalAction
from archive.retention.access import access_codes, access_rules
from archive.retention.dates import START_EVENTS, Unit
from archive.retention.packs import is_sure, text_of
from archive.retention.rules import Rule
from signing.ground.errors import Refused

UNCHANGED: Final = "Aucune règle n’a été changée."
UNLIMITED: Final = "unlimited"
LONGEST_DURATION: Final = 999
LONGEST_LABEL: Final = 300
LONGEST_TEXT: Final = 4000
LONGEST_ACCESS: Final = 100
LONGEST_TYPE: Final = 200
MOST_LINES: Final = 2000
"""Lines of one file of rules."""
COLUMNS: Final = (
    "code",
    "label_fr",
    "duration",
    "unit",
    "start_event",
    "final_action",
    "criteria",
    "access_rule",
    "source",
)
"""Columns of a file of rules, as those of the packs; ``valid_from`` may stand beside them."""
_OPTIONAL: Final = frozenset({"criteria", "access_rule", "valid_from"})
_CODE: Final = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,39}")
_TYPE_CODE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")


@dataclass(frozen=True)
class Terms:
    """What a version of a rule says.

    Attributes:
        duration: None = unlimited.
        source: Text of law or table that it comes from.
        valid_from: First day on which it is in force; None = from the day on which it is made.
    """

    label: str
    duration: int | None
    unit: Unit
    start_event: str
    final_action: FinalAction
    source: str
    criteria: str = ""
    access_rule: str | None = None
    valid_from: date | None = None

    def as_rule(self, code: str, version: int, *, validated: bool) -> Rule:
        """Return the rule that they make in a version."""
        return Rule(
            code,
            version,
            self.label,
            self.duration,
            self.unit,
            self.start_event,
            self.final_action,
            validated=validated,
            legal_text=text_of(self.source),
            valid_from=self.valid_from,
            criteria=self.criteria,
            access_rule=self.access_rule,
            sure=is_sure(self.source),
        )


@dataclass(frozen=True)
class WrongLine:
    """A line of a file of rules that can't be applied; the first line has number 1."""

    line: int
    error: Refused


def admit_code(code: str) -> str:
    """Return the code of a new rule.

    Raises:
        Refused: ``bad_rule``.
    """
    if not _CODE.fullmatch(code):
        raise bad_rule("code", "Un code a 1 à 40 signes : A-Z, 0-9, « . », « _ », « - ».", "Par exemple : FIN-003.")
    return code


def admit_type(code: str, label: str) -> str:
    """Return the label of a document type, whose code may be one.

    Raises:
        Refused: ``bad_rule``, with the field as its pointer.
    """
    if not _TYPE_CODE.fullmatch(code):
        raise bad_rule("code", "Un code de type a 1 à 100 signes : a-z, 0-9, « _ », « - ».", "Par exemple : permis.")
    return _text({"label": label}, "label", LONGEST_TYPE)


def admit_terms(given: Mapping[str, Any]) -> Terms:
    """Return the terms of a rule that a caller gives.

    Raises:
        Refused: ``bad_rule``, with the field as its pointer.
    """
    label, source = _text(given, "label", LONGEST_LABEL), _text(given, "legal_text", LONGEST_TEXT)
    criteria = _text(given, "criteria", LONGEST_TEXT, may_be_empty=True)
    action = _one_of(given, "final_action", [one.value for one in FinalAction])
    if criteria and FinalAction(action) is not FinalAction.SORT:
        raise bad_rule(
            "criteria", "Il n’y a rien à trier : le sort final n’est pas « trier ».", "Retirez les critères."
        )
    return Terms(
        label,
        _duration(given.get("duration")),
        Unit(_one_of(given, "unit", [one.value for one in Unit])),
        _one_of(given, "start_event", list(START_EVENTS)),
        FinalAction(action),
        source,
        criteria,
        access_given(given.get("access_rule")),
        _day(given.get("valid_from")),
    )


def bad_rule(field: str, detail: str, action: str = "", **values: object) -> Refused:
    """Return the refusal of one field of a rule."""
    pointer = f"/{field}"
    return Refused("bad_rule", detail, kept=UNCHANGED, action=action, pointer=pointer, **values)


def read_rules(content: bytes) -> tuple[list[tuple[str, Terms]], list[WrongLine]]:
    """Read a file of rules (CSV, UTF-8): its rules by code, and every line that is wrong.

    Raises:
        Refused: ``bad_rule_file``: it is no such file at all.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad_file("Ce fichier n’est pas en UTF-8.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=_delimiter(text))
    try:
        missing = set(COLUMNS) - _OPTIONAL - set(reader.fieldnames or ())
        unknown = set(reader.fieldnames or ()) - set(COLUMNS) - _OPTIONAL
        if missing or unknown:
            raise _bad_file(
                "Ses colonnes ne sont pas celles d’un jeu de règles. Il manque : {missing} ; en trop : {unknown}.",
                missing=", ".join(sorted(missing)) or "—",
                unknown=", ".join(sorted(map(str, unknown))) or "—",
            )
        lines = list(_lines(reader))
    except csv.Error as error:
        raise _bad_file("Ce fichier n’est pas un CSV lisible : ligne {line}.", line=reader.line_num) from error
    if not lines:
        raise _bad_file("Ce fichier n’a aucune règle.")
    if len(lines) > MOST_LINES:
        raise _bad_file("Ce fichier a plus de {most} règles.", most=MOST_LINES)
    return _sorted_out(lines)


def _lines(reader: csv.DictReader[str]) -> Iterator[tuple[int, dict[Any, Any]]]:
    for line in reader:
        yield reader.line_num, dict(line)


def _sorted_out(lines: Collection[tuple[int, dict[Any, Any]]]) -> tuple[list[tuple[str, Terms]], list[WrongLine]]:
    rules: dict[str, Terms] = {}
    wrong: list[WrongLine] = []
    for number, line in lines:
        try:
            code, terms = _rule_of(line)
            if code in rules:
                raise bad_rule("code", "Le code « {name} » y est deux fois.", name=code)
            rules[code] = terms
        except Refused as error:
            wrong.append(WrongLine(number, error))
    return list(rules.items()), wrong


def _rule_of(line: Mapping[Any, Any]) -> tuple[str, Terms]:
    if None in line or None in line.values():
        raise bad_rule("", "Cette ligne n’a pas autant de champs que d’en-têtes.")
    given = {name: value.strip() for name, value in line.items()}
    duration = given["duration"]
    asked = given | {
        "label": given["label_fr"],
        "legal_text": given["source"],
        "final_action": given["final_action"].lower(),
        "duration": None if duration == UNLIMITED else int(duration) if duration.isdecimal() else duration,
        "access_rule": given.get("access_rule") or None,
        "valid_from": given.get("valid_from") or None,
    }
    return admit_code(given["code"]), admit_terms(asked)


def _delimiter(text: str) -> str:
    """Return the separator of the first line: French spreadsheets write semicolons."""
    first = text.split("\n", 1)[0]
    return ";" if first.count(";") > first.count(",") else ","


def _bad_file(detail: str, **values: object) -> Refused:
    action = "Partez de l’export des règles : mêmes colonnes."
    return Refused("bad_rule_file", detail, kept=UNCHANGED, action=action, pointer=None, **values)


def _text(given: Mapping[str, Any], field: str, longest: int, *, may_be_empty: bool = False) -> str:
    value = given.get(field) or ""
    if not isinstance(value, str) or not is_text(value) or len(value.strip()) > longest:
        raise bad_rule(field, "Ce champ est un texte de {most} signes au plus.", most=longest)
    if not value.strip() and not may_be_empty:
        raise bad_rule(field, "Ce champ est obligatoire.", "Complétez-le.")
    return value.strip()


def _duration(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LONGEST_DURATION:
        raise bad_rule(
            "duration",
            "Une durée est un nombre entier de 0 à {most}, ou sans limite.",
            "Corrigez la durée.",
            most=LONGEST_DURATION,
        )
    return value


def _one_of(given: Mapping[str, Any], field: str, known: Collection[str]) -> str:
    value = given.get(field)
    if not isinstance(value, str) or value not in known:
        raise bad_rule(
            field,
            "« {value} » n’est pas une valeur de ce champ.",
            "Choisissez parmi : {known}.",
            value=str(value)[:60],
            known=", ".join(known),
        )
    return value


def access_given(value: Any) -> str | None:
    """Return access rules as given: codes of the national list, separated by blanks.

    Raises:
        Refused: ``bad_rule``.
    """
    codes = access_codes(value if isinstance(value, str) else None)
    unknown = [code for code in codes if code not in access_rules()]
    if unknown or (value is not None and not isinstance(value, str)):
        raise bad_rule(
            "access_rule",
            "« {value} » n’est pas une règle d’accès de la liste nationale.",
            value=", ".join(unknown) or str(value)[:60],
        )
    joined = " ".join(codes)
    if len(joined) > LONGEST_ACCESS:
        raise bad_rule("access_rule", "Ce champ est un texte de {most} signes au plus.", most=LONGEST_ACCESS)
    return joined or None


def _day(value: Any) -> date | None:
    if value is None or isinstance(value, date):
        return value
    try:
        return iso_day(str(value))
    except ValueError as error:
        raise bad_rule("valid_from", "Une date s’écrit AAAA-MM-JJ.", "Par exemple : 2026-02-01.") from error
