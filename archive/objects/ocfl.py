"""An OCFL 1.1 object: build and parse the paths in its folder; its documents. Pure.

A parser returns None for a path that is not one of ours; from a parsed path, ``.path`` builds the
same path again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from signing.ground.clock import stamp

INVENTORY: Final = "inventory.json"
SIDECAR: Final = f"{INVENTORY}.sha512"
HEADS: Final = frozenset({INVENTORY, SIDECAR})
"""Files that get one more version with each version of their object."""
DECLARATION: Final = "0=ocfl_object_1.1"
DECLARED: Final = b"ocfl_object_1.1\n"
RECORD_JSON: Final = "metadata/record.json"
PREMIS_JSON: Final = "metadata/premis.json"
ATTEMPTS: Final = "attempts"
"""Logical folder of files from interrupted attempts."""
_SUFFIX: Final = re.compile(r"[a-z0-9]{1,8}")
_REPORTS: Final = "reports/"
_COUNT: Final = r"[1-9][0-9]{0,17}"
_OBJECT_PATH: Final = re.compile(
    rf"(?:v(?P<version>{_COUNT})/)?(?:(?P<inventory>inventory\.json)(?P<sidecar>\.sha512)?|content/(?P<logical>.+))",
    re.DOTALL,
)


class Role(StrEnum):
    """Purpose of a file in an OCFL object."""

    CONTENT = "content"
    INVENTORY = "inventory"
    SIDECAR = "sidecar"
    DECLARATION = "declaration"


@dataclass(frozen=True)
class ObjectPath:
    """One file of a record's folder.

    Attributes:
        version: Version in whose folder it lies; None: directly in the record's folder.
        logical: Its name in the state of a version; of content only.
    """

    role: Role
    version: int | None = None
    logical: str | None = None

    @property
    def path(self) -> str:
        """Path of the file."""
        name = {Role.INVENTORY: INVENTORY, Role.SIDECAR: SIDECAR, Role.DECLARATION: DECLARATION}.get(self.role)
        name = name or f"content/{self.logical}"
        return name if self.version is None else f"v{self.version}/{name}"


def object_path(path: str) -> ObjectPath | None:
    """Parse a path below a record's folder; None for a path that we never write."""
    if path == DECLARATION:
        return ObjectPath(Role.DECLARATION)
    match = _OBJECT_PATH.fullmatch(path)
    if match is None or (match["logical"] and not match["version"]):
        return None
    version = int(match["version"]) if match["version"] else None
    if match["logical"]:
        return ObjectPath(Role.CONTENT, version, match["logical"])
    return ObjectPath(Role.SIDECAR if match["sidecar"] else Role.INVENTORY, version)


def version_inventory(number: int) -> str:
    """Return the path of a version's own inventory."""
    return f"v{number}/{INVENTORY}"


def version_sidecar(number: int) -> str:
    """Return the path of the digest of a version's own inventory."""
    return sidecar_of(version_inventory(number))


def sidecar_of(inventory: str) -> str:
    """Return the path of an inventory's digest; given its key, the digest's key."""
    return f"{inventory}.sha512"


def content_path(version: int, logical: str) -> str:
    """Return the path of a file that is new in a version."""
    return f"v{version}/content/{logical}"


def is_content_of(path: str, logical: str) -> bool:
    """Whether a path is that of a file with this name, in any version."""
    found = object_path(path)
    return found is not None and found.logical == logical


def attempt_name(path: str) -> str:
    """Return the logical name of a file that an interrupted attempt left at a path of content."""
    return f"{ATTEMPTS}/{path.replace('/content/', '/')}"


def beside(path: str, sha256: str) -> str:
    """Return another path for a file whose own holds bytes of an interrupted attempt."""
    folder, _, name = path.rpartition("/")
    stem, dot, extension = name.partition(".")
    return f"{folder}/{stem}-{sha256[:12]}{dot}{extension}"


def original_name(filename: str) -> str:
    """Return a safe name for the received bytes; only a plain extension is kept."""
    _, dot, extension = filename.rpartition(".")
    extension = extension.lower()
    return f"original/original.{extension}" if dot and _SUFFIX.fullmatch(extension) else "original/original"


