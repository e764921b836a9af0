"""Caches that outlive one test: what each home would work out anew is the same for all of them.

Nothing of a test is in them: the parsed form of a private key, by its bytes; the SQL of a
statement, by its structure and the kind of database; the modules of the migrations, by their path.
The product works each out once, for as long as it lives; here every test has a product of its own.
"""

from __future__ import annotations

from functools import cache, wraps
from typing import Any

import alembic.util
from cryptography.hazmat.primitives import serialization
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

import archive.database.engine

_statements: LRUCache[Any, Any] = LRUCache(5000)


def install() -> None:
    """Share them for as long as this process lives."""
    serialization.load_pem_private_key = cache(serialization.load_pem_private_key)
    _share_statements()
    _share_migrations()


def _share_statements() -> None:
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):  # part of a statement's key: by identity
        dialect.__eq__ = lambda self, other: type(self) is type(other)
        dialect.__hash__ = lambda self: hash(type(self))
    create_engine = archive.database.engine.create_engine

    @wraps(create_engine)
    def sharing(*given: Any, **named: Any) -> Any:
        engine = create_engine(*given, **named)
        engine._compiled_cache = _statements
        return engine

    archive.database.engine.create_engine = sharing


def _share_migrations() -> None:
    load = alembic.util.load_python_file
    known = cache(load)

    def remembering(folder: str, name: str) -> Any:
        return (load if name == "env.py" else known)(str(folder), name)  # that one is a program, run each time

    alembic.util.load_python_file = remembering
