"""Entry of a package: every check in its order, each object read once on the way.

The caller gives a ``Sink``: it gets the bytes of each object while they are counted and hashed, and
tells the format it found. A package with one ``KO`` is refused; all that can be told of it is told.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Final, Protocol

from archive.exchange.seda.checks import check_manifest
from archive.exchange.seda.container import Bounds, Container, Damaged, open_container
from archive.exchange.seda.digests import is_readable
from archive.exchange.seda.examination import Examination, Received
from archive.exchange.seda.findings import Finding, Outcome, Place, Step, bounded, found_ko, found_warning, gravest
from archive.exchange.seda.reader import read_head, read_transfer
from archive.exchange.seda.schema import BadProfile, message_name, read_message, validate_profile
from archive.exchange.seda.transfer import DataObject, Transfer

TRANSFER: Final = "ArchiveTransfer"


class Sink(Protocol):
    """Takes the bytes of objects.

    Attributes:
        identifies: Whether it tells formats.
    """

    identifies: bool

    def begin(self, one: DataObject) -> None:
        """Begin an object."""

    def write(self, part: bytes) -> None:
        """Take the next bytes of it."""

    def end(self) -> str | None:
        """End it; return its PRONOM identifier, None where the format is unknown."""


class NoSink:
    """A sink that keeps nothing: a dry run."""

    identifies = False

    def begin(self, one: DataObject) -> None:
        """Do nothing."""

    def write(self, part: bytes) -> None:
        """Do nothing."""

    def end(self) -> str | None:
        """Return nothing: no format is found."""
        return None


_BY_MANIFEST: Final = (Step.CONTAINER, Step.MANIFEST, Step.AGENCIES, Step.OBJECTS, Step.UNITS, Step.RULES)


def examine(
    stream: BinaryIO,
    sink: Sink | None = None,
    *,
    profile: bytes | None = None,
    unknown_formats: bool = False,
    bounds: Bounds = Bounds(),  # noqa: B008 - frozen
) -> Examination:
    """Examine a package.

    Args:
        profile: Archive profile (RelaxNG) that the manifest must fit, if there is one.
        unknown_formats: Whether a format that nobody knows is left to a person instead of refused.
    """
    container, findings = open_container(stream, bounds)
    if container is None:
        return Examination(None, tuple(bounded(findings)), judged=(Step.CONTAINER,))
    try:
        content = b"".join(container.parts(container.manifest))
    except Damaged:
        return Examination(None, (_damaged(container.manifest),), judged=(Step.CONTAINER,))
    told: dict[str, Any] = {"manifest": container.manifest, "manifest_sha256": hashlib.sha256(content).hexdigest()}
    root, findings = read_message(content)
    head = None
    if root is not None and message_name(root) != TRANSFER:
        findings.append(_no_transfer(message_name(root)))
    elif root is not None and findings:
        head = read_head(root)
    if root is None or findings:
        return Examination(None, tuple(findings), judged=(Step.CONTAINER, Step.MANIFEST), head=head, **told)
    judged = {*_BY_MANIFEST}
    if profile is not None:
        judged.add(Step.PROFILE)
        try:
            findings += validate_profile(root, profile)
        except BadProfile as error:
            findings.append(_bad_profile(str(error)))
    reading = read_transfer(root)
    del root
    findings += [*reading.findings, *check_manifest(reading.transfer)]
    findings += _files(container, reading.transfer)
    bytes_read = _Reading(container, sink or NoSink(), unknown_formats)
    for one in reading.transfer.objects.values():
        bytes_read.read(one)
    judged |= {Step.DIGESTS, Step.SIZES} | ({Step.FORMATS} if bytes_read.sink.identifies else set())
    return Examination(
        reading.transfer,
        tuple(bounded([*findings, *bytes_read.findings])),
        bytes_read.received,
        tuple(step for step in Step if step in judged),
        **told,
    )


def _files(container: Container, transfer: Transfer) -> list[Finding]:
    """Return files without an object, and objects without a file."""
    told = {one.uri for one in transfer.objects.values() if one.uri is not None}
    findings = [
        found_ko(
            "seda_file_unknown",
            Step.OBJECTS,
            "Le fichier {file} n’est décrit par aucun objet du bordereau.",
            file=name,
        )
        for name in container.files
        if name not in told
    ]
    return findings + [
        found_ko(
            "seda_uri_unknown",
            Step.OBJECTS,
            "Le fichier {uri} de l’objet « {object} » n’est pas dans le paquet.",
            Place(f"{one.place.node}/Uri", one.place.line),
            uri=one.uri[:200],
            object=one.id,
        )
        for one in transfer.objects.values()
        if one.uri is not None and one.uri not in container.files
    ]


@dataclass
class _Reading:
    """Objects while they are read."""

    container: Container
    sink: Sink
    unknown_formats: bool
    offset: int = 0
    received: dict[str, Received] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def read(self, one: DataObject) -> None:
        """Read the bytes of an object, and compare them with what was declared."""
        if one.uri is None or one.physical or one.uri not in self.container.files:
            return
        sha256, sha512 = hashlib.sha256(), hashlib.sha512()
        declared = _hash(one)
        size = 0
        self.sink.begin(one)
        try:
            for part in self.container.parts(one.uri):
                for made in (sha256, sha512, *((declared,) if declared is not None else ())):
                    made.update(part)
                self.sink.write(part)
                size += len(part)
            wrong = []
        except Damaged:
            wrong = [_damaged(one.uri, one.place)]
        puid = self.sink.end()
        found = Received(one.id, self.offset, size, sha256.hexdigest(), sha512.hexdigest(), puid)
        self.offset += size
        if not wrong:
            wrong = [*_digest(one, declared), *_size(one, size), *self._format(one, puid)]
        self.findings += wrong
        if gravest(wrong) is not Outcome.KO:
            self.received[one.id] = found

    def _format(self, one: DataObject, puid: str | None) -> list[Finding]:
        if not self.sink.identifies:
            return []
        place = Place(f"{one.place.node}/FormatIdentification/FormatId", one.place.line)
        if puid is None:
            unknown = found_ko(
                "seda_format_unknown",
                Step.FORMATS,
                "Le format de l’objet « {object} » n’est pas reconnu.",
                place,
                object=one.id,
            )
            return [replace(unknown, outcome=Outcome.WARNING) if self.unknown_formats else unknown]
        if one.puid is None or one.puid == puid:
            return []
        return [
            found_warning(
                "seda_format_differs",
                Step.FORMATS,
                "L’objet « {object} » est déclaré {declared} ; il est {found}.",
                place,
                object=one.id,
                declared=one.puid[:40],
                found=puid,
            )
        ]


def _hash(one: DataObject) -> hashlib._Hash | None:
    if one.digest is None or not is_readable(one.digest):
        return None
    return hashlib.new(one.digest.algorithm.replace("-", "").lower(), usedforsecurity=False)


def _digest(one: DataObject, made: hashlib._Hash | None) -> list[Finding]:
    if made is None or one.digest is None or made.hexdigest() == one.digest.value:
        return []
    return [
        found_ko(
            "seda_digest_differs",
            Step.DIGESTS,
            "Le fichier {uri} n’a pas l’empreinte que le bordereau annonce pour l’objet « {object} ».",
            Place(f"{one.place.node}/MessageDigest", one.place.line),
            uri=(one.uri or "")[:200],
            object=one.id,
        )
    ]


def _size(one: DataObject, size: int) -> list[Finding]:
    place = Place(f"{one.place.node}/Size", one.place.line)
    if size == 0:
        return [
            found_ko(
                "seda_object_empty",
                Step.SIZES,
                "Le fichier de l’objet « {object} » est vide : le SEDA ne décrit pas de fichier de zéro octet.",
                place,
                object=one.id,
            )
        ]
    if one.size is None or one.size == size:
        return []
    return [
        found_warning(
            "seda_size_differs",
            Step.SIZES,
            "L’objet « {object} » compte {size} octets ; le bordereau en annonce {declared}.",
            place,
            object=one.id,
            size=size,
            declared=one.size,
        )
    ]


def _damaged(name: str, place: Place | None = None) -> Finding:
    return found_ko(
        "seda_file_damaged",
        Step.CONTAINER,
        "Le fichier {file} est abîmé dans le paquet : renvoyez-le.",
        place or Place(),
        file=name[:200],
    )


def _no_transfer(name: str) -> Finding:
    return found_ko(
        "seda_message_not_transfer",
        Step.MANIFEST,
        "Le bordereau est un message « {message} » ; un versement est un « ArchiveTransfer ».",
        Place(name),
        message=name,
    )


def _bad_profile(why: str) -> Finding:
    found = found_ko(
        "seda_profile_unusable",
        Step.PROFILE,
        "Le profil d’archivage lui-même n’est pas utilisable : prévenez l’archiviste.",
    )
    return replace(found, original=why)
