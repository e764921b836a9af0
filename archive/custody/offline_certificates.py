"""Check certificates of disposals and scans of visas in a store from its files alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archive.custody.offline_log import Finding, Log
from archive.model.statement_kinds import StatementKind
from archive.objects import layout
from archive.objects.fixity import Fixity
from archive.objects.layout import StatementKey
from signing.ground.canonical import parse_canonical


def check_certificates(root: Path, log: Log) -> Iterator[Finding]:
    """Check that each file that a published statement lists is there, and what nothing lists.

    What a certificate says is for ``verify_certificate.py``.
    """
    claims = {
        place.key: told["sha-256"]
        for tenant, body, disposal in _statements(root, log, StatementKind.CERTIFICATE)
        for one in body["supplements"]
        for name, told in one["files"].items()
        if (place := layout.certificate_named(tenant, disposal, name)) is not None
    }
    folder = root / layout.bare(layout.DISPOSALS)
    there = {path.relative_to(root).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    scans = {
        layout.ScanKey(tenant, body["disposal_id"], body["sha256"]).key: body["sha256"]
        for tenant, body, _ in _statements(root, log, StatementKind.SCAN)
    }
    for key, digest in sorted(scans.items()):
        if key not in there:
            yield Finding(key, Fixity.MISSING, "La copie numérisée d’un visa n’y est pas.")
        elif _sha256(there[key]) != digest:
            yield Finding(key, Fixity.ALTERED, "La copie numérisée d’un visa n’est plus celle qui a été reçue.")
    faults = 0
    for key, digest in sorted(claims.items()):
        if key not in there:
            yield Finding(key, Fixity.MISSING, "Le journal annonce ce certificat, le magasin ne l’a pas.")
        elif _sha256(there[key]) != digest:
            yield Finding(key, Fixity.ALTERED, "Ce certificat n’est plus celui que le journal annonce.")
        else:
            continue
        faults += 1
    for key in sorted(there.keys() - claims.keys() - scans.keys()):
        faults += 1
        yield Finding(key, Fixity.UNVERIFIABLE, "Aucune ligne du journal publié n’annonce ce fichier (encore).")
    if claims and not faults:
        said = f"{len(claims)} fichiers de certificats, tous ceux que le journal annonce."
        yield Finding(layout.bare(layout.DISPOSALS), Fixity.INTACT, said)


def _statements(root: Path, log: Log, kind: StatementKind) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield tenant, body and subject of each statement of a kind that an entry claims."""
    for path in sorted((root / layout.bare(layout.REGISTER)).rglob("*.json")):
        place = layout.register_key(path.relative_to(root).as_posix())
        if not isinstance(place, StatementKey) or place.kind != kind:
            continue
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() in log.claims:  # else the register's own check tells of it
            yield place.tenant, parse_canonical(content)["body"], place.subject


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
