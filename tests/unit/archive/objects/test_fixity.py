"""Nobody gets bytes that are not what they were."""

from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path

import pytest

from archive.objects import fixity
from archive.objects.disk import CHUNK
from archive.objects.fixity import Fixity, gravest, verified, verified_range
from archive.objects.local import LocalObjectStore
from signing.ground.clock import utc_now
from signing.ground.errors import Corrupt, Refused

CONTENT = bytes(range(256)) * 4 * 1024 * 3 + b"end"  # three chunks and a bit
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    made = LocalObjectStore(tmp_path, utc_now)
    made.put("a", CONTENT, sha256=SHA)
    return made


@pytest.fixture(params=["in hand", "read twice", "streamed"])
def size_class(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether objects of this size are checked before their first byte."""
    if request.param == "read twice":
        monkeypatch.setattr(fixity, "IN_HAND", CHUNK)
    if request.param == "streamed":
        monkeypatch.setattr(fixity, "WHOLE", CHUNK)
    return bool(request.param != "streamed")


def alter(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)


def test_intact_bytes_pass(store: LocalObjectStore, size_class: bool) -> None:
    assert b"".join(verified(store, "a", "v1", sha256=SHA, size=len(CONTENT))) == CONTENT
    for offset, length in ((0, 1), (5, CHUNK), (len(CONTENT) - 1, 1), (0, len(CONTENT)), (7, 0)):
        part = verified_range(store, "a", "v1", sha256=SHA, size=len(CONTENT), offset=offset, length=length)
        assert b"".join(part) == CONTENT[offset : offset + length]


@pytest.mark.parametrize("where", [0, CHUNK, len(CONTENT) - 1])
def test_one_bit_is_enough(store: LocalObjectStore, tmp_path: Path, size_class: bool, where: int) -> None:
    changed = bytearray(CONTENT)
    changed[where] ^= 4
    alter(tmp_path / "a", bytes(changed))
    served: list[bytes] = []
    with pytest.raises(Corrupt) as caught:
        served.extend(verified(store, "a", "v1", sha256=SHA, size=len(CONTENT)))
    assert caught.value.code == "altered"
    assert served == [] or not size_class, "a small object is checked before its first byte"
    assert sum(map(len, served)) < len(CONTENT), "the end must not have been served"
    with pytest.raises(Corrupt):
        next(verified_range(store, "a", "v1", sha256=SHA, size=len(CONTENT), offset=5, length=1))


def test_a_check_holds_nothing_in_memory(tmp_path: Path) -> None:
    store, content = LocalObjectStore(tmp_path, utc_now), bytes(40 << 20)
    sha256 = hashlib.sha256(content).hexdigest()
    store.put("b", content, sha256=sha256)
    tracemalloc.start()
    fixity.check(store, "b", "v1", sha256=sha256, size=len(content))
    for _ in verified(store, "b", "v1", sha256=sha256, size=len(content)):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"x", b""])
def test_shorter_and_longer_are_altered(
    store: LocalObjectStore, tmp_path: Path, size_class: bool, content: bytes
) -> None:
    alter(tmp_path / "a", content)
    with pytest.raises(Corrupt) as caught:
        fixity.check(store, "a", "v1", sha256=SHA, size=len(CONTENT))
    assert caught.value.code == "altered"


def test_gone_is_missing(store: LocalObjectStore, tmp_path: Path) -> None:
    (tmp_path / "a").unlink()
    with pytest.raises(Corrupt) as caught:
        fixity.check(store, "a", "v1", sha256=SHA, size=len(CONTENT))
    assert caught.value.code == "missing"


def test_a_range_past_the_end_is_refused(store: LocalObjectStore) -> None:
    with pytest.raises(Refused) as caught:
        next(verified_range(store, "a", "v1", sha256=SHA, size=len(CONTENT), offset=len(CONTENT), length=1))
    assert caught.value.code == "bad_range"


def test_the_gravest_verdict_speaks_for_all() -> None:
    assert gravest([Fixity.INTACT, Fixity.ALTERED, Fixity.MISSING]) is Fixity.ALTERED
    assert gravest([Fixity.INTACT, Fixity.UNVERIFIABLE]) is Fixity.UNVERIFIABLE
    assert gravest([Fixity.INTACT]) is Fixity.INTACT
    assert gravest([]) is Fixity.UNVERIFIABLE
