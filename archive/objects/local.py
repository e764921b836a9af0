"""Objects as files on this machine. Assurance: advisory.

A locked file is read-only and its modification time is midnight UTC of the last day of its lock
(docs/decisions/005). Our own files lie in folders apart from the objects, where validators would
refuse them: ``holds/`` has one empty file for each version on hold, ``superseded/`` the locked
versions of keys with a newer head, ``.writing/`` the files that are not objects yet.

Versions are counted, ``v1 v2 …``, so that a listing need not read any bytes. A key that was put
with ``replace`` and without a lock has only its head; its version is the moment of its writing, and
an earlier version is missing, never answered with other bytes. A copy of the folder may lose times
and modes, and with them the locks: the versions of records and of the journal stay what they were
(``_is_counted``), and ``extend_lock`` sets time and mode again.
"""

from __future__ import annotations

import errno
import hashlib
import heapq
import os
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

from archive.model.days import westernmost_day
from archive.objects import layout
from archive.objects.challenges import REASONS, Credential
from archive.objects.disk import away, chunks, make_folder, read, sync, walk
from archive.objects.local_challenges import LocalCredential
from archive.objects.port import Assurance, Listed, StoredObject, Unreadable, forbidden, unreadable
from archive.objects.refusals import bad_range, exists, locked, missing, wrong_digest
from signing.ground.clock import Clock
from signing.ground.errors import Refused, Unavailable

_DAY_NS: Final = 86_400 * 10**9
_OURS: Final = ("holds", "superseded", ".writing")
_COUNTED: Final = re.compile(r"v([1-9][0-9]*)(\.gone)?")
_HEAD_MODE: Final = 0o644
_KEPT_MODE: Final = 0o444
_WRITABLE: Final = 0o222


@dataclass(frozen=True)
class _Place:
    """One version of one key on disk."""

    key: str
    version: str
    path: Path
    state: os.stat_result


