"""Seal, authority and root renew themselves; what was sealed before stays verifiable."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from sqlalchemy import select

from api.operations.health import DEGRADED, OK, Health
from api.views.trust import trust_file_of
from archive.database.tables import JournalEntryRow
from archive.evidence.bundle import verify_bundle
from archive.holdings.verify import verify
from archive.journal.corrections import confirm
from archive.journal.opening import vkey_line, voucher
from archive.journal.proof_calendar import calendar
from archive.journal.succession import LONGEST, enter_changes
from ingestion.assembly import System
from signing.authority import FILES, ensure_generated, renew_generated
from signing.ground.errors import Refused, Unavailable
from signing.port import present
from signing.seal import detached, verify_detached
from signing.validity import Validity
from signing.verdict import Verdict
from tests.holdings import keep, system_at

BORN = datetime(2026, 3, 12, 8, 15, 30, tzinfo=UTC)
YEAR = timedelta(days=365)
YEARS = {
    "0": (BORN, 0),
    "+1": (BORN + YEAR, 0),
    "+4": (BORN + 4 * YEAR, 0),
    "+9.75": (BORN + 9.75 * YEAR, 1),
    "+10.1": (BORN + 10.1 * YEAR, 1),
    "+19.8": (BORN + 19.8 * YEAR, 2),
    "+21": (BORN + 21 * YEAR, 2),
    "2050": (datetime(2050, 1, 1, tzinfo=UTC), 2),
    "+31": (BORN + 31 * YEAR, 3),
}
"""Clocks of one home, in order, and how often its seal was replaced by then."""


@pytest.fixture(autouse=True)
def _quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signing.authority.BITS", 2048)


@pytest.fixture(scope="module")
def first_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("succession") / "keys"
    ensure_generated(folder, organisation="Commune", clock=lambda: BORN)
    return folder


@pytest.fixture
def at(tmp_path: Path, first_keys: Path) -> Iterator[Callable[[datetime], System]]:
    """The one home, started at a moment."""
    shutil.copytree(first_keys, tmp_path / "home" / "keys")
    system = system_at(tmp_path / "home", clock=lambda: BORN)
    system.initialise()
    system.create_tenant("demo", "Commune de Démonstration")
    system.close()
    started: list[System] = []

    def start(moment: datetime, *, confirmed: bool = True) -> System:
        system = system_at(tmp_path / "home", clock=lambda: moment)
        started.append(system)
        system.initialise()
        if confirmed and not system.time_sense.sense().trusted:  # an administrator says: yes, years have passed
            confirm(system.database, system.ledger, system.clock, system.time_sense, agent="user:1")
            system.initialise()
        return system

    yield start
    for system in started:
        system.close()


def entered(system: System, kind: str) -> list[dict[str, Any]]:
    with system.database.read() as session:
        rows = session.scalars(
            select(JournalEntryRow).where(JournalEntryRow.type == kind).order_by(JournalEntryRow.n)
        ).all()
    return [json.loads(row.body)["facts"] for row in rows]


def seal_digest(system: System) -> str:
    return hashlib.sha256(system.signer.certificate).hexdigest()


def test_a_home_seals_and_stamps_through_thirty_years(at: Callable[[datetime], System]) -> None:
    sealed: list[tuple[bytes, bytes, datetime]] = []
    for name, (moment, replaced) in YEARS.items():
        system = at(moment)
        assert len(entered(system, "SealReplaced")) == replaced, name
        assert len(entered(system, "AuthorityReplaced")) == replaced, name
        message = f"scellé à {name}".encode()
        cms = detached(system.signer, message, system.timestamper, at=moment)
        sealed.append((message, cms, Validity.of(system.timestamper.chain[0]).ends))
        assert system.publisher.publish(force_token=True) is not None
        with system.database.read() as session:
            deadlines = calendar(session, system.signer, system.timestamper)
        assert all(one.validity.holds(moment) and one.days_left(moment) >= 240 for one in deadlines), name
        roots = system.trust.own().roots
        assert len(roots) == replaced + 1
        for told, kept, stamped_until in sealed:  # by the roots in the public folder, as long as its token's authority
            finding = verify_detached(kept, told, roots, at=moment)
            holds = moment <= stamped_until
            assert finding.verdict is (Verdict.VALID if holds else Verdict.INDETERMINATE), (name, told)
            assert finding.reason == ("ok" if holds else "expired")
        line = vkey_line(system.log_key.vkey)
        vouched = verify_detached(voucher(system.store, system.signer.certificate), line, roots, at=moment)
        assert vouched.verdict is Verdict.VALID
        assert vouched.certificate == system.signer.certificate.hex()


def test_under_a_distrusted_clock_nothing_is_renewed_until_it_is_confirmed(
    at: Callable[[datetime], System], first_keys: Path
) -> None:
    system = at(BORN + 9.75 * YEAR, confirmed=False)  # type: ignore[call-arg]
    assert not system.time_sense.sense().trusted
    assert (system.settings.signing.keys / "seal.pem").read_bytes() == (first_keys / "seal.pem").read_bytes()
    with pytest.raises(Unavailable) as waits:
        system.proofs.replace()
    assert waits.value.code == "clock_distrusted"
    assert entered(system, "SealReplaced") == []
    assert len(entered(at(BORN + 9.75 * YEAR), "SealReplaced")) == 1


def test_ten_years_back_nothing_is_renewed_nor_sealed_and_deposits_go_on(at: Callable[[datetime], System]) -> None:
    system = at(BORN - 10 * YEAR, confirmed=False)  # type: ignore[call-arg]
    assert entered(system, "SealReplaced") == []
    with pytest.raises(Unavailable) as waits:
        detached(system.signer, b"", at=system.clock())
    assert waits.value.code == "seal_outside_validity"
    deposit = system.intake.receive(
        [b"recu"], tenant="demo", agent="key:1", idempotency_key="k", filename="a.pdf", media_type="application/pdf",
        fields={},
    ).deposit  # fmt: skip
    assert deposit.state == "received"


def test_a_set_that_could_not_be_renewed_waits_and_starts_all_the_same(
    at: Callable[[datetime], System], monkeypatch: pytest.MonkeyPatch
) -> None:
    at(BORN)
    monkeypatch.setattr("ingestion.succession.renewal_is_due", lambda _keys, _at: False)
    system = at(BORN + 10.1 * YEAR)
    with pytest.raises(Unavailable):
        detached(system.signer, b"", at=system.clock())
    assert system.publisher.publish() is not None, "the journal goes on: its key has no certificate that ends"
    monkeypatch.undo()
    system = at(BORN + 10.1 * YEAR)
    assert detached(system.signer, b"", at=system.clock())
    assert len(entered(system, "SealReplaced")) == 1


def test_an_entry_that_a_crash_took_is_made_at_the_next_start(at: Callable[[datetime], System]) -> None:
    keys = at(BORN).settings.signing.keys
    renew_generated(keys, organisation="Commune", clock=lambda: BORN + YEAR)  # and then the power went
    system = at(BORN + YEAR)
    (facts,) = entered(system, "SealReplaced")
    assert facts["seal"] == seal_digest(system)
    assert facts["former"] != facts["seal"]
    assert at(BORN + YEAR) is not None
    assert len(entered(system, "SealReplaced")) == 1


def test_a_renewal_that_was_cut_is_finished_by_the_next_start(first_keys: Path, tmp_path: Path) -> None:
    renewed = tmp_path / "renewed"
    shutil.copytree(first_keys, renewed)
    renew_generated(renewed, organisation="Commune", clock=lambda: BORN + YEAR)
    moved = sorted(path.name for path in renewed.iterdir() if path.name not in {"log.key", ".lock"})
    for cut in range(len(moved) + 1):
        folder = tmp_path / str(cut)
        shutil.copytree(first_keys, folder)
        (folder / ".ready").mkdir()
        for number, name in enumerate(moved):
            ((folder if number < cut else folder / ".ready") / name).write_bytes((renewed / name).read_bytes())
        ensure_generated(folder, organisation="x")
        assert not (folder / ".ready").exists()
        assert {name: (folder / name).read_bytes() for name in moved} == {n: (renewed / n).read_bytes() for n in moved}
        assert (folder / "log.key").read_bytes() == (first_keys / "log.key").read_bytes()


def test_a_seal_is_replaced_on_command_and_the_running_service_follows(
    at: Callable[[datetime], System], tmp_path: Path
) -> None:
    running = at(BORN)
    before, used = seal_digest(running), present(running.signer)
    old = detached(running.signer, b"avant", running.timestamper, at=BORN)
    record = keep(running, tmp_path, 1)
    done = at(BORN).proofs.replace()
    assert (done.former, done.seal) == (before, seal_digest(running)), "a process that ran before follows the file"
    assert done.former != done.seal
    assert hashlib.sha256(used.certificate).hexdigest() == before, "and one seal stays one seal"
    (facts,) = entered(running, "SealReplaced")
    assert (facts["former"], facts["seal"], facts["probative"]) == (before, done.seal, False)
    roots = running.trust.own().roots
    assert verify_detached(old, b"avant", roots, at=BORN).verdict is Verdict.VALID
    assert verify(running.stores, "demo", record).verdict == "intact"
    private = {(running.settings.signing.keys / name).read_bytes() for name in FILES if name.endswith(".key")}
    public = [path for path in running.settings.signing.trust_folder.rglob("*") if path.is_file()]
    assert len(public) == 8, "two seals, two authorities, two roots, two lists"
    assert not any(b"PRIVATE" in path.read_bytes() or path.read_bytes() in private for path in public)


def test_a_bundle_of_an_older_record_holds_by_the_trust_file_of_today(
    at: Callable[[datetime], System], tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    running = system_at(tmp_path / "home", clock=lambda: now)
    running.initialise()
    if not running.time_sense.sense().trusted:
        confirm(running.database, running.ledger, running.clock, running.time_sense, agent="user:1")
    record = keep(running, tmp_path, 1)
    running.publisher.publish(force_token=True)
    before = trust_file_of(running)
    first, second = tmp_path / "before.zip", tmp_path / "after.zip"
    running.evidence.checked_bundle("demo", record, first)
    former = running.proofs.replace().former
    running.publisher.publish(force_token=True)
    running.evidence.checked_bundle("demo", record, second)
    after = trust_file_of(running)
    assert verify_bundle(first, trust=after)["verdict"] == "intact", "what was handed out before"
    assert verify_bundle(second, trust=after)["verdict"] == "intact"
    assert former in after.decode()
    assert verify_bundle(second, trust=before)["verdict"] == "unverifiable", "an older trust file knows no new seal"
    running.close()


def test_a_seal_of_an_authority_is_taken_from_the_settings_or_refused(
    at: Callable[[datetime], System], tmp_path: Path, first_keys: Path
) -> None:
    from cryptography.hazmat.primitives import serialization

    at(BORN)
    other = tmp_path / "other"
    ensure_generated(other, organisation="Autorité", clock=lambda: BORN)
    certificate, root = (
        x509.load_pem_x509_certificate((other / name).read_bytes()) for name in ("seal.pem", "root.pem")
    )
    key = serialization.load_pem_private_key((other / "seal.key").read_bytes(), None)
    content = serialization.pkcs12.serialize_key_and_certificates(
        b"cachet",
        key,
        certificate,
        [root],
        serialization.BestAvailableEncryption(b"secret"),  # type: ignore[arg-type]
    )
    (tmp_path / "cachet.p12").write_bytes(content)
    given = {"CHARTRIER_SEAL_PKCS12": str(tmp_path / "cachet.p12"), "CHARTRIER_SEAL_PKCS12_PASSWORD": "secret"}
    system = system_at(tmp_path / "home", clock=lambda: BORN, **given)
    done = system.proofs.replace()
    assert done.seal == hashlib.sha256(system.signer.certificate).hexdigest()
    (facts,) = entered(system, "SealReplaced")
    assert (facts["seal"], facts["probative"]) == (done.seal, True)
    system.close()
    at(BORN + 11 * YEAR)
    late = system_at(tmp_path / "home", clock=lambda: BORN + 11 * YEAR, **given)
    with pytest.raises(Unavailable) as waits:
        late.proofs.replace()
    assert waits.value.code == "seal_outside_validity"
    late.close()


def test_read_only_keys_are_not_replaced(first_keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(Refused) as refused:
        renew_generated(first_keys, organisation="x")
    assert refused.value.code == "keys_read_only"


@pytest.fixture
def read_only_trust(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A trust folder on a disk that takes no writes, until the patch is undone."""
    write = Path.write_bytes

    def refused(path: Path, content: bytes) -> int:
        if path.parent.parent.name == "trust":
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return write(path, content)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "write_bytes", refused)
        yield broken


