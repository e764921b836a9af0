"""Entry checks on the manifest alone: what no schema can say of a transfer. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from archive.exchange.seda.days import first_day, last_day
from archive.exchange.seda.digests import SIZES, WEAK, is_readable
from archive.exchange.seda.findings import Finding, Place, Step, found_ko, found_warning
from archive.exchange.seda.transfer import Category, DataObject, Management, Transfer, Unit

LAST_YEAR: Final = 9000
"""Last year of a date of a rule."""
MOST_PLACES: Final = 50
"""Ways from the top of a transfer to one unit."""
MOST_PLACES_IN_ALL: Final = 500_000
_BINARY: Final = ("BinaryMaster", "Dissemination", "Thumbnail", "TextContent")
_PHYSICAL: Final = ("PhysicalMaster",)


def check_manifest(transfer: Transfer) -> list[Finding]:
    """Return what is wrong with a transfer by itself, in the order of the steps."""
    return [
        *_agencies(transfer),
        *(one for name in transfer.objects.values() for one in _object(name)),
        *_uris(transfer.objects.values()),
        *_groups(transfer),
        *_orphans(transfer),
        *(one for unit in transfer.units.values() for one in _unit(unit)),
        *_places(transfer),
        *_rules(transfer.management, Place("ManagementMetadata")),
        *(one for unit in transfer.units.values() for one in _rules(unit.management, _below(unit, "Management"))),
    ]


def _agencies(transfer: Transfer) -> Iterator[Finding]:
    told = {
        "MessageIdentifier": transfer.identifier,
        "ArchivalAgency/Identifier": transfer.archival_agency.identifier,
        "TransferringAgency/Identifier": transfer.transferring_agency.identifier,
    }
    for name, value in told.items():
        if not value:
            yield found_ko(
                "seda_identifier_missing",
                Step.AGENCIES,
                "« {element} » est vide : dites de qui ou de quoi il s’agit.",
                Place(name),
                element=name,
            )
    if transfer.agreement is None:
        yield found_warning(
            "seda_agreement_missing",
            Step.AGENCIES,
            "Le bordereau ne nomme pas de convention de versement (ArchivalAgreement).",
            Place("ArchivalAgreement"),
        )
    if transfer.originating_agency is None:
        yield found_warning(
            "seda_producer_missing",
            Step.AGENCIES,
            "Le bordereau ne nomme pas de service producteur (OriginatingAgencyIdentifier).",
            Place("ManagementMetadata/OriginatingAgencyIdentifier"),
        )


def _below(unit: Unit, *names: str) -> Place:
    return Place("/".join((unit.place.node, *names)), unit.place.line)


def _under(one: DataObject, *names: str) -> Place:
    return Place("/".join((one.place.node, *names)), one.place.line)


def _object(one: DataObject) -> Iterator[Finding]:
    allowed = _PHYSICAL if one.physical else _BINARY
    if one.usage is not None and one.usage not in allowed:
        yield found_ko(
            "seda_usage_unknown",
            Step.OBJECTS,
            "L’usage « {usage} » de l’objet « {object} » n’est pas admis. Usages admis : {allowed}.",
            _under(one, "DataObjectVersion"),
            usage=one.usage,
            object=one.id,
            allowed=", ".join(allowed),
        )
    if not one.physical:
        yield from _file(one)


def _file(one: DataObject) -> Iterator[Finding]:
    if one.embedded:
        yield found_ko(
            "seda_object_embedded",
            Step.OBJECTS,
            "L’objet « {object} » est dans le bordereau (Attachment) : mettez-le dans un fichier de « content ».",
            _under(one, "Attachment"),
            object=one.id,
        )
    elif one.uri is None:
        yield found_ko(
            "seda_uri_missing",
            Step.OBJECTS,
            "L’objet « {object} » ne dit pas quel fichier le contient (Uri).",
            _under(one, "Uri"),
            object=one.id,
        )
    if one.digest is None:
        yield found_ko(
            "seda_digest_missing",
            Step.DIGESTS,
            "L’objet « {object} » n’a pas d’empreinte (MessageDigest).",
            _under(one, "MessageDigest"),
            object=one.id,
        )
    elif not is_readable(one.digest):
        yield found_ko(
            "seda_digest_unreadable",
            Step.DIGESTS,
            "L’empreinte de l’objet « {object} » n’est pas lisible ({algorithm}). Algorithmes lus : {known}.",
            _under(one, "MessageDigest"),
            object=one.id,
            algorithm=one.digest.algorithm[:40],
            known=", ".join(SIZES),
        )
    elif one.digest.algorithm in WEAK:
        yield found_warning(
            "seda_digest_weak",
            Step.DIGESTS,
            "L’empreinte de l’objet « {object} » ({algorithm}) ne montre qu’un accident de transport.",
            _under(one, "MessageDigest"),
            object=one.id,
            algorithm=one.digest.algorithm,
        )


def _uris(objects: Iterable[DataObject]) -> Iterator[Finding]:
    taken: dict[str, str] = {}
    for one in objects:
        if one.uri is None:
            continue
        first = taken.setdefault(one.uri, one.id)
        if first != one.id:
            yield found_ko(
                "seda_uri_twice",
                Step.OBJECTS,
                "Les objets « {first} » et « {object} » disent être dans le même fichier : {uri}.",
                _under(one, "Uri"),
                first=first,
                object=one.id,
                uri=one.uri[:200],
            )


def _groups(transfer: Transfer) -> Iterator[Finding]:
    groups: dict[str, list[DataObject]] = {}
    for one in transfer.objects.values():
        groups.setdefault(one.group, []).append(one)
    for group, inside in groups.items():
        usages = Counter(_usage(one) for one in inside)
        for usage, count in usages.items():
            if count > 1:
                again = [one for one in inside if _usage(one) == usage][1]
                yield found_ko(
                    "seda_usage_twice",
                    Step.OBJECTS,
                    "Le groupe « {group} » a {count} objets du même usage, {usage} : un seul est admis par versement.",
                    again.place,
                    group=group,
                    count=count,
                    usage=usage,
                )
        if not {_BINARY[0], *_PHYSICAL} & usages.keys():
            yield found_ko(
                "seda_master_missing",
                Step.OBJECTS,
                "Le groupe « {group} » n’a pas d’original (BinaryMaster ou PhysicalMaster).",
                inside[0].place,
                group=group,
            )


def _usage(one: DataObject) -> str:
    return one.usage or (_PHYSICAL[0] if one.physical else _BINARY[0])


def _orphans(transfer: Transfer) -> Iterator[Finding]:
    referred = {name for unit in transfer.units.values() for name in unit.objects}
    for one in transfer.objects.values():
        if one.id not in referred:
            yield found_ko(
                "seda_object_orphan",
                Step.OBJECTS,
                "Aucune unité ne renvoie à l’objet « {object} ».",
                one.place,
                object=one.id,
            )


def _unit(unit: Unit) -> Iterator[Finding]:
    content = unit.content
    if content.title is None:
        yield found_ko(
            "seda_title_missing",
            Step.UNITS,
            "L’unité « {unit} » n’a pas d’intitulé (Title).",
            _below(unit, "Content", "Title"),
            unit=unit.id,
        )
    begin, end = first_day(content.starts_on), last_day(content.ends_on)
    if begin is not None and end is not None and begin > end:
        yield found_ko(
            "seda_dates_reversed",
            Step.UNITS,
            "L’unité « {unit} » commence le {begin}, après sa fin, le {end}.",
            _below(unit, "Content", "StartDate"),
            unit=unit.id,
            begin=begin.isoformat(),
            end=end.isoformat(),
        )


def places_of(units: Mapping[str, Unit]) -> dict[str, int]:
    """Return how many ways lead from the top to each unit; units on a loop are left out."""
    waits = {name: len(unit.parents) for name, unit in units.items()}
    ways = {name: 1 if unit.at_top else 0 for name, unit in units.items()}
    free = [name for name, count in waits.items() if count == 0]
    done: dict[str, int] = {}
    while free:
        name = free.pop()
        done[name] = ways[name]
        for below in units[name].children:
            ways[below] += ways[name]
            waits[below] -= 1
            if waits[below] == 0:
                free.append(below)
    return done


def _places(transfer: Transfer) -> Iterator[Finding]:
    ways = places_of(transfer.units)
    worst = max(ways, key=lambda name: ways[name], default=None)
    if worst is None or (ways[worst] <= MOST_PLACES and sum(ways.values()) <= MOST_PLACES_IN_ALL):
        return
    yield found_ko(
        "seda_too_many_places",
        Step.UNITS,
        "L’unité « {unit} » se trouve à {count} endroits à la fois ; au plus {most} sont lus.",
        transfer.units[worst].place,
        unit=worst,
        count=min(ways[worst], 10**9),
        most=MOST_PLACES,
    )


def _rules(management: Management, place: Place) -> Iterator[Finding]:
    for category, block in management.blocks.items():
        days = [day for use in block.uses for day in (use.start, use.hold_end, use.hold_review_on) if day is not None]
        beyond = [day.isoformat() for day in days if day.year > LAST_YEAR] + list(block.unread)
        for told in beyond[:1]:
            yield found_ko(
                "seda_rule_date_beyond",
                Step.RULES,
                "Une date de règle n’est pas possible : {day}. La dernière année lue est {year}.",
                replace(place, node=f"{place.node}/{category.value}"),
                day=told[:40],
                year=LAST_YEAR,
            )


def rules_used(transfer: Transfer, category: Category) -> dict[str, Place]:
    """Return each rule of a category that a transfer names, with its first place."""
    found: dict[str, Place] = {}
    managed = [(transfer.management, Place("ManagementMetadata"))]
    managed += [(unit.management, _below(unit, "Management")) for unit in transfer.units.values()]
    for management, place in managed:
        block = management.blocks.get(category)
        for use in block.uses if block is not None else ():
            found.setdefault(use.rule, replace(place, node=f"{place.node}/{category.value}/Rule"))
    return found
