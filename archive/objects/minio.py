"""Objects in a bucket of MinIO, or of any S3 with Object Lock (docs/decisions/008).

Each write is conditional: it is refused if the key appeared meanwhile, and an object with the same
bytes is adopted. A locked version is written with its lock; an object sent in parts is read back
whole before it is locked, because an S3 checks the digests of parts only; an object to be replaced
is read again, because it may have rotted since. Returned states are read from the store after the
write.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

from minio.datatypes import Object
from minio.error import S3Error

from archive.model.days import westernmost_day
from archive.model.settings import S3Store
from archive.objects import disk, layout
from archive.objects.challenges import REASONS, Credential, ProbedStore
from archive.objects.elsewhere import is_elsewhere
from archive.objects.minio_challenges import S3Credential, mend
from archive.objects.minio_client import (
    Connection,
    Marker,
    Taken,
    Unexplained,
    answered,
    clock_differs,
    paged,
)
from archive.objects.minio_locks import Guard, Locks, locks_of
from archive.objects.minio_reads import UNVERSIONED, Head, chunks, get, in_order, unexplained
from archive.objects.port import Assurance, Listed, StoredObject, Unreadable, lock_missing
from archive.objects.refusals import bad_range, exists, locked, missing, wrong_digest
from signing.ground.clock import Clock
from signing.ground.errors import Refused, Unavailable

WHOLE: Final = 64 << 20
"""Up to this size an object is one request, and the server checks it against our SHA-256."""
PART: Final = 16 << 20
"""Larger objects are sent in parts of this size; one part is in memory at a time."""
CLOCKS_DIFFER: Final = timedelta(hours=24)
"""Locks count days: with clocks further apart, a lock would end on another day than meant."""


class MinioObjectStore:
    """A bucket. It is made, with Object Lock, when it is first used.

    A bucket made without Object Lock is used as it is.

    Args:
        settings: Server, bucket and credential.
        clock: Compared with the store's before a lock is set.
        certain: Decides whether a lock has ended where the store does not guard it itself;
            ``clock`` where it is None.
        proven: Returns the assurance that the last probe of this store proves; advisory by default.
        credentials: Other credentials of the service, by name: a probe attacks with them too.
    """

    def __init__(
        self,
        settings: S3Store,
        clock: Clock,
        *,
        proven: Callable[[ProbedStore], Assurance] = lambda _: Assurance.ADVISORY,
        credentials: Mapping[str, S3Store] = MappingProxyType({}),
        certain: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._certain = certain or clock
        self._proven = proven
        self._credentials = credentials
        self._opened: tuple[int, Connection, Locks] | None = None

    @property
    def assurance(self) -> Assurance:
        """Enforced only while a recent probe proves it."""
        return self._proven(self)

    @property
    def name(self) -> str:
        """See ``challenges.ProbedStore``."""
        return f"{self._settings.endpoint.rstrip('/')}/{self._settings.bucket}"

    @property
    def weakness(self) -> str | None:
        """See ``challenges.ProbedStore``."""
        return None if self.open()[0].locks else REASONS["no_bucket_lock"]

    def mend(self) -> None:
        """See ``challenges.ProbedStore``."""
        mend(self.open()[0])

    def credentials(self) -> Sequence[Credential]:
        """See ``challenges.ProbedStore``."""
        others = {
            name: self._settings.model_copy(update={"access_key": other.access_key, "secret_key": other.secret_key})
            for name, other in self._credentials.items()
        }
        return [
            S3Credential("store", lambda: self.open()[0]),
            *(S3Credential(name, partial(Connection, settings)) for name, settings in others.items()),
        ]

    def open(self) -> tuple[Connection, Locks]:
        """Return the connection of this process: a fork must not use its parent's.

        Raises:
            Refused: ``bad_endpoint``, ``bucket_unversioned``.
            Unavailable: ``store_away``.
        """
        if self._opened is None or self._opened[0] != os.getpid():
            connection = Connection(self._settings)
            self._opened = os.getpid(), connection, locks_of(connection)
        return self._opened[1:]

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
        """See the port.

        Also raises ``Corrupt`` ``lock_missing``: the store accepted the bytes without their lock.
        """
        layout.parts_of(key)
        if _digest(disk.chunks(source)) != sha256:
            raise wrong_digest(key)
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        present = self._found(key)
        if present is not None and self._same(present, size, sha256, replace=replace):
            return self._lasting(self._state(present), retain_until)
        if present is not None and not replace:
            raise exists(key)
        try:
            version = self._sent(key, source, size, sha256, retain_until, replace=replace)
        except Taken as error:  # another writer was faster
            faster = self._found(key)
            if faster is None or not self._same(faster, size, sha256):
                raise exists(key) from error
            return self._lasting(self._state(faster), retain_until)
        written = self._head(key, version)
        if not self._same(written, size, sha256):
            self._forget(written)
            raise wrong_digest(key)
        state = self._lasting(self._state(written), retain_until)
        if present is not None:
            self._forget(present)
        return state

    def _sent(
        self, key: str, source: Path | bytes, size: int, sha256: str, until: date | None, *, replace: bool
    ) -> str:
        """Write, unless ``replace`` only to an absent key; return the store's version."""
        connection, locks = self.open()
        if until is not None:
            self._require_clock()
        options: dict[str, Any] = {"part_size": PART}
        if size <= WHOLE:
            options = {
                "part_size": max(size, PART),
                "metadata": {"x-amz-checksum-sha256": _base64(sha256)},
                **locks.options(until),
            }
        condition = nullcontext() if replace else connection.pool.only_if_absent()
        with answered(key), condition, _stream(source) as stream:
            result = connection.client.put_object(
                connection.bucket, key, stream, size, num_parallel_uploads=1, **options
            )
        return result.version_id or UNVERSIONED

    def _lasting(self, state: StoredObject, until: date | None) -> StoredObject:
        """Return the version, locked at least until a day.

        Raises:
            Corrupt: ``lock_missing``: the store accepted the lock and did not set it.
        """
        if until is None or (state.locked_until is not None and state.locked_until >= until):
            return state
        _, locks = self.open()
        self._require_clock()
        with answered(state.key, state.version):
            locks.extend(state.key, state.version, until)
        again = self.stat(state.key, state.version)
        if again.locked_until is None or again.locked_until < until:
            raise lock_missing(state.key, until)
        return again

    def _require_clock(self) -> None:
        """Refuse to set a lock, which cannot be undone, while the two clocks are far apart.

        Raises:
            Unavailable: ``clock_differs``.
        """
        connection, _ = self.open()
        theirs, ours = connection.pool.store_time, self._clock().astimezone(UTC)
        if connection.locks and theirs is not None and abs(ours - theirs) > CLOCKS_DIFFER:
            raise clock_differs(ours, theirs.astimezone(UTC))

    def outside_time(self) -> datetime | None:
        """Return the store's time; None where it may run on this machine, by the same clock."""
        if not is_elsewhere(urlsplit(self._settings.endpoint).hostname or ""):
            return None
        connection, _ = self.open()
        with answered(layout.LAYOUT_JSON), suppress(Refused):
            connection.client.bucket_exists(connection.bucket)
        theirs = connection.pool.store_time
        return theirs.astimezone(UTC) if theirs is not None else None

    def _forget(self, head: Head) -> None:
        """Destroy a version without lock or hold: former heads would pile up."""
        guard = self._guard(head)
        if guard.locked_until is None and not guard.legal_hold:
            with suppress(Refused):
                self.delete(head.key, head.version)

    def extend_lock(self, key: str, version: str, until: date) -> StoredObject:
        """See the port. Also raises ``Corrupt`` ``lock_missing``."""
        return self._lasting(self.stat(key, version), until)

    def hold(self, key: str, version: str, *, on: bool) -> StoredObject:
        """See the port."""
        self.stat(key, version)  # some stores accept it for a missing version
        _, locks = self.open()
        with answered(key, version):
            locks.hold(key, version, on=on)
        return self.stat(key, version)

    def delete(self, key: str, version: str) -> None:
        """See the port. A delete marker is a version too."""
        connection, _ = self.open()
        try:
            guard = self._guard(self._head(key, version))
        except (Marker, Refused) as error:
            if isinstance(error, Refused) and not self._is_marker(key, version):
                raise
            guard = Guard(None, legal_hold=False)
        if guard.by_us and guard.holds(westernmost_day(self._certain())):
            raise locked(key, guard.locked_until)
        try:
            with answered(key, version):
                connection.client.remove_object(connection.bucket, key, version_id=version)
        except (Refused, Unavailable) as error:
            if isinstance(error.__cause__, S3Error) and (guard.locked_until is not None or guard.legal_hold):
                raise locked(key, guard.locked_until) from error
            raise

    def _is_marker(self, key: str, version: str) -> bool:
        """Whether the version is a delete marker, which some stores report as missing."""
        return any(item.marker and (item.key, item.version) == (key, version) for item in self.list(key))

    # -- reading

    def stat(self, key: str, version: str | None = None) -> StoredObject:
        """See the port."""
        try:
            return self._state(self._head(key, version))
        except Marker as error:
            raise missing(key, version) from error

    def read(
        self, key: str, version: str | None = None, *, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """See the port."""
        whole = offset == 0 and length is None
        if not whole:
            size = self.stat(key, version).size
            if offset < 0 or offset > size or (length is not None and length < 0):
                raise bad_range(key)
            length = min(size - offset, size if length is None else length)
            if length == 0:
                return iter(())
        connection, _ = self.open()
        response = get(connection, key, version, offset, length or 0)
        return chunks(connection, response, key, version, offset, length or 0)

    def list(self, prefix: str) -> Iterator[Listed]:
        """See the port."""
        connection, _ = self.open()
        items = connection.client.list_objects(connection.bucket, prefix=prefix, recursive=True, include_version=True)
        waiting: list[Object] = []
        with answered(prefix):
            for item, begins_page in paged(connection.pool, items):
                if begins_page and waiting:
                    last = max(str(one.object_name) for one in waiting)  # more versions of it may follow
                    yield from in_order(one for one in waiting if one.object_name != last)
                    waiting = [one for one in waiting if one.object_name == last]
                waiting.append(item)
        yield from in_order(waiting)

    def _found(self, key: str) -> Head | None:
        """Return the current version, or None."""
        try:
            return self._head(key, None)
        except Marker:
            return None
        except Refused as error:
            if error.code != "object_missing":
                raise
            return None

    def _head(self, key: str, version: str | None) -> Head:
        """Read the headers of one version.

        Raises:
            Marker: It is a delete marker.
        """
        connection, _ = self.open()
        try:
            with answered(key, version):
                found = connection.client.stat_object(
                    connection.bucket, key, version_id=version, extra_headers={"x-amz-checksum-mode": "ENABLED"}
                )
        except Unexplained as error:
            raise unexplained(connection, key, version) from error
        return Head(key, found.metadata or {})

    def _state(self, head: Head) -> StoredObject:
        guard = self._guard(head)
        return StoredObject(
            key=head.key,
            version=head.version,
            size=head.size,
            locked_until=guard.locked_until,
            legal_hold=guard.legal_hold,
            modified_at=parsedate_to_datetime(head.headers["last-modified"]),
        )

    def _guard(self, head: Head) -> Guard:
        _, locks = self.open()
        with answered(head.key, head.version):
            return locks.read(head.headers, head.key, head.version)

    def _same(self, head: Head, size: int, sha256: str, *, replace: bool = False) -> bool:
        """Whether a version has these bytes, by the digest that the store checked on writing.

        Args:
            replace: Read the bytes even so: a version that can no longer be read is to be replaced.
        """
        told = head.checksum
        if head.size != size or (told is not None and told != _base64(sha256)):
            return False
        if told is not None and not replace:
            return True
        try:
            return _digest(self.read(head.key, head.version)) == sha256
        except Unreadable:
            if not replace:
                raise
            return False


def _stream(source: Path | bytes) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _digest(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _base64(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode()
