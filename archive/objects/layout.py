"""Where everything lies in the store, and the OCFL 1.1 documents that say so. Pure.

A tenant is an OCFL storage root, a record an object in it. Objects are placed by extension 0003: three
groups of three hexadecimal digits of the SHA-512 of the object's identifier, then the identifier itself,
so that a reader who knows only the extension finds the record without us, and a person sees which it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from signing.ground.clock import stamp

LAYOUT: Final = "0003-hash-and-id-n-tuple-storage-layout"
ROOT_DECLARATION: Final = ("0=ocfl_1.1", b"ocfl_1.1\n")
OBJECT_DECLARATION: Final = ("0=ocfl_object_1.1", b"ocfl_object_1.1\n")
RECORD_JSON: Final = "metadata/record.json"
PREMIS_JSON: Final = "metadata/premis.json"
_EXTENSION: Final = re.compile(r"[a-z0-9]{1,8}")


@dataclass(frozen=True)
class Content:
    """One file of an object.

    Attributes:
        logical: Its name in the state of a version, ``original/original.pdf``.
        path: Where it lies, relative to the object, ``v1/content/original/original.pdf``.
    """

    logical: str
    path: str
    sha256: str
    sha512: str


def tenant_root(tenant: str) -> str:
    """The folder that can be handed over whole."""
    return f"tenants/{tenant}"


def root_files(tenant: str) -> dict[str, bytes]:
    """The few files that make a tenant's folder an OCFL storage root, by key."""
    root = tenant_root(tenant)
    name, declaration = ROOT_DECLARATION
    layout = {
        "extension": LAYOUT,
        "description": "Three tuples of three digits of the SHA-512 of the identifier, then the identifier",
    }
    config = {
        "extensionName": LAYOUT,
        "digestAlgorithm": "sha512",
        "tupleSize": 3,
        "numberOfTuples": 3,
    }
    return {
        f"{root}/{name}": declaration,
        f"{root}/ocfl_layout.json": _pretty(layout),
        f"{root}/extensions/{LAYOUT}/config.json": _pretty(config),
    }


def object_id(record_id: str) -> str:
    """The identifier that outlives us."""
    return f"urn:uuid:{record_id}"


def object_root(tenant: str, record_id: str) -> str:
    """The folder of a record."""
    digest = sha512(object_id(record_id).encode())
    encoded = object_id(record_id).replace(":", "%3a")
    return f"{tenant_root(tenant)}/{digest[0:3]}/{digest[3:6]}/{digest[6:9]}/{encoded}"


def original_name(filename: str) -> str:
    """A safe name for the received bytes; only a plain extension survives."""
    _, dot, extension = filename.rpartition(".")
    extension = extension.lower()
    return f"original/original.{extension}" if dot and _EXTENSION.fullmatch(extension) else "original/original"


def report_name(name: str) -> str:
    """A safe name for a report.

    Raises:
        ValueError: If the name is not one that we make.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_\-]{0,60}\.[a-z0-9]{1,8}", name):
        raise ValueError(f"not the name of a report: {name!r}")
    return f"reports/{name}"


def content_path(version: int, logical: str) -> str:
    """Where a file that is new in a version lies."""
    return f"v{version}/content/{logical}"


def beside(path: str, sha256: str) -> str:
    """Another path for a file whose own is taken by what an interrupted attempt left."""
    folder, _, name = path.rpartition("/")
    stem, dot, extension = name.partition(".")
    return f"{folder}/{stem}-{sha256[:12]}{dot}{extension}"


def inventory(
    record_id: str,
    contents: Sequence[Content],
    *,
    created: datetime,
    message: str,
    before: Mapping[str, Any] | None = None,
) -> bytes:
    """The inventory of a new version.

    Args:
        record_id: Which record.
        contents: Every file of the version's state, also those that lie in earlier versions.
        created: When the version was decided.
        message: What it is, in one English word or two.
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
    """Lower-case hex, as OCFL writes it."""
    return hashlib.sha512(content).hexdigest()


def sidecar(inventory_bytes: bytes) -> bytes:
    """The file that vouches for an inventory."""
    return f"{sha512(inventory_bytes)} inventory.json\n".encode()


def contents_of(found: Mapping[str, Any], version: str | None = None) -> dict[str, Content]:
    """The files of a version's state (None: the head), by logical name."""
    sha256 = {path: digest for digest, paths in found["fixity"]["sha256"].items() for path in paths}
    state = found["versions"][version or found["head"]]["state"]
    result = {}
    for digest, names in state.items():
        paths = found["manifest"][digest]
        for name in names:
            # files with the same bytes: each has its own path, named alike
            path = next((p for p in paths if p.endswith(f"/content/{name}")), paths[0])
            result[name] = Content(name, path, sha256[path], digest)
    return result


def _add(block: dict[str, list[str]], digest: str, name: str) -> None:
    names = block.setdefault(digest, [])
    if name not in names:
        names.append(name)


def _pretty(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
