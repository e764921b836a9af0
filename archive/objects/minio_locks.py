"""Guard versions by the store's own lock or, in a bucket made without, by tags.

Tags bind only this service. A lock of ours is a day of a tenant, the store's a moment: midnight
after that day where days end last, noon UTC. Those of earlier versions end at midnight UTC. A
moment chosen by others is read as the last day of UTC that it covers whole, and a lock in
GOVERNANCE mode, which a right can lift, as none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Protocol

from minio.commonconfig import COMPLIANCE, Tags
from minio.error import S3Error
from minio.retention import Retention

from archive.model.days import WEST
from archive.objects.minio_client import Connection

_UNTIL: Final = "chartrier-retain-until"
_HOLD: Final = "chartrier-legal-hold"


@dataclass(frozen=True)
class Guard:
    """Guard of a version against its destruction.

    Attributes:
        by_us: Whether only our own refusal guards it; the store would destroy it.
    """

    locked_until: date | None
    legal_hold: bool
    by_us: bool = False

    def holds(self, today: date) -> bool:
        """Whether it guards the version today."""
        return self.legal_hold or (self.locked_until is not None and today <= self.locked_until)


class Locks(Protocol):
    """The way in which a bucket's versions are guarded. Methods raise the errors of the SDK."""

    def options(self, until: date | None) -> dict[str, object]:
        """Return the SDK's options for a write with this lock."""

    def read(self, headers: Mapping[str, str], key: str, version: str) -> Guard:
        """Return the guard of a version, from the headers of its HEAD."""

    def extend(self, key: str, version: str, until: date) -> None:
        """Extend the lock."""

    def hold(self, key: str, version: str, *, on: bool) -> None:
        """Set or release the legal hold."""


def moment(last_day: date) -> datetime:
    """Return the moment at which a lock of ours ends: its last day is over in every time zone.

    For ``date.max``, which stands for no end, the last second of that day.
    """
    if last_day == date.max:
        return datetime.combine(last_day, time(23, 59, 59), UTC)
    return datetime.combine(last_day + timedelta(days=1), time(), UTC) + WEST


def last_day(until: str) -> date:
    """Return the last day of UTC that a lock covers whole."""
    ends = datetime.fromisoformat(until).astimezone(UTC)
    if ends == moment(date.max):
        return date.max
    return ends.date() - timedelta(days=1)


class StoreLocks:
    """Object Lock in COMPLIANCE mode, per version."""

    def __init__(self, connection: Connection) -> None:
        self._client = connection.client
        self._bucket = connection.bucket

    def options(self, until: date | None) -> dict[str, object]:
        """See ``Locks``."""
        return {} if until is None else {"retention": Retention(COMPLIANCE, moment(until))}

    def read(self, headers: Mapping[str, str], key: str, version: str) -> Guard:  # noqa: ARG002
        """See ``Locks``."""
        until = headers.get("x-amz-object-lock-retain-until-date")
        strict = headers.get("x-amz-object-lock-mode") == COMPLIANCE
        held = headers.get("x-amz-object-lock-legal-hold") == "ON"
        return Guard(last_day(until) if until and strict else None, held)

    def extend(self, key: str, version: str, until: date) -> None:
        """See ``Locks``."""
        self._client.set_object_retention(self._bucket, key, Retention(COMPLIANCE, moment(until)), version_id=version)

    def hold(self, key: str, version: str, *, on: bool) -> None:
        """See ``Locks``."""
        change = self._client.enable_object_legal_hold if on else self._client.disable_object_legal_hold
        change(self._bucket, key, version_id=version)


class TagLocks:
    """Tags on the version with the end of its lock and its hold; they bind only this service."""

    def __init__(self, connection: Connection) -> None:
        self._client = connection.client
        self._bucket = connection.bucket

    def options(self, until: date | None) -> dict[str, object]:
        """See ``Locks``."""
        return {} if until is None else {"tags": _tags({_UNTIL: until.isoformat()})}

    def read(self, headers: Mapping[str, str], key: str, version: str) -> Guard:
        """See ``Locks``."""
        tags = self._tags(key, version) if headers.get("x-amz-tagging-count", "0") != "0" else {}
        until = tags.get(_UNTIL)
        return Guard(date.fromisoformat(until) if until else None, tags.get(_HOLD) == "on", by_us=True)

    def extend(self, key: str, version: str, until: date) -> None:
        """See ``Locks``."""
        self._write(key, version, self._tags(key, version) | {_UNTIL: until.isoformat()})

    def hold(self, key: str, version: str, *, on: bool) -> None:
        """See ``Locks``."""
        self._write(key, version, self._tags(key, version) | {_HOLD: "on" if on else "off"})

    def _tags(self, key: str, version: str) -> dict[str, str]:
        try:
            return dict(self._client.get_object_tags(self._bucket, key, version_id=version) or {})
        except S3Error as error:
            if error.code != "NoSuchTagSet":
                raise
            return {}

    def _write(self, key: str, version: str, tags: Mapping[str, str]) -> None:
        self._client.set_object_tags(self._bucket, key, _tags(tags), version_id=version)


def locks_of(connection: Connection) -> Locks:
    """Return the way in which this bucket guards its versions."""
    return StoreLocks(connection) if connection.locks else TagLocks(connection)


def _tags(values: Mapping[str, str]) -> Tags:
    made = Tags.new_object_tags()
    made.update(values)
    return made
