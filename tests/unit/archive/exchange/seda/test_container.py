"""Hostile and careless containers: nothing is unpacked before the whole directory was judged."""

from __future__ import annotations

import io
import stat
import zipfile

import pytest

from archive.exchange.seda.container import Bounds
from archive.exchange.seda.entry import examine
from archive.exchange.seda.examination import Examination
from tests import seda

OBJECT = seda.grouped("G", seda.binary("O"))
GOOD = seda.manifest(seda.unit("U", refers="G"), OBJECT)
BOUNDS = Bounds()
FILES = {"manifest.xml": GOOD, "content/O.txt": seda.LETTER}


def codes(package: bytes, bounds: Bounds = BOUNDS) -> list[str]:
    return sorted({one.code for one in examined(package, bounds).findings})


def examined(package: bytes, bounds: Bounds = BOUNDS) -> Examination:
    return examine(io.BytesIO(package), bounds=bounds)


def with_entry(info: zipfile.ZipInfo, content: bytes = b"x") -> bytes:
    out = io.BytesIO(seda.packed(FILES))
    with zipfile.ZipFile(out, "a") as made:
        made.writestr(info, content)
    return out.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("name", ["manifest.xml", "SIP_2026-manifest.xml", "a_manifest.xml"])
def test_manifests_have_these_names(name: str, method: int) -> None:
    assert codes(seda.packed({name: GOOD, "content/O.txt": seda.LETTER}, method)) == []


def test_the_folder_may_have_an_entry_and_a_capital() -> None:
    named = GOOD.replace(b"content/O.txt", b"Content/O.txt")
    assert codes(seda.packed({"manifest.xml": named, "Content/": b"", "Content/O.txt": seda.LETTER})) == []


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"content/O.txt": b"x"}, "seda_manifest_missing"),
        ({"bordereau.xml": GOOD}, "seda_manifest_name"),
        ({"manifest.xml": GOOD, "b_manifest.xml": GOOD}, "seda_manifest_name"),
        ({"SIP/manifest.xml": GOOD, "SIP/content/O.txt": b"x"}, "seda_filename"),
        ({"manifest.xml": GOOD, "autre/O.txt": b"x"}, "seda_filename"),
        ({"manifest.xml": GOOD, "content/été 2026.txt": b"x"}, "seda_filename"),
        ({"manifest.xml": GOOD, "content/O.txt": b"x", "Content/P.txt": b"x"}, "seda_folder_unexpected"),
        ({"manifest.xml": GOOD, "content/O.txt": b"x", "content/o.TXT": b"x"}, "seda_zip_twice"),
        ({"manifest.xml": GOOD, "/etc/passwd": b"x"}, "seda_zip_path"),
        ({"manifest.xml": GOOD, "content/../../x": b"x"}, "seda_zip_path"),
        ({"manifest.xml": GOOD, "content\\x": b"x"}, "seda_zip_path"),
        ({"manifest.xml": GOOD, "C:/x": b"x"}, "seda_zip_path"),
        ({"manifest.xml": GOOD, "content//x": b"x"}, "seda_zip_path"),
    ],
)
def test_names_that_are_not_admitted(files: dict[str, bytes], code: str) -> None:
    assert code in codes(seda.packed(files))
    assert examined(seda.packed(files)).transfer is None


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_special_files_are_refused(kind: int) -> None:
    info = zipfile.ZipInfo("content/link")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    assert codes(with_entry(info, b"/etc/passwd")) == ["seda_zip_link"]