class LocalObjectStore:
    """Store of files under one folder.

    Args:
        root: Made if absent, for this account only.
        clock: The present moment.
        certain: Decides whether a lock has ended; ``clock`` where it is None.
    """

    def __init__(self, root: Path, clock: Clock, certain: Clock | None = None) -> None:
        self._root, self._clock, self._certain = root, clock, certain or clock

    @property
    def assurance(self) -> Assurance:
        """Advisory: an administrator of the machine could alter a file; a check would show it."""
        return Assurance.ADVISORY

    @property
    def name(self) -> str:
        """See ``challenges.ProbedStore``."""
        return self._root.as_uri()

    @property
    def weakness(self) -> str | None:
        """See ``challenges.ProbedStore``."""
        return REASONS["local"]

    def mend(self) -> None:
        """See ``challenges.ProbedStore``: nothing is attacked here but the probe's own object."""

    def credentials(self) -> Sequence[Credential]:
        """See ``challenges.ProbedStore``."""
        return [LocalCredential(self._root)]

    # -- writing

    def put(
        self,
        key: str,
        source: Path | bytes,
        *,
        sha256: str,
        retain_until: date | None = None,
        replace: bool = False,
    ) -> StoredObject:
        """See the port."""
        target = self._path(key)
        with away():
            present = self._current(key)
            if present is not None and self._same(present, source, sha256, replace=replace):
                return self._locked(present, retain_until)
            if present is not None and not replace:
                raise exists(key)
            temporary = self._written(source, sha256, key)
            try:
                before = present.state.st_mtime_ns if present is not None else 0
                self._settle(temporary, retain_until, head=replace, after=before)
                make_folder(target.parent)
                if present is None:
                    os.link(temporary, target)  # fails where rename would overwrite
                else:
                    self._supersede(present)
                    temporary.replace(target)
                sync(target.parent)
            except FileExistsError as error:  # another writer was faster
                faster = self._current(key)
                if faster is None or not self._same(faster, source, sha256):
                    raise exists(key) from error
                return self._locked(faster, retain_until)
            finally:
                temporary.unlink(missing_ok=True)
            return self._state(self._find(key, None))

    def _written(self, source: Path | bytes, sha256: str, key: str) -> Path:
        """Write the bytes to a temporary file, checked against the digest; not yet an object."""
        folder = self._root / ".writing"
        make_folder(folder)
        temporary = folder / uuid.uuid4().hex
        digest = hashlib.sha256()
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as target:
                for chunk in chunks(source):
                    digest.update(chunk)
                    target.write(chunk)
            if digest.hexdigest() != sha256:
                raise wrong_digest(key)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return temporary

    def _settle(self, path: Path, until: date | None, *, head: bool, after: int) -> None:
        """Set the file's time and mode, which express its lock, and make the file durable."""
        if until is not None:
            moment = _midnight_ns(until)
        else:
            moment = max(int(self._clock().timestamp() * 1_000_000) * 1000, after + 1000)
            if moment % _DAY_NS == 0:
                moment += 1000  # midnight sharp would read as a lock
        path.chmod(_HEAD_MODE if head and until is None else _KEPT_MODE)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.utime(descriptor, ns=(moment, moment))
            if os.fstat(descriptor).st_mtime_ns // 10**9 != moment // 10**9:
                raise Refused(
                    "lock_date_unsupported",
                    "Ce disque ne sait pas noter une date aussi lointaine que le {until}.",
                    action="Placez les données sur un système de fichiers ext4, Btrfs ou XFS récent, "
                    "ou raccourcissez l’horizon des verrous.",
                    until=until.isoformat() if until else "",
                )
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _supersede(self, present: _Place) -> None:
        """Keep a counted version whose key is about to get other bytes, also after its lock."""
        if not _COUNTED.fullmatch(present.version):
            return
        folder = self._root / "superseded" / present.key
        make_folder(folder)
        kept = folder / present.version
        if not kept.exists():
            os.link(present.path, kept)
            sync(folder)

    def extend_lock(self, key: str, version: str, until: date) -> StoredObject:
        """See the port."""
        with away():
            return self._locked(self._find(key, version), until)

    def _locked(self, place: _Place, until: date | None) -> StoredObject:
        present = _lock_of(place.state)
        if until is None or (present is not None and until <= present and not place.state.st_mode & _WRITABLE):
            return self._state(place)
        until = until if present is None else max(until, present)
        self._settle(place.path, until, head=False, after=0)
        again = _Place(place.key, place.version, place.path, place.path.stat())
        if place.version.startswith("m"):
            again = self._find(place.key, None)  # a head that gets a lock has a counted version from now on
        return self._state(again)

    def hold(self, key: str, version: str, *, on: bool) -> StoredObject:
        """See the port."""
        with away():
            place = self._find(key, version)
            marker = self._hold_marker(place)
            if on:
                make_folder(marker.parent)
                marker.touch(mode=_KEPT_MODE)
                sync(marker.parent)
            elif marker.exists():
                marker.unlink()
                sync(marker.parent)
            return self._state(place)

    def delete(self, key: str, version: str) -> None:
        """See the port."""
        with away():
            place = self._find(key, version)
            state = self._state(place)
            if _is_locked(state, self._certain):
                raise locked(key, state.locked_until)
            superseded = self._root / "superseded" / key
            if place.path.parent == superseded:
                (superseded / f"{version}.gone").touch()  # the head keeps its number
            place.path.unlink()
            sync(place.path.parent)
            self._hold_marker(place).unlink(missing_ok=True)
            self._forget_if_gone(key, superseded)
            self._prune(self._path(key).parent)

    def _forget_if_gone(self, key: str, superseded: Path) -> None:
        if self._path(key).exists() or not superseded.is_dir():
            return
        names = list(superseded.iterdir())
        if all(path.suffix == ".gone" for path in names):
            for path in names:
                path.unlink()
            self._prune(superseded)

    def _prune(self, folder: Path) -> None:
        """Remove folders that became empty, since an object store has none."""
        while folder != self._root and self._root in folder.parents:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent

    # -- reading

    def stat(self, key: str, version: str | None = None) -> StoredObject:
        """See the port."""
        with away():
            return self._state(self._find(key, version))

    def read(
        self, key: str, version: str | None = None, *, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """See the port."""
        with away():
            place = self._find(key, version)
        size = place.state.st_size
        if offset < 0 or offset > size or (length is not None and length < 0):
            raise bad_range(key)
        return _told(key, read(place.path, offset, length))

    def list(self, prefix: str) -> Iterator[Listed]:
        """See the port."""
        current = self._heads(prefix)
        older = self._superseded(prefix)
        for _, _, place in heapq.merge(current, older, key=lambda item: item[:2]):
            lock = (_lock_of(place.state),)
            yield Listed(place.key, place.version, place.state.st_size, _written_at(place.state), lock=lock)

    def _heads(self, prefix: str) -> Iterator[tuple[str, int, _Place]]:
        for key, _ in walk(self._root, prefix, skip=_OURS):
            with away():
                place = self._current(key)
            if place is not None:
                yield key, 1 << 62, place

    def _superseded(self, prefix: str) -> Iterator[tuple[str, int, _Place]]:
        found = []
        for name, path in walk(self._root / "superseded", prefix):
            key, version = layout.folder_and_name(name)
            match = _COUNTED.fullmatch(version)
            if match is None or match[2] or self._is_head(key, path):
                continue
            found.append((key, int(match[1]), _Place(key, version, path, path.stat())))
        yield from sorted(found, key=lambda item: item[:2])

    def _is_head(self, key: str, path: Path) -> bool:
        """Whether a superseded file is still the head: a writer stopped between two steps."""
        head = self._path(key)
        return head.exists() and head.samefile(path)

    # -- one version

    def _find(self, key: str, version: str | None) -> _Place:
        current = self._current(key)
        if current is not None and version in {None, current.version}:
            return current
        if version is not None and _COUNTED.fullmatch(version):
            older = self._root / "superseded" / key / version
            if older.is_file():
                return _Place(key, version, older, older.stat())
        raise missing(key, version)

    def _current(self, key: str) -> _Place | None:
        path = self._path(key)
        try:
            state = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not path.is_file():
            return None
        if state.st_mode & 0o200 and _lock_of(state) is None and not _is_counted(key):
            return _Place(key, f"m{state.st_mtime_ns:x}", path, state)
        return _Place(key, f"v{1 + self._last_superseded(key, path)}", path, state)

    def _last_superseded(self, key: str, head: Path) -> int:
        folder = self._root / "superseded" / key
        try:
            names = [path.name for path in folder.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return 0
        numbers = [
            int(match[1])
            for name in names
            if (match := _COUNTED.fullmatch(name)) and (match[2] or not (folder / name).samefile(head))
        ]
        return max(numbers, default=0)

    def _state(self, place: _Place) -> StoredObject:
        return StoredObject(
            key=place.key,
            version=place.version,
            size=place.state.st_size,
            locked_until=_lock_of(place.state),
            legal_hold=self._hold_marker(place).exists(),
            modified_at=_written_at(place.state),
        )

    def _hold_marker(self, place: _Place) -> Path:
        return self._root / "holds" / f"{place.key}@{place.version}"

    def _same(self, place: _Place, source: Path | bytes, sha256: str, *, replace: bool = False) -> bool:
        """Whether a file has these bytes; with ``replace``, an unreadable file has not."""
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        if size != place.state.st_size:
            return False
        digest = hashlib.sha256()
        try:
            for chunk in _told(place.key, chunks(place.path)):
                digest.update(chunk)
        except Unreadable:
            if not replace:
                raise
            return False
        return digest.hexdigest() == sha256

    def _path(self, key: str) -> Path:
        parts = layout.parts_of(key)
        if parts[0] in _OURS:
            raise ValueError(f"not a key of the store: {key!r}")
        return self._root.joinpath(*parts)


def _lock_of(state: os.stat_result) -> date | None:
    is_lock = state.st_mtime_ns % _DAY_NS == 0
    return datetime.fromtimestamp(state.st_mtime_ns // 10**9, UTC).date() if is_lock else None


def _is_counted(key: str) -> bool:
    return key != layout.CHECKPOINT and key.startswith((layout.TENANTS, layout.STAGING, *layout.EVIDENCE))


def _written_at(state: os.stat_result) -> datetime:
    written = state.st_mtime_ns if _lock_of(state) is None else state.st_ctime_ns
    return datetime.fromtimestamp(written // 10**6 / 1000, UTC)


def _is_locked(state: StoredObject, certain: Clock) -> bool:
    return state.legal_hold or (state.locked_until is not None and westernmost_day(certain()) <= state.locked_until)


def _told(key: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the bytes; report a sector that the disk can't read as a fault of this file only."""
    try:
        yield from chunks
    except Unavailable as error:
        number = error.__cause__.errno if isinstance(error.__cause__, OSError) else None
        if number == errno.EIO:
            raise unreadable(key) from error
        if number in {errno.EACCES, errno.EPERM}:
            raise forbidden(key) from error
        raise


def _midnight_ns(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp()) * 10**9
