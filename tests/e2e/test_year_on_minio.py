"""A year in the life of what falls due, on a real MinIO with a second copy in another bucket.

The tenant's days are moved; the locks are the store's own, in COMPLIANCE mode, and short: the days
of the first weeks end all at one moment soon after the start, by the store's true clock. Until then
the store itself refuses what our rules would allow already.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from minio.error import S3Error
from sqlalchemy import select

from archive.database.disposal_tables import DisposalLineRow
from archive.disposition.disposals import bordereau
from archive.disposition.disposals.decisions import Answer, Answers
from archive.disposition.due_counts import analyse
from archive.holdings import dispose
from archive.holdings.verify import verify
from archive.model.disposals import LineDecision, VisaStep
from archive.retention.states import DueState
from ingestion.operations.custody import Custody
from tests.bordereaux import ANNE, BRUNO, CLAIRE, Town, Watch
from tests.holdings import lose_database, opened, rows, system_at
from tests.servers.buckets import S3Server
from tests.short_locks import ShortLocks

pytestmark = pytest.mark.services

RARE = "xylophonequadrature"
SHORT_SECONDS = 45
"""After so many seconds the locks end that our days let end in the first weeks."""
WEEKS = date(2026, 6, 18)
"""Locks until an earlier day are the short ones."""
TABLES = ("records", "disposals", "disposal_lines", "disposal_visas")


def names(server: S3Server, group: str) -> dict[str, str]:
    given = server.settings()
    return {
        f"CHARTRIER_{group}_ENDPOINT": given.endpoint,
        f"CHARTRIER_{group}_BUCKET": given.bucket,
        f"CHARTRIER_{group}_ACCESS_KEY": given.access_key.get_secret_value(),
        f"CHARTRIER_{group}_SECRET_KEY": given.secret_key.get_secret_value(),
    }


@pytest.fixture
def locks(monkeypatch: pytest.MonkeyPatch) -> ShortLocks:
    return ShortLocks(monkeypatch, SHORT_SECONDS, WEEKS)


@pytest.fixture
def environment(minio: S3Server) -> dict[str, str]:
    return names(minio, "S3") | names(minio, "COPY_S3")


@pytest.fixture
def town(tmp_path: Path, keys: Path, environment: dict[str, str], locks: ShortLocks) -> Iterator[Town]:
    watch = Watch("2026-06-01")
    with opened(tmp_path / "home", keys, clock=watch, **environment) as system:
        made = Town(system, tmp_path, watch)
        made.rule("BON", 10)
        yield made
        made.system.close()


def publish(town: Town) -> None:
    town.system.statements.settle()
    town.system.publisher.publish(force_token=True)
    town.system.follower.catch_up()


def ready(town: Town) -> int:
    with town.system.database.read() as session:
        return analyse(session, "demo", town.watch().date()).states[DueState.READY].records


def lines(town: Town, disposal: str) -> dict[str, tuple[str, str | None, int | None]]:
    line = DisposalLineRow
    with town.system.database.read() as session:
        asked = select(line.record_id, line.state, line.reason, line.supplement).where(line.disposal_id == disposal)
        return {record: (state, reason, supplement) for record, state, reason, supplement in session.execute(asked)}


def in_buckets(server: S3Server, environment: dict[str, str], word: str) -> list[str]:
    """The versions of all objects in both buckets in which a word stands, or its record's id."""
    client, found = server.client(), []
    for group in ("S3", "COPY_S3"):
        bucket = environment[f"CHARTRIER_{group}_BUCKET"]
        for item in client.list_objects(bucket, recursive=True, include_version=True):
            if item.is_delete_marker:
                continue
            answer = client.get_object(bucket, item.object_name, version_id=item.version_id)
            content = answer.read()
            answer.close()
            if word.encode() in content.lower() or word in item.object_name:
                found.append(f"{bucket}/{item.object_name}")
    return found