def report_name(name: str) -> str:
    """Return a safe name for a report.

    Raises:
        ValueError: The name is not one that we make.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_\-]{0,60}\.[a-z0-9]{1,8}", name):
        raise ValueError(f"not the name of a report: {name!r}")
    return f"{_REPORTS}{name}"


def report_of(logical: str) -> str | None:
    """Return the name of a report's file; None for any other file."""
    return logical.removeprefix(_REPORTS) if logical.startswith(_REPORTS) else None


# -- identifiers and documents

_URN: Final = "urn:uuid:"
EXTENSION: Final = "0003-hash-and-id-n-tuple-storage-layout"


@dataclass(frozen=True)
class Content:
    """One file of an object.

    Attributes:
        logical: Its name in the state of a version, ``original/original.pdf``.
        path: Its path, relative to the object, ``v1/content/original/original.pdf``.
    """

    logical: str
    path: str
    sha256: str
    sha512: str


def root_documents() -> dict[str, bytes]:
    """Return, by name, the few files that make a tenant's folder an OCFL storage root."""
    layout = {
        "extension": EXTENSION,
        "description": "Three tuples of three digits of the SHA-512 of the identifier, then the identifier",
    }
    parameters = {
        "extensionName": EXTENSION,
        "digestAlgorithm": "sha512",
        "tupleSize": 3,
        "numberOfTuples": 3,
    }
    return {
        "0=ocfl_1.1": b"ocfl_1.1\n",
        "ocfl_layout.json": _pretty(layout),
        f"extensions/{EXTENSION}/config.json": _pretty(parameters),
    }


def object_id(record_id: str) -> str:
    """Return the OCFL identifier of a record, a URN that depends on no system."""
    return f"{_URN}{record_id}"


def record_of(identifier: str) -> str:
    """Return the record's id from an object's OCFL identifier."""
    return identifier.removeprefix(_URN)


def inventory(
    record_id: str,
    contents: Sequence[Content],
    *,
    created: datetime,
    message: str,
    before: Mapping[str, Any] | None = None,
) -> bytes:
    """Make the inventory of a new version.

    Args:
        record_id: The record.
        contents: Every file of the version's state, also those that lie in earlier versions.
        created: When the version was decided.
        message: The kind of change, in one English word or two.
        before: The inventory of the version before, if there is one.
    """
    earlier: dict[str, Any] = dict(before["versions"]) if before else {}
    manifest: dict[str, list[str]] = {k: list(v) for k, v in before["manifest"].items()} if before else {}
    fixity: dict[str, list[str]] = {k: list(v) for k, v in before["fixity"]["sha256"].items()} if before else {}
    state: dict[str, list[str]] = {}
    for content in sorted(contents, key=lambda item: item.logical):
        _add(manifest, content.sha512, content.path)
        _add(fixity, content.sha256, content.path)
        _add(state, content.sha512, content.logical)
    head = f"v{len(earlier) + 1}"
    version = {
        "created": stamp(created),
        "message": message,
        "state": state,
        "user": {"name": "Chartrier", "address": "urn:chartrier:service"},
    }
    return _pretty(
        {
            "id": object_id(record_id),
            "type": "https://ocfl.io/1.1/spec/#inventory",
            "digestAlgorithm": "sha512",
            "head": head,
            "fixity": {"sha256": fixity},
            "manifest": manifest,
            "versions": earlier | {head: version},
        }
    )


def sha512(content: bytes) -> str:
    """Return the SHA-512 in lower-case hexadecimal, as OCFL writes it."""
    return hashlib.sha512(content).hexdigest()


def sidecar(inventory_bytes: bytes) -> bytes:
    """Return the sidecar of an inventory: the file with its digest."""
    return f"{sha512(inventory_bytes)} inventory.json\n".encode()


def contents_of(found: Mapping[str, Any], version: str | None = None) -> dict[str, Content]:
    """Return the files of a version's state (None: the head), by logical name."""
    sha256 = {path: digest for digest, paths in found["fixity"]["sha256"].items() for path in paths}
    state = found["versions"][version or found["head"]]["state"]
    result = {}
    for digest, names in state.items():
        paths = found["manifest"][digest]
        for name in names:
            # same bytes: each file has its own path, named alike; of several, the latest
            path = next((one for one in reversed(paths) if is_content_of(one, name)), paths[0])
            result[name] = Content(name, path, sha256[path], digest)
    return result


def _add(block: dict[str, list[str]], digest: str, name: str) -> None:
    names = block.setdefault(digest, [])
    if name not in names:
        names.append(name)


def _pretty(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
