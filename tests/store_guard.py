"""Guard of the rule that no object of a store is touched inside a write transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from archive.database.engine import is_writing
from archive.objects.local import LocalObjectStore
from archive.objects.minio import MinioObjectStore

_METHODS = ("put", "stat", "read", "list", "extend_lock", "hold", "delete")
_LAZY = ("read", "list")


class StoreInTransaction(BaseException):
    """Nothing that is written ``except Exception`` may hide it."""


def _require_no_transaction(name: str) -> None:
    if is_writing():
        raise StoreInTransaction(f"{name}() of a store inside a write transaction")


def _watched(chunks: Iterator[Any], name: str) -> Iterator[Any]:
    for chunk in chunks:
        _require_no_transaction(name)
        yield chunk


def guarded(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, refused while this thread writes to a database."""

    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        _require_no_transaction(name)
        answer = method(*args, **kwargs)
        return _watched(answer, name) if name in _LAZY else answer

    return call


def install() -> None:
    """Guard every adapter, for as long as this process lives."""
    for store in (LocalObjectStore, MinioObjectStore):
        for name in _METHODS:
            setattr(store, name, guarded(name, getattr(store, name)))