def in_files(folder: Path, word: str) -> list[str]:
    """The files of the home folder in which a word stands: database, index, spool, work, cache."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return [str(path) for path in paths if word.encode() in path.read_bytes().lower()]


def refused_by_the_store(server: S3Server, environment: dict[str, str], record: str) -> int:
    """Try to destroy each version of a record with the owner's rights; how many were refused."""
    client, refused = server.client(), 0
    for group in ("S3", "COPY_S3"):
        bucket = environment[f"CHARTRIER_{group}_BUCKET"]
        for item in client.list_objects(bucket, prefix="tenants/", recursive=True, include_version=True):
            if record in item.object_name:
                with pytest.raises(S3Error, match="WORM"):
                    client.remove_object(bucket, item.object_name, version_id=item.version_id)
                refused += 1
    return refused


@pytest.mark.timeout(400)
def test_a_year_in_the_life(
    town: Town, tmp_path: Path, minio: S3Server, environment: dict[str, str], locks: ShortLocks
) -> None:
    rare = town.keep(title=f"Bon {RARE}", description=f"Objet {RARE}", external_reference=RARE)
    excluded, refused, held, plain = (town.keep() for _ in range(4))
    later = town.keep("2020-01-01")
    publish(town)
    assert town.system.locks.extend().failed == {}
    Custody(town.system).copy_everything()
    assert in_buckets(minio, environment, RARE), "in both, before"
    assert ready(town) == 5, "awaiting locks keep nothing off the due list"

    disposal = town.draft()
    with town.acting(ANNE) as act:
        bordereau.exclude(act, disposal, None, {excluded: "Encore consulté"})
    town.submit(disposal)
    town.visa(disposal, VisaStep.PRODUCER, BRUNO)
    keep = {refused: Answer(LineDecision.KEEP_DEFINITIVELY, comment="Intérêt historique")}
    town.visa(disposal, VisaStep.CONTROLLER, CLAIRE, Answers(Answer(LineDecision.APPROVE), lines=keep))
    with town.acting(ANNE) as act:
        dispose.confirm(act, disposal, None)
    publish(town)
    hold = town.system.holds.place("demo", [held], reason="Contentieux", until=None, agent="user:1")
    assert refused_by_the_store(minio, environment, rare) >= 10, "the store itself refuses"

    town.runs_until("2026-06-16", 20)
    assert town.system.dispose().destroyed == 0, "its last day of cooling-off"
    town.runs_until("2026-06-17", 13)
    town.system.dispose()  # begins
    publish(town)
    locks.wait()
    assert (town.system.dispose().destroyed, town.row(disposal).state) == (2, "executing")
    publish(town)
    told = lines(town, disposal)
    assert {told[one] for one in (rare, plain)} == {("destroyed", None, 1)}
    assert told[held] == ("blocked", "held", None)
    assert (told[excluded][0], told[refused][:2]) == ("excluded", ("refused", "keep_definitively"))
    assert in_buckets(minio, environment, RARE) == []
    named = [one for one in in_buckets(minio, environment, rare) if "/tenants/" in one or "/staging/" in one]
    assert named == [], "its id stands in journal and certificate alone"
    assert in_files(tmp_path / "home", RARE) == []

    town.system.holds.release("demo", hold, reason="Jugé", agent="user:1")
    town.system.holds.run()
    assert town.system.dispose().destroyed == 1
    assert lines(town, disposal)[held] == ("destroyed", None, 2), "H4: the next supplement, no new visas"
    assert town.row(disposal).state == "executed"
    publish(town)

    for one in (excluded, refused, later):
        assert verify(town.system.stores, "demo", one).verdict == "intact"
    Custody(town.system).copy_everything(check=True)
    assert Custody(town.system).reconcile(pause=lambda _: None)["findings"] == []
    before = rows(town.system, *TABLES)
    lose_database(town.system)
    town.system = system_at(tmp_path / "home", clock=town.watch, **environment)
    town.system.prepare_rebuild()
    report = Custody(town.system).rebuild()
    assert (report["findings"], report["equal"]) == ([], True)
    assert rows(town.system, *TABLES) == before
    assert in_files(tmp_path / "home", RARE) == []
    with closing(sqlite3.connect(tmp_path / "home" / "chartrier.db")) as database:
        assert database.execute("SELECT COUNT(*) FROM records WHERE state = 'disposed'").fetchone() == (3,)
