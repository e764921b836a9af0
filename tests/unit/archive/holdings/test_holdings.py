"""Records are kept whole or not at all, and what is in the store can be shown to strangers."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from archive.catalogue import rows as catalogue
from archive.database.engine import Database
from archive.database.tables import JournalEntryRow, RecordRow, RevisionRow, TenantRow, VerificationRow
from archive.holdings import keep as keeping
from archive.holdings.checks import Aspect, Check
from archive.holdings.describe import describe
from archive.holdings.keep import Kept, keep
from archive.holdings.open import open_form
from archive.holdings.stores import Stores
from archive.holdings.verify import verify
from archive.journal.sequencer import Ledger
from archive.model.description_fields import Description
from archive.model.identifiers import new_id
from archive.model.records import ArchivalPackage, Digests, Format, Kind, PackageFile, Remark, ToolRun
from archive.objects import layout
from archive.objects.fixity import Fixity
from archive.objects.local import LocalObjectStore
from archive.objects.port import read_all
from archive.retention import schedule
from signing.ground.clock import Clock
from signing.ground.errors import Corrupt, Refused, Unavailable
from tests.servers.postgres import unguarded

HORIZON = 400


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path, clock: Clock) -> LocalObjectStore:
    return LocalObjectStore(root, clock)


@pytest.fixture
def stores(database: Database, ledger: Ledger, store: LocalObjectStore, clock: Clock) -> Stores:
    with database.write() as session:
        session.add(TenantRow(id="demo", name="Démo", created_at=clock()))
        session.flush()
        schedule.load_pack(session, "demo")
    return Stores(database, ledger, store, clock, HORIZON)


Make = Callable[..., ArchivalPackage]


@pytest.fixture
def package(tmp_path: Path, database: Database, ledger: Ledger, stores: Stores, clock: Clock) -> Make:
    def make(*, archival: bool = True, **description: Any) -> ArchivalPackage:
        deposit, received = new_id(), clock()
        contents = {Kind.ORIGINAL: b"%PDF-1.4 received " + deposit.encode(), Kind.TEXT: b"<alto/>"}
        if archival:
            contents[Kind.ARCHIVAL] = b"%PDF-1.7 sealed " + deposit.encode()
        with database.write() as session:
            entry = ledger.append(
                session,
                type="DepositReceived",
                tenant="demo",
                subject=f"deposit:{deposit}",
                agent="key:1",
                facts={"size": 3},
            )
            ledger.append(
                session,
                type="StageCompleted",
                tenant="demo",
                subject=f"deposit:{deposit}",
                agent="service:ingestion",
                facts={"stage": "identify", "state": "done"},
            )
        described = {"title": "Facture 12", "document_type": "facture", "document_date": date(2026, 3, 12)}
        return ArchivalPackage(
            record_id=new_id(),
            tenant="demo",
            deposit_id=deposit,
            agent="key:1",
            received_at=received,
            deposit_entry=entry.n,
            description=Description(**(described | description)),
            files=tuple(_file(tmp_path / f"{deposit}.{kind}", kind, content) for kind, content in contents.items()),
            pages=2,
            words=812,
            mean_confidence=0.943,
            verdicts={"virus": {"verdict": "unverified"}, "seal": {"verdict": "valid", "probative": False}},
            warnings=(Remark("extension_mismatch", "L’extension ne va pas avec le contenu.", "identify"),),
            tools=(
                ToolRun(
                    "identify",
                    "done",
                    "siegfried",
                    "1.11",
                    {"limit": 1.5},
                    received,
                    received,
                    {"received": "00"},
                    {},
                    event="format identification",
                ),
                ToolRun(
                    "recognise",
                    "done",
                    "tesseract",
                    "5",
                    {},
                    received,
                    received,
                    {},
                    {"alto.xml": "11"},
                    event="transcription",
                ),
            ),
            reports={"pdfa.json": b'{"verdict":"compliant"}'},
        )

    return make


def _file(path: Path, kind: Kind, content: bytes) -> PackageFile:
    path.write_bytes(content)
    digests = Digests(hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest())
    return PackageFile(
        kind, path, "Reçu n° 12.PDF", "application/pdf", Format("fmt/18", "PDF 1.4"), len(content), digests
    )


def nothing(session: Session, kept: Kept) -> None:
    pass


def validates(root: Path, tenant: str = "demo") -> str:
    """What ocfl-py, which nobody here wrote, says of a tenant's folder."""
    ran = subprocess.run(
        [sys.executable, "-c", STRANGER, str(root / "tenants" / tenant)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


STRANGER = """
import sys
from ocfl import StorageRoot
root = StorageRoot(root=sys.argv[1])
good = root.validate(log_warnings=True)
print(root.log, root.errors, root.good_objects, root.num_objects)
sys.exit(0 if good and "W0" not in str(root.log) + str(root.errors) else 1)
"""


def row_of(database: Database, record_id: str) -> RecordRow:
    with database.read() as session:
        return session.get_one(RecordRow, record_id)


def object_path(root: Path, record_id: str) -> Path:
    return root / layout.record_folder("demo", record_id).root


def entries_of(database: Database, record_id: str) -> list[dict[str, Any]]:
    with database.read() as session:
        query = select(JournalEntryRow.body).where(JournalEntryRow.subject == f"record:{record_id}")
        return [json.loads(body) for body in session.scalars(query.order_by(JournalEntryRow.n))]


def test_a_package_becomes_a_record(
    stores: Stores, package: Make, database: Database, root: Path, store: LocalObjectStore
) -> None:
    given = package()
    seen: list[Kept] = []
    kept = keep(stores, given, lambda _, kept: seen.append(kept))
    assert seen == [kept]
    row = row_of(database, given.record_id)
    assert (row.revision, row.state, row.words, row.mean_confidence) == (1, "kept", 812, 0.943)
    assert (row.rule_code, row.ends_on, row.final_action) == ("DEP-FIN-008", date(2036, 12, 31), "destroy")
    assert "c’est une facture" in row.retention_explanation
    (entry,) = entries_of(database, given.record_id)
    record_json = read_all(
        store, f"{layout.record_folder('demo', given.record_id).root}/v1/content/metadata/record.json"
    )
    inventory = read_all(store, f"{layout.record_folder('demo', given.record_id).root}/inventory.json")
    assert entry["facts"] == {
        "record": hashlib.sha256(record_json).hexdigest(),
        "original": given.files[0].digests.sha256,
        "archival": given.files[2].digests.sha256,
        "inventory": hashlib.sha512(inventory).hexdigest(),
        "retain_until": "2027-04-16",
    }
    assert (kept.entry, kept.entry) == (row.kept_entry, entry["n"])
    with database.read() as session:
        view = catalogue.view(session, "demo", given.record_id, indexed_to=kept.entry)
        pinned = catalogue.placed(session, given.record_id)
    assert [form["kind"] for form in view["representations"]] == ["original", "archival", "text"]
    assert view["index"] == {"state": "indexed"}
    assert view["text"] == {"words": 812, "mean_confidence": 0.943}
    assert all(form["store"]["locked_until"] == "2027-04-16" for form in view["representations"])
    assert {item.key for item in pinned} == {
        o.key for o in store.list(layout.record_folder("demo", given.record_id).root)
    }
    assert all(item.locked_until == date(2027, 4, 16) for item in pinned)


def test_strangers_accept_every_object(stores: Stores, package: Make, root: Path) -> None:
    for given in (package(), package(archival=False, document_type="bidule"), package(title="Délibération")):
        keep(stores, given, nothing)
    said = validates(root)
    assert said.split()[-2:] == ["3", "3"]


def test_premis_tells_the_entries_in_order(stores: Stores, package: Make, root: Path) -> None:
    given = package()
    keep(stores, given, nothing)
    premis = json.loads((object_path(root, given.record_id) / "v1/content/metadata/premis.json").read_bytes())
    told = [(event["entry"], event["type"]) for event in premis["events"]]
    assert told == [
        (given.deposit_entry, "ingestion"),
        (given.deposit_entry + 1, "format identification"),
        (None, "transcription"),
    ]
    assert premis["events"][1]["tool"] == {
        "tool": "siegfried",
        "version": "1.11",
        "parameters": {"limit": "1.5"},
        "detail": None,
    }


def test_premis_states_of_a_stage_what_was_handed_over_and_nothing_else(
    stores: Stores, package: Make, root: Path, database: Database, ledger: Ledger
) -> None:
    given = package()
    first, second = given.tools
    given = replace(given, tools=(replace(first, event="validation"), second))
    with database.write() as session:
        facts = {"stage": "polish", "state": "done"}
        subject = f"deposit:{given.deposit_id}"
        ledger.append(session, type="StageCompleted", tenant="demo", subject=subject, agent="key:1", facts=facts)
    keep(stores, given, nothing)
    describe(stores, "demo", given.record_id, {"title": "Autre"}, agent="user:1", expected_revision=1)
    for version in ("v1", "v2"):
        path = object_path(root, given.record_id) / version / "content/metadata/premis.json"
        events = json.loads(path.read_bytes())["events"]
        stages = {event["stage"]: event["type"] for event in events if event["stage"]}
        assert stages == {"identify": "validation", "recognise": "transcription"}, version


def test_a_type_without_a_rule_is_never_destroyed(stores: Stores, package: Make, database: Database) -> None:
    given = package(document_type="bidule")
    keep(stores, given, nothing)
    row = row_of(database, given.record_id)
    assert (row.rule_code, row.ends_on, row.final_action) == (None, None, "keep")
    assert [w["code"] for w in row.warnings] == ["extension_mismatch", "type_unknown"]


class _Dies(LocalObjectStore):
    """Stops for good at the n-th write, as a killed worker does."""

    left = 10**6

    def put(self, *args: Any, **options: Any) -> Any:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        return super().put(*args, **options)


def _count_writes(given: ArchivalPackage, stores: Stores, store: _Dies) -> int:
    before = store.left
    keep(stores, given, nothing)
    return before - store.left


def test_a_crash_at_any_write_is_made_good_by_the_retry(
    package: Make, database: Database, ledger: Ledger, root: Path, clock: Clock, stores: Stores
) -> None:
    store = _Dies(root, clock)
    fragile = Stores(database, ledger, store, clock, HORIZON)
    writes = _count_writes(package(), fragile, store)
    assert writes >= 13
    for left in range(writes):
        given = package()
        store.left = left
        with pytest.raises(KeyboardInterrupt):
            keep(fragile, given, nothing)
        assert entries_of(database, given.record_id) == []
        store.left = 10**6
        # the retry may find that a stage says something else than before: what is locked stays, and
        # is told
        keep(fragile, replace(given, pages=2 + left % 2), nothing)
        same_again = left % 2 == 0
        inventory = (object_path(root, given.record_id) / "inventory.json").read_text()
        assert not (same_again and "attempts/" in inventory), "the same package again leaves nothing beside it"
        assert len(entries_of(database, given.record_id)) == 1
        assert verify(stores, "demo", given.record_id).verdict is Fixity.INTACT
    validates(root)


def test_a_crash_before_the_commit_leaves_an_orphan_that_is_adopted(
    stores: Stores, package: Make, database: Database, root: Path
) -> None:
    given = package()

    def fails(session: Session, kept: Kept) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep(stores, given, fails)
    with database.read() as session:
        assert session.get(RecordRow, given.record_id) is None
    before = (object_path(root, given.record_id) / "inventory.json").read_bytes()
    keep(stores, given, nothing)
    assert (object_path(root, given.record_id) / "inventory.json").read_bytes() == before
    again = keep(stores, given, nothing)
    assert again.entry == row_of(database, given.record_id).kept_entry
    assert len(entries_of(database, given.record_id)) == 1


def test_nothing_is_claimed_of_bytes_that_differ(stores: Stores, package: Make, database: Database) -> None:
    given = package()
    given.files[0].path.write_bytes(b"swapped meanwhile")
    with pytest.raises(Corrupt) as caught:
        keep(stores, given, nothing)
    assert caught.value.code == "digest_mismatch"
    with database.read() as session:
        assert session.get(RecordRow, given.record_id) is None


class _Forgets(LocalObjectStore):
    """Takes everything and locks nothing."""

    def put(self, *args: Any, **options: Any) -> Any:
        return super().put(*args, **(options | {"retain_until": None}))


class _Garbles(LocalObjectStore):
    """Says that it wrote, and did not write that."""

    def put(self, key: str, *args: Any, **options: Any) -> Any:
        stored = super().put(key, *args, **options)
        if key.endswith("alto.xml"):
            flip(self._path(key))
        return stored


@pytest.mark.parametrize(("kind", "code"), [(_Forgets, "lock_missing"), (_Garbles, "altered")])
def test_a_store_that_lies_is_found_out_before_anything_is_claimed(
    package: Make,
    database: Database,
    ledger: Ledger,
    root: Path,
    clock: Clock,
    kind: type[LocalObjectStore],
    code: str,
) -> None:
    given = package()
    with pytest.raises(Corrupt) as caught:
        keep(Stores(database, ledger, kind(root, clock), clock, HORIZON), given, nothing)
    assert caught.value.code == code
    assert entries_of(database, given.record_id) == []


def test_a_journal_that_was_rewritten_is_found_out(stores: Stores, kept: str, database: Database) -> None:
    with unguarded(database) as session:
        query = select(JournalEntryRow.body).where(JournalEntryRow.subject == f"record:{kept}")
        body = session.scalars(query).one()
        session.execute(
            text("UPDATE journal_entries SET body = :body WHERE subject = :subject"),
            {"body": body.replace(b"2027-", b"2026-"), "subject": f"record:{kept}"},
        )
    found = {check.name: check.verdict for check in verify(stores, "demo", kept).checks}
    assert found["Journal"] is Fixity.ALTERED


def test_bytes_come_back_whole_and_in_part(stores: Stores, package: Make, database: Database) -> None:
    given = package()
    keep(stores, given, nothing)
    row = row_of(database, given.record_id)
    content = given.files[0].path.read_bytes()
    form, chunks = open_form(stores, row, "original")
    assert (b"".join(chunks), form.filename) == (content, "Reçu n° 12.PDF")
    assert b"".join(open_form(stores, row, "original", offset=5, length=4)[1]) == content[5:9]
    assert b"".join(open_form(stores, row, "original", offset=5)[1]) == content[5:]
    with pytest.raises(Refused, match="forme"):
        open_form(stores, row, "preview")


@pytest.fixture
def kept(stores: Stores, package: Make) -> str:
    given = package()
    keep(stores, given, nothing)
    return given.record_id


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    state = path.stat()
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)
    import os

    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_every_file_of_a_record_is_watched(stores: Stores, kept: str, root: Path, database: Database) -> None:
    assert verify(stores, "demo", kept).verdict is Fixity.INTACT
    files = sorted(p for p in object_path(root, kept).rglob("*") if p.is_file())
    assert len(files) >= 10
    for path in files:
        flip(path)
        found = verify(stores, "demo", kept)
        assert found.verdict is Fixity.ALTERED, path
        flip(path)
        path.rename(root / "aside")
        assert verify(stores, "demo", kept).verdict in {Fixity.MISSING, Fixity.ALTERED}, path
        (root / "aside").rename(path)
    assert verify(stores, "demo", kept).verdict is Fixity.INTACT
    with database.read() as session:
        assert session.query(VerificationRow).count() == 2 + 2 * len(files)


def test_altered_bytes_are_not_served(stores: Stores, kept: str, root: Path, database: Database) -> None:
    flip(object_path(root, kept) / "v1/content/original/original.pdf")
    _, chunks = open_form(stores, row_of(database, kept), "original")
    with pytest.raises(Corrupt) as caught:
        next(chunks)
    assert caught.value.code == "altered"


@pytest.mark.parametrize(
    "change",
    [
        lambda r: setattr(r, "title", "Autre"),
        lambda r: setattr(r, "ends_on", date(2026, 1, 1)),
        lambda r: setattr(r, "verdicts", {"seal": {"verdict": "valid", "probative": True}}),
        lambda r: setattr(r, "record_json_sha256", "0" * 64),
        lambda r: setattr(r, "kept_entry", 0),
    ],
)
def test_a_catalogue_that_was_edited_is_found_out(
    stores: Stores, kept: str, database: Database, change: Callable[[RecordRow], None]
) -> None:
    with database.write() as session:
        change(session.get_one(RecordRow, kept))
    assert verify(stores, "demo", kept).verdict in {Fixity.ALTERED, Fixity.MISSING}


def test_a_foreign_file_and_a_shorter_lock_are_found_out(stores: Stores, kept: str, root: Path) -> None:
    import os

    stray = object_path(root, kept) / "v1/content/original/more.txt"
    stray.write_bytes(b"x")
    assert verify(stores, "demo", kept).verdict is Fixity.ALTERED
    stray.unlink()
    path = object_path(root, kept) / "v1/content/original/original.pdf"
    state = path.stat()
    os.utime(path, (0, 0))
    found = verify(stores, "demo", kept)
    assert (found.verdict, found.of(Aspect.CUSTODY)) == (Fixity.INTACT, Fixity.MISSING), "no byte changed"
    assert entries_of(stores.database, kept)[-1]["facts"]["custody"] == "missing"
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert verify(stores, "demo", kept).verdict is Fixity.INTACT


def test_every_verification_is_in_the_journal_with_its_verdict(
    stores: Stores, kept: str, root: Path, database: Database
) -> None:
    verify(stores, "demo", kept)
    flip(object_path(root, kept) / "v1/content/text/alto.xml")
    verify(stores, "demo", kept)
    told = [(entry["type"], entry["facts"].get("verdict")) for entry in entries_of(database, kept)]
    assert told == [("RecordKept", None), ("FixityChecked", "intact"), ("FixityChecked", "altered")]


def test_the_seal_is_judged_on_checked_bytes(stores: Stores, kept: str) -> None:
    def judge(path: Path) -> Check:
        assert path.read_bytes().startswith(b"%PDF-1.7 sealed")
        return Check("Cachet", Fixity.UNVERIFIABLE, "Autorité inconnue.")

    found = verify(stores, "demo", kept, validate_seal=judge)
    assert found.verdict is Fixity.UNVERIFIABLE
    assert found.as_json()["checks"][-1] == {
        "name": "Cachet",
        "verdict": "unverifiable",
        "detail": "Autorité inconnue.",
        "aspect": "content",
    }


def test_a_description_is_a_new_version_with_longer_locks(
    stores: Stores, kept: str, root: Path, database: Database, store: LocalObjectStore, clock: Any
) -> None:
    clock.now = clock.now.replace(month=6)
    row = describe(
        stores,
        "demo",
        kept,
        {"title": " Facture 13 ", "document_type": "deliberation"},
        agent="user:1",
        expected_revision=1,
    )
    assert (row.revision, row.title, row.rule_code, row.ocfl_version) == (2, "Facture 13", "DEP-ADM-001", 2)
    assert row.retention_explanation.startswith("Définitivement")
    first, second = entries_of(database, kept)
    assert second["type"] == "RecordDescribed"
    assert second["facts"]["fields"] == ["document_type", "title"]
    assert second["facts"]["record"] == row.record_json_sha256 != first["facts"]["record"]
    assert row.last_entry == second["n"]
    stored = store.list(f"{layout.record_folder('demo', kept).root}/")
    locks = {store.stat(o.key, o.version).locked_until for o in stored}
    assert max(d for d in locks if d) == date(2027, 7, 17)
    with database.read() as session:
        assert {item.locked_until for item in catalogue.placed(session, kept)} == {date(2027, 7, 17)}
        revision = session.get_one(RevisionRow, (kept, 2))
        assert revision.changes["title"] == ["Facture 12", "Facture 13"]
    premis = json.loads((object_path(root, kept) / "v2/content/metadata/premis.json").read_bytes())
    assert [e["journal_type"] for e in premis["events"]][-2:] == ["RecordKept", None]
    assert not (object_path(root, kept) / "v2/content/original").exists()
    assert verify(stores, "demo", kept).verdict is Fixity.INTACT
    validates(root)


def test_a_lock_never_gets_shorter(stores: Stores, kept: str, database: Database) -> None:
    changes = {"document_date": date(2001, 1, 1)}
    row = describe(stores, "demo", kept, changes, agent="user:1", expected_revision=1)
    assert row.ends_on == date(2011, 12, 31)
    assert entries_of(database, kept)[-1]["facts"]["retain_until"] == "2027-04-16"
    with database.read() as session:
        assert {item.locked_until for item in catalogue.placed(session, kept)} == {date(2027, 4, 16)}
    assert verify(stores, "demo", kept).verdict is Fixity.INTACT


def test_what_cannot_be_said_is_refused(stores: Stores, kept: str) -> None:
    def code(changes: dict[str, Any], revision: int = 1, tenant: str = "demo") -> str:
        with pytest.raises(Refused) as caught:
            describe(stores, tenant, kept, changes, agent="user:1", expected_revision=revision)
        return caught.value.code

    assert code({"title": "x"}, revision=7) == "precondition_failed"
    assert code({"title": "x"}, tenant="other") == "record_not_found"
    assert code({"title": " "}) == code({"nope": 1}) == code({"document_date": "12/03/2026"}) == "bad_field"
    assert code({"title": "x" * 501}) == "bad_field"
    assert describe(stores, "demo", kept, {"title": "Facture 12"}, agent="user:1", expected_revision=1).revision == 1


def test_a_change_that_was_interrupted_does_not_stand_in_the_way(
    package: Make, database: Database, ledger: Ledger, root: Path, clock: Clock, stores: Stores
) -> None:
    store = _Dies(root, clock)
    fragile = Stores(database, ledger, store, clock, HORIZON)
    for left in range(7):
        given = package()
        keep(fragile, given, nothing)
        store.left = left
        with pytest.raises(KeyboardInterrupt):
            describe(fragile, "demo", given.record_id, {"title": "Un"}, agent="user:1", expected_revision=1)
        store.left = 10**6
        assert row_of(database, given.record_id).title == "Facture 12"
        describe(fragile, "demo", given.record_id, {"title": "Deux"}, agent="user:1", expected_revision=1)
        assert row_of(database, given.record_id).title == "Deux"
        assert verify(stores, "demo", given.record_id).verdict is Fixity.INTACT
    validates(root)


def test_another_writer_of_the_same_record_is_waited_for(
    stores: Stores, package: Make, store: LocalObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = package()
    root = layout.record_folder("demo", given.record_id).root

    def meanwhile(*_: Any) -> None:
        store.put(f"{root}/v1/inventory.json", b"{}", sha256=hashlib.sha256(b"{}").hexdigest())

    real = keeping._identity
    monkeypatch.setattr(keeping, "_identity", lambda *given: (meanwhile(), real(*given))[1])
    with pytest.raises(Unavailable) as caught:
        keep(stores, given, nothing)
    assert caught.value.code == "keep_contended"


def test_the_same_bytes_are_found_again(stores: Stores, package: Make, database: Database) -> None:
    given = package()
    keep(stores, given, nothing)
    with database.read() as session:
        assert [r.id for r in catalogue.by_sha256(session, "demo", given.files[0].digests.sha256)] == [given.record_id]
        assert catalogue.by_sha256(session, "other", given.files[0].digests.sha256) == []
        assert [r.id for r in catalogue.page(session, "demo")] == [given.record_id]
