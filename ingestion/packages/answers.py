"""Answers to packages that came: the message of SEDA, and the statement about a package. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from archive.disposition.transfers.content import TransferPart, TransferUnit
from archive.exchange.seda.examination import Examination
from archive.exchange.seda.findings import Finding, Outcome, Step, bounded, found_warning
from archive.exchange.seda.json_form import written
from archive.exchange.seda.replies import reply_to, write_reply
from archive.exchange.seda.transfer import Agency, Digest, Transfer
from archive.exchange.seda.versions import Version
from archive.model.seda_states import TransferState

_SHOWN: Final = 200
"""Findings of one step that a statement repeats."""


def head_of(examination: Examination) -> Transfer:
    """Return what is known of who sent what; of a package without a manifest nothing is."""
    unknown = Transfer(Version.V2_1, "", "", Agency(""), Agency(""))
    return examination.transfer or examination.head or unknown


def with_findings(examination: Examination, more: Sequence[Finding], *steps: Step) -> Examination:
    """Return an examination with further findings, of steps that were come to by then."""
    judged = {*examination.judged, *(one.step for one in more), *steps}
    return replace(
        examination,
        findings=tuple(bounded([*examination.findings, *more])),
        judged=tuple(step for step in Step if step in judged),
    )


def answer(
    examination: Examination,
    *,
    identifier: str,
    at: str,
    units: Sequence[TransferUnit] = (),
    parts: Mapping[str, tuple[str, str]] | None = None,
    lost: Sequence[str] = (),
) -> bytes:
    """Return the reply to a package, valid against the schema of its version.

    Args:
        units: What each unit became; none where it is refused.
        parts: Record and SHA-512 of each object that is kept.
        lost: Objects that were set aside and refused afterwards.
    """
    head = head_of(examination)
    findings = (*examination.findings, *(_lost(one) for one in lost))
    outcomes = {**examination.outcomes}
    if lost:
        outcomes[Step.OBJECTS] = max(outcomes.get(Step.OBJECTS, Outcome.OK), Outcome.WARNING, key=lambda o: o.gravity)
    return write_reply(
        reply_to(
            head,
            identifier=identifier,
            at=at,
            outcomes=outcomes,
            findings=findings,
            units={one.unit: one.system_id for one in units if one.system_id is not None},
            objects={name: (record, Digest("SHA-512", sha512)) for name, (record, sha512) in (parts or {}).items()},
        )
    )


def body_of(
    examination: Examination,
    *,
    reference: str,
    package: str,
    state: TransferState,
    units: int,
    parts: Sequence[TransferPart],
    repeats: str | None = None,
) -> dict[str, Any]:
    """Return the body of the statement about a package.

    Args:
        package: SHA-256 of its bytes.
        repeats: The transfer that it repeats.
    """
    head = head_of(examination)
    findings = bounded(examination.findings, _SHOWN)
    return {
        "reference": reference,
        "identifier": head.identifier,
        "sender": head.transferring_agency.identifier,
        "archival_agency": head.archival_agency.identifier,
        "producer": head.originating_agency,
        "agreement": head.agreement,
        "version": head.version.value,
        "sent_at": head.sent_at,
        "comment": head.comments[0].value[:2000] if head.comments else None,
        "package": package,
        "manifest": examination.manifest_sha256 or None,
        "state": state.value,
        "outcome": examination.outcome.value,
        "steps": {step.value: outcome.value for step, outcome in examination.outcomes.items()},
        "findings": [written(one) for one in findings],
        "units": units,
        "parts": len(parts),
        "repeats": repeats,
    }


def _lost(name: str) -> Finding:
    return found_warning(
        "seda_object_set_aside",
        Step.OBJECTS,
        "L’objet « {object} » a été mis à part après coup, puis refusé par un archiviste.",
        object=name,
    )
