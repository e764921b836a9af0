"""Certificate of a disposal as JSON: what it says, its proofs, its seal (docs/formats.md, 8).

Statements and entries stand in it byte for byte: canonical JSON in canonical JSON.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from archive.evidence.certificate_facts import Facts, Stated
from archive.journal.merkle import Nodes, batch_proof
from archive.model.disposals import LineState
from signing.ground.canonical import canonical
from signing.ground.clock import iso, stamp

_BORDEREAU: Final = ("reference", "action", "direction", "producer", "state", "records", "population")
_DAYS: Final = ("proposed_on", "last_visa_on", "stop_until", "ended_on")
_VISA: Final = ("step", "means", "given_on", "population")
_NAME: Final = re.compile(r"\w{2,}")
EARLIER: Final = "earlier"
LATER: Final = "later"
"""Lines of other supplements; later ones are there where a run was certified after the next."""


@dataclass(frozen=True)
class Backups:
    """For how long backups outside are kept.

    Attributes:
        days: None: nobody told us.
        until: Last day on which one may still hold the bytes.
    """

    days: int | None
    until: date | None

    @classmethod
    def after(cls, days: int | None, last_gone: date) -> Backups:
        """Count from the day on which the last record was shown to be gone."""
        return cls(days, last_gone + timedelta(days=days) if days is not None else None)

    @property
    def told(self) -> str:
        """What the certificate says, in words."""
        if self.days is None or self.until is None:
            return (
                "La durée de garde des sauvegardes de ce service n’est pas connue : des sauvegardes faites avant "
                "la destruction peuvent encore contenir ces octets, sans que l’on puisse dire jusqu’à quand."
            )
        return (
            f"Les sauvegardes sont gardées {self.days} jours : celles qui ont été faites avant la destruction peuvent "
            f"contenir ces octets jusqu’au {self.until:%d/%m/%Y} inclus."
        )

    def as_json(self) -> dict[str, Any]:
        """Return them as the certificate states them."""
        return {"days": self.days, "until": iso(self.until), "told": self.told}


@dataclass(frozen=True)
class Proof:
    """What shows that the entries stand in the published journal.

    Attributes:
        note: The checkpoint, a signed note.
        voucher: The seal over the journal's key.
    """

    origin: str
    vkey: str
    note: str
    size: int
    nodes: Nodes
    voucher: bytes


@dataclass(frozen=True)
class Issue:
    """What is said of the issuing itself.

    Attributes:
        stores: Where copies stood: role and assurance of each store.
        probative: Whether seal and time-stamp are.
    """

    at: datetime
    day: date
    stores: tuple[Mapping[str, str], ...]
    backups: Backups
    probative: Mapping[str, bool]


def certificate_json(facts: Facts, proof: Proof, issue: Issue, *, public: bool) -> bytes:
    """Write what is sealed of a certificate, canonical.

    Args:
        public: Leave out who, and every word that a person wrote.
    """
    entries = facts.entries
    journal = {
        "log": canonical({"origin": proof.origin, "vkey": proof.vkey}),
        "checkpoint": canonical(proof.note),
        "entries": _array(entries.values()),
        "nodes": canonical([_b64(one) for one in batch_proof(list(entries), proof.size, proof.nodes)]),
        "voucher": canonical(_b64(proof.voucher)),
    }
    told: dict[str, bytes] = {
        name: canonical(value)
        for name, value in {
            "v": 1,
            "type": "certificate",
            "edition": "public" if public else "whole",
            "tenant": facts.tenant,
            "service": facts.service,
            "disposal": facts.disposal,
            "supplement": facts.supplement,
            "state": facts.state,
            "issued_at": stamp(issue.at),
            "issued_on": iso(issue.day),
            "lines": [_line(line, public=public) for line in facts.lines],
            "totals": totals(facts),
            "rules": list(facts.rules),
            "stores": [dict(one) for one in issue.stores],
            "backups": issue.backups.as_json(),
            "probative": dict(issue.probative),
        }.items()
    }
    told["bordereau"] = _public_bordereau(facts.bordereau) if public else facts.bordereau.content
    told["visas"] = _array(_public_visa(one) if public else one.content for one in facts.visas)
    told["population"] = _object(
        {"chunks": canonical(list(facts.chunks)), "parts": _array(one.content for one in facts.parts)}
    )
    told["journal"] = _object(journal)
    return _object(told)


def totals(facts: Facts) -> dict[str, int]:
    """Return the number of lines by state; what other supplements destroyed by itself."""
    counted = Counter(line["state"] for line in facts.lines)
    numbers = [line["supplement"] for line in facts.lines if line["supplement"] is not None]
    counted[LineState.DESTROYED] = len(facts.destroyed)
    counted[EARLIER] = sum(number < facts.supplement for number in numbers)
    counted[LATER] = sum(number > facts.supplement for number in numbers)
    return {name: counted[name] for name in (*(state.value for state in LineState), EARLIER, LATER)}


def to_seal(certificate: bytes, pdf: Mapping[str, Any]) -> bytes:
    """Return the bytes over which the seal is: the certificate, and the digest of its page."""
    return _object({"certificate": certificate, "pdf": canonical(dict(pdf))})


def sealed_json(certificate: bytes, pdf: Mapping[str, Any], seal: bytes, known: Iterable[bytes]) -> bytes:
    """Write the file.

    Args:
        known: Certificates (DER) that lead from the seal and its time-stamp towards their roots.
    """
    return _object(
        {
            "v": canonical(1),
            "type": canonical("sealed certificate"),
            "certificate": certificate,
            "pdf": canonical(dict(pdf)),
            "seal": canonical(_b64(seal)),
            "certificates": canonical([_b64(one) for one in dict.fromkeys(known)]),
        }
    )


def described(content: bytes) -> dict[str, Any]:
    """Return digest and size of a file, as statements and seals have them."""
    return {"sha-256": sha256(content).hexdigest(), "size": len(content)}


def _line(line: Mapping[str, Any], *, public: bool) -> dict[str, Any]:
    excluded = line["state"] == LineState.EXCLUDED
    return dict(line) | ({"reason": None} if public and excluded else {})  # a motive that a person wrote


def _public_bordereau(stated: Stated) -> bytes:
    body = stated.body
    told = {name: body[name] for name in (*_BORDEREAU, *_DAYS)} | {"excluded": sorted(body["excluded"])}
    return canonical({"entry": stated.n, "digest": sha256(stated.content).hexdigest(), "body": told})


def _public_visa(stated: Stated) -> bytes:
    body = stated.body
    names = set(_NAME.findall(body["person"].casefold()))
    told = {name: body[name] for name in _VISA}
    told["quality"] = None if names & set(_NAME.findall(body["quality"].casefold())) else body["quality"]
    answers = body["answers"]
    told["answers"] = {
        "whole": _answer(answers["whole"]),
        **{part: {key: _answer(one) for key, one in answers[part].items()} for part in ("groups", "lines")},
    }
    return canonical({"entry": stated.n, "digest": sha256(stated.content).hexdigest(), "body": told})


def _answer(told: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if told is None else {name: told[name] for name in ("decision", "not_before")}


def _object(members: Mapping[str, bytes]) -> bytes:
    return b"{" + b",".join(canonical(name) + b":" + members[name] for name in sorted(members)) + b"}"


def _array(items: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
