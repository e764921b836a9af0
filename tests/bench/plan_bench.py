"""The filing plan at a million records: its lists, pages and effects, on a local database.

``python -m tests.bench.plan_bench [RECORDS]``: rows made by SQL, then the routes themselves.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from fastapi.testclient import TestClient
from sqlalchemy import text

from api.access.keys import create_key
from api.access.people import create_user
from api.access.sessions import login_link
from api.app import create_app
from archive.database.engine import Database
from archive.database.tables import RecordRow
from archive.model.identifiers import new_id
from ingestion.assembly import System, assemble
from ingestion.settings import load_settings
from tests.holdings import keep

PER_FILE: Final = 50
LARGE: Final = 100_000
"""Records of one file that is larger than all others."""
OURS: Final = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}


def fill(system: System, folder: Path, records: int) -> dict[str, str]:
    """Make classes, files and records; return the identifiers of a few nodes."""
    model = keep(system, folder, 1)
    classes = [new_id() for _ in range(300)]
    files = [new_id() for _ in range(records // PER_FILE)]
    with system.database.write() as session:
        node = text(
            "INSERT INTO plan_nodes (id, tenant_id, number, kind, code, title, parent_id, removed)"
            " VALUES (:id, 'demo', 0, :kind, :code, :title, :parent, 0)"
        )
        tree = [(one, classes[(n - 1) // 8] if n else None) for n, one in enumerate(classes)]
        session.execute(
            node,
            [
                {"id": one, "kind": "class", "code": f"C{n:04}", "title": f"Classe {n}", "parent": parent}
                for n, (one, parent) in enumerate(tree)
            ],
        )
        session.execute(
            node,
            [
                {"id": one, "kind": "file", "code": f"F{n:06}", "title": f"Dossier {n}", "parent": classes[n % 300]}
                for n, one in enumerate(files)
            ],
        )
        names = [column.name for column in RecordRow.__table__.columns]
        own = {"id": "'r' || n", "deposit_id": "'d' || n", "file": "'F' || substr('000000' || f, -6)"}
        own |= {
            "document_date": "date('2000-01-01', '+' || (n % 9000) || ' days')",
            "external_reference": "'REF-' || f",
        }
        taken = ", ".join(own.get(name, f"m.{name}") for name in names)
        session.execute(
            text(
                "WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n + 1 < :records),"
                " k AS (SELECT n, CASE WHEN n < :large THEN 0 ELSE n / :each END AS f FROM c)"
                f" INSERT INTO records ({', '.join(names)}) SELECT {taken} FROM k, records m WHERE m.id = :model"
            ),
            {"records": records, "large": min(LARGE, records // 10), "each": PER_FILE, "model": model},
        )
        session.execute(
            text(
                "INSERT INTO record_nodes (record_id, node_id, document_date, bytes)"
                " SELECT r.id, p.id, r.document_date, 48211 FROM records r"
                " JOIN plan_nodes p ON p.tenant_id = r.tenant_id AND p.code = r.file"
            )
        )
        session.execute(text("ANALYZE"))
    return {"top": classes[0], "large": files[0], "file": files[-1], "leaf": classes[299]}


def measured(times: int, act: Callable[[], Any]) -> str:
    """Return median and slowest of several runs, in milliseconds."""
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        answer = act()
        took.append(1000 * (time.perf_counter() - begun))
        assert answer is None or answer.status_code < 300, answer.text[:300]
    return f"median {statistics.median(took):7.1f} ms, slowest {max(took):7.1f} ms"


def main(records: int) -> None:
    """Print what each list and page costs."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        system = assemble(load_settings({"CHARTRIER_HOME": name}))
        system.initialise()
        system.create_tenant("demo", "Démonstration")
        begun = time.perf_counter()
        nodes = fill(system, home, records)
        print(
            f"{records} records, {records // PER_FILE} files, 300 classes, made in {time.perf_counter() - begun:.0f} s"
        )
        client = TestClient(create_app(system), base_url="http://127.0.0.1")
        with system.database.write() as session:
            scopes = ("record:read", "retention:write")
            key = create_key(session, tenant="demo", scopes=scopes, name="banc", now=system.clock())[1]
            person = create_user(session, tenant="demo", name="Banc", role="archivist", now=system.clock())
            link = login_link(session, person, system.clock())
        _programs(client, {"Authorization": f"Bearer {key}"}, nodes)
        client.post(f"/connexion/{link}", headers=OURS)
        _people(client, nodes)
        _placing(system.database)
        system.close()


def _programs(client: TestClient, key: dict[str, str], nodes: dict[str, str]) -> None:
    files, plan = "/api/v1/files", "/api/v1/classification/nodes"
    for what, path, query in (
        ("files, first page of 200", files, {"limit": 200}),
        ("files by words that none has", files, {"q": "introuvable"}),
        ("open files of a class", files, {"state": "open", "parent": nodes["leaf"]}),
        ("classes, first page", plan, {"kind": "class"}),
        ("records of a file of 100,000", f"{files}/{nodes['large']}/records", {"limit": 200}),
        ("a file of 100,000", f"{files}/{nodes['large']}", {}),
    ):
        print(f"API   {what:42}", measured(5, lambda p=path, q=query: client.get(p, params=q, headers=key)))
    for what, path, given in (
        ("effect of closing a file of 50", f"{files}/{nodes['file']}/close", {"closed_on": "2026-01-01"}),
        ("effect of closing a file of 100,000", f"{files}/{nodes['large']}/close", {"closed_on": "2026-01-01"}),
    ):
        more = {"json": given, "headers": key | {"If-Match": "*"}, "params": {"dry_run": "true"}}
        print(f"API   {what:42}", measured(3, lambda p=path, m=more: client.post(p, **m)))


def _people(client: TestClient, nodes: dict[str, str]) -> None:
    for what, path in (
        ("the tree", "/plan"),
        ("filter by words", "/plan?q=dossier 19"),
        ("a class with its first 50 files", f"/plan/{nodes['leaf']}"),
        ("a file of 100,000", f"/plan/{nodes['large']}"),
        ("records without a file, by words", f"/plan/{nodes['file']}?mots=introuvable"),
    ):
        print(f"page  {what:42}", measured(5, lambda p=path: client.get(p)))


def _placing(database: Database) -> None:
    from archive.catalogue import plan_reach

    def place() -> None:
        with database.write() as session:
            plan_reach.place_named(session, "demo", ["F000007"])

    print(f"      {'placing what names a new code':42}", measured(3, place))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
