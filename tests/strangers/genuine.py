"""Genuine bundles of two installations, and the keys of the first: what mutations are made of."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from archive.holdings.describe import describe
from signing.authority import ensure_generated
from tests.servers.postgres import Databases
from tests.unit.archive.world import World

Files = dict[str, bytes]


@dataclass(frozen=True)
class Installation:
    """Somebody's archive: bundles by name, its trust file, and its keys (``world``)."""

    world: World
    bundles: dict[str, Files]
    trust: bytes


def opened(bundle: bytes) -> Files:
    """Return the members of a zip, in their order."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Files) -> bytes:
    """Return a zip as the product writes it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return target.getvalue()


def _install(home: Path, databases: Databases, organisation: str, *, all_kinds: bool) -> Installation:
    keys = home / "keys"
    ensure_generated(keys, organisation=organisation)
    world = World(home / "archive", keys, databases)
    (home / "files").mkdir()
    kept = {name: world.keep(home / "files", named=True) for name in ("whole", "other")}
    if all_kinds:
        kept["bare"] = world.keep(home / "files", archival=False, named=True)
        kept["described"] = world.keep(home / "files", named=True)
        describe(world.stores, "demo", kept["described"], {"title": "Autre"}, agent="user:1", expected_revision=1)
        kept["old"] = world.keep(home / "files")
    bundles = {name: opened(world.bundle(record)) for name, record in kept.items()}
    if all_kinds:
        bundles["since"] = opened(world.bundle(kept["whole"], since=2))
        bundles["digests"] = opened(world.bundle(kept["whole"], content=False))
    trust = world.trust()
    return Installation(world, bundles, trust if trust.endswith(b"\n") else trust + b"\n")


@contextmanager
def installations(folder: Path, *, brief: bool = False) -> Iterator[tuple[Installation, Installation]]:
    """Make two installations: ours, and somebody else's who calls himself the same.

    Args:
        folder: Made here, and removed in the end.
        brief: Make ours alone, of two records; it is both then.
    """
    databases = Databases(None, folder / "template.db")
    made = [
        _install(folder / name, databases, "Commune de Test", all_kinds=name == "ours" and not brief)
        for name in (("ours",) if brief else ("ours", "theirs"))
    ]
    try:
        yield made[0], made[-1]
    finally:
        for one in made:
            one.world.database.dispose()
        shutil.rmtree(folder, ignore_errors=True)
