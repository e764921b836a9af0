"""The container of a package (ZIP): what is in it, before any of it is unpacked.

The central directory is bounded before it is read, and every entry is judged by it: names that lead
out of the package, links, the same name twice, entries that share bytes, more bytes than we unpack.
What is copied out is counted again while it is read.
"""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from archive.exchange.seda.findings import Finding, Place, Step, found_ko

MANIFEST: Final = re.compile(r"(?:[a-zA-Z0-9_\-]{0,56}[_-])?manifest\.xml")
_FILE: Final = re.compile(r"[a-zA-Z0-9\-_@]+(?:\.[a-zA-Z0-9\-_@]+)*")
_CONTENT: Final = "content"
_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR: Final = struct.Struct("<4sLQL")
_LOCAL_HEADER: Final = 30
_ENCRYPTED: Final = 0x1
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_UNIX: Final = 3
_PART: Final = 1 << 20


@dataclass(frozen=True)
class Bounds:
    """Bounds of a package.

    Attributes:
        files: Entries.
        directory: Bytes of the central directory.
        unpacked: Bytes of all entries.
        manifest: Bytes of the manifest.
        ratio: Bytes unpacked for one byte of the package, beyond a first ``slack``.
    """

    files: int = 200_001
    directory: int = 64 * 1024**2
    unpacked: int = 4 * 1024**3
    manifest: int = 128 * 1024**2
    ratio: int = 100
    slack: int = 16 * 1024**2


@dataclass(frozen=True)
class Container:
    """A container that is safe to unpack.

    Attributes:
        manifest: Its name.
        files: Entries of the objects, by the uri that a manifest gives them.
    """

    archive: zipfile.ZipFile
    manifest: str
    files: Mapping[str, zipfile.ZipInfo] = field(default_factory=dict)

    def parts(self, name: str) -> Iterator[bytes]:
        """Return the bytes of an entry, in parts; never more than its directory said.

        Raises:
            Damaged: The entry can't be read, or is not what its directory said.
        """
        info = self.archive.getinfo(name)
        left = info.file_size
        try:
            with self.archive.open(info) as stream:
                while part := stream.read(_PART):
                    left -= len(part)
                    if left < 0:
                        raise Damaged(name)
                    yield part
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise Damaged(name) from error
        if left:
            raise Damaged(name)


class Damaged(Exception):
    """Error: an entry of a container can't be read."""


def open_container(stream: BinaryIO, bounds: Bounds) -> tuple[Container | None, list[Finding]]:
    """Open a container and judge its entries.

    Returns:
        None where it may not be unpacked; and what is wrong with it.
    """
    size = stream.seek(0, 2)
    wrong = _directory(stream, size, bounds)
    if wrong is not None:
        return None, [wrong]
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        return None, [_no_zip(str(error))]
    entries = archive.infolist()
    findings = [*_sizes(entries, size, bounds), *_overlaps(entries, size)]
    findings += [one for entry in entries for one in _entry(entry)]
    findings += _names(entries)
    if findings:
        return None, findings
    files = [entry for entry in entries if not entry.is_dir()]
    manifests = [entry for entry in files if "/" not in entry.filename]
    if len(manifests) != 1 or not MANIFEST.fullmatch(manifests[0].filename):
        return None, [_no_manifest([entry.filename for entry in manifests])]
    if manifests[0].file_size > bounds.manifest:
        return None, [_manifest_too_large(manifests[0].file_size, bounds)]
    inside = {entry.filename: entry for entry in files if entry is not manifests[0]}
    return Container(archive, manifests[0].filename, inside), []


def _directory(stream: BinaryIO, size: int, bounds: Bounds) -> Finding | None:
    """Return what is wrong with the end of the file, which says how long its directory is."""
    try:
        count, length = _announced(stream, size)
    except zipfile.BadZipFile as error:
        return _no_zip(str(error))
    if count <= bounds.files and length <= bounds.directory:
        return None
    return found_ko(
        "seda_zip_too_many",
        Step.CONTAINER,
        "Le paquet annonce {count} fichiers ; au plus {most} sont lus. Découpez le versement.",
        count=count,
        most=bounds.files,
    )


def _announced(stream: BinaryIO, size: int) -> tuple[int, int]:
    """Return the number of entries, and the bytes of their directory."""
    tail_size = min(size, 65_535 + _END.size + _LOCATOR.size)
    stream.seek(size - tail_size)
    tail = stream.read(tail_size)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise zipfile.BadZipFile("no end of central directory")
    _, disk, _, _, count, length, start, comment = _END.unpack_from(tail, at)
    if at + _END.size + comment != len(tail) or disk not in {0, 0xFFFF}:
        raise zipfile.BadZipFile("bytes after the end, or several disks")
    locator = tail[at - _LOCATOR.size : at] if at >= _LOCATOR.size else b""
    if not locator.startswith(b"PK\x06\x07"):
        if start + length != size - tail_size + at:
            raise zipfile.BadZipFile("bytes before the archive, or a directory elsewhere")
        return count, length
    where = _LOCATOR.unpack(locator)[2]
    stream.seek(min(where, size))
    record = stream.read(_END64.size)
    if len(record) < _END64.size or not record.startswith(b"PK\x06\x06"):
        raise zipfile.BadZipFile("no ZIP64 record")
    count, length, start = _END64.unpack(record)[7:10]
    if start + length != where:
        raise zipfile.BadZipFile("bytes before the archive, or a directory elsewhere")
    return count, length


