"""What is sent: records and their files in SEDA's words, in packages of a bounded size. Pure.

Each unit of a record tells all rules in force for it, so that what its receiver computes does not
hang on inheritance. A ``StartDate`` is the earliest day that, with the duration, does not come
before our ``due_on``. A record that nobody has sorted, or whose final actions differ, can't be
told: it is refused. So is an empty file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from archive.exchange.seda.transfer import (
    Agency,
    Category,
    Content,
    DataObject,
    Digest,
    Management,
    RuleBlock,
    RuleUse,
    Text,
    Transfer,
)
from archive.exchange.seda.transfer import Unit as ArchiveUnit
from archive.exchange.seda.versions import Version
from archive.model.final_actions import FinalAction
from archive.retention.dates import Unit, to_seda
from archive.retention.declarations import Convention, GivenStart
from signing.ground.errors import Refused

MOST_UNITS: Final = 100_000
MOST_BYTES: Final = 1_000_000_000
LONGEST_TEXT: Final = 32_000
_OBJECT_OVERHEAD: Final = 1_500
_UNIT_OVERHEAD: Final = 3_000
_ACTIONS: Final = {FinalAction.KEEP: "Keep", FinalAction.DESTROY: "Destroy"}
_NOTHING: Final = "Rien n’a été envoyé."


@dataclass(frozen=True)
class FileToSend:
    """One form of a record.

    Attributes:
        name: Under which people know the file.
        sha512: Lower-case hexadecimal.
        usage: ``BinaryMaster``, ``Dissemination`` or ``TextContent``.
        key: Whatever finds the bytes again.
    """

    key: str
    name: str
    size: int
    sha512: str
    usage: str = "BinaryMaster"
    puid: str | None = None
    media_type: str | None = None
    format_name: str | None = None


@dataclass(frozen=True)
class RuleToSend:
    """A rule in force for a record.

    Attributes:
        due_on: First day on which anything may be executed, or on which the public may read; None
            where the rule has no end.
        duration: None = unlimited.
        given: A start that came with the rule.
    """

    code: str
    due_on: date | None = None
    duration: int | None = None
    unit: Unit = Unit.YEAR
    given: GivenStart | None = None

    @property
    def start(self) -> date | None:
        """The ``StartDate`` that tells our ``due_on``; None where nothing is due."""
        if self.due_on is None or self.duration is None:
            return None
        given = self.given.on if self.given is not None and self.given.convention is Convention.SEDA else None
        return to_seda(self.due_on, self.duration, self.unit, given=given)


@dataclass(frozen=True)
class FolderToSend:
    """A class or file above records.

    Attributes:
        code: In our filing plan.
        above: Code of the node above; None at the top.
        level: ``DescriptionLevel``: ``Class``, ``File`` …
    """

    code: str
    title: str
    above: str | None = None
    level: str = "File"
    description: str | None = None
    begins: date | None = None
    ends: date | None = None


@dataclass(frozen=True)
class RecordToSend:
    """A record.

    Attributes:
        folders: Codes of the nodes that it lies in; none: at the top.
        final_action: None: no rule says one, and it is kept.
        in_conflict: Whether its rules ask for different final actions, and nobody has decided.
    """

    id: str
    title: str
    files: tuple[FileToSend, ...]
    folders: tuple[str, ...] = ()
    description: str | None = None
    document_type: str | None = None
    document_date: date | None = None
    language: str | None = None
    reference: str | None = None
    producer: str | None = None
    retention: tuple[RuleToSend, ...] = ()
    access: tuple[RuleToSend, ...] = ()
    final_action: FinalAction | None = None
    in_conflict: bool = False

    @property
    def bytes(self) -> int:
        """Bytes of its files, and an upper estimate of those of its description."""
        told = len(self.title) + len(self.description or "")
        return sum(one.size + _OBJECT_OVERHEAD for one in self.files) + _UNIT_OVERHEAD + 6 * told


@dataclass(frozen=True)
class Sending:
    """Who sends to whom, under what, in which version."""

    identifier: str
    sent_at: str
    version: Version
    archival_agency: str
    transferring_agency: str
    originating_agency: str
    agreement: str | None = None
    profile: str | None = None
    comment: str | None = None


@dataclass(frozen=True)
class PackageToSend:
    """One package: its transfer, and what finds the bytes of each of its files, by uri."""

    transfer: Transfer
    files: Mapping[str, FileToSend]


def require_sendable(record: RecordToSend) -> None:
    """Refuse a record that SEDA can't tell.

    Raises:
        Refused: ``seda_not_sorted``, ``seda_action_undecided``, ``seda_empty_file`` or
            ``seda_record_too_large``, with the record as pointer.
    """
    if record.final_action is FinalAction.SORT:
        raise Refused(
            "seda_not_sorted",
            "« {title} » n’est pas encore trié : le SEDA ne connaît que garder et éliminer.",
            kept=_NOTHING,
            action="Triez-le d’abord, puis recommencez.",
            pointer=record.id,
            title=record.title,
        )
    if record.in_conflict:
        raise Refused(
            "seda_action_undecided",
            "Les règles de « {title} » demandent des sorts différents, et personne n’a tranché.",
            kept=_NOTHING,
            action="Décidez du sort final, puis recommencez.",
            pointer=record.id,
            title=record.title,
        )
    empty = next((one for one in record.files if one.size == 0), None)
    if empty is not None:
        raise Refused(
            "seda_empty_file",
            "Le fichier « {file} » de « {title} » est vide : le SEDA ne décrit pas de fichier de zéro octet.",
            kept=_NOTHING,
            action="Retirez-le de l’envoi, puis recommencez.",
            pointer=record.id,
            file=empty.name,
            title=record.title,
        )
    if record.bytes > MOST_BYTES:
        raise Refused(
            "seda_record_too_large",
            "« {title} » compte {size} octets, plus que n’en tient un paquet ({most}).",
            kept=_NOTHING,
            action="Convenez d’un autre moyen de remise avec le destinataire.",
            pointer=record.id,
            title=record.title,
            size=record.bytes,
            most=MOST_BYTES,
        )


def packages(
    sending: Sending,
    records: Iterable[RecordToSend],
    folders: Mapping[str, FolderToSend],
    *,
    most_units: int = MOST_UNITS,
    most_bytes: int = MOST_BYTES,
) -> list[PackageToSend]:
    """Return the packages of a sending, in their order.

    Several tell their number; each names the one before it, so that the receiver sees a gap. The
    folders above a record are told in each package that has it.

    Args:
        folders: By code; each of those above a record.

    Raises:
        Refused: As ``require_sendable``.
    """
    parts = _parts(records, folders, most_units, most_bytes)
    identifiers = [sending.identifier]
    if len(parts) > 1:
        identifiers = [f"{sending.identifier}-{number}-{len(parts)}" for number in range(1, len(parts) + 1)]
    return [_package(sending, part, folders, identifiers, number) for number, part in enumerate(parts)]


def _parts(
    records: Iterable[RecordToSend], folders: Mapping[str, FolderToSend], most_units: int, most_bytes: int
) -> list[list[RecordToSend]]:
    parts: list[list[RecordToSend]] = [[]]
    above: set[str] = set()
    size = 0
    for one in records:
        require_sendable(one)
        more = {code for code in _above(one, folders) if code not in above}
        if parts[-1] and (len(parts[-1]) + len(above) + len(more) + 1 > most_units or size + one.bytes > most_bytes):
            parts.append([])
            above, size = set(), 0
            more = set(_above(one, folders))
        parts[-1].append(one)
        above |= more
        size += one.bytes
    return parts


def _above(record: RecordToSend, folders: Mapping[str, FolderToSend]) -> dict[str, None]:
    """Return the codes of every folder above a record, the highest first."""
    found: dict[str, None] = {}
    for code in record.folders:
        way: list[str] = []
        at: str | None = code
        while at is not None and at not in way:
            way.append(at)
            at = folders[at].above
        found |= dict.fromkeys(reversed(way))
    return found


def _package(
    sending: Sending,
    records: Sequence[RecordToSend],
    folders: Mapping[str, FolderToSend],
    identifiers: Sequence[str],
    number: int,
) -> PackageToSend:
    codes = {code: None for one in records for code in _above(one, folders)}
    names = {code: f"n{place}" for place, code in enumerate(codes, 1)}
    units = {names[code]: _folder(folders[code], names) for code in codes}
    objects: dict[str, DataObject] = {}
    files: dict[str, FileToSend] = {}
    for place, record in enumerate(records, 1):
        made = _objects(record, place)
        objects |= {one.id: one for one, _ in made}
        files |= {one.uri or "": file for one, file in made}
        units[f"u{place}"] = _unit(record, tuple(one.id for one, _ in made), names, f"u{place}")
    return PackageToSend(_transfer(sending, _with_children(units), objects, identifiers, number), files)


def _transfer(
    sending: Sending,
    units: Mapping[str, ArchiveUnit],
    objects: Mapping[str, DataObject],
    identifiers: Sequence[str],
    number: int,
) -> Transfer:
    comments = [sending.comment] if sending.comment else []
    if len(identifiers) > 1:
        comments.append(f"Paquet {number + 1} sur {len(identifiers)}")
    return Transfer(
        sending.version,
        identifiers[number],
        sending.sent_at,
        Agency(sending.archival_agency),
        Agency(sending.transferring_agency),
        units,
        objects,
        tuple(Text(one, "fr") for one in comments),
        sending.agreement,
        profile=sending.profile,
        originating_agency=sending.originating_agency,
        submission_agency=sending.transferring_agency,
        related=(identifiers[number - 1],) if number else (),
    )


def _with_children(units: Mapping[str, ArchiveUnit]) -> dict[str, ArchiveUnit]:
    below: dict[str, list[str]] = {}
    for one in units.values():
        for parent in one.parents:
            below.setdefault(parent, []).append(one.id)
    return {name: replace(one, children=tuple(below.get(name, ()))) for name, one in units.items()}


def _folder(folder: FolderToSend, names: Mapping[str, str]) -> ArchiveUnit:
    content = Content(
        level=folder.level,
        titles=(Text(_short(folder.title.strip() or folder.code)),),
        file_plan_positions=(folder.code,),
        descriptions=(Text(_short(folder.description)),) if folder.description else (),
        starts_on=folder.begins.isoformat() if folder.begins else None,
        ends_on=folder.ends.isoformat() if folder.ends else None,
    )
    parents = (names[folder.above],) if folder.above is not None else ()
    return ArchiveUnit(names[folder.code], content, parents=parents)


def _unit(record: RecordToSend, objects: tuple[str, ...], names: Mapping[str, str], own: str) -> ArchiveUnit:
    day = record.document_date.isoformat() if record.document_date else None
    content = Content(
        level="Item",
        titles=(Text(_short(record.title.strip() or record.id)),),
        originating_system_ids=(record.id,),
        originating_agency_ids=(record.reference,) if record.reference else (),
        descriptions=(Text(_short(record.description)),) if record.description else (),
        document_type=record.document_type,
        languages=(record.language,) if record.language else (),
        originating_agency=Agency(record.producer) if record.producer else None,
        transacted_on=day,
    )
    parents = tuple(dict.fromkeys(names[code] for code in record.folders))
    return ArchiveUnit(own, content, _management(record), parents=parents, objects=objects)


def _management(record: RecordToSend) -> Management:
    blocks: dict[Category, RuleBlock] = {}
    if record.retention:
        action = _ACTIONS[record.final_action or FinalAction.KEEP]
        blocks[Category.APPRAISAL] = RuleBlock(_uses(record.retention), final_action=action)
    if record.access:
        blocks[Category.ACCESS] = RuleBlock(_uses(record.access))
    return Management(blocks)


def _uses(rules: Iterable[RuleToSend]) -> tuple[RuleUse, ...]:
    return tuple(RuleUse(one.code, one.start) for one in rules)


def _objects(record: RecordToSend, place: int) -> list[tuple[DataObject, FileToSend]]:
    made = []
    for number, file in enumerate(record.files, 1):
        own = f"o{place}-{number}"
        one = DataObject(
            own,
            f"g{place}",
            usage=file.usage,
            uri=f"content/{own}{_extension(file.name)}",
            digest=Digest("SHA-512", file.sha512.lower()),
            size=file.size,
            puid=file.puid,
            media_type=file.media_type,
            format_name=file.format_name,
            filename=file.name,
        )
        made.append((one, file))
    return made


def _extension(name: str) -> str:
    found = name.rpartition(".")[2] if "." in name else ""
    return f".{found.lower()}" if found.isascii() and found.isalnum() and len(found) <= 8 else ""


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
