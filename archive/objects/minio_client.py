"""One connection to one bucket: time-outs, retries, conditional writes, errors.

Errors of the SDK and of the network become errors of ours.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.commonconfig import ENABLED
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from minio.objectlockconfig import ObjectLockConfig
from minio.versioningconfig import VersioningConfig
from urllib3.exceptions import HTTPError

from archive.model.settings import S3Store
from archive.objects.refusals import missing, wrong_digest
from signing.ground.errors import Refused, Unavailable

CONNECTIONS: Final = 32
"""Connections kept open by a process: for the threads of an API process, and some more."""
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 60.0
"""A server that sends nothing for so long is unavailable."""

_TAKEN: Final = {"PreconditionFailed", "ConditionalRequestConflict"}
_MISSING: Final = {"NoSuchKey", "NoSuchVersion"}
_WRONG_DIGEST: Final = {"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"}
_ASKING: Final = urllib3.Retry(
    total=3,
    connect=2,
    read=2,
    status=1,  # SeaweedFS itself retries for 13 s before it reports that a disk altered an object
    backoff_factor=0.2,
    status_forcelist=(500, 502, 503, 504),
    respect_retry_after_header=False,  # MinIO requests a minute each time, also for a file that its disk altered
    raise_on_status=False,  # so that the server's own word is reported
)
_CHANGING: Final = urllib3.Retry(total=2, connect=2, read=0, status=0, other=0, backoff_factor=0.2)
"""A change that may have been made is not repeated blindly.

A head written twice would be two locked versions.
"""


class Taken(Exception):
    """A conditional write found that the key exists already."""


class Marker(Exception):
    """The version is a delete marker."""


class Unexplained(Exception):
    """A HEAD was refused without a reason, since it has no body."""


class Pool(urllib3.PoolManager):
    """Connections that can make a write conditional: the SDK has no parameter for that header."""

    def __init__(self, ca: Path | None) -> None:
        super().__init__(
            maxsize=CONNECTIONS,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            cert_reqs="CERT_REQUIRED",
            ca_certs=str(ca) if ca is not None else None,
            retries=_ASKING,
        )
        self._here = threading.local()

    @property
    def requests(self) -> int:
        """Number of requests of the present thread so far."""
        return getattr(self._here, "requests", 0)

    @property
    def store_time(self) -> datetime | None:
        """The store's time in its latest answer to this thread, or None."""
        return getattr(self._here, "date", None)

    @contextmanager
    def only_if_absent(self) -> Iterator[None]:
        """Have the present thread's writes refused meanwhile where the key exists already."""
        self._here.conditional = True
        try:
            yield
        finally:
            self._here.conditional = False

    def urlopen(  # type: ignore[override]
        self, method: str, url: str, redirect: bool = True, **options: Any
    ) -> urllib3.BaseHTTPResponse:
        """Send, as urllib3 does."""
        self._here.requests = self.requests + 1
        if method in {"PUT", "POST", "DELETE"}:
            options["retries"] = _CHANGING
        if getattr(self._here, "conditional", False) and _creates(method, url):
            headers = urllib3.HTTPHeaderDict(options["headers"])
            headers["If-None-Match"] = "*"  # not among the signed headers, which S3 allows for this one
            options["headers"] = headers
        response = super().urlopen(method, url, redirect, **options)
        self._here.date = None
        with suppress(ValueError):
            told = parsedate_to_datetime(response.headers.get("date", ""))
            self._here.date = told if told.tzinfo else told.replace(tzinfo=UTC)  # "-0000" has none (RFC 5322, 3.3)
        return response


def _creates(method: str, url: str) -> bool:
    """Whether the request makes an object: a plain write, or the end of one in parts."""
    query = urlsplit(url).query
    return (method == "PUT" and "partNumber=" not in query) or (method == "POST" and "uploadId=" in query)


