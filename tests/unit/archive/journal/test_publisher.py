"""Publication: what is in the store is what a stranger's checker accepts,
whatever interrupted us.
"""

import hashlib
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from archive.database.engine import Database
from archive.database.tables import JournalEntryRow
from archive.journal.merkle import entry_body, parse_checkpoint, verify_consistency, verify_inclusion
from archive.journal.opening import vkey_line, voucher, voucher_of
from archive.journal.publisher import Checkpoint, Publisher
from archive.journal.receipts import Names, Stated, receipt_of, signed
from archive.journal.sequencer import Ledger
from archive.journal.tiles import StoredTree
from archive.objects.local import LocalObjectStore
from archive.objects.port import StoredObject, read_all
from archive.retention.dates import FOREVER
from signing.authority import ensure_generated
from signing.ground.canonical import parse_canonical
from signing.ground.clock import stamp
from signing.ground.errors import Corrupt, Refused, Unavailable
from signing.note import LogKey, verify_note
from signing.seal import sealed_with
from signing.settings import SigningSettings
from signing.signers.pem import load_signer
from signing.timestampers.rfc3161 import load_timestamper, verify_token
from signing.verdict import Verdict
from tests.servers.fsck import accepts
from tests.servers.postgres import unguarded
from tests.servers.presence import program


class PowerCutError(Exception):
    """The machine stopped here."""


class CutStore(LocalObjectStore):
    """A real store whose machine stops at its nth write, before or after it."""

    writes_left: int | None = None
    after = False

    def put(self, key: str, *args: Any, **kwargs: Any) -> StoredObject:
        if self.writes_left == 0 and not self.after:
            raise PowerCutError(key)
        done = super().put(key, *args, **kwargs)
        if self.writes_left is not None:
            self.writes_left -= 1
            if self.writes_left < 0:
                raise PowerCutError(key)
        return done


def append(database: Database, ledger: Ledger, count: int) -> None:
    with database.write() as session:
        for _ in range(count):
            ledger.append(
                session,
                type="RecordKept",
                tenant="brest",
                subject="record:1",
                agent=None,
                facts={"original": "0" * 64},
            )


def overwrite(root: Path, key: str, change: Callable[[bytes], bytes]) -> None:
    """What somebody with the rights of the machine could do."""
    path = root / key
    path.chmod(0o600)
    path.write_bytes(change(path.read_bytes()))


def flip(content: bytes) -> bytes:
    return content[:40] + bytes([content[40] ^ 1]) + content[41:]


def test_a_stranger_accepts_the_log_at_every_size(
    publisher: Publisher, database: Database, ledger: Ledger, log_key: LogKey, tmp_path: Path
) -> None:
    for count in (0, 2, 250, 10, 300):
        append(database, ledger, count)
        assert publisher.publish() is not None
        assert accepts(tmp_path / "store" / "journal", log_key.vkey, tmp_path)
    overwrite(tmp_path / "store", "journal/tile/entries/001", flip)
    assert not accepts(tmp_path / "store" / "journal", log_key.vkey, tmp_path, seconds=8)


