"""A backup is worth what its restoration shows: on both databases, whole, and
damaged in each way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

import api.access.tables  # noqa: F401 - so that every table exists
from archive.database.tables import CheckpointRow, JournalEntryRow, RecordRow
from archive.objects.port import unreadable
from ingestion.assembly import System
from ingestion.operations.backup import MANIFEST, Backup, back_up, latest, owner_url, run_tool
from ingestion.operations.rehearsal import SCRATCH, rehearse
from signing.ground.canonical import canonical
from signing.ground.errors import Refused, Unavailable
from signing.note import verify_note
from tests.holdings import forget_record, keep, system_at
from tests.servers.postgres import OWNER, Databases, unguarded


@pytest.fixture
def system(tmp_path: Path, keys: Path, databases: Databases) -> Iterator[System]:
    """Six records, a tree head, and one more record under none."""
    fresh = databases.fresh(tmp_path / "home")
    settings = {"CHARTRIER_DATABASE_URL": fresh.url, "CHARTRIER_DATABASE_OWNER_URL": fresh.owner_url}
    if databases.server is not None:
        with databases.server.superuser() as connection:
            connection.execute(f"CREATE DATABASE {fresh.url.rpartition('/')[2]}{SCRATCH} OWNER {OWNER}")
    made = system_at(tmp_path / "home", keys, **settings)
    made.initialise()
    made.create_tenant("demo", "Commune de démonstration")
    for number in range(6):
        keep(made, tmp_path, number)
    made.publisher.publish()
    keep(made, tmp_path, 7)
    yield made
    made.close()


def backed_up(system: System, folder: Path) -> Backup:
    back_up(system, folder)
    return latest(folder)


def test_a_backup_is_restored_compared_and_reported(system: System, tmp_path: Path) -> None:
    backup = backed_up(system, tmp_path / "backups")
    keep(system, tmp_path, 8)
    system.publisher.publish()
    before = counts(system)
    done = rehearse(system, backup)
    assert done.faults == []
    assert done.checks["records"] == {"records": 7}
    assert done.checks["store"]["files"] == 14
    assert done.checks["published"]["entries_since"] > 0
    report = json.loads(verify_note(done.note, system.log_key.vkey))
    assert (report["verdict"], report["backup"]) == ("agrees", backup.folder.name)
    assert counts(system) == before, "nothing live is touched"
    assert rehearse(system, backup).faults == [], "and it can be done again"


def counts(system: System) -> tuple[int, int]:
    with system.database.read() as session:
        return tuple(session.scalar(select(func.count()).select_from(row)) or 0 for row in (RecordRow, JournalEntryRow))  # type: ignore[return-value]


def test_a_place_given_after_the_question_mark_is_where_the_tools_go(system: System, tmp_path: Path) -> None:
    """libpq's way to name a socket's folder, or several hosts, in a URL."""
    if system.database.is_sqlite:
        return
    url = owner_url(system)
    query = {"host": str(url.host), "port": str(url.port), "sslmode": "disable"}
    run_tool(
        ["pg_dump", "--enable-row-security", f"--file={tmp_path / 'dump'}"],
        url.set(host="nowhere.invalid", port=1, query=query),
    )
    assert "PostgreSQL database dump complete" in (tmp_path / "dump").read_text(encoding="utf-8")


def test_the_backup_is_for_its_owner_alone_and_whole(system: System, tmp_path: Path) -> None:
    backup = backed_up(system, tmp_path / "backups")
    assert backup.folder.stat().st_mode & 0o077 == 0
    assert backup.database.stat().st_mode & 0o077 == 0
    assert {path.name for path in (backup.folder / "keys").iterdir()} >= {"log.key", "seal.key", "root.pem"}
    assert list((tmp_path / "backups").glob(".*")) == []


def test_a_backup_that_was_altered_or_is_not_there_is_refused_or_named(system: System, tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        latest(tmp_path)
    assert caught.value.code == "backup_missing"
    backup = backed_up(system, tmp_path / "backups")
    (backup.folder / "keys" / "seal.pem").write_text("x")
    assert "seal.pem" in rehearse(system, backup).faults[0]
    note = (backup.folder / MANIFEST).read_text()
    (backup.folder / MANIFEST).write_text(note.replace('"v":1', '"v":2'))
    with pytest.raises(Refused) as caught:
        latest(tmp_path / "backups")
    assert caught.value.code == "backup_missing"


def test_a_damaged_object_of_the_store_is_named(system: System, tmp_path: Path) -> None:
    backup = backed_up(system, tmp_path / "backups")
    with system.database.read() as session:
        record = session.scalars(select(RecordRow.id)).first()
    path = next(p for p in (system.settings.home / "store").rglob("original/*") if str(record) in str(p))
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"X")
    (fault,) = rehearse(system, backup).faults
    assert fault.startswith("store:")
    assert str(record) in fault


def test_an_object_that_cannot_be_read_is_named_and_ends_no_rehearsal(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = backed_up(system, tmp_path / "backups")
    real = system.store.read

    def read(key: str, *given: Any, **options: Any) -> Any:
        if "/original/" in key:
            raise unreadable(key)
        return real(key, *given, **options)

    monkeypatch.setattr(system.store, "read", read)
    (fault,) = rehearse(system, backup).faults
    assert fault.startswith("store:")
    assert "object_unreadable" in fault


def _record_gone(session: Session) -> None:
    forget_record(session, str(session.scalar(select(func.min(RecordRow.id)))))


def _entry_altered(session: Session) -> None:
    body = session.scalar(select(JournalEntryRow.body).where(JournalEntryRow.n == 4)) or b""
    session.execute(update(JournalEntryRow).where(JournalEntryRow.n == 4).values(body=body + b" "))


DAMAGE: dict[str, tuple[Callable[[Session], object], str]] = {
    "a record's row is gone": (_record_gone, "records"),
    "an entry is altered": (_entry_altered, "journal"),
    "an entry is gone": (lambda s: s.execute(delete(JournalEntryRow).where(JournalEntryRow.n == 3)), "journal"),
    "a tree head is another's": (lambda s: s.execute(update(CheckpointRow).values(root="ab" * 32)), "journal"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_dump_that_does_not_fit_the_journal_is_found_out(what: str, system: System, tmp_path: Path) -> None:
    damage, check = DAMAGE[what]
    with unguarded(system.database) as session:
        damage(session)
    done = rehearse(system, backed_up(system, tmp_path / "backups"))
    assert any(fault.startswith(f"{check}:") for fault in done.faults), done.checks


def test_fewer_rows_than_were_counted_are_found_out(system: System, tmp_path: Path) -> None:
    backup = backed_up(system, tmp_path / "backups")
    backup.facts["rows"]["users"] += 1
    (backup.folder / MANIFEST).write_text(system.log_key.sign_note(canonical(backup.facts).decode() + "\n"))
    assert rehearse(system, latest(backup.folder)).faults == ["rows: users 0 < 1"]


def test_a_store_that_was_set_back_is_found_out(system: System, tmp_path: Path) -> None:
    """The backup holds a tree head that the store no longer continues."""
    head = system.settings.home / "store" / "journal" / "checkpoint"
    old = head.read_bytes()
    system.publisher.publish()
    backup = backed_up(system, tmp_path / "backups")
    head.chmod(0o600)
    head.write_bytes(old)
    assert [fault.partition(":")[0] for fault in rehearse(system, backup).faults] == ["published"]


@pytest.mark.parametrize("gone", [True, False])
def test_a_dump_that_is_damaged_or_gone_is_the_report_and_no_crash(gone: bool, system: System, tmp_path: Path) -> None:
    backup = backed_up(system, tmp_path / "backups")
    content = backup.database.read_bytes()
    backup.database.unlink()
    if not gone:
        backup.database.write_bytes(content[: len(content) // 2])
    done = rehearse(system, latest(tmp_path / "backups"))
    assert done.faults == [f"files: changed or gone: {backup.database.name}"]
    report = json.loads(verify_note(done.note, system.log_key.vkey))
    assert (report["verdict"], list(report["checks"])) == ("differs", ["files"])


def test_a_place_that_takes_no_backup_is_named(system: System, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable) as caught:
        back_up(system, tmp_path / "file" / "backups")
    assert caught.value.code == "backup_failed"
    assert str(tmp_path / "file") in str(caught.value)
