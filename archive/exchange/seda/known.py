"""Checks of a transfer against what the receiving tenant knows: agencies, agreement, rules. Pure.

The caller gives what it knows; of what it does not give nothing is judged, and no finding of that
kind says yes or no.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from archive.exchange.seda.checks import rules_used
from archive.exchange.seda.findings import Finding, Place, Step, found_ko, found_warning
from archive.exchange.seda.transfer import Category, Transfer
from archive.model.final_actions import FinalAction

_ACTIONS: Final = {"Keep": FinalAction.KEEP, "Destroy": FinalAction.DESTROY}


@dataclass(frozen=True)
class Known:
    """What a tenant knows; None where that is not to be judged.

    Attributes:
        archival_agencies: Identifiers under which the tenant receives.
        producers: Identifiers of services that may have produced records.
        agreements: References of deposit agreements, each with the profile that it asks for.
        retention_rules: Final action of each retention rule, by code.
        access_rules: Codes of access rules.
    """

    archival_agencies: frozenset[str] | None = None
    producers: frozenset[str] | None = None
    agreements: Mapping[str, str | None] | None = None
    retention_rules: Mapping[str, FinalAction] | None = None
    access_rules: frozenset[str] | None = None


def check_known(transfer: Transfer, known: Known) -> list[Finding]:
    """Return what a transfer names and the tenant does not know, in the order of the steps."""
    return [*_agencies(transfer, known), *_agreement(transfer, known), *_rules(transfer, known)]


def _agencies(transfer: Transfer, known: Known) -> Iterator[Finding]:
    told = transfer.archival_agency.identifier
    if known.archival_agencies is not None and told not in known.archival_agencies:
        yield found_ko(
            "seda_archival_agency_unknown",
            Step.AGENCIES,
            "Ce versement est adressé à « {agency} », qui n’est pas ce service d’archives.",
            Place("ArchivalAgency/Identifier"),
            agency=told[:200],
        )
    producers = {transfer.originating_agency: Place("ManagementMetadata/OriginatingAgencyIdentifier")}
    for unit in transfer.units.values():
        if unit.content.originating_agency is not None:
            place = Place(f"{unit.place.node}/Content/OriginatingAgency/Identifier", unit.place.line)
            producers.setdefault(unit.content.originating_agency.identifier, place)
    for producer, place in producers.items():
        if known.producers is not None and producer is not None and producer not in known.producers:
            yield found_ko(
                "seda_producer_unknown",
                Step.AGENCIES,
                "Le service producteur « {agency} » n’est pas connu.",
                place,
                agency=producer[:200],
            )


def _agreement(transfer: Transfer, known: Known) -> Iterator[Finding]:
    told = transfer.agreement
    if known.agreements is None or told is None:
        return
    if told not in known.agreements:
        yield found_ko(
            "seda_agreement_unknown",
            Step.AGENCIES,
            "Aucune convention de versement n’a la référence « {agreement} ».",
            Place("ArchivalAgreement"),
            agreement=told[:200],
        )
        return
    asked = known.agreements[told]
    if asked is not None and transfer.profile != asked:
        yield found_ko(
            "seda_profile_of_another",
            Step.PROFILE,
            "La convention « {agreement} » demande le profil « {asked} » ; le bordereau nomme « {told} ».",
            Place("ManagementMetadata/ArchivalProfile"),
            agreement=told[:200],
            asked=asked[:200],
            told=(transfer.profile or "—")[:200],
        )


def _rules(transfer: Transfer, known: Known) -> Iterator[Finding]:
    table = known.retention_rules
    for rule, place in rules_used(transfer, Category.APPRAISAL).items() if table is not None else ():
        if table is not None and rule not in table:
            yield found_ko(
                "seda_rule_unknown",
                Step.RULES,
                "La règle « {rule} » ({category}) n’est pas connue.",
                place,
                rule=rule[:200],
                category=Category.APPRAISAL.value,
            )
    yield from _access(transfer, known.access_rules)
    yield from _actions(transfer, known.retention_rules or {})


def _access(transfer: Transfer, codes: frozenset[str] | None) -> Iterator[Finding]:
    """Return access rules of other lists than ours: nothing is read by them until one decides."""
    for rule, place in rules_used(transfer, Category.ACCESS).items() if codes is not None else ():
        if codes is not None and rule not in codes:
            yield found_warning(
                "seda_access_rule_unknown",
                Step.RULES,
                "La règle d’accès « {rule} » n’est pas dans la liste nationale : rien n’est communicable par elle.",
                place,
                rule=rule[:200],
            )


def _actions(transfer: Transfer, rules: Mapping[str, FinalAction]) -> Iterator[Finding]:
    """Return where a transfer asks for another final action than the rule that it names."""
    managed = [(transfer.management, Place("ManagementMetadata"))]
    managed += [
        (unit.management, Place(f"{unit.place.node}/Management", unit.place.line)) for unit in transfer.units.values()
    ]
    for management, place in managed:
        block = management.blocks.get(Category.APPRAISAL)
        told = _ACTIONS.get(block.final_action or "") if block is not None else None
        for use in block.uses if block is not None else ():
            if told is not None and rules.get(use.rule, told) is not told:
                yield found_warning(
                    "seda_final_action_differs",
                    Step.RULES,
                    "« {rule} » demande ici « {told} » ; notre règle dit « {ours} ». Rien n’est éliminé sans décision.",
                    Place(f"{place.node}/{Category.APPRAISAL.value}/FinalAction", place.line),
                    rule=use.rule[:200],
                    told=told.value,
                    ours=rules[use.rule].value,
                )