def trust_health(system: System) -> tuple[str, str]:
    (part,) = (part for part in Health(system).components() if part.name == "trust")
    return part.state, part.detail


def test_a_service_starts_with_a_trust_folder_that_can_not_be_written_and_says_so(
    tmp_path: Path, first_keys: Path, read_only_trust: pytest.MonkeyPatch
) -> None:
    shutil.copytree(first_keys, tmp_path / "home" / "keys")
    system = system_at(tmp_path / "home", clock=lambda: BORN)
    system.initialise()
    system.create_tenant("demo", "Commune de Démonstration")
    record = keep(system, tmp_path, 1)
    assert verify(system.stores, "demo", record).verdict == "intact"
    state, detail = trust_health(system)
    assert (state, detail) == (
        DEGRADED,
        "Le dossier de confiance ne peut pas être écrit : nos certificats n’y sont pas tous.",
    )
    read_only_trust.undo()
    system.initialise()
    assert trust_health(system) == (OK, "Le dossier de confiance se lit.")
    bad = system.trust.folder / "roots" / "ca.pem"
    bad.write_bytes(b"-----BEGIN CERTIFICATE-----\n")
    assert trust_health(system)[0] == DEGRADED
    assert "ca.pem" not in trust_health(system)[1], "the answer is public: doctor names the file"
    system.close()
    again = system_at(tmp_path / "home", clock=lambda: BORN)
    again.initialise()
    assert verify(again.stores, "demo", record).verdict == "intact"
    again.close()


