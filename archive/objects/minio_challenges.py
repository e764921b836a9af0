"""Challenges of an S3 store: attacks with a credential of ours on a locked version.

They bypass the port; see ``archive.objects.probe``.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Final
from xml.etree import ElementTree as ET

from minio.commonconfig import COMPLIANCE, ENABLED, GOVERNANCE
from minio.deleteobjects import DeleteObject
from minio.error import S3Error
from minio.objectlockconfig import ObjectLockConfig
from minio.retention import Retention
from minio.versioningconfig import SUSPENDED, VersioningConfig
from minio.xml import Element, SubElement

from archive.objects.challenges import Challenge, challenge_refused
from archive.objects.minio_client import Connection, answered
from archive.objects.minio_locks import moment
from archive.objects.port import StoredObject
from signing.ground.errors import Corrupt, Unavailable

_OVER: Final = b"other bytes"
_UNSURE: Final = {"InternalError", "ServiceUnavailable", "SlowDown", "RequestTimeout"}
"""The server is unavailable rather than refusing: the change may have been made or not."""
_WAITS: Final = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between two attempts to put a bucket's settings back."""


class _NoRetention(Retention):
    """An empty retention, which the SDK can't write."""

    def toxml(self, element: ET.Element | None) -> ET.Element:  # noqa: ARG002
        return Element("Retention")


class _NoLock(ObjectLockConfig):
    """A bucket's lock switched off, which the SDK can't write."""

    def toxml(self, element: ET.Element | None) -> ET.Element:  # noqa: ARG002
        written = Element("ObjectLockConfiguration")
        SubElement(written, "ObjectLockEnabled", "Disabled")
        return written


class S3Credential:
    """One credential, used to attack one bucket.

    Args:
        credential: Its name.
        connect: Opens the bucket with it.
    """

    challenges: Sequence[Challenge] = tuple(Challenge)

    def __init__(self, credential: str, connect: Callable[[], Connection]) -> None:
        self.credential = credential
        self._connect = connect

    def attempt(self, challenge: Challenge, target: StoredObject, until: date) -> None:
        """See ``challenges.Credential``."""
        with _refusals(target.key):
            bucket = self._connect()
            _CHALLENGES[challenge](bucket, target, until)


def _delete(bucket: Connection, target: StoredObject, until: date) -> None:  # noqa: ARG001
    bucket.client.remove_object(bucket.bucket, target.key, version_id=target.version)


def _bypass(bucket: Connection, target: StoredObject, until: date) -> None:  # noqa: ARG001
    asked = [DeleteObject(target.key, target.version)]
    for error in bucket.client.remove_objects(bucket.bucket, asked, bypass_governance_mode=True):
        raise challenge_refused(error.code)


def _shorten(bucket: Connection, target: StoredObject, until: date) -> None:
    """Shorten by 12 hours: still in the future, so a refusal means that earlier is refused."""
    _retain(bucket, target, Retention(COMPLIANCE, moment(until) - timedelta(hours=12)))


def _weaken(bucket: Connection, target: StoredObject, until: date) -> None:
    _retain(bucket, target, Retention(GOVERNANCE, moment(until)))


def _unlock(bucket: Connection, target: StoredObject, until: date) -> None:
    _retain(bucket, target, _NoRetention(COMPLIANCE, moment(until)))


def _retain(bucket: Connection, target: StoredObject, wanted: Retention) -> None:
    bucket.client.set_object_retention(bucket.bucket, target.key, wanted, version_id=target.version)


def _overwrite(bucket: Connection, target: StoredObject, until: date) -> None:  # noqa: ARG001
    bucket.client.put_object(bucket.bucket, target.key, io.BytesIO(_OVER), len(_OVER))


def _hide(bucket: Connection, target: StoredObject, until: date) -> None:  # noqa: ARG001
    bucket.client.remove_object(bucket.bucket, target.key)


def _suspend(bucket: Connection, target: StoredObject, until: date) -> None:  # noqa: ARG001
    with _put_back(bucket):
        bucket.client.set_bucket_versioning(bucket.bucket, VersioningConfig(SUSPENDED))


def _unconfigure(bucket: Connection, target: StoredObject, until: date) -> None:  # noqa: ARG001
    bucket.lock_config = bucket.client.get_object_lock_config(bucket.bucket)
    with _put_back(bucket):
        bucket.client.set_object_lock_config(bucket.bucket, _NoLock(None, None, None))


@contextmanager
def _put_back(bucket: Connection) -> Iterator[None]:
    """Undo the change of an attack, also one that may have been made when its answer was lost."""
    refused = False
    try:
        yield
    except S3Error as error:
        refused = error.code not in _UNSURE
        raise
    finally:
        if not refused:
            _insist(bucket)


def _insist(bucket: Connection) -> None:
    """Undo the change, also over a network that fails for some seconds.

    The next probe begins by undoing it as well.
    """
    for wait in _WAITS:
        try:
            mend(bucket)
        except Unavailable:
            time.sleep(wait)
        else:
            return
    mend(bucket)


def mend(bucket: Connection) -> None:
    """Switch the versions of a bucket on again, and its lock where it was made with one.

    A configuration that the attack did not note, because another process made the attack, is
    assumed to have had no rule.

    Raises:
        Corrupt: ``bucket_left_open``.
        Unavailable: ``store_away``.
    """
    client, name = bucket.client, bucket.bucket
    with answered():
        open_ = client.get_bucket_versioning(name).status != ENABLED
        unlocked = False
        if bucket.locks:
            try:
                client.get_object_lock_config(name)
            except S3Error as error:
                if error.code != "ObjectLockConfigurationNotFoundError":
                    raise
                unlocked = True
        try:
            if open_:
                client.set_bucket_versioning(name, VersioningConfig(ENABLED))
            if unlocked:
                client.set_object_lock_config(name, bucket.lock_config or ObjectLockConfig(None, None, None))
        except S3Error as error:
            if error.code in _UNSURE:
                raise
            raise Corrupt(
                "bucket_left_open",
                "Le magasin a laissé changer les réglages du seau « {bucket} », puis a refusé de les rétablir.",
                action="Rétablissez vous-même les versions et le verrouillage de ce seau.",
                bucket=name,
            ) from error


_CHALLENGES: Final[dict[Challenge, Callable[[Connection, StoredObject, date], None]]] = {
    Challenge.DELETE: _delete,
    Challenge.BYPASS: _bypass,
    Challenge.SHORTEN: _shorten,
    Challenge.WEAKEN: _weaken,
    Challenge.UNLOCK: _unlock,
    Challenge.OVERWRITE: _overwrite,
    Challenge.HIDE: _hide,
    Challenge.SUSPEND: _suspend,
    Challenge.UNCONFIGURE: _unconfigure,
}


@contextmanager
def _refusals(key: str) -> Iterator[None]:
    """Distinguish a refusal of the server from a server that is unavailable."""
    with answered(key):
        try:
            yield
        except S3Error as error:
            if error.code in _UNSURE:
                raise
            raise challenge_refused(error.code) from error