def test_a_name_cut_by_a_nul_is_refused() -> None:
    package = seda.packed({**FILES, "content/evil_txt": b"x"})
    assert codes(package.replace(b"content/evil_txt", b"content/evil\0txt")) == ["seda_zip_path"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(method: int) -> None:
    assert codes(seda.packed(FILES, method)) == ["seda_zip_method"]


def test_an_encrypted_entry_is_refused() -> None:
    package = bytearray(seda.packed(FILES))
    at = package.rindex(b"PK\x01\x02")
    package[at + 8] |= 1
    assert codes(bytes(package)) == ["seda_zip_encrypted"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice_is_refused() -> None:
    out = io.BytesIO(seda.packed(FILES))
    with zipfile.ZipFile(out, "a") as made:
        made.writestr("manifest.xml", GOOD)
    assert codes(out.getvalue()) == ["seda_zip_twice"]


def test_a_bomb_is_refused_by_its_directory() -> None:
    package = seda.packed({"manifest.xml": GOOD, "content/O.txt": bytes(40 * 1024**2)})
    assert len(package) < 100_000
    assert codes(package) == ["seda_zip_too_large"]


def test_an_entry_that_is_more_than_its_directory_says_is_never_read_whole() -> None:
    content = bytes(1024**2)
    package = bytearray(seda.packed({"manifest.xml": GOOD, "content/O.txt": content}))
    size = len(content).to_bytes(4, "little")
    while size in package:
        at = package.index(size)
        package[at : at + 4] = (10).to_bytes(4, "little")
    found = examined(bytes(package))
    assert "seda_file_damaged" in {one.code for one in found.findings}
    assert "O" not in found.received


def test_an_entry_that_is_less_than_its_directory_says_is_damaged() -> None:
    package = bytearray(seda.packed(FILES))
    at = package.rindex(b"PK\x01\x02") + 24
    package[at : at + 4] = (len(seda.LETTER) + 5).to_bytes(4, "little")
    found = examined(bytes(package))
    assert "seda_file_damaged" in {one.code for one in found.findings}
    assert found.received == {}


def test_entries_that_share_bytes_are_refused() -> None:
    package = bytearray(seda.packed({"content/a": b"x" * 1000, "content/b": b"y" * 1000, **FILES}, zipfile.ZIP_STORED))
    second = package.index(b"PK\x01\x02", package.index(b"PK\x01\x02") + 4)
    package[second + 42 : second + 46] = bytes(4)
    assert codes(bytes(package)) == ["seda_zip_unreadable"]


@pytest.mark.parametrize(
    "package",
    [
        b"",
        b"not a ZIP",
        b"PK\x05\x06" + bytes(18),
        seda.packed(FILES)[:-5],
        seda.packed(FILES) + b"trailing",
        b"MZ leading" + seda.packed(FILES),
        seda.packed(FILES)[: len(seda.packed(FILES)) // 2],
    ],
)
def test_what_is_no_archive_is_told(package: bytes) -> None:
    found = codes(package)
    assert found in (["seda_zip_unreadable"], ["seda_manifest_missing"])


def test_a_damaged_object_is_told() -> None:
    package = bytearray(seda.packed(FILES, zipfile.ZIP_STORED))
    package[package.index(seda.LETTER)] ^= 1
    found = examined(bytes(package))
    assert "seda_file_damaged" in {one.code for one in found.findings}
    assert found.received == {}


def test_more_entries_than_are_read_are_refused_before_the_directory_is() -> None:
    package = seda.packed({**FILES, **{f"content/{n}": b"x" for n in range(20)}})
    assert codes(package, Bounds(files=10)) == ["seda_zip_too_many"]


def test_a_manifest_that_is_too_large_is_not_read() -> None:
    assert codes(seda.packed(FILES), Bounds(manifest=100)) == ["seda_manifest_too_large"]


def test_a_zip64_archive_is_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, content in FILES.items():
            with made.open(zipfile.ZipInfo(name), "w", force_zip64=True) as entry:
                entry.write(content)
    assert codes(out.getvalue()) == []


def test_every_flipped_byte_is_told_or_changes_nothing() -> None:
    package = seda.packed(FILES)
    good = examined(package)
    for at in range(len(package)):
        changed = bytearray(package)
        changed[at] ^= 0xFF
        found = examined(bytes(changed))
        assert found.findings or found.received == good.received


def test_a_name_that_is_no_text_is_told() -> None:
    package = seda.packed({**FILES, "content/\u00e9": b"x"})
    name = "content/\u00e9".encode()
    broken = package.replace(name, name[:-1] + b"\xff")
    assert examined(broken).transfer is None
    assert examined(broken).findings