def test_no_certificate_is_replaced_that_would_be_lost_with_it(
    at: Callable[[datetime], System], read_only_trust: pytest.MonkeyPatch
) -> None:
    late = at(BORN)
    read_only_trust.setattr("ingestion.succession.renewal_is_due", lambda *_: True)
    shutil.rmtree(late.trust.folder)
    for below in ("own", "roots", "intermediates", "revocation"):
        (late.trust.folder / below).mkdir(parents=True)
    seal = (late.settings.signing.keys / "seal.pem").read_bytes()
    with pytest.raises(Refused) as refused:
        late.proofs.replace()
    assert refused.value.code == "trust_read_only"
    assert not late.proofs.renew_when_due()
    assert (late.settings.signing.keys / "seal.pem").read_bytes() == seal
    read_only_trust.undo()
    assert late.proofs.replace().former != late.proofs.replace().seal
    assert (late.settings.signing.keys / "seal.pem").read_bytes() != seal


@pytest.mark.parametrize("length", [LONGEST // 4 * 3, LONGEST // 4 * 3 + 1])
def test_a_certificate_as_long_as_an_entry_allows_is_in_it_and_a_longer_one_is_told(
    at: Callable[[datetime], System], length: int
) -> None:
    system = at(BORN)
    signer = SimpleNamespace(certificate=b"x" * length, probative=False)
    with system.database.write() as session:
        enter_changes(session, system.ledger, signer, system.timestamper)  # type: ignore[arg-type]
    (facts,) = entered(system, "SealReplaced")
    assert ("seal_certificate" in facts) == (length == LONGEST // 4 * 3)
    assert facts.get("seal_certificate_size") == (None if "seal_certificate" in facts else length)