def test_layout_and_voucher(
    publisher: Publisher, store: LocalObjectStore, log_key: LogKey, keys: Path, tmp_path: Path
) -> None:
    layout = parse_canonical(read_all(store, "layout.json"))
    assert layout["log"] == {"origin": "chartrier.test", "vkey": log_key.vkey}
    before = read_all(store, "journal/log-key.p7s")
    publisher.open_log()
    assert read_all(store, "journal/log-key.p7s") == before
    (tmp_path / "vkey").write_bytes(vkey_line(log_key.vkey))
    command = [program("openssl"), "cms", "-verify", "-inform", "DER", "-binary", "-purpose", "any", "-content"]
    command += [str(tmp_path / "vkey"), "-in", str(tmp_path / "store/journal/log-key.p7s")]
    command += ["-CAfile", str(keys / "root.pem"), "-out", "/dev/null", "-no_check_time"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_new_seal_vouches_beside_the_first(
    publisher: Publisher,
    database: Database,
    store: LocalObjectStore,
    log_key: LogKey,
    keys: Path,
    clock: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    first = read_all(store, "journal/log-key.p7s")
    renewed = tmp_path_factory.mktemp("renewed")
    ensure_generated(renewed, organisation="Commune de Test", clock=lambda: clock.now)
    seal = load_signer(SigningSettings(keys=renewed))
    stamper = load_timestamper(SigningSettings(keys=keys), clock)
    line = vkey_line(log_key.vkey)
    for _ in range(2):  # a second start with the same seal writes nothing again
        Publisher(database, store, log_key, seal, stamper, clock, horizon_days=400).open_log()
    assert read_all(store, "journal/log-key.p7s") == first
    assert sealed_with(first, line) != seal.certificate
    later = voucher(store, seal.certificate)
    assert later == read_all(store, voucher_of(seal.certificate))
    assert sealed_with(later, line) == seal.certificate
    assert sealed_with(later, line + b"!") is None
    publisher.open_log()
    assert len([o for o in store.list("journal/") if o.key.endswith(".p7s")]) == 2


@pytest.mark.parametrize(("days", "until"), [(30, date(2026, 4, 11)), (0, FOREVER)])
def test_the_journal_is_locked_as_far_as_the_horizon(
    days: int, until: date, database: Database, store: LocalObjectStore, log_key: LogKey, keys: Path, clock: Any
) -> None:
    settings = SigningSettings(keys=keys)
    signer, stamper = load_signer(settings), load_timestamper(settings, clock)
    Publisher(database, store, log_key, signer, stamper, clock, horizon_days=days).open_log()
    assert store.stat("journal/log-key.p7s").locked_until == until


def test_another_key_can_not_take_the_journal_over(
    publisher: Publisher, database: Database, store: LocalObjectStore, keys: Path, clock: Any
) -> None:
    other = LogKey.load(keys / "log.key", "other.test")
    settings = SigningSettings(keys=keys)
    stranger = Publisher(
        database, store, other, load_signer(settings), load_timestamper(settings, clock), clock, horizon_days=400
    )
    with pytest.raises(Refused) as caught:
        stranger.open_log()
    assert caught.value.code == "log_key_changed"


def test_checkpoint_is_signed_stamped_and_proves(
    publisher: Publisher,
    database: Database,
    ledger: Ledger,
    store: LocalObjectStore,
    log_key: LogKey,
    keys: Path,
) -> None:
    append(database, ledger, 299)
    first = publisher.publish()
    append(database, ledger, 60)
    second = publisher.publish(force_token=True)
    assert first is not None
    assert second is not None
    assert (first.number, first.size, second.number, second.size) == (1, 300, 2, 360)
    roots = []
    for made in (first, second):
        size, root = parse_checkpoint(verify_note(made.note, log_key.vkey), "chartrier.test")
        assert (size, root.hex()) == (made.size, made.root)
        roots.append(root)
        assert made.token is not None
        report = verify_token(made.token, hashlib.sha256(made.note.encode()).digest(), None)
        assert report.verdict is not Verdict.INVALID
        assert read_all(store, f"journal/checkpoints/{made.size}.tsr") == made.token
    tree = StoredTree(store, 360)
    assert verify_consistency(300, 360, *roots, tree.consistency(300))
    with database.read() as session:
        for entry in ledger.entries(session, limit=400):
            leaf = bytes.fromhex(entry.leaf_hash)
            assert verify_inclusion(entry.n, 360, leaf, tree.inclusion(entry.n), roots[1])
    old = StoredTree(store, 300)
    assert old.root() == roots[0]


def test_tokens_are_daily_unless_asked(publisher: Publisher, database: Database, ledger: Ledger, clock: Any) -> None:
    made: list[Checkpoint] = []
    for hours in (0, 1, 22, 2):
        clock.now += timedelta(hours=hours)
        append(database, ledger, 1)
        checkpoint = publisher.publish()
        assert checkpoint is not None
        made.append(checkpoint)
    assert [item.token is not None for item in made] == [True, False, False, True]
    append(database, ledger, 1)
    bare = publisher.publish()
    assert bare is not None
    assert bare.token is None
    stamped = publisher.publish(force_token=True)
    assert stamped is not None
    assert stamped.token is not None
    assert replace(stamped, token=None) == bare
    assert publisher.publish(force_token=True) == stamped == publisher.latest(with_token=True)


def test_a_token_of_a_clock_that_was_ahead_puts_off_none(
    publisher: Publisher, database: Database, ledger: Ledger, clock: Any
) -> None:
    made: list[Checkpoint] = []
    for days in (0, 30, -30, 0):  # the third is by the right clock again
        clock.now += timedelta(days=days)
        append(database, ledger, 1)
        checkpoint = publisher.publish()
        assert checkpoint is not None
        made.append(checkpoint)
    assert [item.token is not None for item in made] == [True, True, True, False]


def test_nothing_new_signs_nothing(publisher: Publisher) -> None:
    assert publisher.publish() == publisher.publish() == publisher.latest()


@pytest.mark.parametrize("after", [False, True])
def test_a_power_cut_at_any_write_leaves_a_log_that_goes_on(
    tmp_path: Path, database: Database, ledger: Ledger, log_key: LogKey, keys: Path, clock: Any, after: bool
) -> None:
    store = CutStore(tmp_path / "store", clock)
    store.after = after
    settings = SigningSettings(keys=keys)
    publisher = Publisher(
        database, store, log_key, load_signer(settings), load_timestamper(settings, clock), clock, horizon_days=400
    )
    publisher.open_log()
    publisher.publish()
    cuts = 0
    for at in range(12):
        append(database, ledger, 150)
        store.writes_left = at
        try:
            publisher.publish(force_token=True)
        except PowerCutError:
            cuts += 1
            if at % 3 == 0:  # more entries come before the retry
                store.writes_left = None
                append(database, ledger, 3)
        store.writes_left = None
        done = publisher.publish(force_token=True)
        assert done is not None
        with database.read() as session:
            head = ledger.head(session)
        assert head is not None
        assert done.size == head.n + 1
        assert StoredTree(store, done.size).root().hex() == done.root
    assert cuts >= 7
    assert accepts(tmp_path / "store" / "journal", log_key.vkey, tmp_path)


def test_what_is_no_longer_consistent_is_not_signed(
    publisher: Publisher, database: Database, ledger: Ledger, tmp_path: Path
) -> None:
    append(database, ledger, 20)
    signed = publisher.publish()
    with unguarded(database) as session:
        rows = session.execute(text("SELECT body FROM journal_entries WHERE n = 5")).one()
        body = rows.body.replace(b"RecordKept", b"RecordLost")
        leaf = hashlib.sha256(b"\0" + body).hexdigest()
        session.execute(
            text("UPDATE journal_entries SET body = :b, leaf_hash = :l WHERE n = 5"), {"b": body, "l": leaf}
        )
    append(database, ledger, 1)
    with pytest.raises(Corrupt) as caught:
        publisher.publish()
    assert caught.value.code == "journal_forked"
    assert publisher.latest() == signed
    assert (tmp_path / "store/journal/checkpoint").read_text() == (signed.note if signed else "")


def test_a_body_that_flipped_after_its_hash_is_not_signed(
    publisher: Publisher, database: Database, ledger: Ledger
) -> None:
    append(database, ledger, 3)
    with unguarded(database) as session:
        session.execute(update(JournalEntryRow).where(JournalEntryRow.n == 2).values(body=b"x"))
    with pytest.raises(Corrupt) as caught:
        publisher.publish()
    assert caught.value.code == "journal_damaged"


def test_a_store_put_back_to_an_older_state_is_noticed(
    publisher: Publisher, database: Database, ledger: Ledger, tmp_path: Path
) -> None:
    publisher.publish()
    old = (tmp_path / "store/journal/checkpoint").read_bytes()
    append(database, ledger, 5)
    publisher.publish()
    overwrite(tmp_path / "store", "journal/checkpoint", lambda _: old)
    append(database, ledger, 5)
    with pytest.raises(Corrupt) as caught:
        publisher.publish()
    assert caught.value.code == "journal_rolled_back"


def test_a_damaged_tile_stops_publication(
    publisher: Publisher, database: Database, ledger: Ledger, tmp_path: Path
) -> None:
    append(database, ledger, 300)
    publisher.publish()
    overwrite(tmp_path / "store", "journal/tile/1/000.p/1", lambda content: content[:9] + b"!" + content[10:])
    append(database, ledger, 1)
    with pytest.raises(Corrupt):
        publisher.publish()


def test_one_publisher_at_a_time(publisher: Publisher, database: Database, clock: Any) -> None:
    with publisher._lease() as fence:
        assert fence is not None
        assert publisher.publish() is None
        publisher._pause = lambda _: None
        with pytest.raises(Unavailable):
            publisher.publish(force_token=True)
        clock.now += timedelta(minutes=6)  # the holder died
        taken = publisher.publish()
        assert taken is not None
        with pytest.raises(Unavailable):
            publisher._still_mine(fence)


def test_receipt_is_a_note_of_one_canonical_line(log_key: LogKey, clock: Any) -> None:
    names = Names.salted("Délibération n° 12.pdf", "Ville de Brest")
    stated = Stated("0193", 12, "a" * 64, "b" * 128, stamp(clock()), names)
    body = entry_body(12, clock(), "DepositReceived", "t:1", "deposit:0193", None, stated.facts())
    made = signed(log_key, receipt_of(body, stated), body, None)
    text_ = verify_note(made["note"], log_key.vkey)
    assert text_.count("\n") == 1
    assert parse_canonical(text_.strip().encode()) == made["receipt"]
    assert json.loads(text_)["filename"] == "Délibération n° 12.pdf"
