"""Probe whether a store keeps its locks: attack a locked object with all our credentials.

Assurance is *enforced* only when every attack was refused and the object is unchanged; an attack
that passes, or that could not be tried, makes it *advisory*, with a reason. An attack may only harm
the probe's own object, or make a change that it undoes at once (docs/decisions/008).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from archive.objects.challenges import REASONS, SAID, Challenge, Credential, ProbedStore
from archive.objects.layout import PROBE, PROBES
from archive.objects.port import Assurance, ObjectStore, StoredObject, read_all
from signing.ground.canonical import canonical
from signing.ground.clock import Clock, stamp
from signing.ground.errors import Corrupt, Refused

LOCK_DAYS: Final = 1
"""The shortest lock of a whole day, in days: until the end of tomorrow."""


_ON_THE_BUCKET: Final = {Challenge.SUSPEND, Challenge.UNCONFIGURE}
"""These change more than our object: tried only after all others were refused."""
_BESIDE: Final = {Challenge.OVERWRITE, Challenge.HIDE}
"""A store that keeps versions may accept these.

They add another version of the key, and our version must not change.
"""


_CORRUPT: Final = {"lock_missing": "no_lock", "bucket_left_open": "left_open"}
"""Reason why a store that failed in the middle of a probe enforces nothing, by error code."""


class Outcome(StrEnum):
    """Result of an attack."""

    REFUSED = "refused"
    PASSED = "passed"
    NOT_TRIED = "not_tried"


@dataclass(frozen=True)
class Attempt:
    """One attack and its result; the answer is the store's own word."""

    challenge: Challenge
    credential: str
    outcome: Outcome
    answer: str

    @property
    def said(self) -> str:
        """The attack, in French."""
        return SAID[self.challenge]

    def as_json(self) -> dict[str, str]:
        """Return the attempt as it is stored and shown."""
        return {
            "attack": self.challenge.value,
            "said": self.said,
            "credential": self.credential,
            "outcome": self.outcome.value,
            "answer": self.answer,
        }


@dataclass(frozen=True)
class Probe:
    """Result of a probe.

    Attributes:
        reason: One of ``challenges.REASONS``: the reason for the assurance.
    """

    at: datetime
    store: str
    assurance: Assurance
    reason: str
    attempts: tuple[Attempt, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the probe as ``doctor --json`` shows it."""
        return {
            "at": stamp(self.at),
            "store": self.store,
            "assurance": self.assurance.value,
            "reason": self.reason,
            "attempts": [attempt.as_json() for attempt in self.attempts],
        }


def run(store: ProbedStore, clock: Clock) -> Probe:
    """Probe the store.

    Raises:
        Unavailable: The store did not answer: the probe has no result.
    """
    at = clock()
    course = _Course(store, at.date() + timedelta(days=LOCK_DAYS), clock)
    try:
        store.mend()
        _sweep(store)
        course.place()
        course.run()
    except Corrupt as error:
        failed = Attempt(course.tried or Challenge.UNLOCK, course.credential, course.became(error), str(error))
        reason = REASONS[_CORRUPT.get(error.code, "cut_short")]
        return Probe(at, store.name, Assurance.ADVISORY, reason, (*course.made, failed))
    attempts = tuple(course.made)
    assurance, reason = _judged(store, attempts, held=course.intact())
    _sweep(store)
    return Probe(at, store.name, assurance, reason, attempts)


class _Course:
    def __init__(self, store: ProbedStore, until: date, clock: Clock) -> None:
        self._store = store
        self._until = until
        self._clock = clock
        self.made: list[Attempt] = []
        self.tried: Challenge | None = None
        self.credential = "store"
        self._content = b""
        self._target: StoredObject | None = None

    def place(self) -> StoredObject:
        """Write a locked object to attack."""
        self._content = canonical({"v": 1, "type": "probe", "at": stamp(self._clock()), "salt": secrets.token_hex(16)})
        digest = hashlib.sha256(self._content).hexdigest()
        self._target = self._store.put(PROBE, self._content, sha256=digest, retain_until=self._until, replace=True)
        return self._target

    def intact(self) -> bool:
        """Whether the object and its lock are unchanged."""
        if self._target is None:
            return False
        try:
            now = self._store.stat(PROBE, self._target.version)
            read = read_all(self._store, PROBE, self._target.version)
        except Refused:
            return False
        return read == self._content and now.locked_until is not None and now.locked_until >= self._until

    def became(self, error: Corrupt) -> Outcome:
        """Return the result of the attack that ended the probe."""
        return Outcome.PASSED if self.tried and error.code == "bucket_left_open" else Outcome.NOT_TRIED

    def run(self) -> None:
        """Try every attack with every credential, on a new object after one was destroyed."""
        made = self.made
        for holder in self._store.credentials():
            for challenge in holder.challenges:
                if challenge in _ON_THE_BUCKET and any(a.outcome is not Outcome.REFUSED for a in made):
                    said = "il n’enseignerait plus rien et toucherait d’autres objets"
                    made.append(Attempt(challenge, holder.credential, Outcome.NOT_TRIED, said))
                    continue
                target = self._target if self._target is not None and self.intact() else self.place()
                self.tried, self.credential = challenge, holder.credential
                made.append(self._attempt(holder, challenge, target))
                self.tried = None

    def _attempt(self, holder: Credential, challenge: Challenge, target: StoredObject) -> Attempt:
        try:
            holder.attempt(challenge, target, self._until)
        except Refused as error:
            outcome = Outcome.REFUSED if self.intact() else Outcome.PASSED
            return Attempt(challenge, holder.credential, outcome, str(error.values.get("answer", error.code)))
        intact = self.intact()
        if challenge in _BESIDE and intact:
            return Attempt(challenge, holder.credential, Outcome.REFUSED, "la version gardée n’a pas changé")
        said = "le magasin a dit oui" if intact else "la version gardée n’est plus ce qu’elle était"
        return Attempt(challenge, holder.credential, Outcome.PASSED, said)


def _judged(store: ProbedStore, attempts: Sequence[Attempt], *, held: bool) -> tuple[Assurance, str]:
    passed = [attempt for attempt in attempts if attempt.outcome is Outcome.PASSED]
    untried = [attempt for attempt in attempts if attempt.outcome is Outcome.NOT_TRIED]
    if store.weakness is not None:
        return Assurance.ADVISORY, store.weakness
    if passed:
        return Assurance.ADVISORY, REASONS["passed"]
    if untried or not attempts or not held:
        return Assurance.ADVISORY, REASONS["cut_short"]
    return Assurance.ENFORCED, REASONS["refused"]


def _sweep(store: ObjectStore) -> None:
    """Destroy earlier probes whose lock has ended, and the versions that attacks added."""
    for item in list(store.list(PROBES)):
        with suppress(Refused):
            store.delete(item.key, item.version)
