"""Writing of a package (ZIP): the manifest, then each object in the order of the manifest.

Objects are copied as they come, and what was copied must have the digest and size that the manifest
tells. The same transfer gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import BinaryIO, Final

from archive.exchange.seda.sending import FileToSend, PackageToSend
from archive.exchange.seda.writer import write_manifest
from signing.ground.errors import Corrupt

MANIFEST: Final = "manifest.xml"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_FILE: Final = 0o100644 << 16
_IN_MEMORY: Final = 8 * 1024**2
_PART: Final = 1 << 20


@dataclass(frozen=True)
class Packed:
    """A package as written.

    Attributes:
        manifest_sha256: Of its manifest.
    """

    size: int
    files: int
    manifest_sha256: str


def write_package(out: BinaryIO, package: PackageToSend, parts_of: Callable[[FileToSend], Iterable[bytes]]) -> Packed:
    """Write a package.

    Args:
        out: A file that can be sought in: some readers want sizes before the bytes.
        parts_of: Returns the bytes of a file, in parts.

    Raises:
        Corrupt: ``altered``: bytes that are not what the manifest tells of them.
    """
    begin = out.tell()
    with zipfile.ZipFile(out, "w", allowZip64=True) as archive:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as manifest:
            write_manifest(manifest, package.transfer)  # type: ignore[arg-type]
            size = manifest.tell()
            manifest.seek(0)
            made = hashlib.sha256()
            with archive.open(_entry(MANIFEST, zipfile.ZIP_DEFLATED, size), "w") as entry:
                while part := manifest.read(_PART):
                    made.update(part)
                    entry.write(part)
        for uri, file in package.files.items():
            _copy(archive, uri, file, parts_of(file))
    out.seek(0, io.SEEK_END)
    return Packed(out.tell() - begin, len(package.files), made.hexdigest())


def _entry(name: str, method: int, size: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type, entry.external_attr, entry.create_system = method, _FILE, 3
    entry.file_size = size
    return entry


def _copy(archive: zipfile.ZipFile, uri: str, file: FileToSend, parts: Iterable[bytes]) -> None:
    made, size = hashlib.sha512(), 0
    with archive.open(_entry(uri, zipfile.ZIP_STORED, file.size), "w") as entry:
        for part in parts:
            made.update(part)
            size += len(part)
            entry.write(part)
    if size != file.size or made.hexdigest() != file.sha512.lower():
        raise Corrupt(
            "altered",
            "Un fichier gardé ne correspond plus à son empreinte ({key}) : il n’est pas servi.",
            action="Prévenez l’administrateur : il faut le rétablir depuis une copie saine.",
            key=file.key,
        )