def _sizes(entries: list[zipfile.ZipInfo], size: int, bounds: Bounds) -> Iterator[Finding]:
    total = sum(entry.file_size for entry in entries)
    if total > bounds.unpacked or total > bounds.slack + bounds.ratio * size:
        yield found_ko(
            "seda_zip_too_large",
            Step.CONTAINER,
            "Le paquet se déplierait en {bytes} octets, plus qu’il n’en est lu. Découpez le versement.",
            bytes=total,
        )


def _overlaps(entries: list[zipfile.ZipInfo], size: int) -> Iterator[Finding]:
    end = 0
    for entry in sorted(entries, key=lambda one: one.header_offset):
        begin = entry.header_offset
        if begin < end:
            yield _no_zip(f"entries share bytes: {entry.filename[:100]}")
            return
        end = begin + _LOCAL_HEADER + len(entry.orig_filename.encode("utf-8", "replace")) + entry.compress_size
    if end > size or (entries and min(entry.header_offset for entry in entries) != 0):
        yield _no_zip("bytes before the first entry, or an entry beyond the end")


def _entry(entry: zipfile.ZipInfo) -> Iterator[Finding]:
    shown, place = entry.orig_filename[:200], Place()
    mode = entry.external_attr >> 16 if entry.create_system == _UNIX else 0
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        yield found_ko(
            "seda_zip_link",
            Step.CONTAINER,
            "« {file} » est un lien ou un fichier spécial : le paquet ne doit contenir que des fichiers.",
            place,
            file=shown,
        )
    if entry.flag_bits & _ENCRYPTED:
        yield found_ko(
            "seda_zip_encrypted", Step.CONTAINER, "« {file} » est chiffré dans le paquet.", place, file=shown
        )
    if entry.compress_type not in _METHODS:
        yield found_ko(
            "seda_zip_method",
            Step.CONTAINER,
            "« {file} » est compressé d’une façon qui n’est pas lue : employez « deflate » ou aucune.",
            place,
            file=shown,
        )
    if entry.orig_filename != entry.filename or _leads_out(entry.filename):
        yield found_ko(
            "seda_zip_path",
            Step.CONTAINER,
            "« {file} » mène hors du paquet, ou n’est pas un nom de fichier.",
            place,
            file=shown,
        )
    elif not _is_named_well(entry):
        yield found_ko(
            "seda_filename",
            Step.CONTAINER,
            "« {file} » : à la racine un seul bordereau, le reste dans « content », en lettres sans accent, "
            "chiffres, « - », « _ », « @ » et points.",
            place,
            file=shown,
        )


def _leads_out(name: str) -> bool:
    steps = name.removesuffix("/").split("/")
    return name.startswith("/") or "\\" in name or ":" in name or any(step in {"", ".", ".."} for step in steps)


def _is_named_well(entry: zipfile.ZipInfo) -> bool:
    steps = entry.filename.removesuffix("/").split("/")
    if steps[0].lower() != _CONTENT:
        return len(steps) == 1 and not entry.is_dir()
    return all(_FILE.fullmatch(step) for step in steps)


def _names(entries: list[zipfile.ZipInfo]) -> Iterator[Finding]:
    seen: set[str] = set()
    roots = {entry.filename.partition("/")[0] for entry in entries if "/" in entry.filename}
    if len(roots) > 1:
        yield found_ko(
            "seda_folder_unexpected",
            Step.CONTAINER,
            "Le paquet a plusieurs dossiers à sa racine ({folders}) : un seul, « content ».",
            folders=", ".join(sorted(roots))[:200],
        )
    for entry in entries:
        folded = entry.filename.casefold()
        if folded in seen:
            yield found_ko(
                "seda_zip_twice",
                Step.CONTAINER,
                "« {file} » est deux fois dans le paquet.",
                file=entry.filename[:200],
            )
        seen.add(folded)


def _no_zip(why: str) -> Finding:
    return found_ko(
        "seda_zip_unreadable",
        Step.CONTAINER,
        "Le paquet n’est pas un ZIP lisible, ou il a été abîmé en route ({why}).",
        why=why[:200],
    )


def _no_manifest(names: list[str]) -> Finding:
    if not names:
        return found_ko(
            "seda_manifest_missing",
            Step.CONTAINER,
            "Il n’y a pas de bordereau à la racine du paquet (manifest.xml). "
            "Faites le ZIP depuis l’intérieur du dossier.",
        )
    return found_ko(
        "seda_manifest_name",
        Step.CONTAINER,
        "À la racine du paquet, un seul fichier est attendu, nommé manifest.xml ou …_manifest.xml ; il y a : {files}.",
        files=", ".join(names)[:200],
    )


def _manifest_too_large(size: int, bounds: Bounds) -> Finding:
    return found_ko(
        "seda_manifest_too_large",
        Step.CONTAINER,
        "Le bordereau compte {size} octets ; au plus {most} sont lus. Découpez le versement.",
        size=size,
        most=bounds.manifest,
    )