class Connection:
    """A bucket, as one process sees it. Threads may share it; a fork may not.

    Attributes:
        locks: Whether the bucket was made with Object Lock.
        lock_config: The lock configuration that an attack noted before it changed it.

    Args:
        settings: Server, bucket and credential.

    Raises:
        Refused: ``bad_endpoint``; ``bucket_unversioned``: the bucket can't keep versions.
        Unavailable: ``store_away``.
    """

    def __init__(self, settings: S3Store) -> None:
        self.bucket = settings.bucket
        self.pool = Pool(settings.ca)
        self.client = client(settings, self.pool)
        self.lock_config: ObjectLockConfig | None = None
        with answered():
            self._ensure_bucket()
            self.locks = self._has_locks()

    def _ensure_bucket(self) -> None:
        if self.client.bucket_exists(self.bucket):
            return
        try:
            self.client.make_bucket(self.bucket, object_lock=True)
        except S3Error as error:
            if error.code != "BucketAlreadyOwnedByYou":  # another process was faster
                raise

    def _has_locks(self) -> bool:
        try:
            self.client.get_object_lock_config(self.bucket)
        except S3Error as error:
            if error.code != "ObjectLockConfigurationNotFoundError":
                raise
        else:
            return True
        if self.client.get_bucket_versioning(self.bucket).status == ENABLED:
            return False
        try:
            self.client.set_bucket_versioning(self.bucket, VersioningConfig(ENABLED))
        except S3Error as error:
            raise Refused(
                "bucket_unversioned",
                "Le seau « {bucket} » ne garde pas les versions de ses objets, et refuse de le faire.",
                action="Créez un seau avec le verrouillage d’objets (Object Lock), ou activez ses versions.",
                bucket=self.bucket,
            ) from error
        return False


def client(settings: S3Store, pool: Pool) -> Minio:
    """Return the SDK's client.

    Raises:
        Refused: ``bad_endpoint``.
    """
    address = urlsplit(settings.endpoint)
    if address.scheme not in {"http", "https"} or not address.netloc or address.path.strip("/") or address.query:
        raise Refused(
            "bad_endpoint",
            "« {endpoint} » n’est pas l’adresse d’un S3.",
            action="Écrivez https://nom:port, sans chemin.",
            endpoint=settings.endpoint,
        )
    return Minio(
        address.netloc,
        access_key=settings.access_key.get_secret_value(),
        secret_key=settings.secret_key.get_secret_value(),
        secure=address.scheme == "https",
        region=settings.region,
        http_client=pool,
    )


@contextmanager
def answered(key: str = "", version: str | None = None) -> Iterator[None]:
    """Convert errors of the SDK and of the network to errors of ours."""
    try:
        yield
    except S3Error as error:
        raise meaning(error, key, version) from error
    except (InvalidResponseError, ServerError, MinioException, HTTPError, OSError) as error:
        raise away(type(error).__name__) from error


def meaning(error: S3Error, key: str, version: str | None) -> Exception:
    """Return our error for an error answer of the server."""
    if error.code in _TAKEN:
        return Taken(key)
    if error.code == "MethodNotAllowed":
        return Marker(key)
    if error.code == "BadRequest":
        return Unexplained(key)
    if error.code in _MISSING or (error.code == "InvalidArgument" and "version id" in (error.message or "")):
        return missing(key, version)
    if error.code in _WRONG_DIGEST:
        return wrong_digest(key)
    return away(error.code or "S3")


def away(reason: str) -> Unavailable:
    """Return the error for a store that is unavailable now."""
    return Unavailable(
        "store_away",
        "Le magasin ne répond pas ({reason}).",
        action="Vérifiez que le S3 répond, et que la clé d’accès a les droits que demande l’exploitation.",
        reason=reason,
    )


def clock_differs(ours: datetime, theirs: datetime) -> Unavailable:
    """Return the error for clocks so far apart that a lock would end on the wrong day."""
    return Unavailable(
        "clock_differs",
        "L’horloge de cette machine dit {ours}, celle du magasin {theirs} : rien n’est verrouillé sur cette foi.",
        kept="Rien n’a été écrit ni prolongé.",
        action="Réglez celle des deux horloges qui se trompe (service NTP) ; le travail reprend de lui-même.",
        ours=f"{ours:%Y-%m-%d %H:%M} UTC",
        theirs=f"{theirs:%Y-%m-%d %H:%M} UTC",
    )


def paged(pool: Pool, items: Iterator[Any]) -> Iterator[tuple[Any, bool]]:
    """Yield the items of the SDK's listing, each with whether it begins a page of the server's."""
    while True:
        before = pool.requests
        try:
            item = next(items)
        except StopIteration:
            return
        yield item, pool.requests != before
