"""The bundled pack, and a tenant's rules."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from archive.database.engine import Database
from archive.database.tables import DocumentTypeRow, RetentionRuleRow, TenantRow
from archive.model.description_fields import Description
from archive.model.final_actions import FinalAction
from archive.retention import schedule
from archive.retention.packs import DEFAULT_PACK, pack_rules
from tests.servers.postgres import Databases

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture
def database(databases: Databases, tmp_path: Path) -> Iterator[Database]:
    made = Database(databases.fresh(tmp_path).url)
    with made.write() as session:
        session.add(TenantRow(id="demo", name="Démo", created_at=datetime(2026, 1, 1, tzinfo=UTC)))
    yield made
    made.dispose()


def test_rules_come_as_drafts_and_once(database: Database) -> None:
    for _ in range(2):
        with database.write() as session:
            schedule.load_pack(session, "demo")
    with database.read() as session:
        rows = session.query(RetentionRuleRow).all()
        assert len(rows) == len(pack_rules(DEFAULT_PACK)) == 61
        assert all(row.validated_at is None for row in rows)
        assert "facture" in {row.code for row in schedule.document_types(session, "demo")}


def test_the_latest_version_is_in_force(database: Database) -> None:
    with database.write() as session:
        schedule.load_pack(session, "demo")
        old = session.get_one(RetentionRuleRow, ("demo", "DEP-FIN-008", 1))
        columns = {c.name: getattr(old, c.name) for c in RetentionRuleRow.__table__.columns}
        session.add(RetentionRuleRow(**(columns | {"version": 2, "duration": 12})))
        session.flush()
        rule = schedule.rule_for(session, "demo", "facture")
        assert rule is not None
        assert (rule.version, rule.duration, rule.final_action) == (2, 12, FinalAction.DESTROY)
        assert schedule.rule(session, "demo", "DEP-FIN-008", 1) != rule
        assert schedule.rule_for(session, "other", "facture") is None


def test_a_description_is_ruled(database: Database) -> None:
    with database.write() as session:
        schedule.load_pack(session, "demo")
        decision = schedule.decide(
            session,
            "demo",
            Description("Facture 12", document_type="facture", document_date=date(2026, 3, 12)),
            NOW,
        )
        assert decision.retention.ends_on == date(2036, 12, 31)
        assert "c’est une facture" in decision.retention.explanation
        assert decision.access_rule == "AR038"
        assert decision.remarks == ()


@pytest.mark.parametrize(
    ("fields", "remark"),
    [
        ({"document_type": "bidule"}, "type_unknown"),
        ({}, "type_missing"),
        ({"document_type": "facture"}, "start_missing"),
        ({"document_type": "maison"}, "rule_missing"),
    ],
)
def test_what_is_missing_is_said(database: Database, fields: dict[str, str], remark: str) -> None:
    with database.write() as session:
        schedule.load_pack(session, "demo")
        session.add(
            DocumentTypeRow(tenant_id="demo", code="maison", label="Fait maison", rule_code=None, access_rule=None)
        )
        session.flush()
        decision = schedule.decide(session, "demo", Description("x", **fields), NOW)  # type: ignore[arg-type]
    assert [r.code for r in decision.remarks] == [remark]
    assert decision.retention.ends_on is None


def test_a_label_of_the_tenants_own_is_quoted(database: Database) -> None:
    with database.write() as session:
        schedule.load_pack(session, "demo")
        session.get_one(DocumentTypeRow, ("demo", "facture")).label = "Note d’honoraires"
        session.flush()
        decision = schedule.decide(
            session, "demo", Description("x", document_type="facture", document_date=date(2026, 1, 1)), NOW
        )
    assert "un document de type «\u202fNote d’honoraires\u202f»" in decision.retention.explanation
