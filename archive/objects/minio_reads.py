"""Read a version from a bucket; distinguish an unreadable version from an absent store.

An S3 whose disk altered the bytes of a version gives none of them: it breaks its answer off, or
answers that it is busy (MinIO: ``503 SlowDownRead``; SeaweedFS: ``500 InternalError``), while it
shows the version's state as if nothing were wrong. Drives that are away for a while look the same,
so nothing is called altered here (docs/decisions/008).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import urllib3
from minio.datatypes import Object
from urllib3.exceptions import ProtocolError

from archive.objects.disk import CHUNK
from archive.objects.minio_client import Connection, Marker, Unexplained, answered, away
from archive.objects.port import Listed, unreadable
from archive.objects.refusals import missing
from signing.ground.errors import Refused, Unavailable

_STUCK: Final = {"SlowDownRead", "InternalError"}
"""Error codes answered instead of the bytes, twice (``minio_client``)."""
_AGAIN: Final = 3
"""How often a body that broke off is requested again."""


UNVERSIONED: Final = "null"
"""Version that an S3 gives to objects written before its bucket kept versions."""


@dataclass(frozen=True)
class Head:
    """Headers of the store's answer about one version."""

    key: str
    headers: Mapping[str, str]

    @property
    def version(self) -> str:
        """Version, as the store names it."""
        return self.headers.get("x-amz-version-id") or UNVERSIONED

    @property
    def size(self) -> int:
        """Size in bytes."""
        return int(self.headers["content-length"])

    @property
    def checksum(self) -> str | None:
        """SHA-256 in base64, as the store computed it; None where it has only those of parts."""
        found = self.headers.get("x-amz-checksum-sha256", "")
        return found if found and "-" not in found else None


def get(
    connection: Connection, key: str, version: str | None, offset: int = 0, length: int = 0
) -> urllib3.BaseHTTPResponse:
    """Request the bytes; ``length`` 0 means all that follow.

    Raises:
        Refused: ``object_missing``.
        Unreadable: The store shows the version's state and does not give its bytes.
    """
    try:
        with answered(key, version):
            return connection.client.get_object(
                connection.bucket, key, offset=offset, length=length, version_id=version
            )
    except Marker as error:
        raise missing(key, version) from error
    except Unavailable as error:
        if error.values.get("reason") in _STUCK and tells(connection, key, version):
            raise unreadable(key) from error
        raise


def chunks(
    connection: Connection, response: urllib3.BaseHTTPResponse, key: str, version: str | None, offset: int, length: int
) -> Iterator[bytes]:
    """Read the body, requesting it again from where it broke off; then free the connection.

    Args:
        offset: First byte of the body.
        length: Its length; 0: to the end.

    Raises:
        Unreadable: It broke off twice at the same place, while the store shows the version's state.
    """
    version = response.headers.get("x-amz-version-id") or version
    seen, broken = 0, 0
    while True:
        before = seen
        try:
            with answered(key, version):
                while chunk := response.read(CHUNK):
                    yield chunk
                    seen += len(chunk)
                response.release_conn()
                return
        except Unavailable as error:
            if not isinstance(error.__cause__, ProtocolError):
                raise
            if broken and seen == before and tells(connection, key, version):
                raise unreadable(key) from error
            if broken == _AGAIN or version is None:
                raise
        finally:
            response.close()
        if length and seen >= length:
            return  # it broke off after the last byte; and a length of 0 would request more
        broken += 1
        response = get(connection, key, version, offset + seen, length - seen if length else 0)


def tells(connection: Connection, key: str, version: str | None) -> bool:
    """Whether the store shows the state of a version, even if it can't give the bytes."""
    try:
        with answered(key, version):
            connection.client.stat_object(connection.bucket, key, version_id=version)
    except (Marker, Unexplained, Refused, Unavailable):
        return False
    return True


def unexplained(connection: Connection, key: str, version: str | None) -> Unavailable:
    """Find by a GET why a HEAD was refused: raise that error, or return that the store is away."""
    get(connection, key, version, 0, 1).close()
    return away("HEAD")


def in_order(items: Iterable[Object]) -> Iterator[Listed]:
    """Sort a listing by key, oldest first.

    The server lists the newest first, and markers apart; its times may be whole seconds.
    """
    oldest_first = list(items)
    oldest_first.reverse()
    oldest_first.sort(key=lambda one: (one.object_name, one.last_modified, one.is_latest == "true"))
    for item in oldest_first:
        if item.object_name is None or item.last_modified is None:
            raise away("ListObjectVersions")
        version = item.version_id or UNVERSIONED
        yield Listed(item.object_name, version, item.size or 0, item.last_modified, marker=item.is_delete_marker)
