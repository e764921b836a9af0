"""Values of this room as JSON and back: how they leave the sandbox. Pure.

By the types of the values themselves: data classes, tuples, mappings, words, days. What is as its
class has it by default is not written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def written(value: Any) -> Any:
    """Return the JSON of a value."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): written(one) for name, one in value.items()}
    if isinstance(value, tuple | list | frozenset):
        return [written(one) for one in value]
    return {
        one.name: written(told)
        for one in _fields(cast("Any", type(value)))
        if not _is_default(one, told := getattr(value, one.name))
    }


def read(kind: type[T], given: Any) -> T:
    """Return the value of this type that was written.

    Raises:
        ValueError: It is none.
    """
    try:
        return cast("T", _read(kind, given))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a {kind}") from error


def _read(kind: Any, given: Any) -> Any:
    origin, inside = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        kinds = [one for one in inside if one is not NoneType]
        return None if given is None and NoneType in inside else _read_one(kinds, given)
    if origin is not None:
        return _read_several(origin, inside, given)
    if is_dataclass(kind):
        hints = _hints(cast("Any", kind))
        told = {name: _read(hints[name], one) for name, one in _checked(dict, given).items()}
        return cast("type", kind)(**told)
    if issubclass(kind, date):
        return date.fromisoformat(given)
    return kind(given) if issubclass(kind, Enum) else _checked(kind, given)


def _read_several(origin: Any, inside: tuple[Any, ...], given: Any) -> Any:
    if origin is tuple:
        return tuple(_read(inside[0], one) for one in _checked(list, given))
    return {_read(inside[0], name): _read(inside[1], one) for name, one in _checked(dict, given).items()}


def _read_one(kinds: list[Any], given: Any) -> Any:
    """Return the value of the first type that it is of: words and numbers only stand together."""
    if len(kinds) == 1:
        return _read(kinds[0], given)
    for kind in kinds:
        if type(given) is kind:
            return given
    raise TypeError("of no type")


def _checked(kind: type[T], given: Any) -> T:
    if type(given) is not kind:
        raise TypeError(f"not a {kind}")
    return given


@cache
def _fields(kind: Any) -> tuple[Field[Any], ...]:
    return fields(kind)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _is_default(one: Field[Any], value: Any) -> bool:
    if one.default is not MISSING:
        return bool(value == one.default)
    return one.default_factory is not MISSING and not value
