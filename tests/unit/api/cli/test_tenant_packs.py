"""``chartrier tenant create --pack``: a new tenant starts with the rules and types it asked for."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from api.cli.main import app
from archive.catalogue.tenant_register import newest
from archive.database.tables import DocumentTypeRow, RetentionRuleRow, TenantRow
from archive.retention.packs import pack_rules, pack_types
from ingestion.assembly import System


@pytest.fixture(autouse=True)
def this_home(bare_system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands work in the home of the test, and not in that of whoever runs it."""
    monkeypatch.setattr("api.cli.access.system", lambda: bare_system)


def create(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["tenant", "create", *arguments, "--json"])
    return done.exit_code, done.stdout


def codes(system: System, tenant: str) -> tuple[set[str], set[str]]:
    with system.database.read() as session:
        return (
            set(session.scalars(select(RetentionRuleRow.code).where(RetentionRuleRow.tenant_id == tenant))),
            set(session.scalars(select(DocumentTypeRow.code).where(DocumentTypeRow.tenant_id == tenant))),
        )


def test_a_town_starts_with_the_pack_for_towns_and_the_register_has_it(bare_system: System) -> None:
    code, told = create("saint-aubin", "--name", "Saint-Aubin", "--pack", "fr-commune")
    assert (code, json.loads(told)["created"]) == (0, True)
    wanted = {rule.code for rule, _ in pack_rules("fr-commune")}, {line.code for line in pack_types("fr-commune")}
    assert codes(bare_system, "saint-aubin") == wanted
    number, content = newest(bare_system.store, "saint-aubin") or (0, b"")
    assert (number, {rule["code"] for rule in json.loads(content)["rules"]}) == (1, wanted[0])


def test_without_a_pack_a_tenant_starts_with_the_department_s(bare_system: System) -> None:
    assert create("somme", "--name", "Somme")[0] == 0
    assert codes(bare_system, "somme")[0] == {rule.code for rule, _ in pack_rules("fr-departement")}


def test_an_unknown_pack_makes_no_tenant(bare_system: System) -> None:
    code, _ = create("oise", "--name", "Oise", "--pack", "fr-region")
    assert code != 0
    with bare_system.database.read() as session:
        assert session.get(TenantRow, "oise") is None
    assert newest(bare_system.store, "oise") is None
