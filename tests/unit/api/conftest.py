"""A system with a real database and nothing behind it that these tests don't touch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import archive.database.tables
from api.access.keys import create_key
from api.access.people import create_user
from api.access.sessions import login_link
from api.access.tables import UserRow
from api.app import create_app
from ingestion.assembly import System, assemble
from ingestion.settings import load_settings
from tests.servers.postgres import Databases


@pytest.fixture
def bare_system(databases: Databases, tmp_path: Path) -> Iterator[System]:
    """Two tenants, ``a`` and ``b``."""
    system = assemble(load_settings({"CHARTRIER_HOME": str(tmp_path), **databases.fresh(tmp_path).settings}))
    with system.database.write() as session:
        for tenant in ("a", "b"):
            session.add(archive.database.tables.TenantRow(id=tenant, name=tenant.upper(), created_at=system.clock()))
    yield system
    system.close()


@pytest.fixture
def bare_app(bare_system: System) -> FastAPI:
    return create_app(bare_system)


@pytest.fixture
def client(bare_app: FastAPI) -> Iterator[TestClient]:
    with TestClient(bare_app, base_url="http://127.0.0.1", raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def key_of(bare_system: System):
    """Make a key: ``key_of("a", "record:read")``."""

    def make(tenant: str, *scopes: str) -> str:
        with bare_system.database.write() as session:
            return create_key(session, tenant=tenant, scopes=scopes, name="essai", now=bare_system.clock())[1]

    return make


@pytest.fixture
def person(bare_system: System):
    """Make a person and a link: ``row, token = person("a", "clerk")``."""

    def make(tenant: str, role: str) -> tuple[UserRow, str]:
        with bare_system.database.write() as session:
            row = create_user(session, tenant=tenant, name="Essai", role=role, now=bare_system.clock())
            return row, login_link(session, row, bare_system.clock())

    return make
