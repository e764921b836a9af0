"""The refresh of ``trust/``: what trusted certificates name is fetched, checked and used."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from signing.pdf import validate
from signing.refresh import Refreshed, http_fetch, refresh
from signing.trust import REVOCATION, ROOTS, TrustFolder
from tests.corpus.make_pki import Identity, blank_document, issue
from tests.corpus.make_signed import World, answer_of, bare, crl_of, make_world


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture
def folder(tmp_path: Path, world: World) -> TrustFolder:
    trust = TrustFolder(tmp_path / "trust", tmp_path / "keys")
    for below, who in ((ROOTS, world.pki.root), ("intermediates", world.silent), ("intermediates", world.lists)):
        (trust.folder / below).mkdir(parents=True, exist_ok=True)
        (trust.folder / below / f"{who.certificate.serial_number}.pem").write_bytes(who.pem)
    return trust


def verdict(world: World, folder: TrustFolder, who: Identity, tmp_path: Path) -> tuple[str, str]:
    path = tmp_path / "document.pdf"
    path.write_bytes(bare(blank_document(), who))
    (finding,) = validate(path, folder.foreign(), world.now).findings
    return finding.verdict.value, finding.reason


class Net:
    """What the network answers, and which addresses were asked."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self.answers, self.asked = answers, list[str]()

    def __call__(self, url: str, body: bytes | None) -> bytes:
        self.asked.append(url)
        if url not in self.answers:
            raise OSError("no route")
        return self.answers[url]


def test_what_is_fetched_makes_a_doubted_signature_valid(world: World, folder: TrustFolder, tmp_path: Path) -> None:
    net = Net({"http://nowhere.invalid/b.crl": crl_of(world.silent, world.now)})
    assert verdict(world, folder, world.unlisted, tmp_path) == ("indeterminate", "revocation_unknown")
    done = refresh(folder, [world.unlisted.der], net, world.now)
    assert (len(done.written), done.failed) == (1, {})
    assert verdict(world, folder, world.unlisted, tmp_path) == ("valid", "ok")
    net.answers["http://nowhere.invalid/b.crl"] = crl_of(world.silent, world.now, world.unlisted)
    refresh(folder, [world.unlisted.der], net, world.now)
    assert verdict(world, folder, world.unlisted, tmp_path) == ("indeterminate", "revoked")


def test_an_answer_is_asked_for_by_its_certificate(world: World, folder: TrustFolder, tmp_path: Path) -> None:
    net = Net({"http://nowhere.invalid/ocsp": answer_of(world.answered, world.silent, world.now)})
    assert verdict(world, folder, world.answered, tmp_path) == ("indeterminate", "revocation_unknown")
    assert refresh(folder, [world.answered.der], net, world.now).failed == {}
    assert verdict(world, folder, world.answered, tmp_path) == ("valid", "ok")


@pytest.mark.parametrize("content", [b"", b"<html>", b"0\x03\x02\x01\x01"])
def test_what_says_nothing_is_not_kept(world: World, folder: TrustFolder, content: bytes) -> None:
    stranger = crl_of(world.other.root, world.now)
    forged = crl_of(Identity(world.silent.certificate, world.other.root.key), world.now)
    for answer in (content, stranger, forged):
        done = refresh(folder, [world.unlisted.der], Net({"http://nowhere.invalid/b.crl": answer}), world.now)
        assert list(done.failed) == ["http://nowhere.invalid/b.crl"]
        assert done.written == []
    assert not list((folder.folder / REVOCATION).glob("*.crl"))


def test_documents_don_t_decide_where_this_machine_connects(world: World, folder: TrustFolder) -> None:
    now = world.now
    strange = issue("Inconnu", world.other.root, now, now.replace(year=now.year + 1), crl_url="http://10.0.0.1/x")
    local = issue("Fichier", world.lists, now, now.replace(year=now.year + 1), crl_url="file:///etc/passwd")
    net = Net({})
    assert refresh(folder, [strange.der, world.other.root.der, local.der], net, now) == Refreshed()
    assert net.asked == []


@pytest.fixture
def server() -> Iterator[str]:
    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/a.crl"
            self.send_response(200 if found else 302)
            self.send_header("Location", "/a.crl")
            self.end_headers()
            self.wfile.write(b"octets" if found else b"")

        def log_message(self, *_: object) -> None: ...

    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    serving.server_close()


def test_http_is_asked_plainly_and_no_redirect_is_followed(server: str) -> None:
    assert http_fetch(f"{server}/a.crl", None) == b"octets"
    with pytest.raises(OSError, match="HTTPStatusError"):
        http_fetch(f"{server}/elsewhere", None)
    with pytest.raises(OSError, match="Connect"):
        http_fetch("http://127.0.0.1:9/", None)


def test_both_of_one_set_are_named_for_what_they_are(world: World, folder: TrustFolder) -> None:
    folder.publish([world.pki.signer.der, world.pki.tsa.der, world.pki.issuing.der, world.pki.root.der])
    names = sorted(path.name.partition("-")[0] for path in (folder.folder / "own").iterdir())
    assert names == ["authority", "issuer", "root", "seal"]
    assert folder.own().roots == (world.pki.root.der,)
    assert folder.own().of_role("authority") == (world.pki.tsa.der,)
