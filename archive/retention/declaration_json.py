"""Declarations as they stand in statements about nodes of the filing plan. Pure.

::

    {"rules": ["DEP-FIN-001"], "in_addition": true, "block_all": true, "blocked": ["DEP-ADM-001"],
     "starts": {"DEP-FIN-001": {"on": "2020-12-31", "convention": "seda"}}}

What is not told is empty, false, or our convention; so statements stay short.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from archive.model.days import iso_day
from archive.retention.declarations import Convention, Declaration, GivenStart

_NAMES: Final = frozenset({"rules", "in_addition", "block_all", "blocked", "starts"})


def read_declaration(given: object) -> Declaration | None:
    """Read a declaration; None for nothing declared.

    Raises:
        ValueError: It is not of the form above.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping) or not given.keys() <= _NAMES:
        raise ValueError("not a declaration")
    starts = given.get("starts") or {}
    if not isinstance(starts, Mapping):
        raise ValueError("starts are given by rule")
    declaration = Declaration(
        rules=_codes(given.get("rules")),
        in_addition=_flag(given.get("in_addition")),
        block_all=_flag(given.get("block_all")),
        blocked=frozenset(_codes(given.get("blocked"))),
        starts={_code(rule): _start(start) for rule, start in starts.items()},
    )
    return declaration if declaration != Declaration() else None


def written_declaration(declaration: Declaration | None) -> dict[str, Any] | None:
    """Return the JSON of a declaration; None for nothing declared."""
    if declaration is None or declaration == Declaration():
        return None
    told = {
        "rules": list(declaration.rules),
        "in_addition": declaration.in_addition,
        "block_all": declaration.block_all,
        "blocked": sorted(declaration.blocked),
        "starts": {rule: _written_start(start) for rule, start in sorted(declaration.starts.items())},
    }
    return {name: value for name, value in told.items() if value}


def _codes(given: object) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, list | tuple):
        raise ValueError("codes are a list")
    return tuple(dict.fromkeys(_code(one) for one in given))


def _code(given: object) -> str:
    if not isinstance(given, str) or not 1 <= len(given.strip()) <= 40 or not given.isprintable():
        raise ValueError("not the code of a rule")
    return given.strip()


def _flag(given: object) -> bool:
    if given is not None and not isinstance(given, bool):
        raise ValueError("neither true nor false")
    return bool(given)


def _start(given: object) -> GivenStart:
    if not isinstance(given, Mapping) or not given.keys() <= {"on", "convention"}:
        raise ValueError("not a start")
    day, convention = given.get("on"), given.get("convention", Convention.OURS.value)
    return GivenStart(iso_day(day if isinstance(day, str) else ""), Convention(convention))


def _written_start(start: GivenStart) -> dict[str, str]:
    told = {"on": start.on.isoformat()}
    return told if start.convention is Convention.OURS else told | {"convention": start.convention.value}
