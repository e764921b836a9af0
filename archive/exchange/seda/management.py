"""Management of a unit or a transfer: rules, holds, inheritance; read and written. Pure.

A block is any number of rules, each with its ``StartDate``, then either ``PreventInheritance`` or
rules that are not inherited.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from archive.exchange.seda.elements import (
    Element,
    add,
    add_raw,
    child,
    day,
    made,
    others,
    raw,
    text_of,
    token,
    tokens,
    truth,
)
from archive.exchange.seda.transfer import Category, Management, RuleBlock, RuleUse
from archive.exchange.seda.versions import Version, local_name

_OF_HOLD: Final = ("HoldEndDate", "HoldOwner", "HoldReassessingDate", "HoldReason", "PreventRearrangement")
_CLASSIFICATION: Final = (
    "ClassificationAudience",
    "ClassificationLevel",
    "ClassificationOwner",
    "ClassificationReassessingDate",
    "NeedReassessingAuthorization",
)
_AUTHORIZATION: Final = "NeedAuthorization"
_LOG: Final = "LogBook"
NOT_MANAGEMENT: Final = (
    "ArchivalProfile",
    "ServiceLevel",
    "AcquisitionInformation",
    "LegalStatus",
    "OriginatingAgencyIdentifier",
    "SubmissionAgencyIdentifier",
)
"""What stands before the rules in the management of a whole transfer."""


def read_management(element: Element) -> Management:
    """Return the management told by an element; empty for None."""
    if element is None:
        return Management()
    blocks = {category: found for category in Category if (found := child(element, category.value)) is not None}
    return Management(
        {category: _block(found) for category, found in blocks.items()},
        truth(element, _AUTHORIZATION),
        others(element, (*Category, _AUTHORIZATION, *NOT_MANAGEMENT)),
    )


def _block(element: Element) -> RuleBlock:
    uses: list[RuleUse] = []
    classification, unread = [], []
    for one in element:
        name = local_name(one.tag)
        if name == "Rule":
            uses.append(RuleUse(text_of(one)))
        elif name == "StartDate" or name in _OF_HOLD:
            told = _of_use(one, name)
            unread += [text_of(one)] if None in told.values() and text_of(one) else []
            uses[-1] = replace(uses[-1], **told)
        elif name in _CLASSIFICATION:
            classification.append(raw(one))
    return RuleBlock(
        tuple(uses),
        bool(truth(element, "PreventInheritance")),
        tokens(element, "RefNonRuleId"),
        token(element, "FinalAction"),
        tuple(classification),
        tuple(unread),
    )


def _of_use(element: Element, name: str) -> dict[str, Any]:
    told = text_of(element)
    match name:
        case "HoldOwner":
            return {"hold_owner": told}
        case "HoldReason":
            return {"hold_reason": told}
        case "PreventRearrangement":
            return {"forbids_move": told in {"true", "1"}}
        case "HoldEndDate":
            return {"hold_end": day(element)}
        case "HoldReassessingDate":
            return {"hold_review_on": day(element)}
        case _:
            return {"start": day(element)}


def write_management(parent: Element, version: Version, management: Management) -> None:
    """Write rules under an element, in the order of the standard."""
    for category in Category:
        if category is not Category.HOLD and category in management.blocks:
            _write_block(parent, version, category, management.blocks[category])
    for one in management.others:
        if one.name == _LOG:
            add_raw(parent, version, one)
    if management.needs_authorization is not None:
        add(parent, version, _AUTHORIZATION, str(management.needs_authorization).lower())
    if Category.HOLD in management.blocks and version is not Version.V2_1:
        _write_block(parent, version, Category.HOLD, management.blocks[Category.HOLD])


def _write_block(parent: Element, version: Version, category: Category, block: RuleBlock) -> None:
    element = made(parent, version, category.value)
    for use in block.uses:
        add(element, version, "Rule", use.rule)
        add(element, version, "StartDate", use.start.isoformat() if use.start else None)
        if category is Category.HOLD:
            _write_hold(element, version, use)
    classification = {one.name: one for one in block.classification}
    audience = _CLASSIFICATION[0]
    if audience in classification:
        add_raw(element, version, classification.pop(audience))
    if block.prevents_inheritance:
        add(element, version, "PreventInheritance", "true")
    for rule in () if block.prevents_inheritance else block.blocked:
        add(element, version, "RefNonRuleId", rule)
    add(element, version, "FinalAction", block.final_action)
    for name in _CLASSIFICATION:
        if name in classification:
            add_raw(element, version, classification[name])


def _write_hold(parent: Element, version: Version, use: RuleUse) -> None:
    add(parent, version, "HoldEndDate", use.hold_end.isoformat() if use.hold_end else None)
    add(parent, version, "HoldOwner", use.hold_owner)
    add(parent, version, "HoldReassessingDate", use.hold_review_on.isoformat() if use.hold_review_on else None)
    add(parent, version, "HoldReason", use.hold_reason)
    add(parent, version, "PreventRearrangement", "true" if use.forbids_move else None)
