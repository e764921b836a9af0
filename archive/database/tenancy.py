"""Tenancy: the tenant whose rows a thread of work may see, enforced by PostgreSQL.

Work that belongs to one tenant states it with ``acting_for``. An HTTP request sees nothing until
its user or key is known (``confined``, then ``found_to_be``). Worker, beat and command line serve
all tenants and see everything by default.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

EVERYTHING: Final = "*"
"""Rows of all tenants and of the installation.

No tenant can have this name (see ``create_tenant``).
"""

NOTHING: Final = ""
"""No row of any tenant."""


@dataclass
class _Sight:
    """Tenant of a request, shared by its threads, which run in copies of its context."""

    tenant: str


_sight: ContextVar[_Sight | None] = ContextVar("chartrier_sight", default=None)


@contextmanager
def acting_for(tenant: str) -> Iterator[None]:
    """Have transactions begun in this block see the rows of one tenant.

    Args:
        tenant: Its id; ``EVERYTHING`` where work crosses tenants, with the reason in a comment at
            the call.
    """
    token = _sight.set(_Sight(tenant))
    try:
        yield
    finally:
        _sight.reset(token)


def confined() -> None:
    """Confine this context and its copies: they see no row until ``found_to_be``."""
    _sight.set(_Sight(NOTHING))


def found_to_be(tenant: str) -> None:
    """Open the confined request to the rows of this tenant.

    Raises:
        RuntimeError: It was opened to another tenant before: one request never acts for two.
    """
    sight = _sight.get()
    if sight is None:
        return  # not a confined request: a command, a test of one function
    if sight.tenant not in {NOTHING, tenant}:
        raise RuntimeError("a request changed its tenant")
    sight.tenant = tenant


def visible(otherwise: str) -> str:
    """Return the tenant whose rows the next transaction may see."""
    sight = _sight.get()
    return otherwise if sight is None else sight.tenant
