"""A journal whose records are found in an index: for what follows it, whichever the engine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.database.tables import JournalEntryRow, TenantRow
from search.engines.tantivy import TantivyIndex
from search.follower import Follower
from search.port import Entry, Query, SearchIndex
from tests.servers.postgres import Databases

AT = datetime(2026, 3, 12, 8, tzinfo=UTC)
TOWNS = ("felletin", "aubusson")


class Town:
    """A journal, records that may be unreadable, and an index."""

    def __init__(self, folder: Path, databases: Databases, index: SearchIndex | None = None) -> None:
        self.database = Database(databases.fresh(folder).url)
        self.index = index or TantivyIndex(folder / "index")
        self.entries: dict[str, Entry] = {}
        self.broken: dict[str, Exception] = {}
        self.faults: dict[str, int] = {}
        self.loads: list[str] = []
        self._n = -1
        with self.database.write() as session:
            session.add_all(TenantRow(id=name, name=name, created_at=AT) for name in TOWNS)
        self.follower = Follower(self.database, self.index, self._load)

    def _load(self, session: Session, tenant: str, record_id: str) -> Entry | None:
        self.loads.append(record_id)
        if self.faults.get(record_id, 0):
            self.faults[record_id] -= 1
            session.execute(text("SELECT nothing FROM nowhere"))
        if record_id in self.broken:
            raise self.broken[record_id]
        found = self.entries.get(record_id)
        return found if found is not None and found.tenant == tenant else None

    def note(
        self, kind: str, record_id: str, tenant: str = "felletin", words: str = "voirie", revision: int = 1
    ) -> int:
        self._n += 1
        self.entries[record_id] = Entry(
            record_id,
            tenant,
            revision,
            "titre",
            "",
            "a.pdf",
            "",
            None,
            None,
            None,
            "keep",
            None,
            None,
            AT,
            (words,),
        )
        with self.database.write() as session:
            session.add(
                JournalEntryRow(
                    n=self._n,
                    at=AT,
                    type=kind,
                    tenant_id=tenant,
                    subject=f"record:{record_id}",
                    body=b"",
                    leaf_hash="",
                )
            )
        return self._n

    def found(self, words: str = "", tenant: str = "felletin") -> list[str]:
        return sorted(hit.record_id for hit in self.index.search(Query(tenant, words, limit=1000)).hits)
